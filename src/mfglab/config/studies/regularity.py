"""Regularity of value functions and scores, and propagation of velocity errors through flows."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class RegularityConfig(Section):
    """Exact value functions and scores; nothing is trained."""

    points: int = Field(601, ge=50, description="Points of the line where U is evaluated.")
    times: int = Field(13, ge=3, description="Times to go, and noise variances.")


class RobustnessFlowsConfig(Section):
    """Velocity errors injected into samplers without and with noise."""

    error_sizes: list[float] = Field(
        [0.02, 0.05, 0.1, 0.2], min_length=2, description="Sizes delta of the errors."
    )
    frequencies: list[int] = Field(
        [0, 1, 4], min_length=1, description="Frequencies k of delta sin(k x); 0 is constant."
    )
    ratios: list[float] = Field(
        [2.0, 3.0], min_length=1, description="Half distance of two modes over their deviation."
    )
    particles: int = Field(1000, ge=20, description="Quantiles of the start law on the line.")
    steps: int = Field(200, ge=10, description="Steps of the samplers on the line.")
    model_points: int = Field(250, ge=10, description="Start points of trained samplers.")
    model_steps: int = Field(40, ge=4, description="Steps of trained samplers.")
    proximal_iterations: int = Field(300, ge=1, description="Training of the W1+W2 flow.")
    seed: int = Field(2405, ge=0, description="Seed of start points and noise.")
