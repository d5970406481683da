"""Training iterations of OT-Flow: closed-form derivatives against nested differentiation.

Both sides have the same weights, batch, network, integrator and objective; they differ only in
how gradient, time derivative and trace of the potential are obtained. One run times both in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from measuring import finish, paired_medians, parse, peak_bytes
from torch import Tensor

from mfglab.networks.potential import PotentialDerivatives, PotentialNet
from mfglab.solvers.otflow import OtFlow

AGREEMENT = 1e-9
"""Largest relative difference of losses and gradients in float64."""


@dataclass(frozen=True)
class Size:
    """Space dimension, hidden width, batch and Runge-Kutta 4 steps."""

    dim: int
    width: int
    batch: int
    steps: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read ``dim,width,batch,steps``."""
        try:
            numbers = [int(part) for part in text.split(",")]
            size = cls(*numbers)
        except (TypeError, ValueError):
            raise argparse.ArgumentTypeError(
                f"a size is dim,width,batch,steps, for instance 2,32,512,8; got {text!r}"
            ) from None
        if min(numbers) < 1:
            raise argparse.ArgumentTypeError(f"sizes are positive, got {text!r}")
        return size


SIZES = [Size(2, 32, 512, 8), Size(2, 32, 1024, 8), Size(6, 128, 1000, 10), Size(43, 256, 500, 6)]


@dataclass(frozen=True)
class Row:
    """One size. Times are medians in seconds, memory is the peak in bytes."""

    dim: int
    width: int
    batch: int
    steps: int
    closed_form_s: float
    nested_s: float
    ratio: float
    closed_form_bytes: int
    nested_bytes: int
    disagreement: float


class NestedPotential(PotentialNet):
    """The same potential, differentiated automatically: d + 1 backward sweeps a point."""

    def derivative_field(self) -> Callable[[Tensor, Tensor], PotentialDerivatives]:
        """Gradient by one backward sweep, trace by d more through the first."""
        return self.nested_derivatives

    def nested_derivatives(self, t: Tensor, x: Tensor) -> PotentialDerivatives:
        """Derivatives at ``x`` (n, d) and a scalar time."""
        x = x if x.requires_grad else x.detach().requires_grad_()
        t = t.expand(x.shape[0]).clone().requires_grad_()
        gradient, dt = torch.autograd.grad(self(t, x).sum(), (x, t), create_graph=True)
        trace = torch.zeros_like(dt)
        for k in range(self.dim):
            row = torch.autograd.grad(gradient[:, k].sum(), x, create_graph=True)[0]
            trace = trace + row[:, k]
        return PotentialDerivatives(gradient, dt, trace)


def solvers(size: Size, dtype: torch.dtype) -> tuple[OtFlow, OtFlow]:
    """The library's solver and its nested twin, with the same weights."""
    pair = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(0)
        solver = OtFlow(
            size.dim,
            width=size.width,
            steps=size.steps,
            terminal_weight=5.0,
            generator=generator,
        )
        pair.append(solver.to(dtype))
    closed, nested = pair
    twin = NestedPotential(size.dim, size.width).to(dtype)
    twin.load_state_dict(closed.potential.state_dict())
    nested.potential = twin
    return closed, nested


def disagreement(size: Size, points: int = 32) -> float:
    """Largest relative difference of the two losses and of their gradients, in float64."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(min(points, size.batch), size.dim, dtype=torch.float64, generator=generator)
    results = []
    for solver in solvers(size, torch.float64):
        total = solver.loss(x, generator).total
        total.backward()
        grads = [p.grad for p in solver.parameters() if p.grad is not None]
        results.append([total.detach(), *grads])
    return max(
        float((a - b).norm() / b.norm().clamp_min(1e-300)) for a, b in zip(*results, strict=True)
    )


def iteration(solver: OtFlow, x: Tensor) -> Callable[[], None]:
    """One training step: forward, backward, Adam."""
    optimizer = torch.optim.Adam(solver.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)

    def run() -> None:
        optimizer.zero_grad()
        solver.loss(x, generator).total.backward()
        optimizer.step()

    return run


def measure(size: Size, seconds: float) -> Row:
    """Check that both sides agree, then time them in turn.

    Raises:
        RuntimeError: They disagree by more than :data:`AGREEMENT`.
    """
    difference = disagreement(size)
    if not difference <= AGREEMENT:
        raise RuntimeError(f"{size}: relative difference {difference:.2e}, expected {AGREEMENT}")
    x = torch.randn(size.batch, size.dim, generator=torch.Generator().manual_seed(1))
    runs = [iteration(solver, x) for solver in solvers(size, torch.float32)]
    closed, nested = paired_medians(runs, seconds)
    memory = [peak_bytes(run) for run in runs]
    return Row(
        size.dim,
        size.width,
        size.batch,
        size.steps,
        closed,
        nested,
        nested / closed,
        *memory,
        difference,
    )


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=Size.parse, nargs="+", default=SIZES)
    args = parse(parser, argv, seconds=15.0, ratio=True)
    rows = []
    print("     d  width  batch  steps   closed form        nested   ratio   memory MB: both sides")
    for size in args.sizes:
        row = measure(size, args.seconds)
        rows.append(row)
        print(
            f"{row.dim:6d} {row.width:6d} {row.batch:6d} {row.steps:6d} "
            f"{row.closed_form_s * 1e3:10.1f} ms {row.nested_s * 1e3:10.1f} ms {row.ratio:7.2f} "
            f"{row.closed_form_bytes / 1e6:12.1f} {row.nested_bytes / 1e6:9.1f}"
        )
    finish(rows, args, at_most=False)
    return rows


if __name__ == "__main__":
    main()
