"""Generative particles: clouds over their training points, and radial tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, bare

Arrays = Mapping[str, NDArray[np.float64]]

#: Arms of the study of heavy tails: key, label, colour, line style.
TAIL_ARMS = (
    ("gaussian", "start: Gaussian", COLOURS[6], ":"),
    ("sample", "fresh sample of the law", DATA_COLOUR, "--"),
    ("kl_free", "KL, no constraint", COLOURS[5], "-."),
    ("alpha_free", "alpha = 2, no constraint", COLOURS[4], "-."),
    ("kl_lipschitz", "KL, L = 1", COLOURS[0], "-"),
    ("alpha_lipschitz", "alpha = 2, L = 1", COLOURS[1], "-"),
    ("kl_lipschitz_cvar", "KL, L = 1, tail corrected", COLOURS[2], "-"),
)


def mixture_grid(
    arrays: Arrays, lipschitz: Sequence[float | None], multiples: Sequence[int]
) -> Figure:
    """Final particles over the training points: a row for each M / N, a column for each L."""
    names = ["none" if L is None else f"{L:g}" for L in lipschitz]
    shape = (len(multiples), len(names))
    figure, grid = plt.subplots(
        *shape, figsize=(2.2 * shape[1], 2.3 * shape[0] + 0.3), squeeze=False, layout="constrained"
    )
    train = arrays["train"]
    for i, multiple in enumerate(multiples):
        for j, name in enumerate(names):
            axes, points = grid[i, j], arrays[f"particles_{name}_{multiple}"]
            axes.scatter(*train.T, s=9, color=DATA_COLOUR, alpha=0.45, lw=0, label="training point")
            axes.scatter(*points.T, s=4, color=COLOURS[1], lw=0, label="particle")
            bare(axes)
            axes.set_xlim(-2, 6)
            axes.set_ylim(-2, 6)
            outside = int((np.abs(points - 2) > 4).any(axis=1).sum())
            if outside:
                axes.annotate(f"{outside} outside", (5.9, -1.9), ha="right", fontsize=7)
            if i == 0:
                axes.set_title("no constraint" if name == "none" else f"L = {name}")
        label = "M = N" if multiple == 1 else f"M = {multiple} N"
        grid[i, 0].annotate(
            label, (-0.06, 0.5), xycoords="axes fraction", rotation=90, ha="right", va="center"
        )
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=2)
    return figure


def tail_curves(arrays: Arrays, laws: Mapping[str, str]) -> Figure:
    """``P(|X| > r)`` on log-log axes: exact, references and arms; a panel a law under its title."""
    figure, grid = plt.subplots(
        1, len(laws), figsize=(3.9 * len(laws), 4.1), squeeze=False, layout="constrained"
    )
    for axes, (law, title) in zip(grid[0], laws.items(), strict=True):
        radius = arrays[f"radius_{law}"]
        exact = arrays[f"exact_{law}"]
        axes.plot(radius, exact, color="black", lw=2.2, alpha=0.8, label="exact law")
        for key, label, colour, style in TAIL_ARMS:
            tail = arrays[f"{key}_{law}"]
            shown = tail > 0
            axes.plot(radius[shown], tail[shown], style, color=colour, lw=1.2, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(float(exact.min()), 1.3)
        axes.set_xlabel("radius r")
        axes.set_title(title)
    grid[0, 0].set_ylabel("P(|X| > r)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
