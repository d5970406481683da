"""Tables and figures of the Transformers, from runs made up so that every number is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.figures.transformers import (
    ablation_bars,
    path_panels,
    robustness_curves,
    sweep_curves,
    training_curves,
    transfer_curves,
)
from mfglab.reporting.published import published_rows, published_table
from mfglab.reporting.transformers import (
    ablation_runs,
    ablation_table,
    arm_table,
    hard_table,
    in_order,
    motion_table,
    swept,
    tuned_runs,
    tuned_table,
)

TASKS = {
    "text": {
        "title": "Text",
        "data": {"kind": "pydoc_text"},
        "base": {"title": "Base"},
        "arms": {"baseline": {"title": "Discrete"}, "ot": {"title": "OT"}},
        "contrasts": [{"title": "penalty", "before": "baseline", "after": "ot"}],
        "sweeps": {"weight": {"arms": ["ot"], "key": "weight", "values": [0.1, 5]}},
    }
}
RESOLVED = {"text": {"baseline": {"weight": 0.0}, "ot": {"weight": 1.0}}}
LOSS = {"baseline": 2.0, "ot": 1.5}


def runs():
    rows = [
        {
            "task": "text", "arm": arm, "seed": seed, "checkpoint": checkpoint, "diverged": 0.0,
            "loss": loss + 0.1 * seed + (checkpoint == "final"), "error": 0.5, "accuracy": 0.5,
            "train_loss": 1.0, "calibration": 0.1, "transport": 1.0, "parameters": 100.0,
            "flops": 2e6, "best_step": 10.0, "perplexity": 3.0,
        }
        for arm, loss in LOSS.items()
        for seed in (0.0, 1.0)
        for checkpoint in ("best", "final")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def hard():
    rows = [
        {
            "task": "text", "arm": arm, "seed": seed, "kind": kind, "name": name, "level": level,
            "loss": LOSS[arm] + level, "accuracy": 0.5, "loss_rise": level, "accuracy_drop": 0.0,
            "kept": np.nan, "exp_loss": 1.0,
        }
        for arm in LOSS
        for seed in (0.0, 1.0)
        for kind, name, level in (
            ("clean", "clean", 0.0),
            ("corruption", "replace_characters", 0.1),
            ("attack", "pgd", 0.05),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def sweep(tmp_path, values=("0.1", "5.0")):
    rows = [
        {"arm": "ot", "place": float(i), "value": value, "seed": seed, "checkpoint": "final",
         "diverged": 0.0, "loss": float(i), "error": 0.5}
        for i, value in enumerate(values)
        for seed in (0.0, 1.0)
    ]  # fmt: skip
    path = tmp_path / "weight.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return swept([path], [("text", "weight")], runs(), TASKS, RESOLVED)


def test_arms_stand_in_the_order_of_the_configuration():
    table = arm_table(runs(), TASKS)
    assert list(table["Arm"]) == ["Discrete", "Discrete", "OT", "OT"]
    assert list(table["Weights"]) == ["best", "final"] * 2
    assert table["Loss (nats)"][0].startswith("2.050")
    assert table["MFLOP a step"][0] == "2"


def test_the_order_of_a_configuration_is_told():
    kept = {"b": {"arms": {"x": 1, "y": 2}, "title": "B"}, "a": {"arms": {"z": 3}}}
    ordered = in_order(kept, [["a", ["z"]], ["b", ["y", "x"]]])
    assert list(ordered) == ["a", "b"]
    assert list(ordered["b"]["arms"]) == ["y", "x"]
    assert ordered["b"]["title"] == "B"


def test_runs_that_diverged_are_left_out():
    frame = runs()
    frame.loc[frame["seed"] == 1, ["diverged", "loss"]] = [1.0, np.nan]
    assert arm_table(frame, TASKS)["Loss (nats)"][0] == "2.000"


def tuned(**changes):
    """Three values for the baseline: validation data prefer 0.2, test data 0.4."""
    sweeps = {
        "dropout": {"arms": ["baseline"], "key": "network.dropout", "values": [0.2, 0.4]},
        "fraction": {"arms": ["baseline"], "key": "fraction", "values": [0.5]},
    }
    tasks = {"text": TASKS["text"] | {"sweeps": sweeps}}
    losses = {"0.0": (2.0, 2.0), "0.2": (1.0, 1.8), "0.4": (1.1, 1.2)}
    rows = [
        {
            "task": "text", "sweep": "dropout", "arm": "baseline", "checkpoint": "final",
            "value": value, "seed": seed, "diverged": 0.0, "val_loss": val + seed,
            "loss": loss + seed, "error": 0.7,
        }
        for value, (val, loss) in losses.items()
        for seed in (0.0, 1.0)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame = pd.concat([frame, frame[:2].assign(sweep="fraction", value="0.5")], ignore_index=True)
    for (value, seed), change in changes.get("cells", {}).items():
        frame.loc[(frame["value"] == value) & (frame["seed"] == seed), list(change)] = list(
            change.values()
        )
    return tuned_runs(frame, changes.get("runs", runs()), tasks), tasks


def test_validation_data_choose_and_test_data_measure():
    chosen, tasks = tuned()
    assert chosen["value"].to_list() == ["0.2", "0.2"]
    assert set(chosen["sweep"]) == {"dropout"}  # a share of the data is no choice
    assert chosen["loss"].to_list() == pytest.approx([1.8, 2.8])
    # The final weights of OT have 2.5 and 2.6: 1.5 + 0.1 seed + 1.
    assert chosen["loss_over_ot"].to_list() == pytest.approx([-0.7, 0.2])
    assert chosen["error_over_ot"].to_list() == pytest.approx([0.2, 0.2])
    (row,) = tuned_table(chosen, tasks).to_dict("records")
    assert (row["Arm"], row["Setting"], row["Chosen"]) == ("Discrete", "network.dropout", "0.2")
    assert row["Loss (nats)"].startswith("2.300")


def test_a_value_with_which_a_seed_diverged_is_not_chosen():
    chosen, _ = tuned(cells={("0.2", 1.0): {"diverged": 1.0, "val_loss": np.nan}})
    assert chosen["value"].to_list() == ["0.4", "0.4"]
    every = {(value, 0.0): {"diverged": 1.0} for value in ("0.0", "0.2", "0.4")}
    nothing, tasks = tuned(cells=every)
    assert nothing.empty
    assert list(tuned_table(nothing, tasks).columns)[:3] == ["Task", "Arm", "Setting"]


def test_without_the_penalised_arm_there_is_no_difference():
    chosen, tasks = tuned(runs=runs()[lambda f: f["arm"] == "baseline"])
    assert chosen["loss_over_ot"].isna().all()
    assert tuned_table(chosen, tasks)["Chosen"].to_list() == ["0.2"]


def test_contrasts_are_paired_by_seed():
    frame = ablation_runs(runs(), TASKS)
    assert list(frame["seed"]) == [0, 1]
    assert frame["loss_final"].to_list() == pytest.approx([-0.5, -0.5])
    assert list(ablation_table(frame, TASKS)["Loss, final weights"]) == ["-0.500"]
    one_sided = runs()[lambda f: f["arm"] == "ot"]
    nothing = ablation_runs(one_sided, TASKS)
    assert nothing.empty
    assert list(ablation_table(nothing, TASKS).columns)[:2] == ["Task", "Change"]
    assert ablation_bars(nothing, TASKS).axes


def test_an_arm_is_a_point_of_its_own_sweep(tmp_path):
    frame = sweep(tmp_path)
    order = frame.drop_duplicates("place").sort_values("place")
    assert list(order["value"]) == ["0.1", "1.0", "5.0"]
    assert list(order["number"]) == [0.1, 1.0, 5.0]
    own = frame[frame["value"] == "1.0"]
    assert set(own["loss"]) == set(runs()[lambda f: f["arm"] == "ot"]["loss"])
    assert swept([], [], runs(), TASKS, RESOLVED).empty


def test_every_published_table_is_there_and_ours_stands_beside(tmp_path):
    rows = list(published_rows())
    assert {row.table for row in rows} == set(range(1, 14))
    counts = pd.Series([row.table for row in rows]).value_counts()
    # Numbers counted in the paper's tables.
    expected = {4: 3, 5: 13, 6: 6, 7: 6, 8: 10, 9: 10, 10: 12, 11: 10, 12: 4, 13: 20}
    assert {table: counts[table] for table in expected} == expected
    table = published_table(
        {"runs": runs(), "robustness": hard(), "sweep": sweep(tmp_path)}, {"text": "other text"}
    )
    assert len(table) == len(rows)
    first = table.iloc[0]
    assert (first["published"], first["our_seeds"]) == (2.68, 2)
    assert first["ours"] == pytest.approx(3.05)
    at_one = table[(table["table"] == 5) & (table["condition"] == "1")].iloc[0]
    assert at_one["our_seeds"] == 2
    assert first["note"] == "other text"
    own = table[(table["quantity"] == "perplexity") & (table["our_seeds"] > 0)]
    assert set(own["note"]) == {"other text; mean over sequences of exp(loss)"}
    missing = table[table["our_seeds"] == 0]
    assert (missing["note"].str.len() > 0).all()
    # What differs in a run says nothing of a number that it does not have.
    assert not missing["note"].str.contains("other text").any()


def test_published_sweeps_stand_alone_where_none_was_run():
    # As in the profile `real`: the columns of an empty table are numbers, also those of words.
    empty = pd.DataFrame(columns=["task", "arm", "sweep", "number", "loss"], dtype=float)
    table = published_table({"runs": runs(), "robustness": hard(), "sweep": empty}, {})
    full = published_table({"runs": runs(), "robustness": hard(), "sweep": empty[[]]}, {})
    pd.testing.assert_frame_equal(table, full)
    assert table["published"].notna().all()


def test_names_of_arms_and_columns_in_the_published_file_exist():
    arms = {"baseline", "small", "unregularised", "ot", "node", "single", ""}
    for row in published_rows():
        assert row.arm in arms
        assert row.source in {"", "runs", "robustness", "sweep"}
        assert bool(row.source) == bool(row.task) == bool(row.column)


def test_figures_show_every_task_arm_and_change(tmp_path):
    motion = runs().assign(
        **dict.fromkeys(
            ("straightness", "speed_variation", "displacement", "crossing", "lipschitz",
             "stretch_states", "stretch_outputs", "stretch_w1_states", "stretch_w1_outputs",
             "head_norm", "terminal_cosine", "terminal_residual", "objective",
             "objective_optimal", "theorem_2_ratio"), 0.5)
    )  # fmt: skip
    assert len(motion_table(motion[motion["checkpoint"] == "final"], TASKS)) == 2
    assert len(hard_table(hard(), TASKS)) == 6
    history = runs().assign(step=1.0, val_loss=1.0)
    assert len(training_curves(history, TASKS).axes) == 1
    figure = robustness_curves(hard(), TASKS)
    assert [a.get_xlabel() for a in figure.axes] == ["share of characters replaced", "PGD radius"]
    transfer = pd.DataFrame(
        [
            {"task": "text", "arm": arm, "seed": s, "mode": mode, "steps": 2.0, "tolerance": 0.1,
             "evaluations": 3.0, "loss": 1.0, "change": 0.0}
            for arm in LOSS for s in (0, 1) for mode in ("fixed", "adaptive")
        ]
    )  # fmt: skip
    assert len(transfer_curves(transfer, TASKS).axes) == 2
    (axes,) = sweep_curves(sweep(tmp_path), TASKS).axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.1", "1", "5"]
    assert axes.get_xlabel() == r"weight $\lambda$"
    (axes,) = ablation_bars(ablation_runs(runs(), TASKS), TASKS).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["penalty"]
    paths = {
        "text": {
            "ot.paths": np.zeros((3, 2, 2)),
            "ot.labels": np.array([0, 1]),
            "ot.explained": np.array([0.5, 0.2]),
        }
    }
    drawn = path_panels(paths, TASKS, ["baseline", "ot"])
    assert [axes.get_visible() for axes in drawn.axes] == [False, True]


def test_a_figure_without_sweeps_says_so():
    none = sweep_curves(pd.DataFrame(columns=["task", "sweep"]), TASKS)
    (words,) = [text.get_text() for axes in none.axes for text in axes.texts]
    assert words == "no sweep was run"
