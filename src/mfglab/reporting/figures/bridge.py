"""Soft Schroedinger bridges: how the end law tends to the target."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR

CASES = {
    "gaussian_1d": "Gaussians, line (W2)",
    "gaussian_2d": "Gaussians, plane (W2)",
    "mixture_1d": "mixture, line (W1)",
}


def bridge_curves(runs: pd.DataFrame, arrays: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Distance to the target over the weight, and end laws of the mixture.

    Args:
        runs: Columns ``case``, ``weight``, ``distance``.
        arrays: ``grid``, ``start``, ``target``, ``weights`` and ``ends`` of the study.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
    for k, (case, title) in enumerate(CASES.items()):
        part = runs[runs["case"] == case].sort_values("weight")
        left.plot(
            part["weight"],
            part["distance"],
            color=COLOURS[k],
            marker="o",
            ms=3,
            lw=1.2,
            label=title,
        )
    ends = np.array([runs["weight"].min(), runs["weight"].max()])
    anchor = runs["distance"].max() * 1.6
    left.plot(ends, anchor * ends[0] / ends, color="#999999", ls=":", label="slope -1")
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("weight λ of KL(end law | target)")
    left.set_ylabel("distance of end law to target")
    left.legend(fontsize=7)
    grid = arrays["grid"]
    right.fill_between(grid, arrays["target"], color="#dddddd", lw=0, label="target")
    right.plot(grid, arrays["start"], color=DATA_COLOUR, ls="--", lw=1, label="start")
    for k, (weight, density) in enumerate(zip(arrays["weights"], arrays["ends"], strict=True)):
        name = "∞ (bridge)" if np.isinf(weight) else f"{weight:g}"
        right.plot(grid, density, color=COLOURS[k], lw=1.2, label=f"end law, λ = {name}")
    right.set_xlim(-5, 7)
    right.set_ylim(bottom=0)
    right.set_xlabel("x")
    right.set_ylabel("density")
    right.legend(fontsize=7)
    return figure
