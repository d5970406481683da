"""Pictures of the plane: samples, trajectories, value functions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, bare, colours_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RunArrays:
    """Arrays of one evaluated model.

    Args:
        model: Title of the model.
        dataset: Name of the data set.
        arrays: What ``figure_arrays`` wrote.
    """

    model: str
    dataset: str
    arrays: Mapping[str, Array]

    @classmethod
    def load(cls, path: Path, model: str, dataset: str) -> RunArrays:
        """Read the arrays of one model."""
        with np.load(path) as file:
            return cls(model, dataset, {name: file[name] for name in file.files})

    @property
    def planar(self) -> bool:
        """Whether the points lie in the plane."""
        return bool(self.arrays["data"].shape[1] == 2)


def sample_grid(runs: Sequence[RunArrays]) -> Figure:
    """Samples of every model beside the data, data sets of few models side by side."""
    planar = [run for run in runs if run.planar]
    colours = colours_of(list(dict.fromkeys(run.model for run in planar)))
    blocks = [
        [run for run in planar if run.dataset == dataset]
        for dataset in dict.fromkeys(run.dataset for run in planar)
    ]
    rows = _packed([len(block) + 1 for block in blocks])
    columns = max(sum(len(blocks[k]) + 1 for k in row) for row in rows)
    figure, grid = plt.subplots(
        len(rows),
        columns,
        figsize=(1.8 * columns, 2.1 * len(rows)),
        squeeze=False,
        layout="constrained",
    )
    for line, row in zip(grid, rows, strict=True):
        panels = iter(line)
        for block in (blocks[k] for k in row):
            data = block[0].arrays["data"]
            half = float(np.abs(data).max()) * 1.1
            axes = next(panels)
            _cloud(axes, data, half, DATA_COLOUR)
            name = block[0].dataset.replace("_", " ")
            axes.set_title(f"{name}\ntest data", fontweight="bold")
            for run, axes in zip(block, panels, strict=False):
                _cloud(axes, run.arrays["samples"], half, colours[run.model])
                axes.set_title(textwrap.fill(run.model, 17))
        for axes in panels:
            axes.set_axis_off()
    return figure


def _packed(widths: Sequence[int]) -> list[list[int]]:
    """Blocks of these widths in rows as wide as the widest: each in the first row with room."""
    limit = max(widths)
    rows: list[list[int]] = []
    for k, width in enumerate(widths):
        for row in rows:
            if sum(widths[i] for i in row) + width <= limit:
                row.append(k)
                break
        else:
            rows.append([k])
    return rows


def trajectory_grid(runs: Sequence[RunArrays]) -> Figure:
    """Trajectories from the data to the normal law; start and end marked."""
    planar = [run for run in runs if run.planar]
    datasets = list(dict.fromkeys(run.dataset for run in planar))
    models = list(dict.fromkeys(run.model for run in planar))
    by_key = {(run.dataset, run.model): run for run in planar}
    figure, grid = plt.subplots(
        len(datasets),
        len(models),
        figsize=(2.6 * len(models), 2.6 * len(datasets) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for i, dataset in enumerate(datasets):
        for j, model in enumerate(models):
            axes, run = grid[i, j], by_key.get((dataset, model))
            if run is None:
                bare(axes)
                continue
            path = run.arrays["path"][:, :60]
            axes.plot(path[..., 0], path[..., 1], color="#999999", lw=0.6, zorder=1)
            axes.scatter(
                path[0, :, 0], path[0, :, 1], s=7, color=COLOURS[1], zorder=2, label="data, t = 0"
            )
            axes.scatter(
                path[-1, :, 0],
                path[-1, :, 1],
                s=7,
                color=COLOURS[0],
                zorder=2,
                label="normal, t = 1",
            )
            bare(axes)
            if i == 0:
                axes.set_title(model)
            if j == 0:
                axes.annotate(
                    dataset.replace("_", " "),
                    (-0.03, 0.5),
                    xycoords="axes fraction",
                    rotation=90,
                    ha="right",
                    va="center",
                )
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def value_grid(runs: Sequence[RunArrays], time_names: Mapping[str, str]) -> Figure:
    """Value functions as contours with the optimal velocity as arrows, a row a model.

    Args:
        runs: Models; those without a value function are left out.
        time_names: Name of the time variable by model title.
    """
    rows = [run for run in runs if "value" in run.arrays]
    columns = len(rows[0].arrays["times"])
    figure, grid = plt.subplots(
        len(rows),
        columns,
        figsize=(2.9 * columns, 2.75 * len(rows)),
        squeeze=False,
        layout="constrained",
    )
    for i, run in enumerate(rows):
        axis, times = run.arrays["grid"], run.arrays["times"]
        for j, time in enumerate(times):
            axes = grid[i, j]
            mesh = _value_panel(
                axes, axis, run.arrays["value"][j], run.arrays["velocity"][j], run.arrays["data"]
            )
            bare(axes, float(axis[-1]))
            axes.set_title(f"{time_names[run.model]} = {time:.2g}")
            if j == 0:
                axes.annotate(
                    f"{run.model}\n{run.dataset.replace('_', ' ')}",
                    (-0.04, 0.5),
                    xycoords="axes fraction",
                    rotation=90,
                    ha="right",
                    va="center",
                )
            if j == columns - 1:
                bar = figure.colorbar(mesh, ax=grid[i, :], shrink=0.8, pad=0.01)
                bar.set_label("value, root scale: 0 lowest, 1 highest")
    return figure


def _value_panel(axes: Axes, axis: Array, value: Array, velocity: Array, data: Array) -> Any:
    scaled = (value - value.min()) / (value.max() - value.min())
    # Square root: the interesting part of a value function is near its minimum.
    mesh = axes.contourf(axis, axis, np.sqrt(scaled), levels=16, cmap="viridis")
    axes.scatter(data[:250, 0], data[:250, 1], s=1.2, color="white", alpha=0.7, lw=0)
    step = max(1, len(axis) // 13)
    x, y = np.meshgrid(axis[::step], axis[::step])
    v = velocity[::step, ::step]
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    v = v / np.maximum(length, 1e-12) * np.sqrt(length / max(float(length.max()), 1e-12))
    axes.quiver(x, y, v[..., 0], v[..., 1], color="#D55E00", width=0.006, pivot="mid")
    return mesh


def _cloud(axes: Axes, points: Array, half: float, colour: str) -> None:
    axes.scatter(points[:, 0], points[:, 1], s=1.0, color=colour, alpha=0.5, lw=0)
    bare(axes, half)
