"""Every published number about OT-Transformers, beside ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pandas as pd

from mfglab.reporting.intervals import mean_interval

#: Names of tables of a run.
Tables = Mapping[str, pd.DataFrame]

_FILE = "published_ot_transformer.csv"
#: Our results are shares where the papers print percent.
_PERCENT = {"accuracy (%)", "accuracy drop (%)"}


@dataclass(frozen=True)
class PublishedRow:
    """One number of the paper and where ours is.

    Args:
        table: Number of the table in arXiv:2505.13499.
        experiment: As there.
        method: As there.
        condition: Value of the varied quantity, or empty.
        quantity: What is measured.
        value: The published number.
        spread: Its published deviation; NaN if none.
        seeds: Number of its seeds; 0 if not stated.
        task: Our task; empty if there is none.
        arm: Our arm.
        source: Our table: runs, robustness, sweep; empty if there is none.
        where: Further conditions on rows of our table, ``column=value;...``.
        column: Our column.
        note: What differs in this number whatever the profile, or why there is none of ours.
    """

    table: int
    experiment: str
    method: str
    condition: str
    quantity: str
    value: float
    spread: float
    seeds: int
    task: str
    arm: str
    source: str
    where: str
    column: str
    note: str


def published_rows() -> Iterator[PublishedRow]:
    """All rows of Tables 1 to 13, in the order of the paper."""
    text = resources.files("mfglab.reporting").joinpath(_FILE).read_text(encoding="utf-8")
    for entry in csv.DictReader(text.splitlines()):
        yield PublishedRow(
            table=int(entry["table"]),
            value=float(entry["value"]),
            spread=float(entry["spread"] or "nan"),
            seeds=int(entry["seeds"] or 0),
            **{
                key: entry[key]
                for key in (
                    "experiment", "method", "condition", "quantity", "task", "arm", "source",
                    "where", "column", "note",
                )
            },
        )  # fmt: skip


def published_table(tables: Tables, protocols: Mapping[str, str]) -> pd.DataFrame:
    """The published numbers, our mean with its 95% interval, and the difference of protocol.

    Args:
        tables: ``runs``, ``robustness`` and ``sweep`` of this run, one row a seed.
        protocols: By task, what of this run differs from the paper.
    """
    rows = []
    for row in published_rows():
        ours, low, high, n = _ours(row, tables)
        missing = "not run here" if row.source and not n else ""
        notes = (missing, protocols.get(row.task, "") if n else "", row.note)
        rows.append(
            {
                "table": row.table,
                "experiment": row.experiment,
                "method": row.method,
                "condition": row.condition,
                "quantity": row.quantity,
                "published": row.value,
                "spread": row.spread,
                "published_seeds": row.seeds,
                "ours": ours,
                "low": low,
                "high": high,
                "our_seeds": n,
                "note": "; ".join(filter(None, notes)),
            }
        )
    return pd.DataFrame(rows)


def _ours(row: PublishedRow, tables: Tables) -> tuple[float, float, float, int]:
    """Our mean, the ends of its interval, and the number of seeds; NaN and 0 if there is none."""
    nothing = (np.nan, np.nan, np.nan, 0)
    if not row.source:
        return nothing
    frame = tables[row.source]
    if not {"task", "arm", row.column} <= set(frame.columns):
        return nothing
    part = frame[(frame["task"] == row.task) & (frame["arm"] == row.arm)]
    for condition in filter(None, row.where.split(";")):
        key, value = condition.split("=")
        # An empty table has forgotten which of its columns hold words.
        if part.empty or key not in part.columns:
            return nothing
        held = part[key]
        if pd.api.types.is_numeric_dtype(held):
            part = part[np.isclose(held.astype(float), float(value))]
        else:
            part = part[held.astype(str) == value]
    values = part[row.column].dropna().to_list()
    if not values:
        return nothing
    factor = 100.0 if row.quantity in _PERCENT else 1.0
    interval = mean_interval([factor * value for value in values])
    low = np.nan if interval.low is None else interval.low
    high = np.nan if interval.high is None else interval.high
    return interval.estimate, low, high, interval.n
