"""Distance to the clean law against the share of outliers in the training data."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, colours_of

#: Models by name in the tables, with the words that people read.
TITLES = {
    "data": "the data themselves",
    "otflow": "OT-Flow",
    "otflow_nohjb": "OT-Flow without HJB term",
    "cnf": "CNF",
    "score": "score model",
    "score_potential": "score model, potential",
    "score_hjb": "score model with HJB term",
    "matching": "flow matching",
    "kernels": "WPO kernels",
    "particles": "particles (GPA)",
}
PANELS = {"uniform": "uniform outliers", "cluster": "a far cluster", "noise": "noise on all points"}


def contamination_curves(runs: pd.DataFrame) -> Figure:
    """W2 to the clean law, a panel a kind of contamination.

    Args:
        runs: Columns ``arm``, ``kind``, ``level``, ``seed``, ``w2``.
    """
    figure, grid = plt.subplots(
        1, len(PANELS), figsize=(9.0, 3.5), sharey=True, layout="constrained"
    )
    models = sorted(set(runs["arm"]) - {"data"})
    colours = {**colours_of(models), "data": DATA_COLOUR}
    # Colours repeat after a while; the line then tells the models apart.
    lines = {arm: "-" if k < len(COLOURS) else ":" for k, arm in enumerate(models)}
    lines["data"] = "--"
    clean = runs[runs["kind"] == "clean"]
    for axes, (kind, title) in zip(grid, PANELS.items(), strict=True):
        part = pd.concat([clean, runs[runs["kind"] == kind]])
        for arm in [*models, "data"]:
            grouped = part[part["arm"] == arm].groupby("level")["w2"]
            mean, low, high = grouped.mean(), grouped.min(), grouped.max()
            axes.plot(
                mean.index,
                mean,
                color=colours[arm],
                ls=lines[arm],
                marker="o",
                ms=3,
                lw=1.2,
                label=TITLES.get(arm, arm),
            )
            axes.fill_between(mean.index, low, high, color=colours[arm], alpha=0.15, lw=0)
        axes.set_title(title)
        axes.set_xlabel("noise / deviation of data" if kind == "noise" else "share of outliers")
    grid[0].set_ylim(bottom=0)  # after all curves: the scale is shared
    grid[0].set_ylabel("W2 of samples to the clean law")
    handles, labels = grid[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure
