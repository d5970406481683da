"""Trained score models: the measured distance beside the stacked parts of its bound."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR

PARTS = {
    "part_early": "early stopping",
    "part_reference": "reference law",
    "part_score": "score error",
    "part_steps": "steps",
}


def stacked_parts(runs: pd.DataFrame) -> Figure:
    """One pair of bars a score and number of steps, mean over seeds.

    Args:
        runs: Columns ``dataset``, ``score_of``, ``steps``, ``w1``, ``w1_floor`` and the parts.
    """
    means = runs.groupby(["dataset", "score_of", "steps"], sort=True).mean(numeric_only=True)
    figure, axes = plt.subplots(figsize=(1.7 + 1.5 * len(means), 3.6), layout="constrained")
    place = np.arange(len(means), dtype=float)
    floor = np.zeros(len(means))
    for colour, (column, label) in zip(COLOURS, PARTS.items(), strict=False):
        height = means[column].to_numpy(dtype=float)
        axes.bar(place + 0.2, height, 0.38, bottom=floor, color=colour, label=f"bound: {label}")
        floor = floor + height
    measured = means["w1"].to_numpy(dtype=float)
    axes.bar(place - 0.2, measured, 0.38, color=DATA_COLOUR, label="measured W1")
    fresh = means["w1_floor"].to_numpy(dtype=float)
    axes.hlines(fresh, place - 0.39, place - 0.01, color="white", lw=1.5, ls=":")
    words = [
        f"{textwrap.fill(str(arm), 14)}\n{steps:g} steps\n{dataset}"
        for dataset, arm, steps in means.index
    ]
    axes.set_xticks(place, words)
    axes.set_ylabel("Wasserstein-1 distance (unit of the data)")
    axes.set_title("dotted: two fresh samples of the true law", loc="left")
    axes.legend(fontsize=7)
    return figure
