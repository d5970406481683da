"""What the library adds to the training loops of the laboratory: each against one written out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab_cases import CASES
from measuring import paired_measurements, use_threads, write_csv

AGREEMENT = 1e-5
"""Largest relative difference of the two sides after one step, in float32.

Later steps are no test: Adam makes a step of full size of a gradient that is rounding alone.
"""


@dataclass(frozen=True)
class Row:
    """One loop. Times of a step are medians in seconds."""

    case: str
    library_s: float
    written_s: float
    ratio: float
    disagreement: float


def disagreement(name: str) -> float:
    """Relative difference of the two sides after one step.

    Raises:
        RuntimeError: The two sides are not the same arithmetic.
    """
    ours, written = (run(1).result for run in (CASES[name].library, CASES[name].written))
    gap = float((ours - written).norm() / written.norm())
    if not gap <= AGREEMENT:
        raise RuntimeError(f"{name}: library and loop written out differ by {gap:.2g}")
    return gap


def measure(name: str, iterations: int, seconds: float) -> Row:
    """Check that both sides are the same, then time them in turn."""
    gap = disagreement(name)
    case = CASES[name]
    sides = [lambda run=run: run(iterations).seconds for run in (case.library, case.written)]
    ours, written = paired_measurements(sides, seconds, repeats=5)
    return Row(name, ours, written, ours / written, gap)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file.

    Raises:
        SystemExit: A ratio exceeds the one that is required.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--iterations", type=int, default=100, help="steps in a turn")
    parser.add_argument("--seconds", type=float, default=15.0, help="time budget per row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--require", type=float, help="largest ratio that passes")
    parser.add_argument("--output", type=Path, help="CSV file")
    args = parser.parse_args(argv)
    use_threads(args.threads)
    rows = []
    print("    case  ms a step: library   written     ratio  disagreement")
    for name in args.cases:
        row = measure(name, args.iterations, args.seconds)
        rows.append(row)
        print(
            f"{name:>8} {row.library_s * 1e3:19.3f} {row.written_s * 1e3:9.3f} {row.ratio:9.3f}"
            f" {row.disagreement:13.1e}"
        )
    if args.output is not None:
        write_csv(args.output, rows)
    slow = [row.case for row in rows if args.require is not None and row.ratio > args.require]
    if slow:
        raise SystemExit(f"ratio above {args.require} at {', '.join(slow)}")
    return rows


if __name__ == "__main__":
    main()
