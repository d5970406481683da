"""Tables of errors through samplers and of the regularity of exact value functions."""

from __future__ import annotations

import numpy as np
import pandas as pd


def size_slopes(runs: pd.DataFrame) -> pd.DataFrame:
    """Fitted power of the measured distance in the size of the error; exact laws, predicted 1.

    ``slope_smallest`` is that between the two smallest sizes: nearest to the limit of small errors.
    """
    rows = []
    exact = runs[(runs["law"] != "moons") & (runs["kind"] == "Gronwall")]
    for key, part in exact.groupby(["law", "sampler", "error"], sort=True):
        x, y = np.log(part["size"].to_numpy(float)), np.log(part["measured"].to_numpy(float))
        slope = float(np.polyfit(x, y, 1)[0])
        first, second = np.argsort(x)[:2]
        smallest = float((y[second] - y[first]) / (x[second] - x[first]))
        fitted = {"slope": slope, "deviation": abs(slope - 1), "slope_smallest": smallest}
        rows.append(
            dict(zip(("law", "sampler", "error"), key, strict=True)) | {"expected": 1.0} | fitted
        )
    return pd.DataFrame(rows)


def propagation_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a law, sampler and bound: cells, those that hold, growth and tightness."""
    rows = []
    for key, part in runs.groupby(["law", "sampler", "kind"], sort=True):
        rows.append(
            dict(zip(("Data", "Sampler", "Bound"), key, strict=True))
            | {
                "Cells": len(part),
                "Hold": int(part["holds"].sum()),
                "Vacuous": int(part["vacuous"].sum()),
                "Median W1 / total error": f"{part['amplification'].median():.3f}",
                "Least bound / measured": f"{part['ratio'].min():.3g}",
                "Median bound / measured": f"{part['ratio'].median():.3g}",
                "Median bound / Gronwall": f"{part['advantage'].median():.3g}",
            }
        )
    return pd.DataFrame(rows)


def estimate_table(values: pd.DataFrame) -> pd.DataFrame:
    """One row a law, equation and estimate: cells, those that hold, tightness."""
    rows = []
    for key, part in values.groupby(["law", "equation", "estimate"], sort=True):
        rows.append(
            dict(zip(("Law", "Equation", "Estimate"), key, strict=True))
            | {
                "Cells": len(part),
                "Hold": int(part["holds"].sum()),
                "Vacuous": int(part["vacuous"].sum()),
                "Least bound / measured": f"{part['ratio'].min():.3f}",
                "Median bound / measured": f"{part['ratio'].median():.3f}",
            }
        )
    return pd.DataFrame(rows)
