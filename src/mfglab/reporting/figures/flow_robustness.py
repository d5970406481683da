"""Velocity errors through samplers; regularity of value functions, scores and velocities."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR

KINDS = ("Gronwall", "Gronwall, by time", "one-sided", "Hamilton-Jacobi", "Version A")
_TOP = 1e4


def propagation_panels(runs: pd.DataFrame) -> Figure:
    """Medians over errors, sizes and seeds of W1 and of each bound, over the total error.

    Args:
        runs: One row a law, sampler, error, size, seed and kind of bound.
    """
    laws = sorted(runs["law"].unique())
    widths = [runs.loc[runs["law"] == law, "sampler"].nunique() for law in laws]
    figure, panels = plt.subplots(
        1,
        len(laws),
        figsize=(2.5 + 0.62 * sum(widths), 4.2),
        layout="constrained",
        sharey=True,
        squeeze=False,
        gridspec_kw={"width_ratios": widths},
    )
    runs = runs.assign(factor=runs["bound"] / runs["measured"] * runs["amplification"])
    for axes, law in zip(panels[0], laws, strict=True):
        _propagation(axes, runs[runs["law"] == law])
        axes.set_title(law)
    panels[0, 0].set_ylabel("distance / total error (no unit)")
    handles = {
        label: line
        for axes in panels[0]
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=7)
    return figure


def _propagation(axes: Axes, runs: pd.DataFrame) -> None:
    samplers = sorted(runs["sampler"].unique())
    for i, sampler in enumerate(samplers):
        mine = runs[runs["sampler"] == sampler]
        axes.plot(i, mine["amplification"].median(), "D", color=DATA_COLOUR, label="measured W1")
        for colour, kind in zip(COLOURS, KINDS, strict=False):
            part = mine.loc[mine["kind"] == kind, "factor"]
            if len(part):
                height = part.median()
                mark = "^" if height > _TOP else "s" if kind == "one-sided" else "o"
                axes.plot(i, min(height, _TOP), mark, color=colour, mfc="none", label=kind)
    axes.set_yscale("log")
    axes.axhline(_TOP, color="#cccccc", lw=0.7, zorder=0, label="triangles: above 1e4")
    axes.set_xticks(range(len(samplers)), samplers, rotation=60, ha="right")
    axes.set_xlim(-0.5, len(samplers) - 0.5)


def regularity_panels(values: pd.DataFrame, scores: pd.DataFrame, models: pd.DataFrame) -> Figure:
    """Four panels: curvature of U, Bernstein's quotient, slope of scores, learned velocities."""
    figure, panels = plt.subplots(2, 2, figsize=(9.0, 6.6), layout="constrained")
    for axes, estimate, numerator in zip(
        panels[0], ("semiconcavity", "Bernstein"), (1.0, 2.0), strict=True
    ):
        part = values[values["estimate"] == estimate]
        for colour, (law, rows) in zip(COLOURS, part.groupby("law"), strict=False):
            for style, (equation, line) in zip(("-", "--"), rows.groupby("equation"), strict=False):
                label = f"{law}, {equation}"
                axes.loglog(line["tau"], line["measured"], style, color=colour, label=label)
        tau = np.unique(part["tau"])
        axes.loglog(tau, numerator / tau, ":", color=DATA_COLOUR, label=f"bound {numerator:g}/tau")
        axes.set_xlabel("time to go tau")
        axes.legend(fontsize=6)
    panels[0, 0].set_ylabel("largest U''")
    panels[0, 0].set_title("semiconcavity of exact value functions", loc="left")
    panels[0, 1].set_ylabel("largest |U'|² / (U - min U(0))")
    panels[0, 1].set_title("Bernstein's gradient estimate", loc="left")
    for colour, size, (law, line) in zip(
        COLOURS, (7, 3, 3, 3), scores.groupby("law"), strict=False
    ):
        label = f"{law} (predicted power {line['expected'].iloc[0]:g})"
        panels[1, 0].loglog(
            line["variance"], line["slope_of_score"], "o-", ms=size, color=colour, label=label
        )
    panels[1, 0].set_xlabel("variance of the added noise")
    panels[1, 0].set_ylabel("slope of the score at the data")
    panels[1, 0].set_title("blow-up of exact scores", loc="left")
    panels[1, 0].legend(fontsize=6)
    _learned(panels[1, 1], models)
    return figure


def _learned(axes: Axes, models: pd.DataFrame) -> None:
    means = models.groupby("sampler")[["lipschitz", "in_time"]].mean()
    place = np.arange(len(means))
    axes.barh(place + 0.2, means["lipschitz"], 0.38, color=COLOURS[0], label="in space |grad v|")
    axes.barh(place - 0.2, means["in_time"], 0.38, color=COLOURS[1], label="in time |d_t v|")
    axes.set_yticks(place, [str(name) for name in means.index], fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("largest over visited points, mean over seeds (1/time; length/time²)")
    axes.set_title("Lipschitz constants of learned velocities", loc="left")
    axes.legend(fontsize=7)
