"""What is measured, and on how much."""

from __future__ import annotations

from pydantic import Field, model_validator

from mfglab.config.base import Section


class EvaluationConfig(Section):
    """What is measured on the test set."""

    transport_points: int = Field(
        1000, ge=16, description="Points on each side of the exact optimal-transport problem."
    )
    floor_repeats: int = Field(
        4, ge=2, description="Pairs of independent target samples behind the sampling floor."
    )
    mmd_bandwidth: float = Field(
        1.0, gt=0, description="h in the kernel exp(-|x-y|^2/h^2) of the MMD."
    )
    nll_points: int = Field(2000, ge=16, description="Test points of the likelihood.")
    path_points: int = Field(
        256, ge=16, description="Trajectories of the diagnostics and points of the step sweep."
    )
    step_sweep: list[int] = Field(
        [1, 2, 4, 8, 16, 32], min_length=2, description="Numbers of integration steps compared."
    )
    seed: int = Field(4242, ge=0, description="Seed of samples and noise in the evaluation.")

    @model_validator(mode="after")
    def _increasing(self) -> EvaluationConfig:
        if sorted(set(self.step_sweep)) != self.step_sweep or self.step_sweep[0] < 1:
            raise ValueError(f"step_sweep must increase from at least 1, got {self.step_sweep}")
        return self
