"""Terminal costs M(rho_T), evaluated on particles, and their first variations dM/drho.

``x`` are particles of shape (n, d) drawn from rho; ``log_rho`` their log-densities, shape (n,),
needed only by costs that contain the entropy of rho. Values are scalars (means over particles),
first variations have shape (n,). A first variation is the terminal datum of the HJB equation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.densities import Density

PointFunction = Callable[[Tensor], Tensor]
"""Maps points (n, d) to numbers (n,)."""


def require_log_density(log_rho: Tensor | None, owner: object) -> Tensor:
    """Return ``log_rho`` or explain that ``owner`` cannot do without it.

    Raises:
        ValueError: ``log_rho`` is None.
    """
    if log_rho is None:
        raise ValueError(f"{type(owner).__name__} needs log_rho at the particles, got None")
    return log_rho


class TerminalCost(ABC):
    """A functional of the law of the players."""

    @abstractmethod
    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """M(rho) estimated on the particles, a scalar."""

    @abstractmethod
    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``dM/drho`` at the particles, shape (n,)."""


class MeanCost(TerminalCost):
    """``E_rho m(x, log rho)``: the mean of something at each particle."""

    @abstractmethod
    def pointwise(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``m`` at the particles, shape (n,)."""

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """Mean of :meth:`pointwise`."""
        return self.pointwise(x, log_rho).mean()


@dataclass(frozen=True)
class KullbackLeibler(MeanCost):
    """``weight * KL(rho || reference)``, strictly convex in rho."""

    reference: Density
    weight: float = 1.0

    def pointwise(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * (log rho - log reference)``, shape (n,)."""
        return self.weight * (require_log_density(log_rho, self) - self.reference.log_prob(x))

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * (1 + log rho - log reference)``, shape (n,)."""
        ratio = require_log_density(log_rho, self) - self.reference.log_prob(x)
        return self.weight * (1 + ratio)


@dataclass(frozen=True)
class CrossEntropy(MeanCost):
    """``-weight * E_rho log target``: linear in rho, so the HJB equation decouples from rho.

    ``entropy_weight`` adds that multiple of ``int rho log rho`` (1/2 for the probability flow).
    """

    target: Density
    weight: float = 1.0
    entropy_weight: float = 0.0

    def _entropy(self, x: Tensor, log_rho: Tensor | None) -> Tensor:
        if self.entropy_weight == 0:
            return torch.zeros_like(x[:, 0])
        return require_log_density(log_rho, self)

    def pointwise(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``-weight log target + entropy_weight log rho``, shape (n,)."""
        entropy = self.entropy_weight * self._entropy(x, log_rho)
        return entropy - self.weight * self.target.log_prob(x)

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``-weight log target + entropy_weight (1 + log rho)``, shape (n,)."""
        entropy = self.entropy_weight * (1 + self._entropy(x, log_rho))
        return entropy - self.weight * self.target.log_prob(x)


@dataclass(frozen=True)
class Boltzmann(MeanCost):
    """``weight * E_rho[log rho + V]``: KL(rho || e^{-V}/Z) up to the unknown constant log Z."""

    energy: PointFunction
    weight: float = 1.0

    def pointwise(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * (log rho + V)``, shape (n,)."""
        return self.weight * (require_log_density(log_rho, self) + self.energy(x))

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * (1 + log rho + V)``, shape (n,)."""
        return self.weight * (1 + require_log_density(log_rho, self) + self.energy(x))


@dataclass(frozen=True)
class LinearCost(TerminalCost):
    """``weight * E_rho[phi]`` for a fixed function phi: value and first variation are linear."""

    function: PointFunction
    weight: float = 1.0

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * mean(phi)``."""
        return self.first_variation(x).mean()

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * phi``, shape (n,)."""
        return self.weight * self.function(x)


@dataclass(frozen=True)
class Witness(LinearCost):
    """Integral probability metric or Lipschitz-regularised f-divergence, given its witness.

    The first variation of such a divergence in rho is its optimal discriminator phi*. The value
    is the part ``weight * E_rho[phi*]`` that depends on the particles.
    """


@dataclass(frozen=True)
class TaskLoss(LinearCost):
    """Loss of a prediction head at the end of the depth: ``function`` maps states to losses."""


@dataclass(frozen=True)
class QuadraticPotential(TerminalCost):
    """``weight * E_rho |x - center|^2 / 2``; ``center`` has shape (d,)."""

    center: Tensor
    weight: float = 1.0

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * mean |x - center|^2 / 2``."""
        return self.first_variation(x).mean()

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * |x - center|^2 / 2``, shape (n,)."""
        return 0.5 * self.weight * (x - self.center).square().sum(-1)


@dataclass(frozen=True)
class SquaredMMD(TerminalCost):
    """Half the squared maximum mean discrepancy, kernel ``exp(-|x-y|^2 / (2 bandwidth^2))``.

    Both the value and the first variation use plain averages over all pairs (V-statistics), so n
    times the gradient of the value in one particle equals the gradient of the first variation.

    Args:
        target: Sample of the target law, shape (m, d).
        bandwidth: Kernel width in the units of x; positive.

    Raises:
        ValueError: ``bandwidth`` is not positive.
    """

    target: Tensor
    bandwidth: float = 1.0

    def __post_init__(self) -> None:
        if not self.bandwidth > 0:
            raise ValueError(f"kernel bandwidth must be positive, got {self.bandwidth!r}")

    def _kernel(self, x: Tensor, y: Tensor) -> Tensor:
        squares = (x[:, None, :] - y[None, :, :]).square().sum(-1)
        return torch.exp(-squares / (2 * self.bandwidth**2))

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``mean k(x,x')/2 - mean k(x,y) + mean k(y,y')/2``."""
        within = self._kernel(x, x).mean() + self._kernel(self.target, self.target).mean()
        return 0.5 * within - self._kernel(x, self.target).mean()

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``mean_j k(x, x_j) - mean_j k(x, y_j)``, shape (n,)."""
        return self._kernel(x, x).mean(1) - self._kernel(x, self.target).mean(1)


@dataclass(frozen=True)
class Scaled(TerminalCost):
    """``weight`` times another terminal cost, for instance ``exp(-T/eps)`` in discounted games."""

    cost: TerminalCost
    weight: float

    def value(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * M(rho)``."""
        return self.weight * self.cost.value(x, log_rho)

    def first_variation(self, x: Tensor, log_rho: Tensor | None = None) -> Tensor:
        """``weight * dM/drho``, shape (n,)."""
        return self.weight * self.cost.first_variation(x, log_rho)
