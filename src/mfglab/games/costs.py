"""Running costs L(t, x, v) together with their Legendre transforms.

A cost is described by three hooks: its value, its convex conjugate
``L*(t, x, q) = sup_v [ q.v - L(t, x, v) ]`` and the maximiser ``v = grad_q L*``. The Hamiltonian
of every game follows from the last two, see :mod:`mfglab.games.game`.
Times have shape () or (n,), points and velocities (n, d); values are returned as (n,).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.dynamics import Dynamics
from mfglab.games.times import Time, as_time, per_sample


class IllPosedGameError(ValueError):
    """The optimality system of the game does not determine an optimal velocity."""


def _half_square(v: Tensor) -> Tensor:
    return 0.5 * v.square().sum(-1)


@dataclass(frozen=True, slots=True)
class Optimum:
    """The maximiser of ``q.v - L(t, x, v)`` and what it attains.

    Attributes:
        velocity: The maximiser ``v*``, shape (n, d).
        cost: ``L(t, x, v*)``, shape (n,).
        conjugate: ``L*(t, x, q) = q.v* - L(t, x, v*)``, shape (n,).
    """

    velocity: Tensor
    cost: Tensor
    conjugate: Tensor


class RunningCost(ABC):
    """Cost per unit time of moving with control velocity v at (t, x)."""

    @abstractmethod
    def value(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """L(t, x, v), shape (n,)."""

    @abstractmethod
    def conjugate(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``sup_v [ q.v - L(t, x, v) ]``, shape (n,); may be infinite."""

    @abstractmethod
    def optimal_velocity(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """The maximiser of the conjugate, ``grad_q L*(t, x, q)``, shape (n, d)."""

    def optimum(self, t: Time, x: Tensor, q: Tensor) -> Optimum:
        """Maximiser, its cost and the conjugate together; override where they share work."""
        v = self.optimal_velocity(t, x, q)
        return Optimum(v, self.value(t, x, v), self.conjugate(t, x, q))


@dataclass(frozen=True)
class NoCost(RunningCost):
    """L = 0, the plain continuous normalising flow: its Hamiltonian is degenerate."""

    def value(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """Zero, shape (n,)."""
        return torch.zeros_like(v[..., 0])

    def conjugate(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """Zero where q = 0 and infinity elsewhere, shape (n,)."""
        return torch.where((q == 0).all(-1), 0.0, math.inf).to(q)

    def optimal_velocity(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """Always raises: no velocity is singled out.

        Raises:
            IllPosedGameError: In every case.
        """
        raise IllPosedGameError(
            "the running cost is zero, so sup_v [q.v - L] is +inf unless q = 0, and where q = 0 "
            "every velocity is optimal: the game does not determine a unique flow; "
            "use a strictly convex cost such as Kinetic"
        )


@dataclass(frozen=True)
class Kinetic(RunningCost):
    """``L = weight |v|^2 / 2``.

    Raises:
        ValueError: ``weight`` is not positive.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"kinetic weight must be positive, got {self.weight!r}")

    def value(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """``weight |v|^2 / 2``, shape (n,)."""
        return self.weight * _half_square(v)

    def conjugate(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``|q|^2 / (2 weight)``, shape (n,)."""
        return _half_square(q) / self.weight

    def optimal_velocity(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``q / weight``, shape (n, d)."""
        return q / self.weight

    def optimum(self, t: Time, x: Tensor, q: Tensor) -> Optimum:
        """Cost and conjugate are the same number: L is homogeneous of degree two in v."""
        energy = q.square().sum(-1) * (0.5 / self.weight)
        return Optimum(q if self.weight == 1 else q / self.weight, energy, energy)


@dataclass(frozen=True)
class KineticMinusDivergence(RunningCost):
    """``L = |v|^2 / 2 - share * div f(t, x)``, the running cost of score-based models.

    ``share = 1`` makes the adjoint equation of the game the Fokker-Planck equation of the noising
    process (2304.13534); ``share = 1/2`` belongs to the deterministic probability flow.
    """

    dynamics: Dynamics
    share: float = 1.0

    def value(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """``|v|^2/2 - share div f``, shape (n,)."""
        return _half_square(v) - self.share * self.dynamics.drift_divergence(t, x)

    def conjugate(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``|q|^2/2 + share div f``, shape (n,)."""
        return _half_square(q) + self.share * self.dynamics.drift_divergence(t, x)

    def optimal_velocity(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``q``, shape (n, d)."""
        return q


@dataclass(frozen=True)
class DiscountedKinetic(RunningCost):
    """``L = exp(-t/eps) |v|^2 / 2``: impatient players, whose game tends to a gradient flow.

    Raises:
        ValueError: ``eps`` is not positive.
    """

    eps: float

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise ValueError(f"discount time eps must be positive, got {self.eps!r}")

    def _weight(self, t: Time) -> Tensor:
        return torch.exp(-as_time(t) / self.eps)

    def value(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """``exp(-t/eps) |v|^2/2``, shape (n,)."""
        return self._weight(t) * _half_square(v)

    def conjugate(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``exp(t/eps) |q|^2/2``, shape (n,)."""
        return _half_square(q) / self._weight(t)

    def optimal_velocity(self, t: Time, x: Tensor, q: Tensor) -> Tensor:
        """``exp(t/eps) q``, shape (n, d)."""
        return q / per_sample(self._weight(t), q)
