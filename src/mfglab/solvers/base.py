"""What every way to solve a game has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from mfglab.games.game import MeanFieldGame
from mfglab.networks.members import member_state, stack
from mfglab.trajectories.integrate import Trajectory


class DivergedError(FloatingPointError):
    """A solver produced a value that is not finite, or left every bound; says where and what."""


@dataclass(frozen=True)
class Loss:
    """A training objective and its named parts.

    Args:
        total: The scalar that is minimised; of M stacked solvers one for each, shape (M,).
        terms: Detached parts of that shape by name, for logging; they need not sum to ``total``.
    """

    total: Tensor
    terms: dict[str, Tensor]


BatchT = TypeVar("BatchT", Tensor, tuple[Tensor, Tensor])
"""Points (n, d), or inputs and labels with n rows each."""


class Trainable(nn.Module, ABC, Generic[BatchT]):
    """What the one training loop needs: a game, weights, an objective and a validation loss.

    Args:
        game: The mean-field game that is solved.
    """

    def __init__(self, game: MeanFieldGame) -> None:
        super().__init__()
        self.game = game

    @abstractmethod
    def check(self, name: str, x: BatchT) -> None:
        """Raise ``ValueError`` unless ``x`` (called ``name``) can be learned from."""

    def prepare(self, x: BatchT, generator: torch.Generator) -> BatchT:
        """Keep what the model is made of from training data ``x``; return the others.

        Called once before training. By default nothing is kept.
        """
        return x

    @abstractmethod
    def loss(self, x: BatchT, generator: torch.Generator) -> Loss:
        """Objective on a batch ``x`` of data."""

    @abstractmethod
    def validation_loss(self, x: BatchT, generator: torch.Generator) -> Tensor:
        """Scalar on validation data by which the best weights are chosen."""


@dataclass(frozen=True)
class PointLosses:
    """An objective that is a mean over points.

    Args:
        total: What each point adds to it, shape (n,).
        terms: The parts of that by name, shape (n,) each.
    """

    total: Tensor
    terms: dict[str, Tensor]

    def mean(self) -> Loss:
        """The objective."""
        terms = {name: value.detach().mean() for name, value in self.terms.items()}
        return Loss(self.total.mean(), terms)


class Solver(Trainable[Tensor], ABC):
    """A generative model as a trainable player population.

    Sub-classes implement the abstract hooks; training, evaluation, tables and figures work with
    nothing else. Data are points (n, d).

    Args:
        game: The mean-field game that is solved.
        dim: Space dimension d.
    """

    def __init__(self, game: MeanFieldGame, dim: int) -> None:
        super().__init__(game)
        self.dim = dim

    def check(self, name: str, x: Tensor) -> None:
        """Raise unless ``x`` holds finite points (n, d) in the precision of the weights."""
        if x.ndim != 2 or x.shape[1] != self.dim or len(x) == 0:
            raise ValueError(
                f"{name} must have shape (n, {self.dim}) with n >= 1, got {tuple(x.shape)}"
            )
        dtype = next(self.parameters()).dtype
        if x.dtype != dtype:
            raise ValueError(f"{name} must be {dtype} as the solver's weights are, got {x.dtype}")
        bad = (~torch.isfinite(x)).any(1).nonzero()
        if len(bad):
            row = int(bad[0])
            raise ValueError(f"{name}[{row}] is not finite: {x[row].tolist()}")

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


class PointwiseSolver(Solver):
    """A solver whose objectives are means over points, given the noise: members train together.

    The hooks take the data of M members, shape (M, n, d), and a generator of each. Of a single
    solver M is 1. Of one that :func:`stacked` made of M, row k n + i of
    everything belongs to point i of member k.
    """

    @property
    def stackable(self) -> bool:
        """Whether solvers with these settings can be stacked."""
        return False

    @abstractmethod
    def training_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> PointLosses:
        """What each point adds to the training objective of its member, shape (M n,)."""

    @abstractmethod
    def validation_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """What each point adds to the validation loss of its member, shape (M n,)."""

    def member_state(self, member: int) -> dict[str, Tensor]:
        """Of a stacked solver: the state of one member, as its own solver loads it."""
        return member_state(self, member)

    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        """Objective on a batch ``x`` (n, d) of data."""
        return self.training_losses(x[None], [generator]).mean()

    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Scalar on validation data ``x`` (n, d)."""
        return self.validation_losses(x[None], [generator]).mean()


def stacked(solvers: Sequence[PointwiseSolver]) -> PointwiseSolver:
    """Solvers of one kind and shape as one, see :mod:`mfglab.networks.members`."""
    whole = stack(solvers[0], solvers)
    assert isinstance(whole, PointwiseSolver)
    return whole
