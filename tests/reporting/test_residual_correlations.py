"""Correlation of the HJB residual with what it is said to explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.csvio import TableError
from mfglab.reporting.figures.optimality import optimality_figure
from mfglab.reporting.optimality import optimality_runs, residual_correlations, seed_correlations

KINDS = {**{f"m{k}": "otflow" for k in range(4)}, **{f"s{k}": "score" for k in range(4)}}


def generative(residual, straightness, w2=None, datasets=("moons",), seeds=(0, 1), names="m"):
    rows = []
    for dataset in datasets:
        for k, value in enumerate(residual):
            for seed in seeds:
                rows.append(
                    {
                        "model": f"{names}{k}",
                        "dataset": dataset,
                        "seed": seed,
                        "hjb_residual": value * (10 if dataset == "hard" else 1),
                        "straightness": straightness[k],
                        "w2": (w2 or residual)[k],
                    }
                )
    return pd.DataFrame(rows)


def step_table(runs):
    keys = runs[["model", "dataset", "seed"]]
    two = keys.assign(steps=2, abs_nll_gap=np.linspace(0.1, 0.2, len(keys)))
    return pd.concat([two, keys.assign(steps=4, abs_nll_gap=9.0)])


def ablation(n=2):
    return pd.DataFrame(
        {
            "arm": [f"a{k}" for k in range(n)],
            "seed": 0,
            "hjb_residual": [np.nan, 0.5][:n],
            "straightness": 0.9,
            "w2": 0.3,
            "abs_gap_2": 0.0,
        }
    )


def score_models(residual, w2, **more):
    return generative(residual, [np.nan] * len(residual), w2, names="s", **more)


def test_flows_with_a_residual_are_collected_from_both_tables():
    runs = generative([0.1, np.nan], [0.99, 0.9])
    frame = optimality_runs(runs, step_table(runs), ablation(), KINDS)
    assert list(frame["source"]) == ["ablation", "pipeline", "pipeline"]
    assert list(frame["model"]) == ["a1", "m0", "m0"]
    assert frame["curvature"].to_numpy() == pytest.approx([0.1, 0.01, 0.01])
    assert frame["abs_gap_2"].max() < 9


def test_powers_of_the_residual_correlate_perfectly_whatever_the_level_of_the_data():
    residual = [0.01, 0.1, 0.2, 0.5]
    straightness = [1 - r**2 for r in residual]
    runs = generative(residual, straightness, [1 / r for r in residual], ("moons", "hard"))
    frame = optimality_runs(runs, step_table(runs), ablation(1), KINDS)
    table = residual_correlations(frame)
    flows = table[table["models"] == "potential flows"]
    value = flows.set_index(["quantity", "seed"])["correlation"]
    assert value["curvature", 0] == pytest.approx(1)
    assert value["W2", 1] == pytest.approx(-1)
    assert abs(value["gap at 2 steps", 0]) < 1
    assert set(table["models"]) == {"potential flows", "all"}  # there is no score model


def test_a_flow_without_the_quantity_is_left_out_of_it_alone():
    runs = generative([0.1, 0.2, 0.3, 0.4, 0.5], [0.9, 0.8, 0.7, 0.6, 0.5])
    steps = step_table(runs)
    steps = steps[(steps["model"] != "m0") | (steps["steps"] != 2)]
    frame = optimality_runs(runs, steps, ablation(1), KINDS | {"m4": "otflow"})
    table = residual_correlations(frame).query("models == 'potential flows'")
    assert dict(table.groupby("quantity")["compared"].first()) == {
        "W2": 5,
        "curvature": 5,
        "gap at 2 steps": 4,
    }
    assert table["correlation"].notna().all()


def test_a_proximal_flow_has_nothing_to_be_compared_with():
    flows = generative([0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6])
    others = generative([0.5, 0.6], [0.9, 0.8], names="p")
    kinds = KINDS | {"p0": "proximal", "p1": "proximal"}
    runs = pd.concat([flows, others], ignore_index=True)
    frame = optimality_runs(runs, step_table(runs), ablation(1), kinds)
    assert set(frame["family"]) == {"potential flows", "proximal flows"}
    assert set(residual_correlations(frame)["compared"]) == {4}


def test_kernels_have_a_residual_of_rounding_and_are_left_out():
    flows = generative([0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6])
    kernels = generative([1e-14, 2e-14], [0.9, 0.8], names="k")
    runs = pd.concat([flows, kernels], ignore_index=True)
    kinds = KINDS | {"k0": "wpo", "k1": "wpo"}
    steps = step_table(runs)
    frame = optimality_runs(runs, steps, ablation(1), kinds)
    without = optimality_runs(flows, steps[steps["model"].str.startswith("m")], ablation(1), KINDS)
    pd.testing.assert_frame_equal(frame, without)


def test_too_few_flows_are_no_correlation():
    runs = generative([0.1, 0.2], [0.9, 0.8], seeds=(3,))
    frame = optimality_runs(runs, step_table(runs), ablation(1), KINDS)
    with pytest.raises(TableError, match="seed 3 has 2 potential flows"):
        residual_correlations(frame)


def test_a_residual_of_an_unknown_solver_is_an_error():
    runs = generative([0.1], [0.9], names="other")
    with pytest.raises(TableError, match=r"'other0' has a residual, .* wpo, got None"):
        optimality_runs(runs, step_table(runs), ablation(1), KINDS)


def test_a_flow_alone_on_its_data_is_not_counted():
    residual, w2 = [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]
    several = generative(residual, [0.9, 0.8, 0.85, 0.7], w2)
    lonely = generative([0.5], [0.9], [9.0], ("alone",))
    tables = []
    for runs in (several, pd.concat([several, lonely], ignore_index=True)):
        frame = optimality_runs(runs, step_table(runs), ablation(1), KINDS)
        tables.append(residual_correlations(frame).query("quantity == 'W2'"))
    assert len(frame) == 10
    assert set(tables[1]["compared"]) == {4}
    pd.testing.assert_frame_equal(*tables)


def test_families_are_compared_within_themselves():
    flows = generative([0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.85, 0.7], [1.0, 2.0, 3.0, 4.0])
    # Other units, and the other way round: the smaller the residual, the farther the samples.
    scores = score_models([10.0, 20.0, 30.0, 40.0], [0.4, 0.2, 0.1333333, 0.1])
    runs = pd.concat([flows, scores], ignore_index=True)
    frame = optimality_runs(runs, step_table(runs), ablation(1), KINDS)
    table = residual_correlations(frame).query("quantity == 'W2' and seed == 0")
    value = table.set_index("models")["correlation"]
    assert value["potential flows"] == pytest.approx(1)
    assert value["score models"] == pytest.approx(-1)
    assert abs(value["all"]) < 1e-6
    assert set(residual_correlations(frame).query("models == 'score models'")["quantity"]) == {"W2"}


def test_seeds_of_one_model_are_compared_with_each_other_alone():
    seeds = range(5)
    runs = pd.concat(
        [
            score_models([0.1 * (seed + 1)], [1.0 / (seed + 1)], seeds=[seed], datasets=[law])
            for seed in seeds
            for law in ("moons", "hard")
        ],
        ignore_index=True,
    )
    runs.loc[runs["dataset"] == "hard", "w2"] = 100 * runs["hjb_residual"]
    few = generative([0.1], [0.9], seeds=(0, 1, 2))
    runs = pd.concat([runs, few], ignore_index=True)
    frame = optimality_runs(runs, step_table(runs), ablation(1), KINDS)
    value = seed_correlations(frame).set_index(["dataset", "model"])["correlation"]
    assert dict(value) == pytest.approx({("moons", "s0"): -1, ("hard", "s0"): 1})


def test_the_figure_has_a_panel_of_score_models():
    flows = generative([0.1, 0.2], [0.9, 0.8])
    runs = pd.concat([flows, score_models([0.3, 0.4], [1.0, 2.0])], ignore_index=True)
    figure = optimality_figure(optimality_runs(runs, step_table(runs), ablation(), KINDS))
    points = [sum(len(c.get_offsets()) for c in axis.collections) for axis in figure.axes]
    assert points == [5, 5, 5, 4]
    assert [text.get_text() for text in figure.axes[3].get_legend().get_texts()] == ["s0", "s1"]


def test_the_figure_takes_any_number_of_score_models():
    names = {f"s{k}": "score" for k in range(11)}
    flows = generative([0.1, 0.2], [0.9, 0.8])
    scores = score_models([0.3 + 0.1 * k for k in range(11)], [1.0] * 11)
    runs = pd.concat([flows, scores], ignore_index=True)
    figure = optimality_figure(optimality_runs(runs, step_table(runs), ablation(), KINDS | names))
    legend = figure.axes[3].get_legend().get_texts()
    assert [text.get_text() for text in legend] == sorted(names)
