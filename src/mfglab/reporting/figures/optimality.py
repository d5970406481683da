"""HJB residual of potential flows against fit, curvature and step error."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from mfglab.reporting.figures.style import COLOURS, colours_of
from mfglab.reporting.optimality import TINY

_PANELS = (
    ("w2", "W2 of samples to test points"),
    ("curvature", "curvature: 1 - displacement / path length"),
    ("abs_gap_2", "error of the likelihood at 2 steps (nats)"),
)


def optimality_figure(frame: pd.DataFrame) -> Figure:
    """A panel a quantity, a point a trained flow, a colour a data set.

    Args:
        frame: What :func:`mfglab.reporting.optimality.optimality_runs` returns.
    """
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
    # Colours repeat after a while; a marker then tells the data sets apart.
    names = sorted(set(frame["dataset"]))
    shapes = {name: "os"[names.index(name) // len(COLOURS)] for name in names}
    colours = colours_of(names)
    suffix = {"pipeline": "", "ablation": " (ablation)"}
    for axis, (column, label) in zip(axes, _PANELS, strict=True):
        for (source, dataset), group in frame.groupby(["source", "dataset"], sort=True):
            axis.scatter(
                group["hjb_residual"],
                group[column].clip(lower=TINY),
                s=16,
                marker="^" if source == "ablation" else shapes[str(dataset)],
                color=colours[str(dataset)],
                alpha=0.8,
                label=str(dataset).replace("_", " ") + suffix[str(source)],
            )
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("HJB residual along test paths")
        axis.set_ylabel(label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
