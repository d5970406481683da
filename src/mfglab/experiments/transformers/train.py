"""Training the arms of a task: all seeds of an arm in one file."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfglab.config import DepthRunConfig
from mfglab.datasets.tasks.base import Task
from mfglab.experiments.transformers.build import build_network
from mfglab.experiments.transformers.seen import training_data
from mfglab.solvers.base import DivergedError
from mfglab.solvers.depth_solver import DepthSolver
from mfglab.training.checkpoints import save_tree
from mfglab.training.fit import FitResult, fit
from mfglab.training.seeds import stream

_log = logging.getLogger(__name__)


def train_arm(
    task: Task, run: DepthRunConfig, seed: int, work: Path, device: str = "cpu", keep: bool = False
) -> FitResult[DepthSolver]:
    """Train one arm with one seed.

    Arms of one seed share data, the order of batches and the streams of weights and dropout.

    Args:
        task: The data.
        run: The arm.
        seed: Seed of weights, batches, dropout and label noise.
        work: Working folder of this run alone; an interrupted run goes on from there.
        device: ``cpu``, ``cuda`` or ``auto``.
        keep: Leave ``work`` after success, see :func:`mfglab.training.fit.fit`.
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
        keep=keep,
    )


def train_seeds(
    task: Task, run: DepthRunConfig, seeds: Sequence[int], work: Path, device: str = "cpu"
) -> dict[int, FitResult[DepthSolver]]:
    """Train one arm with every seed, in a folder each below ``work``.

    The folders are left: the caller removes ``work`` when the results are stored. Until then an
    interruption costs no seed that is done.

    A seed whose loss becomes infinite or NaN is left out, with a warning: without penalty, or with
    many steps, that is a result.
    """
    results = {}
    for seed in seeds:
        try:
            results[seed] = train_arm(task, run, seed, work / str(seed), device, keep=True)
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
