"""Robustness: uncertainty propagation with exact laws, every source of error swept."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class RobustnessConfig(Section):
    """Sizes of the robustness sweeps; nothing is trained, all but finite samples is exact."""

    repeats: int = Field(20, ge=2, description="Independent finite samples of each size.")
    sample_powers: list[int] = Field(
        [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        min_length=2,
        description="Powers of two: sizes N of the finite samples.",
    )
    route_power: int = Field(
        8, ge=2, description="Largest power of two with the bound by the score of the sample."
    )
    eps_points: int = Field(17, ge=2, description="Early-stopping times from 1e-5 to 1e-1.")
    error_sizes: list[float] = Field(
        [0.02, 0.05, 0.1, 0.2, 0.5, 1.0],
        min_length=2,
        description="Sizes of the injected score errors on the line.",
    )
    frequencies: list[int] = Field(
        [1, 3, 6], min_length=1, description="Frequencies k of the errors sin(k x) on the line."
    )
    kicks: int = Field(100, ge=4, description="Steps of the sampler with injected errors.")
    horizons: list[float] = Field(
        [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0],
        min_length=2,
        description="Noising times T of the Ornstein-Uhlenbeck process.",
    )
    steps: list[int] = Field(
        [10, 20, 40, 80, 160, 320],
        min_length=2,
        description="Numbers of steps of the discretised samplers.",
    )
    grid_step: float = Field(0.025, gt=0, le=0.1, description="Spacing of the grid on the line.")
    ratios: list[float] = Field(
        [1.5, 2.0, 3.0, 4.0, 5.0, 6.0],
        min_length=2,
        description="Half distance of two modes over their standard deviation.",
    )
    heat_sizes: list[int] = Field(
        [10, 20, 40, 80, 160, 320, 640, 1280],
        min_length=2,
        description="Sizes N of the trade-off between early stopping and sample size.",
    )
    heat_repeats: int = Field(8, ge=1, description="Independent samples of each size there.")
    circle_cells: int = Field(256, ge=32, description="Finite volumes of the circle.")
    circle_steps: int = Field(200, ge=10, description="Time steps on the circle.")
    circle_errors: list[float] = Field(
        [0.1, 0.25, 0.5, 1.0, 2.0, 4.0],
        min_length=2,
        description="Sizes of the injected score errors on the circle of length 1.",
    )
    circle_frequencies: list[int] = Field(
        [1, 2, 4, 8], min_length=1, description="Frequencies of these errors."
    )
    circle_horizons: list[float] = Field(
        [0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2],
        min_length=2,
        description="Noising times T of the heat flow on the circle of length 1.",
    )
    objective_sizes: list[int] = Field(
        [16, 64, 256, 1024], min_length=2, description="Sample sizes of the objective study."
    )
    model_steps: list[int] = Field(
        [25, 100],
        min_length=1,
        description="Steps of the reverse process of trained models that are decomposed.",
    )
    model_particles: int = Field(800, ge=10, description="Generated points of a decomposition.")
    model_batches: int = Field(4, ge=2, description="Independent batches of such points.")
    seed: int = Field(2405, ge=0, description="Seed of the finite samples.")
