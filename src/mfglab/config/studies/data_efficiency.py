"""Error against the number of training points."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mfglab.config.base import Section

EfficiencyLaw = Literal["mixture_2d", "ring", "moons"]


class DataEfficiencyConfig(Section):
    """Models that know an equation of the game against models that do not, by sample size."""

    laws: list[EfficiencyLaw] = Field(["mixture_2d"], min_length=1, description="Laws.")
    n_train: list[Annotated[int, Field(ge=10)]] = Field(
        [50, 1000], min_length=2, description="Numbers of training points."
    )
    arms: list[str] = Field(
        ["sgm", "sgm_time", "hjb_sgm", "otflow", "wpo", "gpa"],
        min_length=1,
        description="Models, names of the table of arms of the study.",
    )
    hjb_weight: float = Field(1.0, gt=0, description="Weight of the HJB residual of `hjb_sgm`.")
    iterations: int = Field(
        750,
        ge=20,
        description="Optimiser steps of `sgm`, `hjb_sgm` and `ndsm`; a third of them of `wpo`. "
        "`sgm_time`, `sgm_joint` and `otflow` get the time of `hjb_sgm`.",
    )
    batch_size: int = Field(128, ge=1, description="Points a step.")
    width: int = Field(64, ge=1, description="Hidden width of the potential, three layers.")
    score_rate: float = Field(4e-3, gt=0, description="Learning rate of score models.")
    particle_steps: int = Field(340, ge=1, description="Steps of the particles.")
    test_points: int = Field(1000, ge=64, description="Held-out points of W2 and score error.")
    nll_points: int = Field(256, ge=16, description="Held-out points of the likelihood.")
    budgets: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.125, 0.5, 1.0],
        min_length=1,
        description="Shares of the training that each model gets on the most points, to find how "
        "soon it reaches `quality`.",
    )
    budget_arms: list[str] = Field(
        ["sgm", "hjb_sgm", "otflow", "wpo", "gpa"],
        description="Models that are trained so, names of the table of arms; may be empty.",
    )
    quality: float = Field(
        1.5, gt=1, description="W2 to test points over its floor that counts as reached."
    )
