"""Who memorises: score model, empirical kernel, learned kernels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section

Positive = Annotated[float, Field(gt=0)]


class MemorisationConfig(Section):
    """Distance of generated points to the training set, for models of few training points."""

    datasets: list[Literal["two_spirals", "moons", "swissroll", "pinwheel"]] = Field(
        ["two_spirals", "moons"], min_length=1, description="Planar laws; the first is pictured."
    )
    composed: list[Literal["moons_and_spirals", "swissroll_6d"]] = Field(
        ["moons_and_spirals", "swissroll_6d"],
        min_length=1,
        description="Laws in 4 and 6 dimensions, where kernels are compared.",
    )
    n_train: int = Field(200, ge=16, description="Training points and kernels, planar laws.")
    n_train_composed: int = Field(300, ge=16, description="Kernels, composed laws.")
    n_matching: int = Field(
        10_000, ge=64, description="Points on which precisions are trained, besides the kernels."
    )
    n_val: int = Field(1_000, ge=16, description="Validation points.")
    n_test: int = Field(2_000, ge=64, description="Held-out points of every measurement.")
    n_samples: int = Field(2_000, ge=64, description="Generated points.")
    nll_points: int = Field(
        200, ge=16, description="Held-out points of a score model's likelihood."
    )
    transport_points: int = Field(400, ge=16, description="Points on each side of W2.")
    empirical_variances: list[Positive] = Field(
        [1e-4, 1e-3, 4e-3, 1e-2, 4e-2],
        min_length=1,
        description="Variances beta^2 eps at which the empirical kernel stops.",
    )
    candidate_variances: list[Positive] = Field(
        [1e-3, 2e-3, 4e-3, 6e-3, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4],
        min_length=1,
        description="Variances among which validation data choose the isotropic kernel.",
    )
    score_checkpoints: list[Annotated[int, Field(ge=1)]] = Field(
        [300, 600, 1200, 2400],
        min_length=1,
        description="Steps at which the score model is measured; the last one ends training.",
    )
    score_width: int = Field(128, ge=1, description="Hidden width of the score network.")
    score_frequencies: int = Field(7, ge=0, description="Fourier features of the score network.")
    score_learning_rate: float = Field(5e-3, gt=0, description="Learning rate of the score model.")
    kernel_iterations: int = Field(
        600, ge=1, description="Steps of the kernels, planar laws; half of them without more data."
    )
    kernel_iterations_composed: int = Field(
        300, ge=1, description="Steps of the kernels, composed laws."
    )
    kernel_learning_rate: float = Field(
        5e-3, gt=0, description="Learning rate of the kernels; a fifth of it without more data."
    )
    kernel_validations: int = Field(
        8, ge=1, description="Validations during the kernels' training."
    )
    batch_size: int = Field(64, ge=1, description="Points a step, kernels.")
    score_batch_size: int = Field(128, ge=1, description="Points a step, score model.")
    particle_steps: int = Field(450, ge=1, description="Steps of the particles.")
    sde_steps: int = Field(100, ge=1, description="Steps of the reverse SDE.")

    @model_validator(mode="after")
    def _consistent(self) -> MemorisationConfig:
        if sorted(set(self.score_checkpoints)) != self.score_checkpoints:
            raise ValueError(f"score_checkpoints must increase, got {self.score_checkpoints}")
        least = min(self.kernel_iterations, self.kernel_iterations_composed)
        if self.kernel_validations > least:
            raise ValueError(
                f"kernel_validations must not exceed the steps, got {self.kernel_validations} > "
                f"{least}"
            )
        if self.transport_points > min(self.n_test // 2, self.n_samples):
            raise ValueError(
                "transport_points must not exceed n_test / 2 and n_samples, got "
                f"{self.transport_points}"
            )
        return self
