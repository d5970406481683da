"""One training run: data and configuration in, weights, history and times out."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfglab.config import DenoisingConfig, RunConfig, ScoreConfig
from mfglab.datasets.splits import Splits
from mfglab.games.densities import GaussianMixture
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.checkpoints import CheckpointError, load_weights, save_weights
from mfglab.training.fit import FitResult, fit
from mfglab.training.seeds import stream


@dataclass(frozen=True)
class TrainedModel:
    """A trained model as it was stored.

    Args:
        solver: The solver with its weights.
        meta: Configuration, dimension, seed, step and validation loss.
    """

    solver: Solver
    meta: dict[str, Any]


def train(
    splits: Splits,
    run: RunConfig,
    seed: int,
    work: Path,
    device: str,
    law: GaussianMixture | None = None,
) -> FitResult[Solver]:
    """Train one model on ``splits``; an interrupted run is resumed from the folder ``work``.

    ``law`` is the law of the data where it is a mixture; explicit score matching needs it.
    """
    solver = build_solver(run.solver, splits.train.shape[1], stream("weights", seed), law)
    return fit(
        solver,
        torch.from_numpy(splits.train).float(),
        torch.from_numpy(splits.val).float(),
        run.training,
        seed=seed,
        folder=work,
        device=device,
        progress=sys.stderr.isatty(),  # a log of bars is no log
    )


def save_trained(path: Path, result: FitResult[Solver], run: RunConfig, seed: int) -> None:
    """Write weights and the facts needed to rebuild the model."""
    meta = {
        "run": run.model_dump(mode="json"),
        "dim": result.solver.dim,
        "seed": seed,
        "best_step": result.best_step,
        "best_val_loss": result.best_val_loss,
        "steps": result.steps,
    }
    save_weights(path, result.solver.state_dict(), meta)


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


def peak_memory() -> int:
    """Largest resident memory of this process so far, in MB; libraries included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))  # bytes on macOS, else kB
