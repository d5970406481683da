"""Memory of one gradient of the kernel score model (WPO) against the batch.

The matching objective couples every point of a batch with every kernel. Kept are arrays of batch x
kernels numbers; pulls would be d times as large, Hessians d x d times.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from measuring import finish, parse, peak_bytes

from mfglab.solvers.wpo import KernelScoreModel


@dataclass(frozen=True)
class Row:
    """One size; ``growth`` is the memory a further point costs, over batch x kernels x d floats."""

    dim: int
    centres: int
    batch: int
    peak_bytes: int
    growth: float


def peak(dim: int, centres: int, batch: int) -> int:
    """Peak tensor memory of loss and gradient, in bytes."""
    generator = torch.Generator().manual_seed(0)
    model = KernelScoreModel(dim, centres=centres, generator=generator)
    model.place(torch.randn(centres, dim, generator=generator))
    x = torch.randn(batch, dim, generator=generator)
    return peak_bytes(lambda: model.loss(x, generator).total.backward())


def measure(dim: int, centres: int, batches: Sequence[int]) -> list[Row]:
    """One row a batch size, in increasing order."""
    peaks = [peak(dim, centres, batch) for batch in batches]
    rows = []
    for k, (batch, value) in enumerate(zip(batches, peaks, strict=True)):
        other = k - 1 if k else 1
        growth = (value - peaks[other]) / (batch - batches[other]) / (4 * centres * dim)
        rows.append(Row(dim, centres, batch, value, growth))
    return rows


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dims", nargs="+", type=int, default=[2, 8, 32, 64])
    parser.add_argument("--centres", type=int, default=1000)
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 128, 256, 512])
    args = parse(parser, argv)
    if len(args.batches) < 2 or sorted(set(args.batches)) != args.batches:
        parser.error(f"--batches must be two or more in increasing order, got {args.batches}")
    rows = [row for dim in args.dims for row in measure(dim, args.centres, args.batches)]
    print("  d  centres  batch   peak MB  growth")
    for row in rows:
        size = row.peak_bytes / 1e6
        print(f"{row.dim:>3} {row.centres:>8} {row.batch:>6} {size:>9.1f} {row.growth:>7.2f}")
    finish(rows, args)
    return rows


if __name__ == "__main__":
    main()
