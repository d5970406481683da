"""Memory of one gradient through continuous depth, with checkpointing, against one step."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from depth_cases import CASES, depth_solver
from measuring import paired_medians, peak_bytes, use_threads, write_csv


@dataclass(frozen=True)
class Row:
    """One case and number of steps. Peak memory in bytes, median times in seconds.

    ``ratio`` is checkpointed memory over that of one step without checkpointing.
    """

    case: str
    steps: int
    plain_bytes: int
    checkpointed_bytes: int
    ratio: float
    plain_s: float
    checkpointed_s: float


def gradient(name: str, steps: int, checkpoint: bool) -> Callable[[], None]:
    """A forward and a backward pass."""
    case = CASES[name]
    solver = depth_solver(case.parts(), steps, checkpoint=checkpoint)
    examples, generator = case.examples(), torch.Generator()

    def run() -> None:
        solver.zero_grad()
        solver.loss(examples, generator).total.backward()
        solver.zero_grad()

    return run


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["text", "image"])
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 5, 10, 20])
    parser.add_argument("--seconds", type=float, default=5.0, help="time budget per row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="CSV file")
    args = parser.parse_args(argv)
    use_threads(args.threads)
    rows = []
    print("  case  steps   memory MB: plain  checkpointed  ratio   time ms: plain  checkpointed")
    for name in args.cases:
        one = peak_bytes(gradient(name, 1, checkpoint=False))
        for steps in args.steps:
            runs = [gradient(name, steps, mode) for mode in (False, True)]
            times = paired_medians(runs, args.seconds)
            plain, checkpointed = (peak_bytes(run) for run in runs)
            row = Row(name, steps, plain, checkpointed, checkpointed / one, *times)
            rows.append(row)
            print(
                f"{row.case:>6} {row.steps:6d} {row.plain_bytes / 1e6:18.2f} "
                f"{row.checkpointed_bytes / 1e6:13.2f} {row.ratio:6.2f} "
                f"{row.plain_s * 1e3:16.1f} {row.checkpointed_s * 1e3:13.1f}"
            )
    if args.output is not None:
        write_csv(args.output, rows)
    return rows


if __name__ == "__main__":
    main()
