"""Correlation of the HJB residual with what it is said to explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.csvio import TableError
from mfglab.reporting.optimality import optimality_runs, residual_correlations


def generative(residual, straightness, w2=None, datasets=("moons",), seeds=(0, 1)):
    rows = []
    for dataset in datasets:
        for k, value in enumerate(residual):
            for seed in seeds:
                rows.append(
                    {
                        "model": f"m{k}",
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


def test_flows_with_a_residual_are_collected_from_both_tables():
    runs = generative([0.1, np.nan], [0.99, 0.9])
    frame = optimality_runs(runs, step_table(runs), ablation())
    assert list(frame["source"]) == ["ablation", "pipeline", "pipeline"]
    assert list(frame["model"]) == ["a1", "m0", "m0"]
    assert frame["curvature"].to_numpy() == pytest.approx([0.1, 0.01, 0.01])
    assert frame["abs_gap_2"].max() < 9


def test_powers_of_the_residual_correlate_perfectly_whatever_the_level_of_the_data():
    residual = [0.01, 0.1, 0.2, 0.5]
    straightness = [1 - r**2 for r in residual]
    runs = generative(residual, straightness, [1 / r for r in residual], ("moons", "hard"))
    frame = optimality_runs(runs, step_table(runs), ablation(1))
    table = residual_correlations(frame).set_index(["quantity", "seed"])["correlation"]
    assert table["curvature", 0] == pytest.approx(1)
    assert table["W2", 1] == pytest.approx(-1)
    assert abs(table["gap at 2 steps", 0]) < 1


def test_too_few_flows_are_no_correlation():
    runs = generative([0.1, 0.2], [0.9, 0.8], seeds=(3,))
    frame = optimality_runs(runs, step_table(runs), ablation(1))
    with pytest.raises(TableError, match="seed 3 has 2 potential flows"):
        residual_correlations(frame)
