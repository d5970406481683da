"""The 2 x 2 ablation of the W1+W2 proximal flow on data that lie on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import DATA_COLOUR, bare, colours_of

Array = NDArray[np.float64]

ARM_TITLES = {
    "none": "no regulariser",
    "w2": "W2: kinetic cost",
    "w1": "W1: Lipschitz bound",
    "both": "W1 + W2",
    "released": "W1 + W2, kinetic cost off the path",
    "otflow": "OT-Flow",
    "score": "score model",
}

#: Columns of the readable table: heading, column, format.
COLUMNS = (
    ("W2²/2", "w2_half", "{:.3f}"),
    ("W2²/2 in the plane", "w2_half_plane", "{:.3f}"),
    ("Floor", "floor", "{:.3f}"),
    ("Distance from plane", "off_manifold", "{:.3f}"),
    ("Change with dt", "refinement_gap", "{:.2f}"),
    ("Change in the plane", "refinement_gap_plane", "{:.2f}"),
    ("Kinetic energy / optimum", "kinetic_ratio", "{:.2f}"),
    ("Straightness", "straightness", "{:.3f}"),
    ("Mean slope of D", "slope_mean", "{:.3g}"),
    ("Max slope of D", "slope_max", "{:.3g}"),
    ("HJB residual", "hjb", "{:.3g}"),
    ("NLL (nats)", "nll", "{:.1f}"),
    ("Diverged", "diverged", "{:.2f}"),
)

#: Rows and columns of the 2 x 2 panel: W1 off and on downward, W2 off and on to the right.
_SQUARE = (("none", "w2"), ("w1", "both"))


def manifold_figure(
    runs: pd.DataFrame, arrays: Mapping[str, Array], refinements: Sequence[int], steps: int
) -> Figure:
    """Samples of the four arms beside the distance to the data against the time step.

    Args:
        runs: Rows of one law.
        arrays: ``data`` and ``samples_<arm>`` in plane coordinates, (n, 2).
        refinements: The three divisors of dt of columns ``w2_half``, ``_middle`` and ``_fine``.
        steps: Time steps in training.
    """
    figure = plt.figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.0, 1.05))[0]
    arms = [arm for arm in ARM_TITLES if arm in set(runs["arm"])]
    colours = colours_of(list(ARM_TITLES))
    for row, names in zip(left.subplots(2, 2), _SQUARE, strict=True):
        for axes, arm in zip(row, names, strict=True):
            _cloud(axes, arrays, arm, colours[arm])
    _refinement(right.subplots(), runs, arms, colours, refinements, steps)
    return figure


def _cloud(axes: Axes, arrays: Mapping[str, Array], arm: str, colour: str) -> None:
    data, samples = arrays["data"], arrays.get(f"samples_{arm}")
    axes.scatter(data[:, 0], data[:, 1], s=1.5, color=DATA_COLOUR, alpha=0.35, lw=0)
    bare(axes)
    low, high = data.min(0) - 0.6, data.max(0) + 0.6
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    if samples is None:
        axes.set_title(f"{ARM_TITLES[arm]}: not run")
        return
    axes.scatter(samples[:, 0], samples[:, 1], s=1.5, color=colour, alpha=0.7, lw=0)
    axes.set_title(ARM_TITLES[arm], color=colour)


def _refinement(
    axes: Axes,
    runs: pd.DataFrame,
    arms: Sequence[str],
    colours: Mapping[str, str],
    refinements: Sequence[int],
    steps: int,
) -> None:
    shown = [refinements[0], refinements[1], refinements[-1]]
    dt = [1 / (steps * k) for k in shown]
    ends = ("", "_middle", "_fine")
    for arm in arms:
        part = runs[runs["arm"] == arm]
        total = part[[f"w2_half{end}" for end in ends]].to_numpy(dtype=float)
        style: dict[str, Any] = {"color": colours[arm], "lw": 1.4, "marker": "o", "ms": 3}
        # Seeds as thin lines: on a logarithmic axis bands of five arms hide each other.
        axes.plot(dt, total.T, color=colours[arm], lw=0.6, alpha=0.45)
        axes.plot(dt, np.median(total, 0), label=ARM_TITLES[arm], **style)
        if arm == "both":
            off = part[[f"off_manifold{end}" for end in ends]].to_numpy(dtype=float)
            plane = total - 0.5 * off**2
            label = f"{ARM_TITLES[arm]}, in the plane of the data"
            axes.plot(dt, np.median(plane, 0), label=label, **(style | {"ls": ":"}))
    floor = float(runs["floor"].mean())
    axes.axhline(floor, color="#999999", lw=0.8, ls="--", label="two samples of the data")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(dt, [f"1/{steps * k}" for k in shown])
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.set_xlabel(f"time step dt in sampling (training: 1/{steps})")
    axes.set_ylabel("W2²/2 to test data (squared units of the data)")
    law, _, dim = str(runs["manifold"].iloc[0]).rpartition("_")
    axes.set_title(f"{law} in {dim} dimensions: median and single seeds")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
