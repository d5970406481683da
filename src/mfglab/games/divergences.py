"""f-divergences by duality, and their Lipschitz-regularised form as a terminal cost.

For convex f with f(1) = 0 and conjugate ``f*(y) = sup_t [t y - f(t)]``,

    D_f^L(P | Q) = sup over Lip(phi) <= L of   E_P phi - inf_nu { nu + E_Q f*(phi - nu) }

(arXiv:2210.17230). It is finite for mutually singular and for empirical laws; without the bound on
phi it is the f-divergence itself. Its maximiser phi* is its first variation in P. For KL the inner
infimum is ``log E_Q e^phi``: the Donsker-Varadhan form.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.terminal import PointFunction, TerminalCost


class FDivergence(ABC):
    """``D_f(P | Q) = E_Q f(dP/dQ)`` by its generator f."""

    @abstractmethod
    def generator(self, t: Tensor) -> Tensor:
        """``f(t)`` for t >= 0, elementwise."""

    @abstractmethod
    def conjugate(self, y: Tensor) -> Tensor:
        """``f*(y)``, elementwise."""

    @abstractmethod
    def slope(self, y: Tensor) -> Tensor:
        """``(f*)'(y)``, elementwise: the density ratio dP/dQ that belongs to ``y``."""

    @abstractmethod
    def best_shift(self, phi: Tensor) -> Tensor:
        """The nu that attains ``inf_nu { nu + mean f*(phi - nu) }``, for ``phi`` (..., m).

        It solves ``mean (f*)'(phi - nu) = 1``: the density ratio has mass 1.
        """

    def dual_value(
        self, on_particles: Tensor, on_target: Tensor, *, shifted: bool = True
    ) -> Tensor:
        """The dual objective of test functions, shape (...): lower bounds of D_f^L.

        Its gradient in phi is exact although nu is not differentiated (envelope theorem).

        Args:
            on_particles: phi at the particles (..., n), law P.
            on_target: phi at the target points (..., m), law Q.
            shifted: Optimise nu (for KL: Donsker-Varadhan). Otherwise nu = 0, the Legendre form,
                in which phi has to find its own constant.
        """
        nu = self.best_shift(on_target.detach()) if shifted else on_target.new_zeros(())
        return on_particles.mean(-1) - nu - self.conjugate(on_target - nu[..., None]).mean(-1)


@dataclass(frozen=True)
class KL(FDivergence):
    """Kullback-Leibler: ``f(t) = t log t - t + 1``, ``f*(y) = e^y - 1``."""

    def generator(self, t: Tensor) -> Tensor:
        """``t log t - t + 1``, with f(0) = 1."""
        return torch.xlogy(t, t) - t + 1

    def conjugate(self, y: Tensor) -> Tensor:
        """``e^y - 1``."""
        return torch.expm1(y)

    def slope(self, y: Tensor) -> Tensor:
        """``e^y``."""
        return y.exp()

    def best_shift(self, phi: Tensor) -> Tensor:
        """``log mean e^phi``."""
        return torch.logsumexp(phi, -1) - math.log(phi.shape[-1])


@dataclass(frozen=True)
class Alpha(FDivergence):
    """Alpha-divergence: ``f(t) = (t^alpha - 1) / (alpha (alpha - 1))``, alpha > 1.

    Its conjugate grows like a power where that of KL grows exponentially: Q may have heavy tails.

    Raises:
        ValueError: ``alpha`` is not above 1.
    """

    alpha: float = 2.0

    def __post_init__(self) -> None:
        if not self.alpha > 1:
            raise ValueError(f"alpha must be above 1, got {self.alpha!r}")

    @property
    def _power(self) -> float:
        return 1 / (self.alpha - 1)

    def generator(self, t: Tensor) -> Tensor:
        """``(t^alpha - 1) / (alpha (alpha - 1))``."""
        return (t**self.alpha - 1) / (self.alpha * (self.alpha - 1))

    def conjugate(self, y: Tensor) -> Tensor:
        """``(1/(alpha - 1) + ((alpha - 1) y_+)^(alpha/(alpha - 1))) / alpha``."""
        bulk = ((self.alpha - 1) * y.clamp(min=0)) ** (1 + self._power)
        return (self._power + bulk) / self.alpha

    def slope(self, y: Tensor) -> Tensor:
        """``((alpha - 1) y_+)^(1/(alpha - 1))``."""
        return ((self.alpha - 1) * y.clamp(min=0)) ** self._power

    def best_shift(self, phi: Tensor) -> Tensor:
        """Exact for alpha = 2 (sorting), by bisection to rounding otherwise."""
        if self.alpha == 2:
            ordered, m = phi.sort(descending=True).values, phi.shape[-1]
            count = torch.arange(1, m + 1, dtype=phi.dtype, device=phi.device)
            return ((ordered.cumsum(-1) - m) / count).amax(-1)
        # At the left end every ratio is at least 1, at the right end every one is at most 1.
        left, right = phi.amin(-1) - self._power, phi.amax(-1) - self._power
        for _ in range(60):
            middle = 0.5 * (left + right)
            heavy = self.slope(phi - middle[..., None]).mean(-1) > 1
            left, right = torch.where(heavy, middle, left), torch.where(heavy, right, middle)
        return 0.5 * (left + right)


@dataclass(frozen=True)
class LipschitzDivergence(TerminalCost):
    """``D_f^L(rho | target)`` with a given witness: the terminal cost of particles and GANs.

    The value is a lower bound that is sharp at the maximiser; the first variation is the witness.

    Args:
        divergence: The f-divergence.
        witness: The test function phi, as good as it has been trained.
        target: Sample of the target law, shape (m, d).
        shifted: As in :meth:`FDivergence.dual_value`.
    """

    divergence: FDivergence
    witness: PointFunction
    target: Tensor
    shifted: bool = True

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """The dual objective at particles ``x`` (n, d), a scalar."""
        phi, goal = self.witness(x), self.witness(self.target)
        return self.divergence.dual_value(phi, goal, shifted=self.shifted)

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``phi`` at the particles, shape (n,)."""
        return self.witness(x)
