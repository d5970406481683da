"""Certified radii of trained models, and further robustness sweeps."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class CertificateConfig(Section):
    """Certified Wasserstein radii of small score networks on the circle."""

    widths: list[int] = Field([8, 48], min_length=1, description="Widths of the two hidden layers.")
    train_sizes: list[int] = Field(
        [8, 32, 128, 512, 4096],
        min_length=1,
        description="Training points; every width is trained at every size.",
    )
    replicates: int = Field(8, ge=1, description="Networks of each width and size.")
    held_out: int = Field(10000, ge=10, description="Held-out points of each network.")
    level: float = Field(0.95, gt=0, lt=1, description="Confidence of the certificate.")
    eps: float = Field(0.0002, gt=0, description="Early-stopping time of the heat flow.")
    horizon: float = Field(0.15, gt=0, description="Noising time at which sampling starts.")
    iterations: int = Field(800, ge=1, description="Steps of Adam.")
    batch_size: int = Field(128, ge=1, description="Noised points of each step and network.")
    cells: int = Field(192, ge=64, multiple_of=2, description="Finite volumes of the circle.")
    time_steps: int = Field(150, ge=10, description="Time steps of the equations.")
    seed: int = Field(2405, ge=0, description="Seed of data, weights and noise.")


class RobustnessWideConfig(Section):
    """Further robustness sweeps: dimensions, a ring, widths of networks, other clocks."""

    rate_sizes: list[int] = Field(
        [64, 128, 256, 512, 1024],
        min_length=2,
        description="Sizes N of the finite samples in two and three dimensions.",
    )
    rate_repeats: int = Field(12, ge=2, description="Independent pairs of samples of each size.")
    ring_points: int = Field(13, ge=3, description="Early-stopping times on the ring.")
    ring_cells: int = Field(24, ge=16, description="Cells of a side of the torus of the ring.")
    ring_horizons: list[float] = Field(
        [0.02, 0.04, 0.06, 0.08, 0.1, 0.15],
        min_length=2,
        description="Noising times of the ring.",
    )
    widths: list[int] = Field(
        [1, 2, 4, 8, 16, 32, 64], min_length=1, description="Widths of score networks."
    )
    width_replicates: int = Field(3, ge=1, description="Networks of each width.")
    width_iterations: int = Field(800, ge=1, description="Steps of Adam.")
    width_batch: int = Field(128, ge=1, description="Noised points of each step and network.")
    clock_steps: list[int] = Field(
        [20, 40, 80, 120, 160],
        min_length=2,
        description="Numbers of steps of the discretised VP and VE samplers.",
    )
    grid_step: float = Field(0.04, gt=0, le=0.1, description="Spacing of the grid on the line.")
    seed: int = Field(2405, ge=0, description="Seed of samples, weights and noise.")
