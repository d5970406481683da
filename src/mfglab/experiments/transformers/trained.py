"""Trained arms as they were stored, for stages that train none: no Lightning is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfglab.config import DepthRunConfig
from mfglab.datasets.tasks.base import Task
from mfglab.experiments.transformers.build import build_network
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.solvers.depth_solver import DepthSolver
from mfglab.training.checkpoints import CheckpointError, load_tree


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


def load_arm(path: Path, task: Task) -> TrainedArm:
    """An arm as ``save_arm`` of the training wrote it.

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
