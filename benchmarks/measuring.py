"""What the benchmarks share: paired times, peak memory, tables."""

from __future__ import annotations

import argparse
import csv
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def paired_medians(
    runs: Sequence[Callable[[], object]], seconds: float, repeats: int = 3
) -> list[float]:
    """Median wall time of each run, in seconds.

    The runs take turns, so that a slow phase of the machine falls on all of them.

    Args:
        runs: What is timed; each is called once before, untimed.
        seconds: Budget; no further turn starts once it is spent.
        repeats: Turns that are taken whatever the budget.
    """
    return paired_measurements([partial(_wall_time, run) for run in runs], seconds, repeats)


def paired_measurements(
    runs: Sequence[Callable[[], float]], seconds: float, repeats: int = 3
) -> list[float]:
    """Medians of what runs that take turns return; arguments as for :func:`paired_medians`."""
    for run in runs:
        run()
    values: list[list[float]] = [[] for _ in runs]
    started = time.perf_counter()
    while len(values[0]) < repeats or time.perf_counter() - started < seconds:
        for run, record in zip(runs, values, strict=True):
            record.append(run())
    return [statistics.median(record) for record in values]


def _wall_time(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def peak_bytes(run: Callable[[], object]) -> int:
    """Largest sum of the tensor memory that ``run`` holds at one moment, in bytes.

    Counts every allocation and release, so the number is the same in every run; memory that was
    held before is not counted.
    """
    gc.collect()  # what an earlier run left must not be released, and counted, in this one
    gc.disable()
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
            run()
    finally:
        gc.enable()
    assert record.profiler is not None
    events = record.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def write_csv(path: Path, rows: Sequence[Any]) -> None:
    """Write dataclass instances of one type, complete or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    partial.replace(path)


def parse(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    *,
    seconds: float | None = None,
    ratio: bool = False,
) -> argparse.Namespace:
    """Parse a command line, and let torch use as many threads as it says.

    Args:
        parser: Has the arguments of the one benchmark; those of all are added.
        argv: Words of the command line.
        seconds: Time budget of a row by default; None where no time is measured.
        ratio: Whether a ratio can be required, see :func:`finish`.
    """
    if seconds is not None:
        text = "time budget of a row (default: %(default)s)"
        parser.add_argument("--seconds", type=float, default=seconds, help=text)
    if ratio:
        parser.add_argument("--require", type=float, help="fail if a ratio is worse than this")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--output", type=Path, help="CSV file")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    return args


def finish(rows: Sequence[Any], args: argparse.Namespace, *, at_most: bool | None = None) -> None:
    """Write the rows where ``args`` says, and look at the ratio that it requires.

    Args:
        rows: What was measured; has ``ratio`` where one can be required.
        args: The command line.
        at_most: Whether the required ratio is the largest that passes, or the smallest; None where
            none can be required.

    Raises:
        SystemExit: A ratio is worse than required; the message has the row.
    """
    if args.output is not None:
        write_csv(args.output, rows)
    if at_most is None or args.require is None:
        return
    worst = (max if at_most else min)(rows, key=lambda row: row.ratio)
    if (worst.ratio > args.require) if at_most else (worst.ratio < args.require):
        sign = ">" if at_most else "<"
        raise SystemExit(f"ratio {worst.ratio:.3f} {sign} {args.require} at {worst}")
