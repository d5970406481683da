"""The robustness sweeps at smoke sizes: columns, bounds, slopes, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mfglab.config import load_config
from mfglab.experiments import robustness_circle as circle
from mfglab.experiments import robustness_heat as heat
from mfglab.experiments import robustness_line as line
from mfglab.experiments import robustness_noise as noise
from mfglab.experiments import robustness_objective as objective
from mfglab.experiments import robustness_samples as finite
from mfglab.experiments import robustness_trade as trade
from mfglab.experiments.robustness_cells import SORTED_BY, Cell
from mfglab.experiments.robustness_tables import bound_table, slope_table
from mfglab.robustness.circle import circle_points

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config():
    return load_config(
        [ROOT / "config/default.yaml", ROOT / "config/smoke.yaml"]
    ).studies.robustness


def frame(cells):
    return pd.DataFrame([row for cell in cells for row in cell.rows()])


@pytest.fixture(scope="module")
def runs(config):
    sweeps = (
        finite.samples,
        line.early_stopping,
        line.score_error,
        line.reference,
        line.steps,
        heat.circle_early_stopping,
        circle.circle_reference,
        heat.circle_contraction,
        circle.circle_score_error,
        objective.objectives,
        noise.stochasticity,
        lambda c: trade.eps_and_sample(c).cells,
    )
    return pd.concat([frame(sweep(config)) for sweep in sweeps], ignore_index=True)


def test_every_bound_holds_in_every_cell(runs):
    assert set(SORTED_BY) <= set(runs.columns)
    assert runs["holds"].all()
    assert np.isfinite(runs["measured"]).all()
    assert not runs["bound"].isna().any()
    letters = {sweep[0] for sweep in runs["sweep"]}
    assert letters == set("abcdefghi")


def test_a_broken_bound_would_be_noticed():
    cell = Cell("a", "line", "law", "arm", "x", 1.0, "w1", 0.5, 1.0, {"low": 0.4, "high": 2.0})
    low, high = cell.rows()
    assert not low["holds"]
    assert not low["vacuous"]
    assert high["holds"]
    assert high["vacuous"]


def test_slopes_are_those_of_the_theory(runs):
    slopes = slope_table(runs).set_index("name")["deviation"]
    for name in ("early stopping, atoms", "reference, OU", "reference, circle", "score error"):
        assert slopes.loc[[name]].max() < 0.1, name
    table = bound_table(runs)
    assert (table["Cells"] == table["Hold"]).all()
    assert table["Cells"].sum() == len(runs)


def test_equal_settings_give_equal_cells(config):
    assert frame(finite.samples(config)).equals(frame(finite.samples(config)))


def test_closed_forms_of_growth_agree_with_numerics(config):
    table = pd.DataFrame(noise.growth_table(config))
    assert table["relative_error"].max() < 5e-4
    at4 = table[table["ratio"] == 4].set_index("factor")["closed_form"]
    assert at4["reverse SDE, maximum"] == pytest.approx(4.516, abs=1e-3)
    assert at4["probability flow, large noise"] > 300


def test_explicit_and_implicit_objective_have_one_minimiser():
    # Integration by parts, E[f score] = -E[f'], also for the law of a smoothed sample.
    x, levels = circle_points(128), np.geomspace(0.002, 0.1, 5)
    law = objective.HeatedLaw.of_points(np.array([0.1, 0.35, 0.4, 0.8]))
    explicit, implicit = (
        fit(law, levels, x) for fit in (objective.fit_explicit, objective.fit_implicit)
    )
    np.testing.assert_allclose(explicit.theta, implicit.theta, atol=1e-6)
    density, score = law.at(0.01, x)
    h = 1e-5
    up, down = (np.log(law.at(0.01, x + s * h)[0]) for s in (1, -1))
    np.testing.assert_allclose(score, (up - down) / (2 * h), atol=1e-6)
    assert density.mean() == pytest.approx(1)


def test_total_is_below_the_sum_of_the_parts(config):
    (row,) = trade.additivity(config, [(2.0, 0.2, 20)])
    assert row["total"] <= row["sum_of_measured"] <= row["sum_of_bounds"]
