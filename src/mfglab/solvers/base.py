"""What every way to solve a game has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.games.game import MeanFieldGame
from mfglab.trajectories.integrate import Trajectory


class DivergedError(FloatingPointError):
    """A solver produced a value that is not finite, or left every bound; says where and what."""


@dataclass(frozen=True)
class Loss:
    """A training objective and its named parts.

    Args:
        total: The scalar that is minimised.
        terms: Detached scalars by name, for logging; they are not required to sum to ``total``.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Solver(nn.Module, ABC):
    """A trainable player population: a game, networks, and five hooks.

    Sub-classes set ``game`` and ``dim`` and implement the abstract hooks below; training,
    evaluation, tables and figures work with nothing else.

    Args:
        game: The mean-field game that is solved.
        dim: Space dimension d.
    """

    def __init__(self, game: MeanFieldGame, dim: int) -> None:
        super().__init__()
        self.game = game
        self.dim = dim

    def prepare(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Keep what the model is made of from training points ``x`` (n, d); return the others.

        Called once before training. By default nothing is kept.
        """
        return x

    @abstractmethod
    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        """Objective on a batch ``x`` (n, d) of data."""

    @abstractmethod
    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Scalar on validation data by which the best weights are chosen."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Draw ``n`` points of the learned law, shape (n, d); ``steps`` overrides the default."""

    @abstractmethod
    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Log-density of the learned law at ``x`` (n, d), shape (n,), in nats."""

    @abstractmethod
    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Deterministic trajectories from data ``x`` (n, d) to the reference law, path kept."""

    @abstractmethod
    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Map ``x`` (n, d) to the reference law and back; equals ``x`` for an exact inverse."""

    @property
    @abstractmethod
    def evaluations_per_step(self) -> int:
        """Network evaluations in one integration step of :meth:`trajectories`."""

    @property
    @abstractmethod
    def default_steps(self) -> int:
        """Integration steps of :meth:`trajectories` unless told otherwise."""
