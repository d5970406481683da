"""Energies whose normalisation is known: targets of Boltzmann generators."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DoubleWell:
    """``V(x) = h ((x_1/a)^2 - 1)^2 + |x_rest|^2 / 2``: two wells on the first axis.

    Args:
        height: Barrier h at x_1 = 0, positive.
        distance: The wells lie at ``x_1 = -a`` and ``a``, positive.

    Raises:
        ValueError: A number is not positive.
    """

    height: float = 3.0
    distance: float = 2.0

    def __post_init__(self) -> None:
        for name in ("height", "distance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of a double well must be positive, got {self!r}")

    def __call__(self, x: Tensor) -> Tensor:
        """Energy of points ``x`` (n, d), shape (n,)."""
        well = (x[:, 0].square() / self.distance**2 - 1).square()
        return self.height * well + 0.5 * x[:, 1:].square().sum(-1)

    def log_partition(self, dim: int) -> float:
        """``log Z``, by the trapezoidal rule on the first axis; exact to rounding."""
        grid, density = self._first_axis()
        area = float(torch.trapezoid(density, grid))
        return math.log(area) + 0.5 * (dim - 1) * math.log(2 * math.pi)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> Tensor:
        """Draw from ``e^{-V} / Z`` by the inverse distribution function, float64 (n, d)."""
        grid, density = self._first_axis()
        cumulative = torch.cumulative_trapezoid(density, grid)
        cumulative = cumulative / cumulative[-1].clone()
        u = torch.rand(n, dtype=torch.float64, generator=generator)
        right = torch.searchsorted(cumulative, u).clamp(1, len(cumulative) - 1)
        below, above = cumulative[right - 1], cumulative[right]
        share = ((u - below) / (above - below)).clamp(0, 1)
        out = torch.randn(n, dim, dtype=torch.float64, generator=generator)
        out[:, 0] = torch.lerp(grid[right], grid[right + 1], share)
        return out

    def _first_axis(self) -> tuple[Tensor, Tensor]:
        # V grows like x^4: at four times the distance of the wells e^{-V} is far below rounding.
        half = self.distance * (1 + (50 / self.height) ** 0.25)
        grid = torch.linspace(-half, half, 20_001, dtype=torch.float64)
        return grid, torch.exp(-self(grid[:, None]))
