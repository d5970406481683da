"""What ``fit`` adds to an optimiser step: the one training loop against a loop written out.

Both sides train the same model on the same batches with the same optimiser and learning rates and
must end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from depth_cases import CASES, Case, depth_solver
from loops import SEED, by_fit, by_hand
from measuring import finish, paired_measurements, parse

from mfglab.config import TrainingConfig
from mfglab.solvers.depth_solver import DepthSolver
from mfglab.training.seeds import stream


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


def through_fit(case: Case, training: TrainingConfig) -> tuple[DepthSolver, float]:
    """The solver trained by ``fit``, and the time of a step."""
    solver, examples = depth_solver(case.parts(), 1), case.examples()
    return solver, by_fit(solver, examples, examples, training)


def written_out(case: Case, training: TrainingConfig) -> tuple[DepthSolver, float]:
    """The same optimisation in one short loop."""
    solver, noise = depth_solver(case.parts(), 1), stream("noise", SEED, 0)
    seconds = by_hand(
        solver, case.examples(), training, lambda batch: solver.loss(batch, noise).total
    )
    return solver, seconds


def measure(name: str, iterations: int, seconds: float) -> Row:
    """Check that both loops are the same optimisation, then time them in turn.

    Raises:
        RuntimeError: The weights differ.
    """
    case = CASES[name]
    training = settings(case, iterations)
    loops = (through_fit, written_out)
    ends = [list(train(case, training)[0].parameters()) for train in loops]
    if not all(torch.equal(a, b) for a, b in zip(*ends, strict=True)):
        raise RuntimeError(f"{name}: fit and the loop written out end with different weights")
    sides = [lambda t=train: t(case, training)[1] for train in loops]
    ours, bare = paired_measurements(sides, seconds, repeats=5)
    return Row(name, ours, bare, ours - bare)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["tiny", "image"])
    parser.add_argument("--iterations", type=int, default=200, help="optimiser steps in a turn")
    args = parse(parser, argv, seconds=15.0)
    rows = []
    print("  case    ms a step: fit      bare  overhead")
    for name in args.cases:
        row = measure(name, args.iterations, args.seconds)
        rows.append(row)
        print(
            f"{name:>6} {row.fit_s * 1e3:17.3f} {row.bare_s * 1e3:9.3f} {row.overhead_s * 1e3:9.3f}"
        )
    finish(rows, args)
    return rows


if __name__ == "__main__":
    main()
