"""Score error and HJB residual against the weight of the regulariser."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS
from mfglab.reporting.intervals import ratio_interval

FORMS = {
    "residual": "HJB residual",
    "residual_reference": "HJB residual, reference law",
    "increment": "Ito increments",
    "score_pde": "equation of the score",
}
_METRICS = {
    "error": r"score error $E\,v|s_\theta-\nabla\log\eta|^2$",
    "residual": "relative HJB residual (exact: 0)",
}


def weight_curves(runs: pd.DataFrame) -> Figure:
    """Error (upper row) and residual (lower row) by weight, a column a number of training points.

    Points are geometric means over seeds with 95% intervals; horizontal lines are plain denoising
    score matching, at equal iterations and at the time of the first form.

    Args:
        runs: Columns ``arm``, ``weight``, ``n_train``, ``seed``, ``error``, ``residual``.
    """
    sizes = sorted(runs["n_train"].unique())
    figure, grid = plt.subplots(
        2,
        len(sizes),
        figsize=(3.6 * len(sizes) + 1.6, 5.2),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for column, n_train in enumerate(sizes):
        part = runs[runs["n_train"] == n_train]
        for axes, metric in zip(grid[:, column], _METRICS, strict=True):
            _panel(axes, part, metric)
        grid[0, column].set_title(f"{n_train} training points")
        grid[1, column].set_xlabel("weight of the regulariser")
    for axes, label in zip(grid[:, 0], _METRICS.values(), strict=True):
        axes.set_ylabel(label)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, metric: str) -> None:
    arms = set(part["arm"])
    _level(axes, part[part["arm"] == "plain"], metric, "plain, equal iterations", "--")
    for form in FORMS:
        if f"plain_time_{form}" in arms:
            long = part[part["arm"] == f"plain_time_{form}"]
            _level(axes, long, metric, f"plain, time of {FORMS[form]}", ":")
            break
    for index, (form, title) in enumerate(FORMS.items()):
        if form not in arms:
            continue
        found = part[part["arm"] == form]
        shift = 1 + 0.04 * (index - 1.5)  # bars of equal weight side by side
        weights = sorted(found["weight"].unique())
        points = [_interval(found[found["weight"] == w][metric].to_list()) for w in weights]
        x = [float(w) * shift for w in weights]
        mean, below, above = zip(*points, strict=True)
        axes.errorbar(
            x,
            mean,
            yerr=(below, above),
            color=COLOURS[index],
            marker="o",
            ms=4,
            lw=1.2,
            capsize=2.5,
            label=f"with {title}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    tried = sorted(part.loc[part["arm"].isin(list(FORMS)), "weight"].unique())
    axes.set_xticks(tried, [f"{weight:g}" for weight in tried])
    axes.set_xticks([], minor=True)
    axes.set_xlim(tried[0] / 2, tried[-1] * 2)  # also where there is a single one


def _level(axes: Axes, part: pd.DataFrame, metric: str, label: str, style: str) -> None:
    mean, below, above = _interval(part[metric].to_list())
    grey = "#444444" if style == "--" else "#999999"
    axes.axhline(mean, color=grey, ls=style, lw=1.2, label=label)
    axes.axhspan(mean - below, mean + above, color=grey, alpha=0.12, lw=0)


def _interval(values: list[float]) -> tuple[float, float, float]:
    """Geometric mean and the lengths of its error bar; no bar for one value."""
    found = ratio_interval(values, [1.0] * len(values))
    if found.low is None or found.high is None:
        return found.estimate, 0.0, 0.0
    return found.estimate, found.estimate - found.low, found.high - found.estimate
