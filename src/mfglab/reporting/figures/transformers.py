"""Figures of the Transformers: training, robustness, steps, sweeps, ablation, hidden paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR
from mfglab.reporting.intervals import mean_interval

Tree = Mapping[str, Any]

_LEVELS = {
    "replace_characters": "share of characters replaced",
    "drop_words": "share of words unknown",
    "replace_words": "share of words replaced",
    "synonyms": "share of words by synonyms",
    "drop_points": "share of points dropped",
    "jitter": "deviation of points / radius",
    "gaussian": "Gaussian noise / range",
    "uniform": "uniform noise / range",
    "blur": "blur, pixels",
    "occlusion": "share covered",
    "rotation": "rotation, degrees",
    "fgsm": "FGSM radius",
    "pgd": "PGD radius",
}

#: Largest change of a loss that is drawn, nats.
_CUT = 10.0


class Arms:
    """Title and colour of every arm: the same arm has one colour in all tasks."""

    def __init__(self, tasks: Tree) -> None:
        self._tasks = tasks
        names = list(dict.fromkeys(arm for entry in tasks.values() for arm in entry["arms"]))
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self._styles = {name: "-" if i < len(COLOURS) else "--" for i, name in enumerate(names)}

    def title(self, task: str, arm: str) -> str:
        """Title of an arm."""
        entry = self._tasks[task]
        return str(entry["arms"][arm].get("title") or entry["base"].get("title", arm))

    def style(self, arm: str) -> dict[str, Any]:
        """Keywords of its line."""
        return {"color": self._colours[arm], "ls": self._styles[arm]}

    def ordered(self, task: str, frame: pd.DataFrame) -> list[str]:
        """Arms that occur in ``frame``, in the order of the configuration."""
        there = set(frame["arm"])
        return [arm for arm in self._tasks[task]["arms"] if arm in there]

    def legend(self, figure: Figure) -> None:
        """One legend of all panels, above them."""
        handles: dict[str, Any] = {}
        for axes in figure.axes:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            list(handles.values()), list(handles), loc="outside upper center", ncols=4, fontsize=8
        )


def training_curves(histories: pd.DataFrame, tasks: Tree) -> Figure:
    """Validation loss over training, a panel a task; bands are smallest to largest seed.

    Args:
        histories: Columns ``task``, ``arm``, ``seed``, ``step``, ``val_loss``.
        tasks: Tasks of the configuration.
    """
    arms = Arms(tasks)
    figure, grid = _grid(1, len(tasks))
    for axes, (task, entry) in zip(grid[0], tasks.items(), strict=True):
        part = histories[histories["task"] == task]
        for arm in arms.ordered(task, part):
            grouped = part[part["arm"] == arm].groupby("step", sort=True)["val_loss"]
            mean = grouped.mean()
            axes.plot(mean.index, mean, lw=1.3, label=arms.title(task, arm), **arms.style(arm))
            colour = arms.style(arm)["color"]
            axes.fill_between(
                mean.index, grouped.min(), grouped.max(), color=colour, alpha=0.15, lw=0
            )
        axes.set_title(entry["title"])
        axes.set_xlabel("training step")
    grid[0, 0].set_ylabel("validation loss, nats")
    arms.legend(figure)
    return figure


def robustness_curves(runs: pd.DataFrame, tasks: Tree) -> Figure:
    """Loss (text) or accuracy by level: a row a task, a column a corruption or attack."""
    arms = Arms(tasks)
    changes = {
        task: list(dict.fromkeys(_of(runs, task, ("corruption", "attack"))["name"]))
        for task in tasks
    }
    figure, grid = _grid(len(tasks), max(1, *(len(names) for names in changes.values())), 2.4)
    for row, (task, entry) in zip(grid, tasks.items(), strict=True):
        text = entry["data"]["kind"] in ("pydoc_text", "shakespeare")
        metric = "loss" if text else "accuracy"
        clean = _of(runs, task, ("clean",))
        for axes, name in zip(row, changes[task], strict=False):
            part = runs[(runs["task"] == task) & (runs["name"] == name)]
            for arm in arms.ordered(task, part):
                mine = part[part["arm"] == arm]
                start = clean[clean["arm"] == arm] if (part["kind"] != "attack").all() else mine[:0]
                _intervals(
                    axes,
                    pd.concat([start, mine]),
                    "level",
                    metric,
                    arms.title(task, arm),
                    arms.style(arm),
                )
            axes.set_xlabel(_LEVELS[name])
        for axes in row[len(changes[task]) :]:
            axes.set_visible(False)
        row[0].set_ylabel(f"{entry['title']}\n{'loss, nats' if text else 'accuracy'}")
    arms.legend(figure)
    return figure


def transfer_curves(runs: pd.DataFrame, tasks: Tree) -> Figure:
    """Loss by number of steps in testing (upper row), by evaluations of adaptive steps (lower)."""
    arms = Arms(tasks)
    figure, grid = _grid(2, len(tasks))
    for column, (task, entry) in enumerate(tasks.items()):
        for axes, (mode, x) in zip(
            grid[:, column], (("fixed", "steps"), ("adaptive", "tolerance")), strict=True
        ):
            part = runs[(runs["task"] == task) & (runs["mode"] == mode)]
            for arm in arms.ordered(task, part):
                mine = part[part["arm"] == arm]
                y = "change" if mode == "fixed" else "evaluations"
                _intervals(axes, mine, x, y, arms.title(task, arm), arms.style(arm))
            axes.set_xscale("log", base=2 if mode == "fixed" else 10)
        grid[0, column].set_title(entry["title"])
        grid[0, column].set_yscale("symlog", linthresh=0.1)
        # States of an arm may explode; the others must stay readable beside it.
        low, high = grid[0, column].get_ylim()
        grid[0, column].set_ylim(max(low, -_CUT), min(high, _CUT))
        grid[0, column].axhline(0, color=DATA_COLOUR, lw=0.7)
        grid[0, column].set_xlabel("steps in testing")
        grid[1, column].set_yscale("log")
        grid[1, column].set_xlabel("tolerance of adaptive steps")
    grid[0, 0].set_ylabel(f"loss minus that with the steps of training\n(cut at {_CUT:g} nats)")
    grid[1, 0].set_ylabel("evaluations of the stack")
    arms.legend(figure)
    return figure


#: What the keys that sweeps vary are called on an axis; others keep their name.
_KEYS = {
    "depth.horizon": "horizon T",
    "depth.steps": "steps M",
    "fraction": "share of the training data",
    "label_noise": "share of wrong labels",
    "network.dropout": "dropout",
    "network.norm": "layer norms",
    "training.weight_decay": "weight decay",
    "weight": r"weight $\lambda$",
}


def _number(value: object) -> str:
    """A number without idle zeros; anything else, such as the name of a norm, as it is."""
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)


def sweep_curves(runs: pd.DataFrame, tasks: Tree) -> Figure:
    """Test loss of final (full) and best (hollow) weights by the value that is varied."""
    arms = Arms(tasks)
    done = set(zip(runs["task"], runs["sweep"], strict=True))
    named = [(task, name) for task, entry in tasks.items() for name in sorted(entry["sweeps"])]
    sweeps = [pair for pair in named if pair in done]
    columns = min(4, max(1, len(sweeps)))
    figure, grid = _grid(-(-max(1, len(sweeps)) // columns), columns)
    for axes in grid.flat[len(sweeps) :]:
        axes.set_axis_off()
    if not sweeps:
        grid.flat[0].text(0.5, 0.5, "no sweep was run", ha="center", va="center")
    for axes, (task, name) in zip(grid.flat, sweeps, strict=False):
        part = runs[(runs["task"] == task) & (runs["sweep"] == name)]
        places = part.drop_duplicates("place").sort_values("place")
        for arm in arms.ordered(task, part):
            mine = part[(part["arm"] == arm) & (part["diverged"] == 0)]
            for checkpoint, face in (("final", None), ("best", "white")):
                label = arms.title(task, arm) if checkpoint == "final" else ""
                chosen = mine[mine["checkpoint"] == checkpoint]
                _intervals(axes, chosen, "place", "loss", label, arms.style(arm), face)
        axes.set_xticks(places["place"], [_number(v) for v in places["value"]], fontsize=7)
        key = tasks[task]["sweeps"][name]["key"]
        axes.set_xlabel(_KEYS.get(key, key))
        axes.set_title(f"{tasks[task]['title']}: {name.replace('_', ' ')}")
        axes.set_ylabel("test loss, nats")
    if sweeps:
        for label, face in (("final weights", DATA_COLOUR), ("best on validation data", "white")):
            grid.flat[0].plot([], [], "o", color=DATA_COLOUR, mfc=face, ms=3, label=label)
    arms.legend(figure)
    return figure


def ablation_bars(runs: pd.DataFrame, tasks: Tree) -> Figure:
    """What each change does to the test loss: mean of paired differences with 95% intervals."""
    shown = [task for task in tasks if (runs["task"] == task).any()]
    figure, grid = _grid(1, max(1, len(shown)), width=4.4)
    for axes, task in zip(grid[0], shown, strict=False):
        part = runs[runs["task"] == task]
        names = list(dict.fromkeys(part["change"]))
        for shift, metric, colour in (
            (-0.18, "loss_final", COLOURS[0]),
            (0.18, "loss_best", COLOURS[1]),
        ):
            found = [mean_interval(part[part["change"] == n][metric].to_list()) for n in names]
            value = np.array([i.estimate for i in found])
            half = np.array([0 if i.low is None else i.estimate - i.low for i in found])
            place = np.arange(len(names)) + shift
            label = "final weights" if metric == "loss_final" else "best weights"
            axes.barh(place, value, height=0.32, color=colour, label=label)
            axes.errorbar(value, place, xerr=half, fmt="none", color=DATA_COLOUR, lw=1)
        axes.set_yticks(np.arange(len(names)), names, fontsize=7)
        axes.invert_yaxis()
        axes.axvline(0, color=DATA_COLOUR, lw=0.8)
        axes.set_title(tasks[task]["title"])
        axes.set_xlabel("change of the test loss, nats")
    Arms(tasks).legend(figure)
    return figure


def path_panels(
    paths: Mapping[str, Mapping[str, NDArray[Any]]], tasks: Tree, shown: Sequence[str]
) -> Figure:
    """Hidden states on their way through depth: a row a task, a column an arm.

    Args:
        paths: By task: ``<arm>.paths`` (points in depth, n, 2), ``<arm>.labels``,
            ``<arm>.explained``.
        tasks: Tasks of the configuration.
        shown: Arms.
    """
    arms = Arms(tasks)
    figure, grid = _grid(len(tasks), len(shown), 2.6)
    for row, (task, entry) in zip(grid, tasks.items(), strict=True):
        for axes, arm in zip(row, shown, strict=True):
            if f"{arm}.paths" not in paths[task]:
                axes.set_visible(False)
                continue
            way, labels = paths[task][f"{arm}.paths"], paths[task][f"{arm}.labels"]
            classes = {c: i for i, c in enumerate(sorted(set(labels.tolist())))}
            for i, label in enumerate(labels.tolist()):
                colour = COLOURS[classes[label] % len(COLOURS)]
                axes.plot(*way[:, i].T, "-", color=colour, lw=0.7, alpha=0.8)
                axes.plot(*way[-1, i], "o", color=colour, ms=2.5)
            axes.plot(*way[0].T, ".", color=DATA_COLOUR, ms=2)
            share = float(paths[task][f"{arm}.explained"].sum())
            axes.set_title(f"{arms.title(task, arm)} ({share:.0%})", fontsize=8)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(entry["title"])
    return figure


def _of(runs: pd.DataFrame, task: str, kinds: Sequence[str]) -> pd.DataFrame:
    return runs[(runs["task"] == task) & runs["kind"].isin(kinds)]


def _grid(
    rows: int, columns: int, height: float = 2.8, width: float = 3.1
) -> tuple[Figure, NDArray[Any]]:
    return plt.subplots(
        rows, columns, figsize=(width * columns, height * rows + 0.6), squeeze=False,
        layout="constrained",
    )  # fmt: skip


def _intervals(
    axes: Axes,
    frame: pd.DataFrame,
    x: str,
    y: str,
    label: str,
    style: Mapping[str, Any],
    face: str | None = None,
) -> None:
    """Means over seeds with 95% intervals."""
    found = {
        float(str(value)): mean_interval(group[y].dropna().to_list())
        for value, group in frame.groupby(x, sort=True)
        if group[y].notna().any()
    }
    if not found:
        return
    places = list(found)
    value = np.array([interval.estimate for interval in found.values()])
    half = np.array([0 if i.low is None else i.estimate - i.low for i in found.values()])
    axes.errorbar(
        places, value, yerr=half, marker="o", ms=3, lw=1.2, elinewidth=0.8, mfc=face,
        label=label or None, **style,
    )  # fmt: skip
