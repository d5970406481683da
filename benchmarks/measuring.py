"""What the benchmarks share: paired times, peak memory, tables."""

from __future__ import annotations

import csv
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
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
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


def use_threads(count: int) -> None:
    """Let torch use ``count`` threads."""
    torch.set_num_threads(count)
