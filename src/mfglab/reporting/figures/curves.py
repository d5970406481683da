"""Curves over steps, time and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import colours_of

#: Gaps that are zero in the digits of the table are drawn here, at the lower edge.
_LEAST = 1e-6


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
    """HJB residual over training (flows) and over noising time (score potentials).

    Args:
        histories: Training histories of all seeds by (model, data set), with columns ``seed``,
            ``step`` and ``hjb``.
        residuals: Columns ``model``, ``dataset``, ``seed``, ``s``, ``relative_residual``.
        titles: Model titles.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.1), layout="constrained")
    colours = colours_of([f"{titles[m]}, {d.replace('_', ' ')}" for m, d in histories])
    for (model, dataset), history in histories.items():
        label = f"{titles[model]}, {dataset.replace('_', ' ')}"
        _seed_band(left, history, "step", "hjb", label, colours[label])
    left.set_yscale("log")
    left.set_xlabel("training step")
    left.set_ylabel("mean of the HJB residual along trajectories")
    left.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    names = sorted(
        {(str(m), str(d)) for m, d in zip(residuals["model"], residuals["dataset"], strict=True)}
    )
    colours = colours_of([d for _, d in names])
    for model, dataset in names:
        part = residuals[(residuals["model"] == model) & (residuals["dataset"] == dataset)]
        label = f"{titles[model]}, {dataset.replace('_', ' ')}"
        _seed_band(right, part, "s", "relative_residual", label, colours[dataset])
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("noising time s")
    right.set_ylabel("relative HJB residual (exact: 0)")
    right.legend(fontsize=7)
    return figure


def _seed_band(axes: Axes, frame: pd.DataFrame, x: str, y: str, label: str, colour: str) -> None:
    """Mean over seeds as a line, smallest to largest as a band."""
    grouped = frame.groupby(x, sort=True)[y]
    mean, low, high = grouped.mean(), grouped.min(), grouped.max()
    axes.plot(mean.index, mean, color=colour, label=label, marker="o", ms=2.5, lw=1.2)
    axes.fill_between(mean.index, low, high, color=colour, alpha=0.2, lw=0)
