"""What importance weights say of a Boltzmann generator, and what they do not."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS

#: Arms by name in the tables, with the words that people read.
TITLES = {
    "kinetic_hjb": "kinetic + HJB term",
    "kinetic": "kinetic",
    "none": "none",
}


def weight_points(runs: pd.DataFrame) -> Figure:
    """One point a seed: share of the right well, error of log Z, effective sample size.

    Args:
        runs: Columns ``arm``, ``seed``, ``mode_imbalance``, ``abs_log_z_error``,
            ``effective_share``.
    """
    panels = {
        "mode_imbalance": ("|share of right well - 1/2|", 0.5, "one well lost"),
        "abs_log_z_error": ("|error of log Z|", math.log(2), "log 2"),
        "effective_share": ("effective sample size / n", 1.0, "perfect"),
    }
    figure, grid = plt.subplots(1, 3, figsize=(8.4, 2.7), layout="constrained")
    for axes, (column, (label, level, name)) in zip(grid, panels.items(), strict=True):
        for k, arm in enumerate(TITLES):
            values = runs.loc[runs["arm"] == arm, column]
            axes.scatter([k] * len(values), values, s=20, color=COLOURS[k])
        axes.axhline(level, color="#999999", lw=0.8, ls=":")
        axes.annotate(
            name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", size=7
        )
        axes.set_xticks(range(len(TITLES)), list(TITLES.values()), size=7)
        axes.set_xlim(-0.5, len(TITLES) - 0.5)
        axes.set_ylim(-0.03 * level, 1.15 * level)
        axes.set_xlabel("running cost in the objective")
        axes.set_ylabel(label)
    return figure
