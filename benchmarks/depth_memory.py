"""Memory of one gradient through continuous depth, with checkpointing, against one step."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from depth_cases import CASES, depth_solver
from measuring import finish, paired_medians, parse, peak_bytes

from mfglab.trajectories.integrate import Checkpointing

#: States kept where few are asked for: the least that the option allows.
FEW = 2


@dataclass(frozen=True)
class Row:
    """One case and number of steps. Peak memory in bytes, median times in seconds.

    Checkpointed memory is with a state a step, or with ``FEW`` states. The ratios are these
    over the memory of one step without checkpointing.
    """

    case: str
    steps: int
    plain_bytes: int
    checkpointed_bytes: int
    few_bytes: int
    ratio: float
    few_ratio: float
    plain_s: float
    checkpointed_s: float
    few_s: float


def gradient(name: str, steps: int, checkpoint: Checkpointing) -> Callable[[], None]:
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
    args = parse(parser, argv, seconds=5.0)
    rows = []
    print(
        "  case  steps  memory MB: plain  a state a step  ratio  few states  ratio  time ms: each"
    )
    for name in args.cases:
        one = peak_bytes(gradient(name, 1, checkpoint=False))
        for steps in args.steps:
            modes: tuple[Checkpointing, ...] = (False, True, FEW)
            runs = [gradient(name, steps, mode) for mode in modes]
            times = paired_medians(runs, args.seconds)
            memory = [peak_bytes(run) for run in runs]
            row = Row(name, steps, *memory, memory[1] / one, memory[2] / one, *times)
            rows.append(row)
            print(
                f"{row.case:>6} {row.steps:6d} {row.plain_bytes / 1e6:17.2f} "
                f"{row.checkpointed_bytes / 1e6:15.2f} {row.ratio:6.2f} "
                f"{row.few_bytes / 1e6:10.2f} {row.few_ratio:6.2f} "
                + " ".join(f"{1e3 * value:8.1f}" for value in times)
            )
    finish(rows, args)
    return rows


if __name__ == "__main__":
    main()
