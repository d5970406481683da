"""Laws in more than two dimensions that are made of planar ones: products and linear images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.datasets.law import Law, normal
from mfglab.datasets.toys import Moons, SwissRoll, TwoSpirals


@dataclass(frozen=True)
class ProductLaw(Law):
    """Independent coordinates groups: a point of the first law beside one of the second.

    Args:
        first: Law on R^a.
        second: Law on R^b.
    """

    first: Law
    second: Law

    @property
    def dim(self) -> int:
        """Dimension a + b."""
        return self.first.dim + self.second.dim

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, float64 of shape (n, a + b)."""
        return torch.cat([self.first.sample(n, generator), self.second.sample(n, generator)], dim=1)


@dataclass(frozen=True)
class LinearImages(Law):
    """A point Z of a base law beside noisy linear images of it: ``(Z, A Z + std * noise)``.

    Args:
        base: Law on R^d.
        matrix: A, one row an image, shape (k, d); a row of zeros is a coordinate of pure noise.
        std: Standard deviation of the noise of each image, shape (k,).
    """

    base: Law
    matrix: tuple[tuple[float, ...], ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.matrix}
        if widths != {self.base.dim} or len(self.std) != len(self.matrix):
            raise ValueError(
                f"images of points in dimension {self.base.dim} need rows of that length and one "
                f"std a row, got rows of {sorted(widths)} and {len(self.std)} for "
                f"{len(self.matrix)} rows"
            )

    @property
    def dim(self) -> int:
        """Dimension d + k."""
        return self.base.dim + len(self.matrix)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, float64 of shape (n, d + k)."""
        z = self.base.sample(n, generator)
        noise = normal(n, len(self.matrix), generator) * z.new_tensor(self.std)
        return torch.cat([z, z @ z.new_tensor(self.matrix).T + noise], dim=1)


def moons_and_spirals() -> ProductLaw:
    """Moons times two spirals, in dimension 4 (2402.06162)."""
    return ProductLaw(Moons(), TwoSpirals())


def swissroll_6d() -> LinearImages:
    """The planar roll (x, y) beside 2x, x + y and x - 2y, noisy, and a coordinate of pure noise."""
    rows = ((2.0, 0.0), (1.0, 1.0), (1.0, -2.0), (0.0, 0.0))
    return LinearImages(SwissRoll(), rows, (0.1, 0.1, 0.1, 1.0))
