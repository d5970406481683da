"""What symmetry in the net or in the data is worth, seed by seed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS

#: Arms by name in the tables, with the words that people read.
TITLES = {
    "plain": "plain net",
    "augmented": "plain net, rotated copies",
    "equivariant": "equivariant net",
}
COLUMNS = {"score_error": "error of the score", "w1": "W1 of samples to held-out data"}


def equivariance_points(runs: pd.DataFrame) -> Figure:
    """One point a seed, one group a number of training points, one panel a quantity.

    Args:
        runs: Columns ``arm``, ``n``, ``seed``, ``score_error``, ``w1``.
    """
    figure, grid = plt.subplots(1, 2, figsize=(7.4, 2.9), layout="constrained")
    sizes = sorted(set(runs["n_train"]))
    for axes, (column, label) in zip(grid, COLUMNS.items(), strict=True):
        for k, (arm, title) in enumerate(TITLES.items()):
            part = runs[runs["arm"] == arm]
            place = [sizes.index(n) + 0.2 * (k - 1) for n in part["n_train"]]
            axes.scatter(place, part[column], s=18, color=COLOURS[k], label=title)
            means = part.groupby("n_train")[column].mean()
            x = [sizes.index(n) + 0.2 * (k - 1) for n in means.index]
            axes.hlines(means, [v - 0.07 for v in x], [v + 0.07 for v in x], color=COLOURS[k])
        axes.set_xticks(range(len(sizes)), [f"{n:,}" for n in sizes])
        axes.set_xlabel("training points")
        axes.set_ylabel(label)
        axes.set_ylim(0, 1.3 * runs[column].max())
    grid[0].legend(loc="upper right", fontsize=7)
    return figure
