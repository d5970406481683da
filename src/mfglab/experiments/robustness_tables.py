"""Robustness: slopes of the sweeps, and the readable table of all bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Chooser = Callable[[pd.DataFrame], "pd.Series[bool]"]


@dataclass(frozen=True)
class Slope:
    """A predicted power law: one fit for each law, arm and finite sample.

    Args:
        name: Name in the table.
        expected: Predicted slope of log(value) in log(x).
        column: ``measured`` or ``bound``.
        rows: Which rows of the table of cells.
    """

    name: str
    expected: float
    column: str
    rows: Chooser


def _w1(sweep: str) -> Chooser:
    return lambda d: (d["sweep"] == sweep) & (d["quantity"] == "w1")


def _and(first: Chooser, second: Chooser) -> Chooser:
    return lambda d: first(d) & second(d)


#: Power laws hold in a limit. Ranges: eps up to a sixteenth of the variance of a mode, smooth laws;
#: at least 80 steps; score errors up to 0.2 on the line and 0.5 on the circle.
SLOPES = (
    Slope(
        "samples", -0.5, "measured", _and(_w1("a samples"), lambda d: d["arm"] == "sampling alone")
    ),
    Slope(
        "early stopping, atoms",
        0.5,
        "measured",
        _and(_w1("b early stopping"), lambda d: (d["law"] != "modes") & (d["x"] <= 0.0101)),
    ),
    Slope(
        "early stopping, smooth",
        1.0,
        "measured",
        _and(
            _w1("b early stopping"),
            lambda d: (
                (d["law"] == "modes") & (d["x"] <= np.where(d["space"] == "line", 0.0101, 0.000225))
            ),
        ),
    ),
    Slope(
        "score error",
        1.0,
        "measured",
        _and(
            _w1("d score error"), lambda d: d["x"] <= np.where(d["space"] == "line", 0.201, 0.501)
        ),
    ),
    Slope("score error, all sizes", 1.0, "measured", _w1("d score error")),
    Slope(
        "reference, OU", -2.0, "measured", _and(_w1("e reference"), lambda d: d["arm"] == "horizon")
    ),
    Slope(
        "reference, circle",
        -1.0,
        "measured",
        _and(_w1("e reference"), lambda d: d["arm"] == "reference law"),
    ),
    Slope(
        "reference, circle, propagated",
        -2.0,
        "measured",
        _and(_w1("e reference"), lambda d: d["arm"] == "propagated"),
    ),
    Slope(
        "steps",
        -1.0,
        "measured",
        _and(_w1("f steps"), lambda d: (d["x"] >= 80) & ~d["arm"].str.contains("error")),
    ),
    Slope(
        "steps, bound",
        -1.0,
        "bound",
        _and(
            _w1("f steps"),
            lambda d: (d["x"] >= 80) & (d["kind"] == "Version A") & ~d["arm"].str.contains("error"),
        ),
    ),
    Slope(
        "steps, plain bound",
        -0.5,
        "bound",
        _and(
            _w1("f steps"),
            lambda d: (
                (d["x"] >= 80)
                & (d["kind"] == "Version A, plain steps")
                & ~d["arm"].str.contains("error")
            ),
        ),
    ),
)


def slope_table(runs: pd.DataFrame, slopes: Sequence[Slope] = SLOPES) -> pd.DataFrame:
    """One row a power law, law, arm and finite sample; fits with fewer than 3 points left out.

    Args:
        runs: The table of all cells.
        slopes: The power laws.
    """
    keys = ["space", "law", "arm", "repeat"]
    rows = []
    for slope in slopes:
        chosen = runs[slope.rows(runs)].drop_duplicates([*keys, "x", slope.column])
        for key, part in chosen.groupby(keys, sort=True):
            if part["x"].nunique() < 3:
                continue
            fitted, error = _fit(part["x"].to_numpy(float), part[slope.column].to_numpy(float))
            rows.append(
                {"name": slope.name}
                | dict(zip(keys, key, strict=True))
                | {
                    "points": len(part),
                    "smallest_x": part["x"].min(),
                    "largest_x": part["x"].max(),
                    "expected": slope.expected,
                    "slope": fitted,
                    "half_width": 1.96 * error,
                    "deviation": abs(fitted - slope.expected),
                }
            )
    return pd.DataFrame(rows)


def bound_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a sweep, space, quantity and kind of bound: cells, those that hold, tightness."""
    rows = []
    for key, part in runs.groupby(["sweep", "space", "quantity", "kind"], sort=True):
        ratio = part["ratio"].to_numpy(float)
        useful = part.loc[~part["vacuous"], "ratio"]
        rows.append(
            dict(zip(("Sweep", "Space", "Distance", "Bound"), key, strict=True))
            | {
                "Cells": len(part),
                "Hold": int(part["holds"].sum()),
                "Vacuous": int(part["vacuous"].sum()),
                "Least bound / measured": f"{ratio.min():.3g}",
                "Median": f"{np.median(ratio):.3g}",
                "Median of those not vacuous": f"{useful.median():.3g}" if len(useful) else "-",
            }
        )
    return pd.DataFrame(rows)


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    # Least squares in log-log coordinates: slope and its standard error.
    u, v = np.log(x), np.log(y)
    centred = u - u.mean()
    scatter = float((centred**2).sum())
    slope = float((centred * v).sum()) / scatter
    rest = v - v.mean() - slope * centred
    return slope, math.sqrt(float((rest**2).sum()) / max(len(u) - 2, 1) / scatter)
