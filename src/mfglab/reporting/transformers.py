"""Tables of the Transformers: arms, robustness, hidden motion, ablation, tuned settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mfglab.config import lookup
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.tables import study_table

Tree = Mapping[str, Any]
#: Task, arm, weights and seed of a run.
_Run = tuple[str, str, str, float]

ARM_COLUMNS = (
    ("Loss (nats)", "loss", "{:.3f}"),
    ("Accuracy", "accuracy", "{:.3f}"),
    ("Loss on training data", "train_loss", "{:.3f}"),
    ("Calibration error", "calibration", "{:.3f}"),
    ("Transport", "transport", "{:.3g}"),
    ("Parameters", "parameters", "{:.0f}"),
    ("MFLOP a step", "megaflops", "{:.0f}"),
    ("Best step", "best_step", "{:.0f}"),
)
HARD_COLUMNS = (
    ("Loss (nats)", "loss", "{:.3f}"),
    ("Rise of the loss", "loss_rise", "{:.3f}"),
    ("Accuracy", "accuracy", "{:.3f}"),
    ("Drop of the accuracy", "accuracy_drop", "{:.3f}"),
    ("Correct ones kept", "kept", "{:.3f}"),
)
MOTION_COLUMNS = (
    ("Straightness", "straightness", "{:.3f}"),
    ("Speed variation", "speed_variation", "{:.3f}"),
    ("Displacement", "displacement", "{:.3f}"),
    ("Crossing pairs", "crossing", "{:.3f}"),
    ("Largest stretch", "lipschitz", "{:.3g}"),
    ("Stretch of states", "stretch_states", "{:.3g}"),
    ("of outputs", "stretch_outputs", "{:.3g}"),
    ("W1 of states", "stretch_w1_states", "{:.3g}"),
    ("W1 of outputs", "stretch_w1_outputs", "{:.3g}"),
    ("Norm of the head", "head_norm", "{:.3g}"),
    ("cos(f, -grad G)", "terminal_cosine", "{:.3f}"),
    ("Costate residual", "terminal_residual", "{:.3g}"),
    ("Objective", "objective", "{:.3f}"),
    ("Least objective", "objective_optimal", "{:.3g}"),
    ("T L^2 / lambda", "theorem_2_ratio", "{:.3g}"),
)
ABLATION_COLUMNS = (
    ("Loss, final weights", "loss_final", "{:+.3f}"),
    ("Loss, best weights", "loss_best", "{:+.3f}"),
    ("Error, final weights", "error_final", "{:+.3f}"),
    ("Error, best weights", "error_best", "{:+.3f}"),
)
TUNED_COLUMNS = (
    ("Loss (nats)", "loss", "{:.3f}"),
    ("Loss over OT-Transformer", "loss_over_ot", "{:+.3f}"),
    ("Error", "error", "{:.3f}"),
    ("Error over OT-Transformer", "error_over_ot", "{:+.3f}"),
)

#: The arm that tuned ones are compared with.
_REFERENCE = "ot"
#: Settings that change the task, so that no value of them can be chosen.
_OF_THE_DATA = ("fraction", "label_noise")
_TUNED = ("task", "sweep", "arm", "checkpoint", "value", "seed", "val_loss")

_SWEEP = ("task", "arm", "place", "value", "seed", "checkpoint", "diverged", "loss", "error")


def in_order(tasks: Tree, order: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Tasks, and the arms within each, in the order of the configuration.

    A record keeps mappings sorted by key, so that the order has to be told.

    Args:
        tasks: Tasks of the configuration.
        order: Pairs of a task and its arms.
    """
    return {
        task: {**tasks[task], "arms": {arm: tasks[task]["arms"][arm] for arm in arms}}
        for task, arms in order
    }


def stacked(paths: Sequence[Path], tasks: Sequence[str]) -> pd.DataFrame:
    """Tables of all tasks in one, with a column ``task`` in front.

    Args:
        paths: One file a task; empty ones are left out.
        tasks: Their tasks.
    """
    frames = []
    for path, task in zip(paths, tasks, strict=True):
        frame = read_csv(path)
        frame.insert(0, "task", task)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def swept(
    paths: Sequence[Path],
    sweeps: Sequence[Sequence[str]],
    runs: pd.DataFrame,
    tasks: Tree,
    resolved: Tree,
) -> pd.DataFrame:
    """Tables of all sweeps in one, with columns ``task`` and ``sweep`` in front.

    The arm itself is a point of its sweep: its runs are added where its own value is not among
    the values. ``place`` numbers the values of a sweep, rising where they are numbers; ``number``
    is the value where it is one.

    Args:
        paths: One file a sweep; there may be none.
        sweeps: Task and name of each.
        runs: Runs of all arms.
        tasks: Tasks of the configuration.
        resolved: Resolved arms by task.
    """
    frame = stacked(paths, [task for task, _ in sweeps]) if paths else pd.DataFrame(columns=_SWEEP)
    counts = [len(read_csv(path)) for path in paths]
    names = [name for (_, name), n in zip(sweeps, counts, strict=True) for _ in range(n)]
    frame.insert(1, "sweep", names)
    own = [
        _own_point(runs, task, name, tasks[task]["sweeps"][name], resolved[task])
        for task, name in sweeps
    ]
    frame = pd.concat([frame, *own], ignore_index=True)
    frame["value"] = frame["value"].astype(str)
    frame["number"] = pd.to_numeric(frame["value"], errors="coerce")
    order = frame["number"].fillna(frame["place"])
    frame["place"] = order.groupby([frame["task"], frame["sweep"]]).rank(method="dense") - 1
    return frame


def _own_point(
    runs: pd.DataFrame, task: str, name: str, sweep: Mapping[str, Any], arms: Tree
) -> pd.DataFrame:
    values = {str(value) for value in sweep["values"]}
    parts = []
    for arm in sweep["arms"]:
        own = lookup(arms[arm], sweep["key"])
        text = own if isinstance(own, str) else str(float(own))
        if text not in values:
            mine = runs[(runs["task"] == task) & (runs["arm"] == arm)]
            parts.append(mine.assign(sweep=name, value=text, place=-1.0))
    return pd.concat(parts, ignore_index=True) if parts else runs[:0].assign(sweep="", value="")


def with_flops(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with operations in millions, which a table can show."""
    return runs.assign(megaflops=runs["flops"] / 1e6)


def arm_table(runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """One readable row a task, arm and choice of weights."""
    named = with_flops(_named(runs[runs["diverged"] == 0], tasks))
    keys = {"Task": "Task", "place": "place", "Arm": "Arm", "checkpoint": "Weights"}
    return study_table(named, keys, ARM_COLUMNS).drop(columns="place")


def hard_table(runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """One readable row a task, change of the data and arm."""
    named = _named(runs, tasks)
    keys = {"Task": "Task", "kind": "Kind", "name": "Change", "level": "Level", "place": "place"}
    table = study_table(named, keys | {"Arm": "Arm"}, HARD_COLUMNS)
    return table.drop(columns="place")


def motion_table(runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """One readable row a task and arm."""
    keys = {"Task": "Task", "place": "place", "Arm": "Arm"}
    return study_table(_named(runs, tasks), keys, MOTION_COLUMNS).drop(columns="place")


def ablation_runs(runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """Paired differences of loss and error for each contrast and seed: after minus before."""
    done = _finished(runs)
    rows = []
    for task, entry in tasks.items():
        for place, contrast in enumerate(entry["contrasts"]):
            for seed in sorted(runs["seed"].unique()):
                row = _contrast(done, task, contrast, float(seed))
                if row:
                    rows.append({"task": task, "place": place, "change": contrast["title"]} | row)
    columns = ["task", "place", "change", "seed", *(c for _, c, _ in ABLATION_COLUMNS)]
    return pd.DataFrame(rows, columns=columns)


def ablation_table(differences: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """One readable row a task and contrast; negative is better."""
    titles = {task: entry["title"] for task, entry in tasks.items()}
    named = differences.assign(Task=differences["task"].map(titles))
    keys = {"Task": "Task", "place": "place", "change": "Change"}
    return study_table(named, keys, ABLATION_COLUMNS).drop(columns="place")


def tuned_runs(sweeps: pd.DataFrame, runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """Of every swept setting the value that validation data choose, and its test results.

    That is the value with the least mean validation loss, for best and for final weights each.
    A value with which a seed diverged is not chosen.

    Args:
        sweeps: All sweeps, as ``swept`` makes them.
        runs: Runs of all arms; differences are to the untuned ``ot`` of the same weights and seed.
        tasks: Tasks of the configuration.
    """
    done = _finished(runs)
    rows: list[dict[str, Any]] = []
    for key, group in sweeps.groupby(["task", "sweep", "arm", "checkpoint"], sort=False):
        task, sweep, _, checkpoint = map(str, key)
        if tasks[task]["sweeps"][sweep]["key"] in _OF_THE_DATA:
            continue
        complete = group.groupby("value").filter(lambda part: bool((part["diverged"] == 0).all()))
        if complete.empty:
            continue
        chosen = complete.groupby("value")["val_loss"].mean().idxmin()
        for row in complete[complete["value"] == chosen].to_dict("records"):
            own = {name: row[name] for name in (*_TUNED, "loss", "error")}
            if other := done.get((task, _REFERENCE, checkpoint, float(row["seed"]))):
                own |= {f"{name}_over_ot": row[name] - other[name] for name in ("loss", "error")}
            rows.append(own)
    columns = [*_TUNED, *(column for _, column, _ in TUNED_COLUMNS)]
    return pd.DataFrame(rows, columns=columns)


def tuned_table(tuned: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """One readable row a task, sweep, arm and choice of weights."""
    named = _named(tuned, tasks)
    named["Setting"] = [
        tasks[task]["sweeps"][sweep]["key"]
        for task, sweep in zip(tuned["task"], tuned["sweep"], strict=True)
    ]
    keys = {"Task": "Task", "place": "place", "Arm": "Arm", "Setting": "Setting"}
    keys |= {"checkpoint": "Weights", "value": "Chosen"}
    return study_table(named, keys, TUNED_COLUMNS).drop(columns="place")


def _finished(runs: pd.DataFrame) -> dict[_Run, dict[Any, Any]]:
    """Rows of the runs that did not diverge."""
    return {
        (str(row["task"]), str(row["arm"]), str(row["checkpoint"]), float(row["seed"])): row
        for row in runs[runs["diverged"] == 0].to_dict("records")
    }


def _contrast(
    done: Mapping[_Run, Mapping[Any, Any]], task: str, contrast: Mapping[str, str], seed: float
) -> dict[str, float] | None:
    row: dict[str, float] = {"seed": seed}
    for checkpoint in ("final", "best"):
        keys = [(task, contrast[side], checkpoint, seed) for side in ("after", "before")]
        if not all(key in done for key in keys):
            return None
        after, before = (done[key] for key in keys)
        for metric in ("loss", "error"):
            row[f"{metric}_{checkpoint}"] = float(after[metric]) - float(before[metric])
    return row


def _named(runs: pd.DataFrame, tasks: Tree) -> pd.DataFrame:
    """Runs with titles of task and arm, and the place of the arm in the configuration."""
    titles = {t: entry["title"] for t, entry in tasks.items()}
    arms = {
        (t, arm): (place, overlay.get("title") or entry["base"].get("title", arm))
        for t, entry in tasks.items()
        for place, (arm, overlay) in enumerate(entry["arms"].items())
    }
    pairs = list(zip(runs["task"], runs["arm"], strict=True))
    return runs.assign(
        Task=runs["task"].map(titles),
        place=np.array([arms[pair][0] for pair in pairs]),
        Arm=[arms[pair][1] for pair in pairs],
    )
