"""One training run: data and configuration in, weights, history and times out."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

from mfglab.config import RunConfig
from mfglab.datasets.splits import Splits
from mfglab.games.densities import GaussianMixture
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.checkpoints import save_weights
from mfglab.training.fit import FitResult, fit
from mfglab.training.seeds import stream


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


def peak_memory() -> int:
    """Largest resident memory of this process so far, in MB; libraries included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))  # bytes on macOS, else kB
