"""Curves over steps, time and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import colours_of

#: Gaps that are zero in the digits of the table are drawn here, at the lower edge.
_LEAST = 1e-6
#: Panels in a row.
_COLUMNS = 4


def step_curves(steps: pd.DataFrame, titles: Mapping[str, str], datasets: Sequence[str]) -> Figure:
    """Error of the likelihood against the number of integration steps, a panel a data set."""
    figure, grid = plt.subplots(
        1, len(datasets), figsize=(3.6 * len(datasets), 3.3), squeeze=False, layout="constrained"
    )
    colours = colours_of(list(titles))
    finest = int(steps["steps"].max())
    for axes, dataset in zip(grid[0], datasets, strict=True):
        part = steps[(steps["dataset"] == dataset) & (steps["steps"] < finest)]
        part = part.assign(abs_nll_gap=part["abs_nll_gap"].clip(lower=_LEAST))
        for model, group in part.groupby("model", sort=True):
            _seed_band(axes, group, "steps", "abs_nll_gap", titles[str(model)], colours[str(model)])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_ylim(bottom=_LEAST)
        axes.set_xlabel("Runge-Kutta 4 steps")
        axes.set_title(dataset.replace("_", " "))
        axes.axhline(0.02, color="#999999", lw=0.8, ls=":")
    grid[0, 0].set_ylabel(f"|NLL - NLL at {finest} steps|, nats")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    grid[0, -1].annotate(
        "0.02 nats", (1, 0.02), xycoords=("axes fraction", "data"), ha="right", va="bottom", size=7
    )
    return figure


def residual_curves(
    histories: Mapping[tuple[str, str], pd.DataFrame],
    residuals: pd.DataFrame,
    titles: Mapping[str, str],
) -> Figure:
    """HJB residual over training (flows), and over noising time, a panel a data set (scores).

    Args:
        histories: Training histories of all seeds by (model, data set), with columns ``seed``,
            ``step`` and ``hjb``.
        residuals: Columns ``model``, ``dataset``, ``seed``, ``s``, ``relative_residual``.
        titles: Model titles.
    """
    datasets = [str(name) for name in dict.fromkeys(residuals["dataset"])]
    columns = min(_COLUMNS, 1 + len(datasets))
    rows = -(-(1 + len(datasets)) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 2.9 * rows), squeeze=False, layout="constrained"
    )
    first, *panels = grid.flat
    colours = colours_of([f"{titles[m]}, {d.replace('_', ' ')}" for m, d in histories])
    for (model, dataset), history in histories.items():
        label = f"{titles[model]}, {dataset.replace('_', ' ')}"
        _seed_band(first, history, "step", "hjb", label, colours[label])
    first.set_yscale("log")
    first.set_xlabel("training step")
    first.set_ylabel("mean HJB residual on the paths")
    if histories:
        first.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    colours = colours_of(sorted({str(name) for name in residuals["model"]}))
    entries: dict[str, Artist] = {}
    for axes, dataset in zip(panels, datasets, strict=False):
        for key, part in residuals[residuals["dataset"] == dataset].groupby("model", sort=True):
            name = str(key)
            _seed_band(axes, part, "s", "relative_residual", titles[name], colours[name])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("noising time s")
        axes.set_ylabel("relative HJB residual")
        axes.set_title(dataset.replace("_", " "))
        handles, labels = axes.get_legend_handles_labels()
        entries |= {str(label): handle for label, handle in zip(labels, handles, strict=True)}
    for axes in panels[len(datasets) :]:
        axes.set_axis_off()
    if entries:
        figure.legend(
            list(entries.values()), list(entries), loc="outside lower center", ncols=len(entries)
        )
    return figure


def _seed_band(axes: Axes, frame: pd.DataFrame, x: str, y: str, label: str, colour: str) -> None:
    """Mean over seeds as a line, smallest to largest as a band."""
    grouped = frame.groupby(x, sort=True)[y]
    mean, low, high = grouped.mean(), grouped.min(), grouped.max()
    axes.plot(mean.index, mean, color=colour, label=label, marker="o", ms=2.5, lw=1.2)
    axes.fill_between(mean.index, low, high, color=colour, alpha=0.2, lw=0)
