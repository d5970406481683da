"""Training times: the one table that no rerun reproduces byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd


def cost_table(paths: Sequence[Path]) -> pd.DataFrame:
    """Seconds of training and peak memory of its process, by model and data set, over seeds.

    Args:
        paths: Timing files, each with an entry or a list of them.
    """
    frame = pd.DataFrame(_entries(paths))
    frame["ms_per_step"] = 1000 * frame["seconds"] / frame["steps"]
    grouped = frame.groupby(["model", "dataset"], sort=True)
    return grouped.agg(
        seeds=("seed", "count"),
        steps=("steps", "mean"),
        seconds_mean=("seconds", "mean"),
        seconds_max=("seconds", "max"),
        ms_per_step=("ms_per_step", "median"),
        peak_mb=("peak_mb", "max"),
    ).reset_index()


def depth_cost_table(paths: Sequence[Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Training times of the arms of all tasks, beside operations of a step and weights.

    Args:
        paths: Timing files, one an arm, each a list with an entry a seed.
        runs: Columns ``task``, ``arm``, ``flops``, ``parameters``.
    """
    frame = pd.DataFrame(
        _entries(paths), columns=["task", "arm", "seed", "seconds", "steps", "peak_mb"]
    )
    frame["ms_per_step"] = 1000 * frame["seconds"] / frame["steps"]
    times = frame.groupby(["task", "arm"], sort=True).agg(
        seeds=("seed", "count"),
        seconds_mean=("seconds", "mean"),
        ms_per_step=("ms_per_step", "median"),
        peak_mb=("peak_mb", "max"),
    )
    sizes = runs.groupby(["task", "arm"], sort=True)[["flops", "parameters"]].mean()
    return times.join(sizes).reset_index()


def _entries(paths: Sequence[Path]) -> list[dict[str, Any]]:
    read = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [row for found in read for row in (found if isinstance(found, list) else [found])]
