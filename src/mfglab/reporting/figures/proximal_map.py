"""The OT-Transformer's theory: slopes over lambda, paths in the plane, bounds and measured."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR

_HEAD_MARKS = {"log-sum-exp": "o", "quadratic": "^"}
_KINDS = ("published", "proximal", "cocoercive")
_SHOWN = {"published": "Theorems 2, 3", "proximal": "proximal", "cocoercive": "cocoercive"}


def proximal_map_panels(
    runs: pd.DataFrame, bounds: pd.DataFrame, paths: pd.DataFrame, lipschitz: float
) -> Figure:
    """Slopes, paths, bounds.

    Args:
        runs: Columns ``head``, ``ratio``, ``same_label_ratio``, ``output_ratio``,
            ``published_factor``.
        bounds: Columns ``kind``, ``ratio``, ``measured``, ``bound``.
        paths: Columns ``ratio``, ``player``, ``step``, ``x1``, ``x2``.
        lipschitz: L of the heads.
    """
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.3), layout="constrained")
    _slopes(axes[0], runs, lipschitz)
    _paths(axes[1], paths)
    _bounds(axes[2], bounds)
    return figure


def _slopes(axes: Axes, runs: pd.DataFrame, lipschitz: float) -> None:
    ends = float(runs["ratio"].min()), float(runs["ratio"].max())
    fine = np.geomspace(*ends, 400)
    valid = np.geomspace(min(1.02, ends[1]), max(1.03, ends[1]), 200)
    axes.plot(valid, 1 / (1 - 1 / valid), color=COLOURS[0], label="factor of Theorem 2")
    axes.axhline(1.0, color=COLOURS[1], lw=1, label="proximal: 1")
    axes.plot(fine, 1 / np.sqrt(1 + 1 / fine), color=COLOURS[2], label="cocoercive, outputs / L")
    for head, part in runs.groupby("head", sort=True):
        worst = part.groupby("ratio", sort=True)[["same_label_ratio", "output_ratio"]].max()
        mark = _HEAD_MARKS[str(head)]
        axes.plot(
            worst.index, worst["same_label_ratio"], mark, ms=6, mfc="none", color=COLOURS[1],
            label=f"states, {head}",
        )  # fmt: skip
        axes.plot(
            worst.index, worst["output_ratio"] / lipschitz, mark, ms=4, color=COLOURS[2],
            label=f"outputs / L, {head}",
        )  # fmt: skip
    axes.axvspan(ends[0] / 1.5, 1.0, color=COLOURS[-1], alpha=0.15)
    axes.set(xscale="log", yscale="log", xlim=(ends[0] / 1.5, ends[1] * 1.5))
    axes.set_xlabel("lambda / (T L^2); grey: Theorem 2 says nothing")
    axes.set_ylabel("distance at T over distance at 0, same label")
    axes.set_title("largest slopes of the optimal flow")
    axes.legend(fontsize=7, loc="lower right")


def _paths(axes: Axes, paths: pd.DataFrame) -> None:
    ratios = sorted(paths["ratio"].unique())
    for ratio, colour in zip(ratios, (DATA_COLOUR, COLOURS[0], COLOURS[1]), strict=True):
        for i, (_, way) in enumerate(paths[paths["ratio"] == ratio].groupby("player")):
            name = f"lambda = {ratio:g} T L^2" if ratio > 0 else "lambda = 0, one of many optima"
            axes.plot(
                way["x1"], way["x2"], ".-", ms=3, color=colour, lw=0.6 if ratio == 0 else 1.2,
                alpha=0.35 if ratio == 0 else 1.0, label=name if i == 0 else None,
            )  # fmt: skip
    start = paths[(paths["step"] == 0) & (paths["ratio"] == ratios[-1])]
    axes.plot(start["x1"], start["x2"], "o", ms=4, mfc="white", color=DATA_COLOUR, label="X(0)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("x1")
    axes.set_ylabel("x2")
    axes.set_title("numerical game, one label, dots at equal times")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def _bounds(axes: Axes, bounds: pd.DataFrame) -> None:
    for i, (kind, colour) in enumerate(zip(_KINDS, COLOURS, strict=False)):
        part = bounds[bounds["kind"] == kind]
        finite = part[np.isfinite(part["bound"])]
        void = len(part) - len(finite)
        name = _SHOWN[kind] + (f" ({void} of {len(part)} infinite)" if void else "")
        # Side by side: steps of 12 % in the logarithmic abscissa.
        place = finite["ratio"] * 1.12**i
        axes.plot(
            place, finite["bound"] / finite["measured"], "o", ms=3, alpha=0.5, color=colour,
            label=name,
        )  # fmt: skip
    axes.axhline(1.0, color=DATA_COLOUR, lw=1)
    axes.set(xscale="log", yscale="log")
    axes.set_ylim(top=8 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel("lambda / (T L^2)")
    axes.set_ylabel("bound over measured, worst pair of each case")
    axes.set_title("below the line a bound would fail")
    axes.legend(fontsize=7, loc="upper right")
