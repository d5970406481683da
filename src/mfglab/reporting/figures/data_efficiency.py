"""Errors of models against the number of training points."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from mfglab.reporting.figures.style import colours_of
from mfglab.reporting.intervals import mean_interval, ratio_interval

TITLES = {
    "sgm": "score model",
    "sgm_time": "score model, time of HJB",
    "sgm_joint": "score model, time of HJB with seeds together",
    "hjb_sgm": "HJB-regularised score model",
    "otflow": "OT-Flow, time of HJB",
    "ndsm": "nonlinear score model",
    "wpo": "WPO kernels",
    "gpa": "particles (GPA)",
}
#: Metric to its label, and whether its axis is logarithmic: excess likelihood may be negative.
_LABELS = {
    "score_error": (r"score error $E\,v|s_\theta-\nabla\log\eta|^2$", True),
    "nll_excess": ("NLL over exact density, nats", False),
    "nll": ("NLL, nats", False),
    "w2_ratio": ("W2 to held-out points / sampling floor", True),
}


def error_curves(runs: pd.DataFrame) -> Figure:
    """A row a law, a column a metric, over N: means over seeds with 95% intervals.

    Means are geometric where the axis is logarithmic. A law whose density is not known has its
    likelihood in place of the excess, and no score error.

    Args:
        runs: Columns ``arm``, ``law``, ``n_train``, ``seed`` and the metrics, NaN where a metric
            is not defined: ``score_error``, ``nll_excess``, ``nll``, ``w2_ratio``.
    """
    laws = sorted(runs["law"].unique())
    figure, grid = plt.subplots(
        len(laws),
        3,
        figsize=(9.6, 2.9 * len(laws) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    colours = colours_of(sorted(runs["arm"].unique()))
    for row, law in zip(grid, laws, strict=True):
        part = runs[runs["law"] == law]
        excess = "nll" if part["nll_excess"].isna().all() else "nll_excess"
        for axes, metric in zip(row, ("score_error", excess, "w2_ratio"), strict=True):
            if part[metric].isna().all():
                axes.set_axis_off()
                axes.text(0.5, 0.5, "exact score unknown", ha="center", transform=axes.transAxes)
                continue
            label, logarithmic = _LABELS[metric]
            for arm, colour in colours.items():
                _curve(axes, part[part["arm"] == arm], metric, colour, logarithmic)
            _scales(axes, sorted(part["n_train"].unique()), logarithmic)
            axes.set_ylabel(label)
            axes.set_xlabel("training points N")
        row[0].set_title(str(law).replace("_", " "))
    handles, labels = grid[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def _curve(axes: Axes, group: pd.DataFrame, metric: str, colour: str, logarithmic: bool) -> None:
    values = group[["arm", "n_train", metric]].dropna()
    if values.empty:
        return
    name = str(values["arm"].iloc[0])
    sizes = sorted(values["n_train"].unique())
    mean, below, above = [], [], []
    for n_train in sizes:
        found = values[values["n_train"] == n_train][metric].to_list()
        interval = (
            ratio_interval(found, [1.0] * len(found)) if logarithmic else mean_interval(found)
        )
        low, high = interval.low, interval.high
        mean.append(interval.estimate)
        below.append(0.0 if low is None else interval.estimate - low)
        above.append(0.0 if high is None else high - interval.estimate)
    label = TITLES.get(name, name)
    x = [float(n) for n in sizes]
    bars = (below, above)
    axes.errorbar(x, mean, bars, color=colour, marker="o", ms=3.5, lw=1.2, capsize=2.5, label=label)


def _scales(axes: Axes, sizes: list[int], logarithmic: bool) -> None:
    axes.set_xscale("log")
    if logarithmic:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(n) for n in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(n) for n in sizes])
