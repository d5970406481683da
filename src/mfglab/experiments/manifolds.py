"""Proximal flows, OT-Flow and a score model on data that lie on a plane of R^D.

The law of the data has no density on R^D. Which loss survives that, and what each regulariser of
the W1+W2 proximal flow (arXiv:2407.11901) buys, is measured with equal iterations and batches, and
equal nets for all flows.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from mfglab.config import ManifoldLaw, ManifoldsConfig, TrainingConfig
from mfglab.datasets.embedding import EmbeddedLaw
from mfglab.datasets.factory import TOYS
from mfglab.experiments.manifold_metrics import Array, Reference, measure
from mfglab.experiments.proximal_training import train_proximal_flows
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.solvers.base import DivergedError, Solver
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.proximal import OffPathProximalFlow, ProximalFlow
from mfglab.solvers.score import ScoreModel
from mfglab.training.fit import fit_all
from mfglab.training.seeds import stream

Row = dict[str, float | str]


@dataclass(frozen=True)
class ManifoldData:
    """Points of one law, in ambient coordinates.

    Args:
        law: The law with its plane.
        train: Training points, float32 of shape (n, D).
        val: Validation points, float32 of shape (m, D).
        reference: Test points, test noise and what they allow at best.
    """

    law: EmbeddedLaw
    train: Tensor
    val: Tensor
    reference: Reference


@dataclass(frozen=True)
class Trained:
    """One trained arm.

    Args:
        solver: The model, float32.
        stopped: Whether training ceased to be finite.
        stopped_at: Iteration of that, NaN where it is unknown or did not happen.
    """

    solver: Solver
    stopped: bool = False
    stopped_at: float = math.nan


class Arm(Protocol):
    """Trains one arm of the study."""

    def __call__(
        self, data: ManifoldData, config: ManifoldsConfig, seeds: Sequence[int], work: Path
    ) -> list[Trained]:
        """Train with each seed on ``data``; ``work`` is a folder that may be used for that."""


def draw(manifold: ManifoldLaw, config: ManifoldsConfig) -> ManifoldData:
    """The plane, the three samples and the test noise; the same for all arms and seeds."""
    law = EmbeddedLaw.random(TOYS[manifold.law](), manifold.dim, config.seed)
    parts = {
        name: law.sample(n, stream(f"manifold {manifold.name} {name}", config.seed))
        for name, n in {"train": config.n_train, "val": config.n_val, "test": config.n_test}.items()
    }
    second = law.sample(config.n_test, stream(f"manifold {manifold.name} floor", config.seed))
    noise = torch.randn(
        config.n_test,
        law.dim,
        dtype=torch.float64,
        generator=stream(f"manifold {manifold.name} noise", config.seed),
    )
    reference = Reference.of(law, parts["test"], second, noise)
    return ManifoldData(law, parts["train"].float(), parts["val"].float(), reference)


@dataclass(frozen=True)
class ProximalArm:
    """A proximal flow with the Lipschitz bound (W1) and the kinetic cost (W2) on or off.

    Args:
        w1: Bound the slope of the discriminator.
        w2: Charge the kinetic cost.
        kind: The flow, which decides where the kinetic cost is evaluated.
    """

    w1: bool
    w2: bool
    kind: type[ProximalFlow] = ProximalFlow

    def __call__(
        self, data: ManifoldData, config: ManifoldsConfig, seeds: Sequence[int], work: Path
    ) -> list[Trained]:
        """Train the two players; initial weights, batches and noise are those of the other arms."""
        trained = train_proximal_flows(
            data.train,
            config.proximal,
            seeds,
            iterations=config.iterations,
            batch_size=config.batch_size,
            w1=self.w1,
            w2=self.w2,
            kind=self.kind,
        )
        return [
            Trained(solver)
            if result.diverged_at is None
            else Trained(solver, True, float(result.diverged_at))
            for solver, result in trained
        ]


def train_otflow(
    data: ManifoldData, config: ManifoldsConfig, seeds: Sequence[int], work: Path
) -> list[Trained]:
    """OT-Flow, which maximises a likelihood that has no bound here."""
    settings = config.proximal

    def made(seed: int) -> Solver:
        return OtFlow(
            data.law.dim,
            width=settings.width,
            depth=settings.depth,
            terminal_weight=config.otflow_weight,
            steps=settings.steps,
            steps_val=settings.steps,
            generator=stream("weights", seed),
        )

    return _fit(made, data, config, config.otflow_rate, seeds, work)


def train_score(
    data: ManifoldData, config: ManifoldsConfig, seeds: Sequence[int], work: Path
) -> list[Trained]:
    """A score model with vector score, sampled by its probability flow."""

    def made(seed: int) -> Solver:
        return ScoreModel(
            data.law.dim,
            OrnsteinUhlenbeck(),
            potential=False,
            width=config.score_width,
            frequencies=0,
            ode_steps=config.proximal.steps,
            generator=stream("weights", seed),
        )

    return _fit(made, data, config, config.score_rate, seeds, work)


def _fit(
    made: Callable[[int], Solver],
    data: ManifoldData,
    config: ManifoldsConfig,
    rate: float,
    seeds: Sequence[int],
    work: Path,
) -> list[Trained]:
    validate = max(1, config.iterations // 6)
    training = TrainingConfig.model_validate(
        {
            "iterations": config.iterations,
            "batch_size": config.batch_size,
            "learning_rate": rate,
            "val_every": validate,
        }
    )
    solvers = [made(seed) for seed in seeds]
    train, val = [data.train] * len(seeds), [data.val] * len(seeds)
    try:
        fit_all(solvers, train, val, training, seeds=seeds, folder=work, progress=False)
    except DivergedError as error:
        logging.getLogger(__name__).warning("%s", error)
        shutil.rmtree(work, ignore_errors=True)  # nothing there is worth continuing
        if len(seeds) == 1:
            return [Trained(solvers[0], stopped=True)]
        # One is enough to end the training of all; then each has its own, from the start.
        return [_fit(made, data, config, rate, [seed], work)[0] for seed in seeds]
    return [Trained(solver) for solver in solvers]


ARMS: dict[str, Arm] = {
    "none": ProximalArm(w1=False, w2=False),
    "w1": ProximalArm(w1=True, w2=False),
    "w2": ProximalArm(w1=False, w2=True),
    "both": ProximalArm(w1=True, w2=True),
    "released": ProximalArm(w1=True, w2=True, kind=OffPathProximalFlow),
    "otflow": train_otflow,
    "score": train_score,
}


@dataclass(frozen=True)
class ManifoldOutcome:
    """All arms on one law.

    Args:
        rows: One row an arm and seed.
        arrays: Points in the plane, for the figure: ``data`` and ``samples_<arm>`` of the first
            seed, (n, 2).
    """

    rows: list[Row]
    arrays: dict[str, Array]


def manifold_study(
    manifold: ManifoldLaw, config: ManifoldsConfig, seeds: Sequence[int], work: Path
) -> ManifoldOutcome:
    """Train and measure every arm with every seed on one law.

    Args:
        manifold: The law.
        config: Sizes and settings.
        seeds: Seeds of weights, batches and training noise.
        work: Folder for unfinished trainings; removed by them.
    """
    data = draw(manifold, config)
    rows: list[Row] = []
    arrays = {"data": data.reference.plane.numpy()}
    for arm in config.arms:
        learned = ARMS[arm](data, config, seeds, work / f"{manifold.name}.{arm}")
        for seed, trained in zip(seeds, learned, strict=True):
            metrics, samples = measure(trained.solver, data.law, data.reference, config.refinements)
            diverged = trained.stopped or metrics.lost
            fate: Row = {"diverged": float(diverged), "stopped_at": trained.stopped_at}
            key: Row = {"manifold": manifold.name, "arm": arm, "seed": seed}
            rows.append(key | metrics.row() | fate)
            print(rows[-1], flush=True)
            if seed == seeds[0]:
                arrays[f"samples_{arm}"] = samples.numpy()
    return ManifoldOutcome(rows, arrays)
