"""Certified radii: against the exact distance, how often they cover, by training size."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, colours_of

#: Largest distance on the circle of length 1: a larger radius says nothing.
_DIAMETER = 0.5


def certificate_panels(runs: pd.DataFrame, coverage: pd.DataFrame) -> Figure:
    """Radius against W1, coverage with binomial intervals, and both against training size.

    Args:
        runs: Columns ``kind``, ``w1``, ``radius``, ``train_size``.
        coverage: Columns ``kind``, ``coverage``, ``low``, ``high``, ``nominal``.
    """
    colours = colours_of(sorted(coverage["kind"]))
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    _scatter(axes[0], runs, colours)
    _coverage(axes[1], coverage, colours)
    _sizes(axes[2], runs, colours)
    return figure


def _scatter(axes: Axes, runs: pd.DataFrame, colours: dict[str, str]) -> None:
    for kind, part in runs.groupby("kind", sort=True):
        if part["radius"].min() < _DIAMETER:
            axes.plot(part["w1"], part["radius"], "o", ms=3.5, color=colours[str(kind)])
    ends = np.array([runs["w1"].min(), runs["w1"].max()])
    axes.plot(ends, ends, "-", color=DATA_COLOUR, lw=1)
    axes.axhline(_DIAMETER, color=DATA_COLOUR, ls=":", lw=1)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("exact W1 of generated and true law")
    axes.set_ylabel("radius (dotted: diameter)")
    axes.set_title("below the line the true law is outside\n(colours as in the middle)")


def _coverage(axes: Axes, coverage: pd.DataFrame, colours: dict[str, str]) -> None:
    place = np.arange(len(coverage))
    value = coverage["coverage"].to_numpy(float)
    spread = np.stack([value - coverage["low"], coverage["high"] - value])
    axes.barh(place, value, color=[colours[str(kind)] for kind in coverage["kind"]], height=0.6)
    axes.errorbar(value, place, xerr=np.maximum(spread, 0), fmt="none", color=DATA_COLOUR, lw=1)
    axes.axvline(float(coverage["nominal"].iloc[0]), color=DATA_COLOUR, ls="--", lw=1)
    axes.set_yticks(place, [kind.replace(", ", ",\n") for kind in coverage["kind"]], fontsize=7)
    axes.set_xlabel("share of networks covered (dashed: nominal)")
    axes.set_xlim(0, 1.05)
    axes.set_title("coverage, exact binomial 95% interval")


def _sizes(axes: Axes, runs: pd.DataFrame, colours: dict[str, str]) -> None:
    for kind, part in runs.groupby("kind", sort=True):
        median = part.groupby("train_size", sort=True)["radius"].median()
        axes.plot(median.index, median, "o-", ms=3, lw=1.2, color=colours[str(kind)])
    median = runs.groupby("train_size", sort=True)["w1"].median()
    axes.plot(median.index, median, "s--", ms=4, color="black")
    axes.axhspan(_DIAMETER, max(runs["radius"].max(), 1.0) * 2, color=COLOURS[-1], alpha=0.15)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("training points N")
    axes.set_ylabel("median radius (unit of the data)")
    axes.set_title("grey: above the diameter, says nothing\n(squares: exact W1)")
