"""HJB residual of trained models against fit, curvature and step error."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfglab.reporting.figures.style import COLOURS, colours_of
from mfglab.reporting.optimality import TINY

_FLOWS = (
    ("w2", "W2 of samples to test points"),
    ("curvature", "curvature: 1 - displacement / path length"),
    ("abs_gap_2", "error of the likelihood at 2 steps (nats)"),
)


def optimality_figure(frame: pd.DataFrame) -> Figure:
    """A panel a quantity for potential flows, one for score models; a point a model.

    Args:
        frame: What :func:`mfglab.reporting.optimality.optimality_runs` returns.
    """
    figure, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
    names = sorted(set(frame["dataset"]))
    colours = colours_of(names)
    # Colours repeat after a while; a marker then tells the data sets apart.
    shapes = {name: "os"[names.index(name) // len(COLOURS)] for name in names}
    flows = frame[frame["family"] == "potential flows"]
    for axis, (column, label) in zip(axes.flat, _FLOWS, strict=False):
        for (source, dataset), group in flows.groupby(["source", "dataset"], sort=True):
            marker = "^" if source == "ablation" else shapes[str(dataset)]
            suffix = " (ablation)" if source == "ablation" else ""
            _scatter(axis, group, column, colours[str(dataset)], marker, str(dataset) + suffix)
        _label(axis, "flows: HJB residual along test paths", label)
    last = axes[1, 1]
    scores = frame[frame["family"] == "score models"]
    markers = dict(zip(sorted(set(scores["model"])), itertools.cycle("ox+*sdv^"), strict=False))
    for (dataset, model), group in scores.groupby(["dataset", "model"], sort=True):
        _scatter(last, group, "w2", colours[str(dataset)], markers[str(model)], str(dataset))
    kinds: list[Artist] = [Line2D([], [], ls="", marker=m, color="0.3") for m in markers.values()]
    last.legend(kinds, [name.replace("_", " ") for name in markers])
    _label(last, "score models: relative HJB residual", _FLOWS[0][1])
    entries: dict[str, Artist] = {}
    for axis in (axes[0, 0], last):
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=4)
    return figure


def _scatter(
    axis: Axes, group: pd.DataFrame, column: str, colour: str, marker: str, name: str
) -> None:
    axis.scatter(
        group["hjb_residual"],
        group[column].clip(lower=TINY),
        s=16,
        marker=marker,
        color=colour,
        alpha=0.8,
        label=name.replace("_", " "),
    )


def _label(axis: Axes, x: str, y: str) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(x)
    axis.set_ylabel(y)
