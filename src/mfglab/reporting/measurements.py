"""From a table to the quantity of a claim: choosing rows, units and pairs, and intervals.

Randomness enters once a unit (by default one seed). Several rows of a unit are one number or an
error, never several independent values.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from mfglab.reporting.claims import BoundHolds, Claim, Filter, Scalar, SlopeWithin
from mfglab.reporting.csvio import TableError
from mfglab.reporting.intervals import (
    Interval,
    mean_interval,
    paired_interval,
    range_interval,
    ratio_interval,
)

#: Two-sided normal quantile at 95 %, for Monte-Carlo errors of many draws.
NORMAL_QUANTILE = 1.959964
#: Relative difference below which a filter value equals a cell written with six digits.
_CELL_TOLERANCE = 1e-5

Units = dict[Hashable, float]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]


class NotFiniteError(TableError):
    """A measured value is missing or infinite."""


def select(frame: pd.DataFrame, wanted: Filter, table: str) -> pd.DataFrame:
    """Rows of ``frame`` in which every column of ``wanted`` has one of its values.

    Raises:
        TableError: A column does not exist, or a word is asked of a column of numbers.
    """
    keep = np.ones(len(frame), dtype=bool)
    for column, values in wanted.items():
        cells = _column(frame, column, table)
        options = values if isinstance(values, list) else [values]
        hits = [_equals(cells, value, f"{table}, column {column!r}") for value in options]
        keep &= np.logical_or.reduce(hits) if hits else False
    return frame[keep]


def level(claim: Claim, rows: pd.DataFrame) -> Interval:
    """Mean of the measured column over units, arithmetic or geometric.

    Raises:
        ValueError: The mean is geometric and a value is not positive.
    """
    values = list(_units(claim, rows).values())
    if claim.measurement.average == "geometric":
        return ratio_interval(values, [1.0] * len(values))
    return _interval(claim, values)


def difference(claim: Claim, first: pd.DataFrame, second: pd.DataFrame) -> Interval:
    """Mean of the paired differences ``first - second``."""
    a, b = _pairs(claim, first, second)
    if claim.deterministic:
        return range_interval([x - y for x, y in zip(a, b, strict=True)])
    return paired_interval(a, b)


def ratio(claim: Claim, first: pd.DataFrame, second: pd.DataFrame) -> Interval:
    """Geometric mean of the paired ratios ``first / second``."""
    a, b = _pairs(claim, first, second)
    if claim.deterministic and min(*a, *b) > 0:
        return range_interval([x / y for x, y in zip(a, b, strict=True)])
    return ratio_interval(a, b)


def slope(claim: Claim, comparison: SlopeWithin, rows: pd.DataFrame) -> Interval:
    """Least-squares slope of log(measured) in log(x), one fit for each unit.

    Raises:
        TableError: A value is not positive, or a unit has fewer than two abscissae.
    """
    table = claim.measurement.table
    x = _positive(_numbers(rows, comparison.x, table), comparison.x, table)
    y = _positive(_numbers(rows, claim.measurement.column, table), claim.measurement.column, table)
    logs = pd.DataFrame({"x": np.log(x), "y": np.log(y)}, index=rows.index)
    slopes = []
    for key, index in _groups(claim, rows).items():
        part = logs.loc[index]
        centred = part["x"] - part["x"].mean()
        if part["x"].nunique() < 2:
            raise TableError(f"{table}: unit {key} has one value of {comparison.x!r}, no slope")
        slopes.append(float((centred * part["y"]).sum() / (centred**2).sum()))
    return _interval(claim, slopes)


def excess(claim: Claim, comparison: BoundHolds, rows: pd.DataFrame) -> Interval | None:
    """Largest ``measured - bound`` over all rows whose bound is finite.

    The interval is on the safe side: its upper end is the largest upper end of any row. Without
    a standard error, rows of a random measurement need at least two units.

    Returns:
        The interval, or None when every bound is infinite (vacuous).
    """
    table = claim.measurement.table
    measured = _numbers(rows, claim.measurement.column, table)
    bound = _column(rows, comparison.bound, table).to_numpy(dtype=np.float64)
    if np.isnan(bound).any() or np.isneginf(bound).any():
        raise TableError(
            f"{_cell(rows, int(np.argmin(bound)), comparison.bound, table)} is no bound"
        )
    useful = np.isfinite(bound)
    if not useful.any():
        return None
    gap = (measured - bound)[useful]
    margin = np.zeros_like(gap)
    if comparison.standard_error is not None:
        errors = _numbers(rows, comparison.standard_error, table)[useful]
        if (errors < 0).any():
            raise TableError(f"{table}: column {comparison.standard_error!r} has a negative error")
        margin = NORMAL_QUANTILE * errors
    n, worst = len(gap), float(gap.max())
    exact = claim.deterministic or comparison.standard_error is not None
    if not exact and len(_groups(claim, rows)) < 2:
        return Interval(worst, None, None, n)
    return Interval(worst, float((gap - margin).max()), float((gap + margin).max()), n)


def _interval(claim: Claim, values: Sequence[float]) -> Interval:
    return range_interval(values) if claim.deterministic else mean_interval(values)


def _units(claim: Claim, rows: pd.DataFrame) -> Units:
    """One number for each unit.

    Raises:
        TableError: A unit has several rows and the claim names no aggregate.
    """
    measurement, table = claim.measurement, claim.measurement.table
    values = pd.Series(_numbers(rows, measurement.column, table), index=rows.index)
    units: Units = {}
    for key, index in _groups(claim, rows).items():
        part = values.loc[index]
        if len(part) > 1 and measurement.aggregate is None:
            raise TableError(
                f"{table}: {len(part)} rows for one unit ({_unit_name(claim, key)}); narrow the "
                "filter, add columns to pair_on or name an aggregate"
            )
        units[key] = float(part.agg(measurement.aggregate or "mean"))
    return units


def _groups(claim: Claim, rows: pd.DataFrame) -> dict[Hashable, pd.Index]:
    """Row labels of each unit, sorted by unit."""
    for column in claim.pair_on:
        _column(rows, column, claim.measurement.table)
    if not claim.pair_on:
        return {"all": rows.index}
    grouped = rows.groupby(claim.pair_on, sort=True, dropna=False)
    return {key: part.index for key, part in grouped}


def _pairs(
    claim: Claim, first: pd.DataFrame, second: pd.DataFrame
) -> tuple[list[float], list[float]]:
    """Values of the two sides, unit by unit.

    Raises:
        TableError: A unit is on one side only.
    """
    a, b = _units(claim, first), _units(claim, second)
    lonely = sorted(_unit_name(claim, key) for key in a.keys() ^ b.keys())
    if lonely:
        raise TableError(
            f"{claim.measurement.table}: no partner in the paired comparison for "
            f"{'; '.join(lonely)}"
        )
    return list(a.values()), [b[key] for key in a]


def _unit_name(claim: Claim, key: Hashable) -> str:
    values = key if isinstance(key, tuple) else (key,)
    named = zip(claim.pair_on, values, strict=False)
    return ", ".join(f"{column} = {value}" for column, value in named) or "all rows"


def _equals(cells: pd.Series, value: Scalar, where: str) -> Mask:
    """Which cells equal ``value``; numbers up to the digits of the table."""
    hits: Mask
    if pd.api.types.is_bool_dtype(cells):
        if not isinstance(value, bool):
            raise TableError(f"{where} holds true/false, the filter asks for {value!r}")
        hits = cells.to_numpy() == value
    elif pd.api.types.is_numeric_dtype(cells):
        if isinstance(value, bool | str):
            raise TableError(f"{where} holds numbers, the filter asks for {value!r}")
        hits = np.isclose(
            cells.to_numpy(dtype=np.float64), float(value), rtol=_CELL_TOLERANCE, atol=0.0
        )
    else:
        hits = cells.astype(str).to_numpy() == str(value)
    return hits


def _column(frame: pd.DataFrame, column: str, table: str) -> pd.Series:
    if column not in frame.columns:
        raise TableError(f"{table} has no column {column!r}; it has {', '.join(frame.columns)}")
    return frame[column]


def _numbers(rows: pd.DataFrame, column: str, table: str) -> Numbers:
    """Finite numbers of one column.

    Raises:
        TableError: The column holds text.
        NotFiniteError: A cell is empty or not finite: a failed run, or a number without meaning.
    """
    cells = _column(rows, column, table)
    if not pd.api.types.is_numeric_dtype(cells):
        raise TableError(f"{table}: column {column!r} holds no numbers but {str(cells.iloc[0])!r}")
    numbers = cells.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise NotFiniteError(f"{_cell(rows, int(bad[0]), column, table)} is not finite")
    return numbers


def _positive(numbers: Numbers, column: str, table: str) -> Numbers:
    if (numbers <= 0).any():
        raise TableError(f"{table}: column {column!r} must be positive, got {numbers.min():g}")
    return numbers


def _cell(rows: pd.DataFrame, position: int, column: str, table: str) -> str:
    # the header is line 1 of the file
    line = int(str(rows.index[position])) + 2
    return f"{table}, line {line}, column {column!r}: {rows[column].iloc[position]}"
