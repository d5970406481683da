"""The studies of the HJB-regularised score model on minimal sizes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from mfglab.config import DataEfficiencyConfig, HjbScoreConfig
from mfglab.experiments.data_efficiency import (
    run_data_efficiency,
    run_time_to_quality,
    sample_factors,
    time_to_quality,
)
from mfglab.experiments.efficiency_arms import ARMS
from mfglab.experiments.hjb_score import arms, regulariser, run_hjb_score, study_law
from mfglab.experiments.score_fits import COST_RATIO, median_residual, score_error
from mfglab.games.closed_forms.score_game import noised_log_density, noised_score
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.games.optimality import value_and_derivatives
from mfglab.reporting.figures.data_efficiency import error_curves
from mfglab.reporting.figures.hjb_score import weight_curves
from mfglab.reporting.figures.style import figure_style
from mfglab.solvers.score import ScoreModel

TINY = {"iterations": 20, "batch_size": 16, "width": 8, "test_points": 64}


class ExactScore(ScoreModel):
    law = study_law("ring")

    def psi(self, s, x):
        return noised_log_density(self.law, self.process)(s.expand(x.shape[0]), x)

    def psi_derivatives(self, s, x, directions=None):
        return value_and_derivatives(self.psi, s, x)

    def score(self, s, x):
        return noised_score(self.law, self.process)(s, x)


def hjb_config():
    sizes = {"n_train": [10, 20], "early_stopping": [10], "without_features": [20]}
    return HjbScoreConfig.model_validate(TINY | sizes)


def test_the_exact_potential_has_neither_error_nor_residual():
    model = ExactScore(2, OrnsteinUhlenbeck(), width=4, s_min=0.01)
    law = study_law("ring")
    assert score_error(model, law, 200, torch.Generator().manual_seed(0)) < 1e-20
    assert median_residual(model, law, 32, torch.Generator().manual_seed(0)) < 1e-10


def test_arms_at_equal_time_have_the_stated_number_of_iterations():
    by_name = {arm.name: arm for arm in arms(hjb_config(), 10)}
    assert by_name["plain"].how.iterations == by_name["residual"].how.iterations == 20
    assert by_name["plain_time_residual"].how.iterations == round(20 * COST_RATIO["residual"])
    assert "plain_time_increment" not in by_name
    assert by_name["early_time_residual"].how.early_stopping
    assert "residual_without_features" not in by_name
    without = {arm.name: arm for arm in arms(hjb_config(), 20)}["residual_without_features"]
    assert without.how.frequencies == 0


def test_the_sweep_has_a_row_an_arm_and_its_seed_fixes_it():
    first = pd.DataFrame(run_hjb_score(hjb_config(), [3]))
    assert list(first.columns) == [
        "arm",
        "weight",
        "n_train",
        "seed",
        "iterations",
        "error",
        "residual",
        "reference_gap",
    ]
    assert len(first) == 2 * 5 + 2
    assert np.isfinite(first[["error", "residual"]].to_numpy()).all()
    assert (first[["error", "residual"]] > 0).to_numpy().all()
    pd.testing.assert_frame_equal(first, pd.DataFrame(run_hjb_score(hjb_config(), [3])))
    with figure_style():
        assert len(weight_curves(first).axes) == 4


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="got 'laplace'"):
        regulariser("laplace", 1.0)


def efficiency_config(**changes):
    values = TINY | {"laws": ["mixture_2d", "moons"], "n_train": [10, 40], "nll_points": 16}
    values |= {"particle_steps": 2}
    return DataEfficiencyConfig.model_validate(values | changes)


def test_data_efficiency_has_a_row_an_arm_and_a_seed_fixes_it():
    runs = pd.DataFrame(run_data_efficiency(efficiency_config(arms=list(ARMS)), [0]))
    assert len(runs) == 2 * 2 * len(ARMS)
    assert np.isfinite(runs[["w2", "w2_ratio"]].to_numpy()).all()
    particles = runs["arm"] == "gpa"
    assert np.isfinite(runs.loc[~particles, "nll"]).all()
    assert runs.loc[particles, "nll"].isna().all()
    exact = runs["law"] == "mixture_2d"
    score = ~runs["arm"].isin(["otflow", "ndsm", "wpo", "gpa"])
    assert (runs["score_error"].notna() == (exact & score)).all()
    assert (runs["nll_excess"].notna() == (exact & ~particles)).all()
    again = pd.DataFrame(run_data_efficiency(efficiency_config(arms=["hjb_sgm"]), [0]))
    same = runs[runs["arm"] == "hjb_sgm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, again)
    with figure_style():
        axes = error_curves(runs).axes
    assert len(axes) == 6
    # the density of moons is not known: its likelihood is drawn, not the excess, and no score error
    assert [panel.axison for panel in axes] == [True, True, True, False, True, True]
    assert [axes[k].get_ylabel() for k in (1, 4)] == ["NLL over exact density, nats", "NLL, nats"]


def test_shares_of_the_training_are_trainings_of_their_own():
    config = efficiency_config(laws=["moons"], budgets=[0.5, 1.0], budget_arms=["hjb_sgm", "gpa"])
    runs = pd.DataFrame(run_time_to_quality(config, [0]))
    assert len(runs) == 2 * 2
    assert (runs["cpu_seconds"] > 0).all()
    # The whole training is that of the study of sizes on its most points, up to rounding: there
    # all sizes are trained together.
    sizes = pd.DataFrame(run_data_efficiency(config.model_copy(update={"arms": ["hjb_sgm"]}), [0]))
    most = sizes.query("n_train == 40")["nll"].item()
    half, whole = runs.query("arm == 'hjb_sgm'").sort_values("budget")["nll"]
    assert whole == pytest.approx(most, rel=1e-4)
    assert half != pytest.approx(most, rel=1e-3)


def test_time_to_quality_is_that_of_the_shortest_training_that_reaches_it():
    ratios = {0.25: [2.0, 1.6], 0.5: [1.2, 1.6], 1.0: [1.0, 1.1]}  # means 1.8, 1.4, 1.05
    rows = [
        {
            "law": "moons",
            "arm": arm,
            "budget": b,
            "seed": k,
            "w2_ratio": w + worse,
            "cpu_seconds": b,
        }
        for arm, worse in (("sgm", 0.0), ("wpo", 1.0))
        for b, values in ratios.items()
        for k, w in enumerate(values)
    ]
    found = time_to_quality(pd.DataFrame(rows), 1.5).set_index("arm")
    assert found.loc["sgm", ["budget", "w2_ratio", "cpu_seconds"]].tolist() == [0.5, 1.4, 0.5]
    assert found.loc["wpo", ["budget", "cpu_seconds"]].isna().all()
    assert (found["longest"] == 1.0).all()


def test_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="got 'gan'"):
        run_data_efficiency(efficiency_config(arms=["gan"]), [0])


def curve(arm, seed, level, slope, sizes=(50, 200, 1000)):
    return [
        {"arm": arm, "law": "law", "n_train": n, "seed": seed, "score_error": level * n**slope}
        for n in sizes
    ]


def test_the_sample_factor_of_power_laws_is_exact():
    # Half the error at slope -1/2 is worth a factor of four in points.
    rows = curve("sgm", 0, 2.0, -0.5) + curve("hjb_sgm", 0, 1.0, -0.5)
    rows += curve("sgm", 1, 1.0, -0.5) + curve("hjb_sgm", 1, 1.0, 0.1)
    found = sample_factors(pd.DataFrame(rows), metrics=("score_error",))
    assert found["baseline"].to_list() == ["sgm", "sgm"]
    assert found["sample_factor"][0] == pytest.approx(4.0)
    assert found["slope"][0] == pytest.approx(-0.5)
    assert math.isnan(found["sample_factor"][1])  # the curve does not fall: no such number


def test_a_seed_without_a_logarithm_is_kept_as_missing():
    rows = [row for seed in (0, 1) for row in curve("sgm", seed, 2.0, -0.5)]
    rows += [row for seed in (0, 1) for row in curve("hjb_sgm", seed, 1.0, -0.5)]
    rows[-1]["score_error"] = -0.01  # so good that the excess is below zero by chance
    found = sample_factors(pd.DataFrame(rows), metrics=("score_error",))
    assert found["sample_factor"][0] == pytest.approx(4.0)
    assert list(found["seed"]) == [0, 1]
    assert math.isnan(found["sample_factor"][1])


def test_without_a_metric_there_is_no_factor():
    rows = curve("sgm", 0, 2.0, -0.5) + curve("hjb_sgm", 0, math.nan, -0.5)
    assert sample_factors(pd.DataFrame(rows), metrics=("score_error",)).empty
