"""Kernels and samples of the memorisation study, and how near to the training set they fall."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, bare

Array = NDArray[np.float64]

#: Names of arms in tables and figures, in the order in which they are shown.
TITLES = {
    "score": "Score",
    "empirical": "Empirical",
    "isotropic": "Isotropic kernel",
    "wpo": "WPO, published",
    "wpo_robust": "WPO, likelihood",
    "wpo_leave_one_out": "WPO, leave one out",
    "gpa": "Particles (GPA)",
}
#: Pictured arms, with what is written above them.
PANELS = {
    "score": "Score model,\nend of training",
    "empirical": "Empirical kernel,\nstopped too late",
    "isotropic": "Isotropic kernel,\nwidth validated",
    "wpo": "WPO: learned\nlocal precision",
}
#: Accepted distances, as a multiple of those of held-out points.
BAND = (0.9, 1.15)


def memorisation_figure(
    runs: pd.DataFrame, kernels: pd.DataFrame, arrays: Mapping[str, Array]
) -> Figure:
    """Samples with the kernels' ellipses, distances to the training set, outliers.

    Args:
        runs: Table ``memorisation_runs.csv``.
        kernels: Table ``kernel_runs.csv``.
        arrays: What the study stored for the first law and seed.
    """
    figure = plt.figure(figsize=(10.5, 6.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.0, 1.1])[:, 0]
    shown = [arm for arm in PANELS if f"{arm}/samples" in arrays]
    half = 1.1 * float(np.abs(arrays["train"]).max())
    for axes, arm in zip(top.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _panel(axes, arm, arrays, half)
    left, right = bottom.subplots(1, 2, width_ratios=[3, 1])
    _ratios(left, runs)
    _outliers(right, kernels)
    return figure


def _panel(axes: Axes, arm: str, arrays: Mapping[str, Array], half: float) -> None:
    train, samples = arrays["train"], arrays[f"{arm}/samples"]
    if f"{arm}/axes" in arrays:
        angle = np.linspace(0, 2 * np.pi, 33)
        circle = np.stack([np.cos(angle), np.sin(angle)])
        outlines = train[:, None] + np.einsum("kab,bp->kpa", arrays[f"{arm}/axes"], circle)
        axes.add_collection(
            PolyCollection(
                list(outlines), facecolor=COLOURS[5], edgecolor=COLOURS[0], alpha=0.25, lw=0.6
            )
        )
    axes.scatter(
        samples[:, 0], samples[:, 1], s=2, color=COLOURS[1], lw=0, zorder=2, label="generated"
    )
    axes.scatter(
        train[:, 0], train[:, 1], s=5, color=DATA_COLOUR, lw=0, zorder=3, label="training points"
    )
    axes.set_title(PANELS[arm])
    bare(axes, half)
    if arm == "score":
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, markerscale=2)


def _ratios(axes: Axes, runs: pd.DataFrame) -> None:
    names = _settings(runs)
    datasets = sorted(runs["dataset"].unique(), reverse=True)
    for j, dataset in enumerate(datasets):
        part = runs[runs["dataset"] == dataset].set_index(["arm", "setting"])["ratio"]
        for i, name in enumerate(names):
            values = np.atleast_1d(part.loc[name].to_numpy())
            axes.plot(
                np.full(len(values), i + 0.2 * (j - 0.5 * (len(datasets) - 1))),
                values,
                "o",
                ms=4,
                color=COLOURS[j],
                alpha=0.8,
                label=dataset.replace("_", " ") if i == 0 else None,
            )
    axes.axhspan(*BAND, color="#999999", alpha=0.3, lw=0)
    axes.axhline(1, color="#666666", lw=0.8)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.set_ylabel("distance to training set,\ngenerated / held-out")
    axes.set_xticks(range(len(names)), [_label(*name) for name in names], rotation=40, ha="right")
    axes.set_title("Below 1: memorised. Band: 0.9 to 1.15. One dot a seed.")
    axes.legend(loc="lower right")


def _outliers(axes: Axes, kernels: pd.DataFrame) -> None:
    arms = [arm for arm in TITLES if arm in set(kernels["arm"])]
    for j, law in enumerate(sorted(kernels["law"].unique())):
        part = kernels[kernels["law"] == law].groupby("arm")["outliers"].mean()
        axes.bar(
            np.arange(len(arms)) + 0.38 * (j - 0.5),
            100 * part.loc[arms],
            width=0.36,
            color=COLOURS[2 + j],
            label=law.replace("_", " "),
        )
    axes.set_xticks(range(len(arms)), [TITLES[arm] for arm in arms], rotation=40, ha="right")
    axes.set_ylabel("samples far off, %")
    axes.set_ylim(0, 100)
    axes.set_title("Outside 1.5 x the box of the data")
    axes.legend()


def _settings(runs: pd.DataFrame) -> list[tuple[str, str]]:
    # Arms in the order of TITLES, other ones last; settings by variance or by step.
    order = {arm: i for i, arm in enumerate(TITLES)}
    rows = runs.drop_duplicates(["arm", "setting"]).copy()
    rows["order"] = rows["arm"].map(order).fillna(len(order))
    rows["size"] = rows["step"].fillna(rows["variance"])
    rows = rows.sort_values(["order", "arm", "size"], kind="stable")
    return list(zip(rows["arm"], rows["setting"].astype(str), strict=True))


def _label(arm: str, setting: str) -> str:
    title = TITLES.get(arm, arm)
    if setting == "-":
        return title
    if setting.startswith("step "):
        return f"{title}, step {int(setting[5:])}"
    return f"{title}, {float(setting):.0e}" if arm == "empirical" else f"{title}, {setting}"
