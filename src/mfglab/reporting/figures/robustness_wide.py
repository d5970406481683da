"""Further robustness sweeps: measured distances below their bounds."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR

_TOP = 30.0


@dataclass(frozen=True)
class WidePanel:
    """One panel.

    Args:
        title: What is swept.
        label: Of the abscissa.
        wanted: Column values that choose the rows.
    """

    title: str
    label: str
    wanted: dict[str, str]


PANELS = (
    WidePanel(
        "(a) uniform, torus d = 2", "sample size N", {"space": "torus, d = 2", "law": "uniform"}
    ),
    WidePanel(
        "(a) uniform, torus d = 3", "sample size N", {"space": "torus, d = 3", "law": "uniform"}
    ),
    WidePanel(
        "(b) early stopping, ring on the torus",
        "early-stopping time eps",
        {"sweep": "b early stopping", "space": "torus, d = 2"},
    ),
    WidePanel(
        "(d) trained networks of width 1 to 64",
        "L2 error of the score",
        {"sweep": "d expressiveness"},
    ),
    WidePanel(
        "(f) VP, exponential integrator",
        "number of steps",
        {"sweep": "f steps", "arm": "VP, exponential, geometric"},
    ),
    WidePanel(
        "(f) VE, exponential integrator",
        "number of steps",
        {"sweep": "f steps", "arm": "VE, exponential, geometric"},
    ),
)


def wide_panels(runs: pd.DataFrame) -> Figure:
    """Measured W1 and every bound of it, one panel a sweep, both axes logarithmic.

    Args:
        runs: The table of all cells of the further sweeps.
    """
    figure, grid = plt.subplots(2, 3, figsize=(11, 6.2), layout="constrained")
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        part = runs
        for column, value in panel.wanted.items():
            part = part[part[column] == value]
        _sweep(axes, panel, part)
    for axes in grid[:, 0]:
        axes.set_ylabel("Wasserstein-1 distance (unit of the data)")
    return figure


def _sweep(axes: Axes, panel: WidePanel, part: pd.DataFrame) -> None:
    axes.set(title=panel.title, xlabel=panel.label, xscale="log", yscale="log")
    scattered = part["sweep"].eq("d expressiveness").any()
    styles = ("o",) * 4 if scattered else ("-", "-", "--", "-")
    groups = part.groupby("kind", sort=True)
    for colour, style, (kind, rows) in zip(COLOURS, styles, groups, strict=False):
        mean = rows.groupby("x", sort=True)["bound"].mean()
        beyond = f" (from {mean.min():.0e})" if mean.min() > _TOP else ""
        axes.plot(
            mean.index, mean.where(mean <= _TOP), style, ms=3, color=colour, label=f"{kind}{beyond}"
        )
    measured = part.groupby("x", sort=True)["measured"].mean()
    axes.plot(measured.index, measured, "s", color=DATA_COLOUR, ms=3.5, label="measured")
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.35)  # room for the legend
    axes.legend(fontsize=6.5, ncols=2, loc="upper center")
