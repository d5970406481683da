"""What ``fit`` adds to an optimiser step: the one training loop against a loop written out.

Both sides train the same model on the same batches with the same optimiser and learning rates and
must end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from depth_cases import CASES, Case, TimedSolver, depth_solver
from measuring import paired_measurements, use_threads, write_csv

from mfglab.config import TrainingConfig
from mfglab.training.batches import RandomBatches
from mfglab.training.fit import fit
from mfglab.training.module import learning_rate_factor
from mfglab.training.seeds import stream

SEED = 0


@dataclass(frozen=True)
class Row:
    """One model. Times of a step are medians in seconds."""

    case: str
    fit_s: float
    bare_s: float
    overhead_s: float


def settings(case: Case, iterations: int) -> TrainingConfig:
    """Adam with a cosine, one validation at the end."""
    return TrainingConfig(iterations=iterations, batch_size=case.batch, val_every=iterations)


def by_fit(case: Case, training: TrainingConfig) -> TimedSolver:
    """Train through ``fit``."""
    solver, examples = TimedSolver(depth_solver(case.parts(), 1)), case.examples()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        fit(
            solver,
            examples,
            examples,
            training,
            seed=SEED,
            folder=work,
            device="cpu",
            progress=False,
        )
    return solver


def by_hand(case: Case, training: TrainingConfig) -> TimedSolver:
    """The same optimisation in one short loop."""
    solver = TimedSolver(depth_solver(case.parts(), 1))
    batches = RandomBatches(case.examples(), case.batch, training.iterations, SEED)
    noise = stream("noise", SEED, 0)
    optimizer = torch.optim.Adam(solver.parameters(), lr=training.learning_rate, fused=True)
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * learning_rate_factor(training, step)
        optimizer.zero_grad()
        total = solver.loss(batch, noise).total
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the loss is {total.item()} at step {step}")
        total.backward()
        optimizer.step()
    return solver


def measure(name: str, iterations: int, seconds: float) -> Row:
    """Check that both loops are the same optimisation, then time them in turn.

    Raises:
        RuntimeError: The weights differ.
    """
    case = CASES[name]
    training = settings(case, iterations)
    ends = [list(train(case, training).parameters()) for train in (by_fit, by_hand)]
    if not all(torch.equal(a, b) for a, b in zip(*ends, strict=True)):
        raise RuntimeError(f"{name}: fit and the loop written out end with different weights")
    sides = [lambda t=train: t(case, training).seconds_per_step() for train in (by_fit, by_hand)]
    ours, bare = paired_measurements(sides, seconds, repeats=5)
    return Row(name, ours, bare, ours - bare)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["tiny", "image"])
    parser.add_argument("--iterations", type=int, default=200, help="optimiser steps in a turn")
    parser.add_argument("--seconds", type=float, default=15.0, help="time budget per row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="CSV file")
    args = parser.parse_args(argv)
    use_threads(args.threads)
    rows = []
    print("  case    ms a step: fit      bare  overhead")
    for name in args.cases:
        row = measure(name, args.iterations, args.seconds)
        rows.append(row)
        print(
            f"{name:>6} {row.fit_s * 1e3:17.3f} {row.bare_s * 1e3:9.3f} {row.overhead_s * 1e3:9.3f}"
        )
    if args.output is not None:
        write_csv(args.output, rows)
    return rows


if __name__ == "__main__":
    main()
