"""The study of the OT-Transformer's theory at smoke sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mfglab.config import load_config
from mfglab.experiments.proximal_bounds import _random_pairs, _steps, bound_rows
from mfglab.experiments.proximal_cases import make_case
from mfglab.experiments.proximal_map import departure, proximal_map
from mfglab.games.closed_forms.proximal_map import ProximalGame
from mfglab.reporting.figures.proximal_map import proximal_map_panels
from mfglab.reporting.figures.style import figure_style

ROOT = Path(__file__).parents[2]
KEY = ["head", "dim", "replicate", "ratio"]


@pytest.fixture(scope="module")
def config():
    return load_config(
        [ROOT / "config/default.yaml", ROOT / "config/smoke.yaml"]
    ).studies.proximal_map


@pytest.fixture(scope="module")
def study(config):
    return proximal_map(config)


@pytest.fixture(scope="module")
def runs(study):
    return pd.DataFrame(study.runs)


@pytest.fixture(scope="module")
def bounds(study):
    return pd.DataFrame(study.bounds)


@pytest.fixture(scope="module")
def starts(study):
    return pd.DataFrame(study.starts)


def test_every_table_has_one_row_a_case(config, runs, bounds, starts):
    cases = 2 * len(config.dims) * config.replicates * len(config.ratios)
    assert len(runs) == cases == len(runs[KEY].drop_duplicates())
    assert len(bounds) == 15 * cases == len(bounds[[*KEY, "quantity", "kind"]].drop_duplicates())
    assert len(starts) == cases + 2 * len(config.dims) * config.replicates


def test_the_numerical_game_agrees_with_the_closed_form(runs):
    assert runs["endpoint_gap"].max() < 1e-8
    assert runs["velocity_gap"].max() < 1e-8
    assert runs["departure"].max() < 1e-8
    assert runs["hjb_residual"].max() < 1e-10
    assert runs["gradient"].max() <= 1e-10


def test_slopes_of_states_reach_one_where_the_loss_is_flat_and_never_exceed_it(runs):
    assert runs["same_label_ratio"].max() < 1 + 1e-8
    # Five classes leave eight flat directions of twelve, and none of two.
    flat = runs[runs["dim"] == 12]["same_label_ratio"]
    np.testing.assert_allclose(flat, 1.0, atol=1e-8)
    assert runs[(runs["dim"] == 2) & (runs["head"] == "quadratic")]["same_label_ratio"].max() < 0.99
    assert np.isinf(runs[runs["ratio"] <= 1]["published_factor"]).all()
    assert (runs[runs["ratio"] > 1]["published_factor"] == 2).all()


def test_the_penalty_decides_uniqueness(starts):
    positive, zero = (starts[starts["penalty"] == kind] for kind in ("positive", "zero"))
    assert positive["velocity_spread"].max() < 1e-8
    assert positive["crossing"].max() == 0
    assert zero["velocity_spread"].min() > 0.1
    assert zero["objective_spread"].max() < 1e-8
    assert zero["kinetic_ratio"].min() > 1.001


def test_every_bound_holds_and_only_the_published_one_is_ever_infinite(bounds):
    finite = bounds[np.isfinite(bounds["bound"])]
    assert (finite["measured"] <= finite["bound"]).all()
    infinite = bounds[~np.isfinite(bounds["bound"])]
    assert set(infinite["kind"]) == {"published"}
    assert (infinite["ratio"] <= 1).all()
    assert len(infinite) == len(bounds[(bounds["kind"] == "published") & (bounds["ratio"] <= 1)])


def test_a_bound_row_is_the_worst_of_all_pairs(config, bounds):
    case = make_case(config, "quadratic", 12, 0)
    game = ProximalGame(case.head, 2.0 * case.unit, config.horizon)
    pairs = _random_pairs(config, case)
    allowed = case.head.lipschitz * (
        pairs.inputs() + case.head.lipschitz / game.weight * pairs.labels()
    )
    share = float((pairs.outputs(game) / allowed).max())
    row = next(
        r for r in bound_rows(config, case, game)
        if (r["quantity"], r["kind"]) == ("both", "proximal")
    )  # fmt: skip
    assert row["share"] == pytest.approx(share)


def test_steps_go_where_outputs_change_most(config):
    case = make_case(config, "log-sum-exp", 12, 0)
    game = ProximalGame(case.head, 0.5 * case.unit, config.horizon)
    pairs = _random_pairs(config, case)
    steep = _steps(game, pairs, flattest=False)
    best = steep.outputs(game) / steep.inputs()
    for seed in range(5):
        noise = torch.Generator().manual_seed(seed)
        aside = torch.nn.functional.normalize(
            torch.randn(steep.x1.shape, dtype=torch.float64, generator=noise), dim=1
        )
        other = type(pairs)(pairs.x1, pairs.x1 + 1e-3 * aside, pairs.y1, pairs.y1)
        assert (other.outputs(game) / other.inputs() <= best * 1.001).all()


def test_departure_measures_bends_and_changes_of_speed():
    line = torch.tensor([0.0, 0.5, 1.0]).double()[:, None, None] * torch.ones(1, 1, 2).double()
    assert departure(line) == pytest.approx(0.0, abs=1e-15)
    slow = torch.tensor([0.0, 0.25, 1.0]).double()[:, None, None] * torch.ones(1, 1, 2).double()
    assert departure(slow) == pytest.approx(0.25)


def test_the_study_repeats_itself(config):
    small = config.model_copy(update={"dims": [2], "ratios": [2.0]})
    assert proximal_map(small) == proximal_map(small)


def test_the_figure_can_be_drawn(config, runs, bounds, study):
    with figure_style():
        figure = proximal_map_panels(runs, bounds, pd.DataFrame(study.paths), config.lipschitz)
    assert len(figure.axes) == 3
    names = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert any("infinite" in name for name in names)
