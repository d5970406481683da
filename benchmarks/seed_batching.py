"""What training S seeds of a small model together costs, over S times the training of one.

Both sides go through the library, ``fit`` and ``fit_members``, start to end.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring import finish, paired_medians, parse

from mfglab.config import TrainingConfig
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.solvers.base import PointwiseSolver
from mfglab.solvers.cnf import Cnf
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.fit import fit, fit_members

AGREEMENT = 1e-4
"""Largest relative difference of a validation loss between a seed trained together and alone."""

Make = Callable[[int, torch.Generator], PointwiseSolver]

MODELS: dict[str, Make] = {
    "otflow": lambda width, g: OtFlow(2, width=width, steps=4, generator=g),
    "cnf": lambda width, g: Cnf(2, width=width, steps=4, generator=g),
    "vector": lambda width, g: ScoreModel(
        2, OrnsteinUhlenbeck(), potential=False, width=width, generator=g
    ),
    "potential": lambda width, g: ScoreModel(2, OrnsteinUhlenbeck(), width=width, generator=g),
    "kernels": lambda width, g: KernelScoreModel(2, centres=200, width=width, generator=g),
}


@dataclass(frozen=True)
class Row:
    """One size. Times of a run are medians in seconds; ``ratio`` is together / (seeds alone)."""

    model: str
    width: int
    batch: int
    seeds: int
    alone_s: float
    together_s: float
    ratio: float


class Runs:
    """The two ways to train.

    Args:
        model: One of ``MODELS``.
        width: Hidden width.
        batch: Points a step and seed.
        seeds: Number of seeds.
        iterations: Steps of a run.
    """

    def __init__(self, model: str, width: int, batch: int, seeds: int, iterations: int) -> None:
        self.make, self.width, self.seeds = MODELS[model], width, seeds
        self.training = TrainingConfig(
            iterations=iterations, val_every=iterations, batch_size=batch, gradient_clip=1.0
        )
        draw = torch.Generator().manual_seed(0)
        self.train, self.val = (torch.randn(n, 2, generator=draw) for n in (2000, 200))

    def alone(self, seed: int) -> float:
        """Train one seed; its validation loss at the end."""
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            result = fit(
                self._solver(seed),
                self.train,
                self.val,
                self.training,
                seed=seed,
                folder=work,
                progress=False,
            )
        return result.history[-1]["val_loss"]

    def together(self) -> list[float]:
        """Train all seeds in one loop; their validation losses at the end."""
        seeds = range(self.seeds)
        with tempfile.TemporaryDirectory() as folder:
            results = fit_members(
                [self._solver(seed) for seed in seeds],
                [self.train] * self.seeds,
                [self.val] * self.seeds,
                self.training,
                seeds=seeds,
                folder=Path(folder) / "work",
                progress=False,
            )
        return [result.history[-1]["val_loss"] for result in results]

    def _solver(self, seed: int) -> PointwiseSolver:
        return self.make(self.width, torch.Generator().manual_seed(seed))


def disagreement(model: str, width: int, batch: int, seeds: int) -> float:
    """Largest relative difference of the seeds' validation losses after five steps."""
    runs = Runs(model, width, batch, seeds, 5)
    pairs = zip(runs.together(), map(runs.alone, range(seeds)), strict=True)
    return max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)


def measure(model: str, width: int, batch: int, seeds: int, iterations: int, seconds: float) -> Row:
    """Check that both ways agree, then time one seed and all of them in turn.

    Raises:
        RuntimeError: The validation losses differ.
    """
    gap = disagreement(model, width, batch, seeds)
    if not gap <= AGREEMENT:
        raise RuntimeError(f"{model}, {seeds} seeds: relative difference of losses {gap:.2g}")
    runs = Runs(model, width, batch, seeds, iterations)
    alone, together = paired_medians([lambda: runs.alone(0), runs.together], seconds)
    return Row(model, width, batch, seeds, alone, together, together / (seeds * alone))


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--widths", nargs="+", type=int, default=[32, 64])
    parser.add_argument("--batches", nargs="+", type=int, default=[128])
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 10])
    parser.add_argument("--iterations", type=int, default=100, help="steps of a run")
    args = parse(parser, argv, seconds=3.0)
    rows = []
    print("    model  width  batch  seeds  seconds a run: alone  together     ratio")
    for model in args.models:
        for width in args.widths:
            for batch in args.batches:
                for seeds in args.seeds:
                    row = measure(model, width, batch, seeds, args.iterations, args.seconds)
                    rows.append(row)
                    print(
                        f"{model:>9} {width:>6} {batch:>6} {seeds:>6} {row.alone_s:>21.2f}"
                        f" {row.together_s:>9.2f} {row.ratio:>9.2f}"
                    )
    finish(rows, args)
    return rows


if __name__ == "__main__":
    main()
