"""Memory and time of one OT-Flow gradient against the number of steps, with checkpointing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from measuring import finish, paired_medians, parse, peak_bytes

from mfglab.solvers.otflow import OtFlow


@dataclass(frozen=True)
class Row:
    """One number of steps. Peak memory in bytes, median times in seconds."""

    steps: int
    plain_bytes: int
    checkpointed_bytes: int
    plain_s: float
    checkpointed_s: float


def gradient(steps: int, checkpoint: bool, batch: int, dim: int, width: int) -> Callable[[], None]:
    """A forward and a backward pass."""
    generator = torch.Generator().manual_seed(0)
    solver = OtFlow(dim, width=width, steps=steps, checkpoint=checkpoint, generator=generator)
    x = torch.randn(batch, dim, generator=generator)

    def run() -> None:
        solver.zero_grad()
        solver.loss(x, generator).total.backward()

    return run


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--dim", type=int, default=2)
    parser.add_argument("--width", type=int, default=32)
    args = parse(parser, argv, seconds=5.0)
    rows = []
    print(" steps   memory MB: plain  checkpointed     time ms: plain  checkpointed")
    for steps in args.steps:
        runs = [gradient(steps, mode, args.batch, args.dim, args.width) for mode in (False, True)]
        times = paired_medians(runs, args.seconds)
        row = Row(steps, *(peak_bytes(run) for run in runs), *times)
        rows.append(row)
        print(
            f"{steps:6d} {row.plain_bytes / 1e6:18.2f} {row.checkpointed_bytes / 1e6:13.2f} "
            f"{row.plain_s * 1e3:18.1f} {row.checkpointed_s * 1e3:13.1f}"
        )
    finish(rows, args)
    return rows


if __name__ == "__main__":
    main()
