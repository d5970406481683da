"""Training the arms of a task: all seeds of an arm in one file."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfglab.config import DepthRunConfig
from mfglab.datasets.tasks.base import Examples, Task
from mfglab.experiments.transformers.build import build_network
from mfglab.robustness.corruptions import label_noise
from mfglab.solvers.base import DivergedError
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.solvers.depth_solver import DepthSolver
from mfglab.training.checkpoints import CheckpointError, load_tree, save_tree
from mfglab.training.fit import FitResult, fit
from mfglab.training.seeds import stream

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedPair:
    """One seed of an arm.

    Args:
        best: The network with the weights that were best on validation data.
        final: The network after the last step.
        best_step: Step of the best weights.
        steps: Steps taken.
    """

    best: DepthTransformer
    final: DepthTransformer
    best_step: int
    steps: int


@dataclass(frozen=True)
class TrainedArm:
    """All seeds of an arm.

    Args:
        name: The name of its folder.
        run: Its configuration.
        pairs: Its networks by seed; a seed whose training diverged has none.
    """

    name: str
    run: DepthRunConfig
    pairs: Mapping[int, TrainedPair]


def training_data(task: Task, run: DepthRunConfig, seed: int) -> Examples:
    """The part of the training data that an arm sees, with its label noise.

    Shares are nested: a smaller one is contained in a larger one of the same seed. Of a text it
    is the beginning, because windows drawn anywhere would cover all of it.
    """
    train = task.train
    kept = max(1, round(run.fraction * len(train)))
    if kept < len(train):
        # Windows of a text drawn anywhere would cover all of it.
        order = torch.randperm(len(train), generator=stream("subset", seed))
        train = train[:kept] if train.overlapping else train[order[:kept]]
    if run.label_noise > 0:
        noise = stream("label noise", seed)
        labels = label_noise(train.labels, run.label_noise, task.classes, noise)
        train = Examples(train.inputs, labels)
    return train


def train_arm(
    task: Task, run: DepthRunConfig, seed: int, work: Path, device: str = "cpu"
) -> FitResult[DepthSolver]:
    """Train one arm with one seed.

    Arms of one seed share data, the order of batches and the streams of weights and dropout.

    Args:
        task: The data.
        run: The arm.
        seed: Seed of weights, batches, dropout and label noise.
        work: Working folder of this run alone; an interrupted run goes on from there.
        device: ``cpu``, ``cuda`` or ``auto``.
    """
    network = build_network(run.network, run.depth, task, stream("weights", seed))
    solver = DepthSolver(network, run.weight, run.label_smoothing)
    train = training_data(task, run, seed)
    return fit(
        solver,
        (train.inputs, train.labels),
        (task.val.inputs, task.val.labels),
        run.training,
        seed=seed,
        folder=work,
        device=device,
        progress=False,
    )


def train_seeds(
    task: Task, run: DepthRunConfig, seeds: Sequence[int], work: Path, device: str = "cpu"
) -> dict[int, FitResult[DepthSolver]]:
    """Train one arm with every seed, in a folder each below ``work``.

    A seed whose loss becomes infinite or NaN is left out, with a warning: without penalty, or with
    many steps, that is a result.
    """
    results = {}
    for seed in seeds:
        try:
            results[seed] = train_arm(task, run, seed, work / str(seed), device)
        except DivergedError as error:
            _log.warning("%s, seed %d diverged: %s", run.title, seed, error)
            shutil.rmtree(work / str(seed), ignore_errors=True)
    return results


def save_arm(
    path: Path, results: Mapping[int, FitResult[DepthSolver]], run: DepthRunConfig
) -> None:
    """Write best and final weights of all seeds, and the facts that rebuild the networks."""
    save_tree(
        {
            "run": run.model_dump(mode="json"),
            "seeds": {
                str(seed): {
                    "best": dict(result.solver.state_dict()),
                    "final": dict(result.final),
                    "best_step": result.best_step,
                    "steps": result.steps,
                }
                for seed, result in results.items()
            },
        },
        path,
    )


def load_arm(path: Path, task: Task) -> TrainedArm:
    """An arm as :func:`save_arm` wrote it.

    Raises:
        CheckpointError: The files are damaged, or the weights do not fit the configuration.
    """
    tree = load_tree(path)
    run = DepthRunConfig.model_validate(tree["run"])
    pairs = {}
    for seed, entry in tree["seeds"].items():
        best, final = (_restored(entry[name], run, task, path) for name in ("best", "final"))
        pairs[int(seed)] = TrainedPair(best, final, entry["best_step"], entry["steps"])
    return TrainedArm(path.parent.name, run, pairs)


def _restored(
    state: Mapping[str, Any], run: DepthRunConfig, task: Task, path: Path
) -> DepthTransformer:
    network = build_network(run.network, run.depth, task, torch.Generator())
    solver = DepthSolver(network, run.weight)
    try:
        solver.load_state_dict(dict(state))
    except RuntimeError as error:
        raise CheckpointError(
            f"weights in {path} do not fit their configuration: {error}"
        ) from error
    return network.eval()
