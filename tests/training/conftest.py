"""A solver whose training costs nothing, and the settings to train it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfglab.config import TrainingConfig
from mfglab.games.costs import Kinetic
from mfglab.games.densities import StandardNormal
from mfglab.games.dynamics import Deterministic
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import KullbackLeibler
from mfglab.solvers.base import Loss, Solver, Trainable
from mfglab.training.fit import FitResult, fit
from mfglab.training.seeds import stream


class Centre(Trainable[Tensor]):
    """Learns the mean of the data; the loss draws noise, so that its stream matters."""

    def __init__(self, seed: int = 0, noise: float = 0.1) -> None:
        game = MeanFieldGame(Deterministic(), Kinetic(), KullbackLeibler(StandardNormal(2)))
        super().__init__(game)
        self.dim = 2
        self.noise = noise
        self.centre = nn.Parameter(torch.randn(2, generator=stream("weights", seed)))
        self._fail_at: int | None = None
        self._failure: BaseException = RuntimeError("pulled the plug")
        self._calls = 0

    def check(self, name: str, x: Tensor) -> None:
        Solver.check(self, name, x)  # that of all models of points

    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        if self._calls == self._fail_at:
            raise self._failure
        self._calls += 1
        z = self.noise * torch.randn(x.shape, generator=generator)
        total = (x + z - self.centre).square().sum(-1).mean()
        return Loss(total, {"distance": total.detach(), "norm": self.centre.detach().norm()})

    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return (x - self.centre).square().sum(-1).mean()


@dataclass
class Bench:
    """Everything a run needs, with short-cuts for the tests."""

    folder: Path
    train: Tensor = field(
        default_factory=lambda: torch.randn(200, 2, generator=stream("train", 0)) + 4.0
    )
    val: Tensor = field(
        default_factory=lambda: torch.randn(50, 2, generator=stream("val", 0)) + 4.0
    )

    def fit(
        self, solver: Trainable[Tensor], *, seed: int = 0, keep: bool = False, **settings: Any
    ) -> FitResult:
        return fit(
            solver,
            self.train,
            self.val,
            training(**settings),
            seed=seed,
            folder=self.folder,
            progress=False,
            keep=keep,
        )


def training(**changes: Any) -> TrainingConfig:
    settings = {"iterations": 50, "batch_size": 16, "learning_rate": 0.05, "val_every": 10}
    return TrainingConfig(**(settings | changes))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


@pytest.fixture
def make_solver() -> Callable[..., Centre]:
    return Centre


@pytest.fixture
def make_training() -> Callable[..., TrainingConfig]:
    return training
