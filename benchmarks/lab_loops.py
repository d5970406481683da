"""What the library adds to the training loops of the laboratory: each against one written out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lab_cases import CASES
from measuring import finish, paired_measurements, parse

AGREEMENT = 1e-10
"""Largest relative difference of the two sides after one step, in float64.

In float32 and after more steps it is no test: of a gradient that is rounding alone, as that of the
discriminator's last bias, Adam makes a step of up to full size.
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
    """Relative difference of the two sides after one step, in float64.

    Raises:
        RuntimeError: The two sides are not the same arithmetic.
    """
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        ours, written = (run(1).result for run in (CASES[name].library, CASES[name].written))
    finally:
        torch.set_default_dtype(usual)
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
    args = parse(parser, argv, seconds=15.0, ratio=True)
    rows = []
    print("    case  ms a step: library   written     ratio  disagreement")
    for name in args.cases:
        row = measure(name, args.iterations, args.seconds)
        rows.append(row)
        print(
            f"{name:>8} {row.library_s * 1e3:19.3f} {row.written_s * 1e3:9.3f} {row.ratio:9.3f}"
            f" {row.disagreement:13.1e}"
        )
    finish(rows, args, at_most=True)
    return rows


if __name__ == "__main__":
    main()
