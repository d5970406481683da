"""Laws whose tails fall like a power of the radius."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from mfglab.datasets.law import DensityLaw, normal

Radii = NDArray[np.float64]


@dataclass(frozen=True)
class StudentT(DensityLaw):
    """The multivariate Student law: a normal vector over ``sqrt(chi^2_nu / nu)``.

    Moments of order nu and above do not exist: no mean for nu <= 1, no variance for nu <= 2.

    Args:
        dof: Degrees of freedom nu.
        dimension: Space dimension d.

    Raises:
        ValueError: ``dof`` is not positive or ``dimension`` is not.

    Example:
        >>> law = StudentT(dof=1.0)
        >>> law.radial_survival(law.radial_quantile(np.array([0.95, 0.999]))).round(6).tolist()
        [0.05, 0.001]
    """

    dof: float
    dimension: int = 2

    def __post_init__(self) -> None:
        if not self.dof > 0 or self.dimension < 1:
            raise ValueError(
                f"a Student law needs dof > 0 and dimension >= 1, got {self.dof!r} and "
                f"{self.dimension!r}"
            )

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self.dimension

    @property
    def name(self) -> str:
        """``student_`` and the degrees of freedom."""
        return f"student_{self.dof:g}"

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d): uniform directions, radii by inversion."""
        z = normal(n, self.dim, generator)
        u = torch.rand(n, dtype=torch.float64, generator=generator)
        radius = torch.from_numpy(self.radial_quantile(u.numpy()))
        out: Tensor = radius[:, None] * z / z.norm(dim=1, keepdim=True)
        return out

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats of points ``x`` (n, d), shape (n,)."""
        nu, d = self.dof, self.dim
        constant = math.lgamma((nu + d) / 2) - math.lgamma(nu / 2) - d / 2 * math.log(nu * math.pi)
        return constant - (nu + d) / 2 * torch.log1p(x.square().sum(1) / nu)

    def radial_survival(self, radius: Radii) -> Radii:
        """``P(|X| > r)``: ``|X|^2 / d`` has the F law of d and nu degrees of freedom.

        In the plane this is ``(1 + r^2/nu)^(-nu/2)``.
        """
        nu = self.dof
        out: Radii = special.betainc(nu / 2, self.dim / 2, nu / (nu + np.square(radius)))
        return out

    def radial_quantile(self, probability: Radii) -> Radii:
        """The radius that ``|X|`` stays below with that probability, in [0, 1)."""
        x = special.betaincinv(self.dof / 2, self.dim / 2, 1 - probability)
        out: Radii = np.sqrt(self.dof * (1 / x - 1))
        return out
