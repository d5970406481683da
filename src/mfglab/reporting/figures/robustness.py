"""Robustness: measured distances below their bounds; noise against no noise; trade-offs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR


@dataclass(frozen=True)
class Panel:
    """One sweep of the figure.

    Args:
        title: What is wrong in the sampler.
        label: Of the abscissa.
        wanted: Column values that choose the rows.
        guide: Predicted slope, drawn as a dotted line.
    """

    title: str
    label: str
    wanted: dict[str, str]
    guide: float


PANELS = (
    Panel(
        "(a) finite sample", "sample size N", {"sweep": "a samples", "arm": "sampling alone"}, -0.5
    ),
    Panel(
        "(b) early stopping, atoms",
        "early-stopping time eps",
        {"sweep": "b early stopping", "arm": "heat", "law": "atoms", "space": "line"},
        0.5,
    ),
    Panel(
        "(b) early stopping, smooth law",
        "early-stopping time eps",
        {"sweep": "b early stopping", "arm": "heat", "law": "modes", "space": "line"},
        1.0,
    ),
    Panel(
        "(d) score error delta sin(3x), line",
        "size delta of the error",
        {"sweep": "d score error", "arm": "sin 3x"},
        1.0,
    ),
    Panel(
        "(d) score error, circle, T = 0.05",
        "size delta of the error",
        {"sweep": "d score error", "arm": "sin 1 periods, T = 0.05"},
        1.0,
    ),
    Panel(
        "(e) wrong start, OU on the line",
        "exp(T), horizon T",
        {"sweep": "e reference", "arm": "horizon"},
        -2.0,
    ),
    Panel(
        "(e) wrong start, circle",
        "exp(4 pi² T), horizon T",
        {"sweep": "e reference", "arm": "propagated"},
        -2.0,
    ),
    Panel(
        "(f) Euler-Maruyama, geometric steps",
        "number of steps",
        {"sweep": "f steps", "arm": "EM, geometric"},
        -1.0,
    ),
)
#: Above this the axis ends; the legend says how far the bound lies beyond.
_TOP = 30.0


def sweep_panels(runs: pd.DataFrame) -> Figure:
    """Measured W1 and every bound of it, one panel a source of error, both axes logarithmic.

    Args:
        runs: The table of all cells.
    """
    figure, grid = plt.subplots(2, 4, figsize=(13, 6.2), layout="constrained")
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        part = runs[runs["quantity"] == "w1"]
        for column, value in panel.wanted.items():
            part = part[part[column] == value]
        _sweep(axes, panel, part)
    for axes in grid[:, 0]:
        axes.set_ylabel("Wasserstein-1 distance (unit of the data)")
    return figure


def _sweep(axes: Axes, panel: Panel, part: pd.DataFrame) -> None:
    axes.set_title(panel.title)
    axes.set_xlabel(panel.label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    if part.empty:
        return
    for i, (kind, rows) in enumerate(part.groupby("kind", sort=True)):
        mean = rows.groupby("x", sort=True)["bound"].mean()
        beyond = f" (from {mean.min():.0e})" if mean.min() > _TOP else ""
        axes.plot(
            mean.index,
            mean.where(mean <= _TOP),
            "-",
            color=COLOURS[i % len(COLOURS)],
            lw=1.3,
            label=f"{kind}{beyond}",
        )
    measured = part.groupby("x", sort=True)["measured"].mean()
    axes.plot(measured.index, measured, "o", color=DATA_COLOUR, ms=4, label="measured")
    x = measured.index.to_numpy(dtype=float)
    anchor = int(0 if panel.guide > 0 else len(x) - 1)
    line = 0.5 * measured.iloc[anchor] * (x / x[anchor]) ** panel.guide
    axes.plot(x, line, ":", color="#999999", lw=1, label=f"slope {panel.guide:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=min(axes.get_ylim()[1], _TOP))
    axes.legend(fontsize=6.5)


def trade_panels(growth: pd.DataFrame, arrays: Path) -> Figure:
    """Growth factors of the three samplers, and three maps.

    Args:
        growth: Columns ``ratio``, ``factor``, ``closed_form``, ``numeric``.
        arrays: Maps of the study.
    """
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.5), layout="constrained")
    _growth(axes[0], growth)
    with np.load(arrays) as file:
        maps = {name: file[name] for name in file.files}
    _map(
        axes[1],
        maps["error"],
        (maps["sizes"], "sample size N"),
        (maps["eps"], "early-stopping time eps"),
        "W1 of generated and true law",
    )
    _map(
        axes[2],
        maps["memorisation"],
        (maps["sizes"], "sample size N"),
        (maps["eps"], "early-stopping time eps"),
        "distance to nearest training point,\ngenerated / fresh (below 1: copies)",
    )
    _map(
        axes[3],
        maps["total"],
        (maps["horizons"], "horizon T"),
        (maps["error_sizes"], "size of the score error"),
        "W1 of generated and true law",
    )
    return figure


def _growth(axes: Axes, growth: pd.DataFrame) -> None:
    named = {
        "Gronwall": ("Gronwall, SDE", COLOURS[1]),
        "probability flow": ("probability flow (no noise)", COLOURS[4]),
        "reverse SDE, maximum": ("reverse SDE (noise)", COLOURS[0]),
    }
    for factor, (label, colour) in named.items():
        part = growth[growth["factor"] == factor].sort_values("ratio")
        axes.plot(part["ratio"], part["closed_form"], "-", color=colour, label=label)
        axes.plot(part["ratio"], part["numeric"], "o", color=colour, ms=4)
    axes.plot([], [], "o", color=DATA_COLOUR, ms=4, label="numerics")
    axes.set_yscale("log")
    axes.set_xlabel("half distance of two modes / their std")
    axes.set_ylabel("growth of a small shift")
    axes.set_title("noise keeps errors small")
    axes.legend(fontsize=7)


def _map(
    axes: Axes,
    values: np.ndarray,
    rows: tuple[np.ndarray, str],
    columns: tuple[np.ndarray, str],
    title: str,
) -> None:
    image = axes.imshow(values, origin="lower", aspect="auto", cmap="viridis", norm=LogNorm())
    for name, (ticks, label) in (("y", rows), ("x", columns)):
        words = [f"{v:.0e}" if 0 < v < 0.01 else f"{v:.2g}" if v < 10 else f"{v:g}" for v in ticks]
        _ticks(axes, name, words)
        (axes.set_ylabel if name == "y" else axes.set_xlabel)(label)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            axes.text(
                j,
                i,
                f"{value:.2g}",
                ha="center",
                va="center",
                size=5.5,
                color="white",
                bbox={"boxstyle": "square,pad=0.05", "fc": (0, 0, 0, 0.25), "ec": "none"},
            )
    axes.set_title(title)
    axes.figure.colorbar(image, ax=axes)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _ticks(axes: Axes, name: str, words: Sequence[str]) -> None:
    axis = axes.yaxis if name == "y" else axes.xaxis
    axis.set_ticks(range(len(words)), words)
    axis.set_tick_params(labelsize=6.5, length=0)
