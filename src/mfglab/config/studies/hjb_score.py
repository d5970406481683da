"""Score matching with the HJB equation as regulariser: sweep of its weight."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section

Form = Literal["residual", "residual_reference", "increment", "score_pde"]


class HjbScoreConfig(Section):
    """Weight of the HJB regulariser, with scarce and with plentiful data.

    The plain model (weight 0) is always there, at the same number of iterations.
    """

    law: Literal["ring", "mixture_2d"] = Field(
        "ring",
        description="Eight Gaussians of deviation 0.15 on a circle of radius 1.6, or the planar "
        "mixture.",
    )
    n_train: list[Annotated[int, Field(ge=10)]] = Field(
        [100, 20_000], min_length=1, description="Numbers of training points."
    )
    weights: dict[Form, list[Annotated[float, Field(gt=0)]]] = Field(
        {"residual": [1.0], "residual_reference": [1.0], "increment": [1.0]},
        min_length=1,
        description="Weights by form of the regulariser: squared HJB residual, the same with the "
        "reference law at the horizon, Ito increments, equation of the score.",
    )
    equal_time: list[Form] = Field(
        ["residual"], description="Forms whose training time a plain model also gets."
    )
    early_stopping: list[int] = Field(
        [100],
        description="Numbers of training points at which the plain model is also stopped early, on "
        "a fifth of the points held out.",
    )
    without_features: list[int] = Field(
        [20_000],
        description="Numbers of training points at which the residual is also penalised in a net "
        "without Fourier features: the control of what a small residual proves.",
    )
    iterations: int = Field(1500, ge=20, description="Optimiser steps.")
    batch_size: int = Field(128, ge=1, description="Points a step.")
    learning_rate: float = Field(4e-3, gt=0, description="Initial learning rate, cosine decay.")
    width: int = Field(64, ge=1, description="Hidden width of the potential, three layers.")
    test_points: int = Field(4000, ge=64, description="Fresh noised points that measure errors.")

    @model_validator(mode="after")
    def _controls_are_trained(self) -> HjbScoreConfig:
        for key in ("early_stopping", "without_features"):
            if unknown := set(getattr(self, key)) - set(self.n_train):
                raise ValueError(
                    f"{key} must name values of n_train {self.n_train}, got {sorted(unknown)}"
                )
        return self
