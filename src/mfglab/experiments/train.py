"""Training of one model with all seeds: data and configuration in, weights, history, times out."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mfglab.config import RunConfig
from mfglab.datasets.splits import Splits
from mfglab.games.densities import GaussianMixture
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.checkpoints import save_weights
from mfglab.training.fit import FitResult, fit_all
from mfglab.training.seeds import stream


def train_seeds(
    splits: Splits,
    run: RunConfig,
    seeds: Sequence[int],
    work: Path,
    device: str,
    law: GaussianMixture | None = None,
) -> dict[int, FitResult[Solver]]:
    """Train one model with every seed, those of small models together.

    A seed's result does not depend on the other seeds but for rounding. What is below ``work`` is
    left: the caller removes it when the results are stored. Until then an interrupted run is
    continued from there.

    Args:
        splits: Data.
        run: The model and its training.
        seeds: Seeds of weights, batches and noise.
        work: Working folder of these runs alone.
        device: ``cpu``, ``cuda`` or ``auto``.
        law: Law of the data where it is a mixture; explicit score matching needs it.
    """
    dim = splits.train.shape[1]
    results = fit_all(
        [build_solver(run.solver, dim, stream("weights", seed), law) for seed in seeds],
        [torch.from_numpy(splits.train).float()] * len(seeds),
        [torch.from_numpy(splits.val).float()] * len(seeds),
        run.training,
        seeds=seeds,
        folder=work,
        device=device,
        progress=sys.stderr.isatty(),  # a log of bars is no log
        keep=True,
    )
    return dict(zip(seeds, results, strict=True))


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
