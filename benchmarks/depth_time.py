"""Training iterations with continuous depth: M steps against M times the discrete stack.

Both sides have the same blocks, batch and optimiser. The discrete side is the network without any
class of this library's solvers: it computes no running cost and no accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from depth_cases import (
    AGREEMENT,
    CASES,
    Case,
    Discrete,
    depth_solver,
    disagreement,
    discrete_loss,
)
from measuring import finish, paired_medians, parse
from torch import Tensor, nn

from mfglab.solvers.continuous_depth import Velocity


@dataclass(frozen=True)
class Row:
    """One case and number of steps. Times are medians in seconds."""

    case: str
    steps: int
    discrete_s: float
    depth_s: float
    ratio: float


def iteration(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """One training step: forward, backward, AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run


def check(case: Case) -> None:
    """Raise unless one step of increments is the discrete network, gradients included."""
    generator = torch.Generator()
    inputs, labels = case.examples()
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    discrete = Discrete(case.parts()).double()
    solver = depth_solver(case.parts(), 1, velocity=Velocity.INCREMENT, weight=0.0).double()
    difference = disagreement(
        [
            lambda: discrete_loss(discrete, (inputs, labels)),
            lambda: solver.loss((inputs, labels), generator).total,
        ],
        [discrete, solver],
    )
    if not difference <= AGREEMENT:
        raise RuntimeError(f"{case}: relative difference {difference:.2e}, expected {AGREEMENT}")


def measure(name: str, steps: Sequence[int], velocity: Velocity, seconds: float) -> list[Row]:
    """Check that both sides are the same network, then time all of them in turn."""
    case = CASES[name]
    check(case)
    examples, generator = case.examples(), torch.Generator()
    network = Discrete(case.parts())
    runs = [iteration(network, lambda: discrete_loss(network, examples))]
    for count in steps:
        solver = depth_solver(case.parts(), count, velocity=velocity)
        runs.append(iteration(solver, lambda s=solver: s.loss(examples, generator).total))
    discrete, *times = paired_medians(runs, seconds, repeats=5)
    return [
        Row(name, count, discrete, time, time / (count * discrete))
        for count, time in zip(steps, times, strict=True)
    ]


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["text", "image"])
    parser.add_argument("--steps", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--velocity", type=Velocity, choices=list(Velocity), default="output")
    args = parse(parser, argv, seconds=30.0, ratio=True)
    rows = []
    print("  case  steps     discrete   continuous   ratio to steps * discrete")
    for name in args.cases:
        for row in measure(name, args.steps, args.velocity, args.seconds):
            rows.append(row)
            print(
                f"{row.case:>6} {row.steps:6d} {row.discrete_s * 1e3:9.2f} ms "
                f"{row.depth_s * 1e3:9.2f} ms {row.ratio:7.3f}"
            )
    finish(rows, args, at_most=True)
    return rows


if __name__ == "__main__":
    main()
