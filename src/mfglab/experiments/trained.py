"""Trained models as they were stored, for stages that train none: no Lightning is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfglab.config import DenoisingConfig, RunConfig, ScoreConfig
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.checkpoints import CheckpointError, load_weights


@dataclass(frozen=True)
class TrainedModel:
    """A trained model as it was stored.

    Args:
        solver: The solver with its weights.
        meta: Configuration, dimension, seed, step and validation loss.
    """

    solver: Solver
    meta: dict[str, Any]


def load_trained(path: Path) -> TrainedModel:
    """Rebuild a trained model from its checkpoint.

    Raises:
        CheckpointError: The files are damaged, or the weights do not fit the configuration.
    """
    checkpoint = load_weights(path)
    run = RunConfig.model_validate(checkpoint.meta["run"])
    if isinstance(run.solver, ScoreConfig):  # the objective of training needs no law any more
        trained = run.solver.model_copy(update={"objective": DenoisingConfig(kind="denoising")})
        run = run.model_copy(update={"solver": trained})
    solver = build_solver(run.solver, checkpoint.meta["dim"], torch.Generator())
    try:
        solver.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"weights in {path} do not fit their configuration: {error}"
        ) from error
    return TrainedModel(solver.eval(), checkpoint.meta)
