"""Running interactions I(t, rho) between the players and their first variations dI/drho."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.dynamics import Dynamics
from mfglab.games.terminal import PointFunction, TerminalCost, require_log_density
from mfglab.games.times import Time, as_time


@dataclass(frozen=True)
class Population:
    """Particles of the population and what is known of its density there.

    Attributes:
        x: Positions, shape (n, d).
        log_rho: Log-density, shape (n,).
        score: Gradient of the log-density, shape (n, d).
        laplacian: Laplacian of the log-density, shape (n,).
    """

    x: Tensor
    log_rho: Tensor | None = None
    score: Tensor | None = None
    laplacian: Tensor | None = None


class Interaction(ABC):
    """A running functional of the law of the players."""

    @abstractmethod
    def value(self, t: Time, population: Population) -> Tensor:
        """I(t, rho) estimated on the particles, a scalar (per particle if ``t`` has shape (n,))."""

    @abstractmethod
    def first_variation(self, t: Time, population: Population) -> Tensor:
        """``dI/drho`` at the particles, shape (n,)."""


@dataclass(frozen=True)
class NoInteraction(Interaction):
    """I = 0."""

    def value(self, t: Time, population: Population) -> Tensor:
        """Zero."""
        return torch.zeros_like(population.x[0, 0])

    def first_variation(self, t: Time, population: Population) -> Tensor:
        """Zero, shape (n,)."""
        return torch.zeros_like(population.x[:, 0])


@dataclass(frozen=True)
class Entropy(Interaction):
    """``weight * int rho log rho``: crowd aversion."""

    weight: float = 1.0

    def value(self, t: Time, population: Population) -> Tensor:
        """``weight * mean(log rho)``."""
        return self.weight * require_log_density(population.log_rho, self).mean()

    def first_variation(self, t: Time, population: Population) -> Tensor:
        """``weight * (1 + log rho)``, shape (n,)."""
        return self.weight * (1 + require_log_density(population.log_rho, self))


@dataclass(frozen=True)
class PotentialEnergy(Interaction):
    """``weight * int Q rho`` for an obstacle Q mapping points (n, d) to (n,)."""

    potential: PointFunction
    weight: float = 1.0

    def value(self, t: Time, population: Population) -> Tensor:
        """``weight * mean(Q)``."""
        return self.first_variation(t, population).mean()

    def first_variation(self, t: Time, population: Population) -> Tensor:
        """``weight * Q``, shape (n,)."""
        return self.weight * self.potential(population.x)


@dataclass(frozen=True)
class FisherInformation(Interaction):
    """``(sigma(t)^2 / 8) int |grad log rho|^2 rho`` with sigma the gain of ``dynamics``.

    It is what turns the score game into one with deterministic players: the probability flow.
    """

    dynamics: Dynamics

    def _strength(self, t: Time) -> Tensor:
        return self.dynamics.gain(t).square() / 8

    def value(self, t: Time, population: Population) -> Tensor:
        """``sigma^2/8 mean |score|^2``.

        Raises:
            ValueError: The population carries no score.
        """
        if population.score is None:
            raise ValueError("FisherInformation needs the score at the particles, got None")
        return self._strength(t) * population.score.square().sum(-1).mean()

    def first_variation(self, t: Time, population: Population) -> Tensor:
        """``-sigma^2/8 (|score|^2 + 2 Lap log rho)``, shape (n,).

        Raises:
            ValueError: The population carries no score or no Laplacian.
        """
        if population.score is None or population.laplacian is None:
            raise ValueError(
                "the first variation of FisherInformation needs score and laplacian of log rho, "
                f"got {population.score!r} and {population.laplacian!r}"
            )
        return -self._strength(t) * (population.score.square().sum(-1) + 2 * population.laplacian)


@dataclass(frozen=True)
class DiscountedFunctional(Interaction):
    """``exp(-t/eps) F(rho) / eps`` for a functional F: the energy of a gradient flow."""

    functional: TerminalCost
    eps: float

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise ValueError(f"discount time eps must be positive, got {self.eps!r}")

    def _weight(self, t: Time) -> Tensor:
        return torch.exp(-as_time(t) / self.eps) / self.eps

    def value(self, t: Time, population: Population) -> Tensor:
        """``exp(-t/eps)/eps * F(rho)``."""
        return self._weight(t) * self.functional.value(population.x, population.log_rho)

    def first_variation(self, t: Time, population: Population) -> Tensor:
        """``exp(-t/eps)/eps * dF/drho``, shape (n,)."""
        variation = self.functional.first_variation(population.x, population.log_rho)
        return self._weight(t) * variation
