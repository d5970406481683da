"""From the metrics of single runs to the tables of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mfglab.reporting.csvio import read_csv
from mfglab.reporting.intervals import mean_interval

RUN_KEYS = ("model", "dataset", "seed")

#: Columns of the readable table: heading, column, format.
SUMMARY_COLUMNS = (
    ("W2", "w2", "{:.3f}"),
    ("W2 / floor", "w2_ratio", "{:.2f}"),
    ("W1", "w1", "{:.3f}"),
    ("Sliced W2", "sliced_w2", "{:.3f}"),
    ("1000 MMD²", "mmd2_milli", "{:.2f}"),
    ("NLL (nats)", "nll", "{:.3f}"),
    ("HJB residual", "hjb_residual", "{:.3g}"),
    ("Fokker-Planck residual", "fp_residual", "{:.1e}"),
    ("Kinetic energy / optimum", "kinetic_ratio", "{:.2f}"),
    ("Straightness", "straightness", "{:.4f}"),
    ("Terminal gap", "terminal_gap", "{:.2f}"),
    ("Network evaluations", "evaluations", "{:.0f}"),
    ("Inverse error", "inverse_error", "{:.1e}"),
)

#: Columns of studies that compare generated samples with a law whose density is known.
QUALITY_COLUMNS = (
    ("NLL (nats)", "nll", "{:.3f}"),
    ("NLL over exact", "nll_excess", "{:.3f}"),
    ("W2", "w2", "{:.3f}"),
    ("W2 / floor", "w2_ratio", "{:.2f}"),
)


#: The same for generated digits.
DIGITS_COLUMNS = (
    ("Precision", "precision", "{:.2f}"),
    ("Recall", "recall", "{:.2f}"),
    ("Distance to nearest training image / that of test images", "neighbour_ratio", "{:.2f}"),
    ("Classifier's confidence", "confidence", "{:.2f}"),
    ("Effective classes", "classes", "{:.1f}"),
)


def concatenate(paths: Sequence[Path], sort_by: Sequence[str]) -> pd.DataFrame:
    """Stack tables of the same columns, sorted."""
    frame = pd.concat([read_csv(path) for path in paths], ignore_index=True)
    return frame.sort_values(list(sort_by), kind="stable", ignore_index=True)


def run_table(
    metrics: Sequence[Path], floors: Sequence[Path], references: Mapping[str, float | None]
) -> pd.DataFrame:
    """One row a trained model, with what it is compared to.

    Args:
        metrics: Metrics tables, one a model and data set, a row a seed.
        floors: Floor tables, one a data set.
        references: Reference negative log-likelihood by data set, where there is one.
    """
    runs = concatenate(metrics, RUN_KEYS)
    frame = runs.merge(concatenate(floors, ["dataset"]), on="dataset", validate="many_to_one")
    frame["w2_ratio"] = frame["w2"] / frame["w2_floor"]
    frame["w2_ode_ratio"] = frame["w2_ode"] / frame["w2_floor"]
    frame["w2_sde_ode_ratio"] = frame["w2_sde_ode"] / frame["w2_floor"]
    frame["mmd2_milli"] = 1000 * frame["mmd2"]
    frame["kinetic_optimum"] = frame["reference_optimum"].fillna(frame["kinetic_optimum"])
    frame["kinetic_ratio"] = frame["kinetic"] / frame["kinetic_optimum"]
    frame["nll_reference"] = frame["dataset"].map(dict(references)).astype(float)
    frame["nll_excess"] = frame["nll"] - frame["nll_reference"]
    return frame


def summary_table(
    runs: pd.DataFrame, by: Sequence[str] = ("model", "dataset"), unit: str = "seed"
) -> pd.DataFrame:
    """Mean and 95% interval of every metric over the rows of a group; NaN metrics left out.

    Args:
        runs: One row a group and unit.
        by: Columns that name a group.
        unit: Column of the independent repetition, by default the seed.

    Raises:
        ValueError: A column of ``by`` has a name that the summary uses for something else.
    """
    if taken := sorted(set(by) & {"metric", "mean", "low", "high", "n"}):
        raise ValueError(f"groups must not be named by {taken[0]!r}, a column of the summary")
    rows: list[dict[str, Any]] = []
    metrics = [c for c in runs.columns if c not in (*by, unit)]
    for key, group in runs.groupby(list(by), sort=True):
        for metric in metrics:
            values = group[metric].dropna().to_list()
            if not values:
                continue
            interval = mean_interval(values)
            rows.append(
                {
                    **dict(zip(by, key, strict=True)),
                    "metric": metric,
                    "mean": interval.estimate,
                    "low": np.nan if interval.low is None else interval.low,
                    "high": np.nan if interval.high is None else interval.high,
                    "n": interval.n,
                }
            )
    return pd.DataFrame(rows)


def study_table(
    runs: pd.DataFrame,
    by: Mapping[str, str],
    columns: Sequence[tuple[str, str, str]],
    unit: str = "seed",
) -> pd.DataFrame:
    """The readable table of a study: one row a group, ``mean ± half-width`` over the units.

    Args:
        runs: One row a group and unit.
        by: Column that names a group, to its heading.
        columns: Heading, column and format of each metric shown.
        unit: Column of the independent repetition.

    Returns:
        The table; without runs it has its headings alone.
    """
    if runs.empty:
        return pd.DataFrame(columns=[*by.values(), *(heading for heading, _, _ in columns)])
    summary = summary_table(runs[[*by, unit, *(c for _, c, _ in columns)]], list(by), unit)
    rows = []
    for key, group in summary.groupby(list(by), sort=True):
        cells = group.set_index("metric")
        row = dict(zip(by.values(), key, strict=True))
        rows.append(row | {heading: _cell(cells, c, f) for heading, c, f in columns})
    return pd.DataFrame(rows)


def readable_table(summary: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """The table that people read: one row a model and data set, ``mean ± half-width``."""
    rows = []
    for (model, dataset), group in summary.groupby(["model", "dataset"], sort=True):
        cells = group.set_index("metric")
        row = {"Data": dataset, "Model": titles[str(model)], "Seeds": str(int(group["n"].max()))}
        for heading, column, pattern in SUMMARY_COLUMNS:
            row[heading] = _cell(cells, column, pattern)
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.sort_values(["Data", "Model"], kind="stable", ignore_index=True)


def digits_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The table that people read of samples of digits, one row an arm."""
    return study_table(runs, {"arm": "Sample"}, DIGITS_COLUMNS)


def step_table(paths: Sequence[Path]) -> pd.DataFrame:
    """Likelihood and inverse error by number of steps, with the gap to the finest number."""
    frame = concatenate(paths, [*RUN_KEYS, "steps"])
    finest = frame.groupby(list(RUN_KEYS))["steps"].transform("max") == frame["steps"]
    reference = frame[finest].set_index(list(RUN_KEYS))["nll"]
    keys = pd.MultiIndex.from_frame(frame[list(RUN_KEYS)])
    frame["nll_gap"] = (frame["nll"].to_numpy() - reference.loc[keys].to_numpy()).round(12)
    frame["abs_nll_gap"] = frame["nll_gap"].abs()
    return frame


def markdown_table(frame: pd.DataFrame) -> str:
    """``frame`` as a Markdown table."""
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _cell(cells: pd.DataFrame, column: str, pattern: str) -> str:
    if column not in cells.index:
        return "-"
    mean, low, high = cells.loc[[column], ["mean", "low", "high"]].to_numpy(dtype=float)[0]
    if not np.isfinite(low) or high == low:
        return pattern.format(mean)
    width = pattern.replace("+", "").format((high - low) / 2)  # the sign of a change is the mean's
    return f"{pattern.format(mean)} ± {width}"
