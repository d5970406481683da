"""Laws to learn from: what can be sampled, and what has an exact density besides."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Law(ABC):
    """A probability law on R^d that can be sampled; its samples are independent.

    A law need not have a density: data on a manifold is one without. Points are float64.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension d of the space that the points live in."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` independent points, float64 of shape (n, d).

        Args:
            n: Number of points.
            generator: The only source of randomness; it is advanced.
        """


class DensityLaw(Law):
    """A law with an exact density; satisfies the ``Density`` protocol of the games."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats of points ``x`` (n, d), shape (n,); -inf off the support."""

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density at ``x`` (n, d), shape (n, d), by differentiation.

        A law with a closed form overrides this. Where the density has no gradient (off the
        support) the value is NaN, never a silent zero.
        """
        with torch.enable_grad():
            points = x.detach().requires_grad_(True)
            value = self.log_prob(points)
            (gradient,) = torch.autograd.grad(value.sum(), points)
        out: Tensor = torch.where(torch.isfinite(value)[:, None], gradient, torch.nan)
        return out.detach()


def uniform(n: int, generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """``n`` independent uniform numbers of [low, high), float64 of shape (n,)."""
    return low + (high - low) * torch.rand(n, dtype=torch.float64, generator=generator)


def normal(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """``n`` independent standard normal vectors, float64 of shape (n, dim)."""
    return torch.randn(n, dim, dtype=torch.float64, generator=generator)


def coin(n: int, generator: torch.Generator, sides: int = 2) -> Tensor:
    """``n`` independent fair draws of {0, ..., sides - 1}, int64 of shape (n,)."""
    return torch.randint(sides, (n,), generator=generator)
