"""The memorisation study on minimal sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mfglab.config import EvaluationConfig, MemorisationConfig, RunConfig
from mfglab.datasets.splits import split_law
from mfglab.datasets.toys import TwoSpirals
from mfglab.experiments.evaluate import evaluate_run
from mfglab.experiments.fields import figure_arrays
from mfglab.experiments.memorisation import KERNEL_COLUMNS, memorisation
from mfglab.experiments.memorisation_arms import (
    ARMS,
    KERNEL_ARMS,
    Outcome,
    Problem,
    empirical,
    isotropic,
    one_by_one,
)
from mfglab.experiments.train import save_trained, train_seeds
from mfglab.experiments.trained import load_trained
from mfglab.reporting.figures.memorisation import memorisation_figure
from mfglab.reporting.figures.style import figure_style, save

TINY = MemorisationConfig.model_validate(
    {
        "datasets": ["two_spirals"],
        "composed": ["moons_and_spirals"],
        "n_train": 32,
        "n_train_composed": 32,
        "n_matching": 128,
        "n_val": 64,
        "n_test": 128,
        "n_samples": 128,
        "nll_points": 16,
        "transport_points": 32,
        "empirical_variances": [1e-4, 1e-2],
        "candidate_variances": [0.01, 0.1, 1.0],
        "score_checkpoints": [2, 4],
        "score_width": 8,
        "kernel_iterations": 8,
        "kernel_iterations_composed": 8,
        "kernel_validations": 2,
        "sde_steps": 8,
        "particle_steps": 3,
    }
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return memorisation(TINY, [0, 1], tmp_path_factory.mktemp("work"))


def test_there_is_a_row_for_each_arm_setting_and_seed(study):
    settings = study.runs.groupby("arm")["setting"].agg(set).to_dict()
    single = {arm: {"-"} for arm in ARMS}
    expected = single | {"empirical": {"0.0001", "0.01"}, "score": {"step 0002", "step 0004"}}
    expected |= {"gpa": {"M = 1 N", "M = 3 N"}}
    assert settings == expected
    assert len(study.runs) == 2 * (len(ARMS) + 3)
    assert set(study.kernels["arm"]) == set(KERNEL_ARMS)
    assert set(study.kernels["law"]) == {"moons_and_spirals"}
    assert len(study.kernels) == 2 * len(KERNEL_ARMS)


def test_what_is_measured_is_finite_where_it_is_defined(study):
    shared = ["ratio", "copied", "w2", "w2_ratio", "outliers"]
    for frame in (study.runs, study.kernels):
        assert np.isfinite(frame[shared]).all(axis=None)
        particles = frame["arm"] == "gpa"  # no density
        assert np.isfinite(frame.loc[~particles, "nll"]).all()
        assert frame.loc[particles, "nll"].isna().all()
        learned = frame["arm"].str.startswith("wpo")
        defined = [c for c in KERNEL_COLUMNS if c != "w2_sde_ratio"]
        assert np.isfinite(frame.loc[learned, defined]).all(axis=None)
        assert frame.loc[~learned, defined].isna().all(axis=None)
    assert np.isfinite(study.runs.loc[study.runs["arm"] == "wpo", "w2_sde_ratio"]).all()


def test_arrays_hold_what_the_figure_draws(study):
    assert study.arrays["train"].shape == (32, 2)
    assert study.arrays["wpo/samples"].shape == (128, 2)
    assert study.arrays["wpo/axes"].shape == (32, 2, 2)
    assert "score/axes" not in study.arrays
    # half axes of round kernels have the length of their standard deviation
    lengths = np.linalg.norm(study.arrays["empirical/axes"], axis=1)
    assert lengths == pytest.approx(np.full((32, 2), 0.01))


def test_the_same_seeds_give_the_same_rows(study, tmp_path):
    again = memorisation(TINY, [0, 1], tmp_path)
    pd.testing.assert_frame_equal(study.runs, again.runs)
    pd.testing.assert_frame_equal(study.kernels, again.kernels)


def test_a_score_model_does_not_see_the_other_seeds(study, tmp_path):
    # Learned together with others up to rounding as alone.
    alone = memorisation(TINY, [1], tmp_path, {"score": ARMS["score"]}).runs
    among = study.runs[(study.runs["seed"] == 1) & (study.runs["arm"] == "score")]
    among = among.reset_index(drop=True)
    pd.testing.assert_frame_equal(among, alone, rtol=1e-4, check_dtype=False)


def test_a_further_arm_is_one_function(tmp_path):
    def copies(problem, config, work):
        yield Outcome(problem.train, nll=0.0)

    row = memorisation(TINY, [0], tmp_path, {"copies": one_by_one(copies)}).runs.iloc[0]
    assert (row["arm"], row["ratio"], row["copied"]) == ("copies", 0.0, 1.0)


def test_kernels_that_are_too_narrow_memorise_and_validated_ones_do_not(tmp_path):
    changes = {"n_train": 200, "n_val": 500, "n_test": 1000, "n_samples": 1000}
    config = TINY.model_copy(update=changes)
    problem = Problem.draw("two_spirals", TwoSpirals(), config, seed=3)
    (_, narrow), _ = empirical([problem], config, tmp_path)
    ((_, validated),) = isotropic([problem], config, tmp_path)
    assert validated.nll < narrow.nll

    def median(x):
        return torch.cdist(x, problem.train).min(1).values.median()

    assert median(narrow.samples) < 0.5 * median(problem.test)
    assert median(validated.samples) > 0.7 * median(problem.test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_checkpoints": [4, 2]}, "must increase"),
        ({"kernel_validations": 9}, "9 > 8"),
        ({"transport_points": 100}, "got 100"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        MemorisationConfig.model_validate(TINY.model_dump() | changes)


def test_the_solver_kind_goes_through_training_storage_and_evaluation(tmp_path):
    settings = {
        "solver": {"kind": "wpo", "centres": 40, "width": 16, "depth": 2, "ode_steps": 10},
        "training": {"iterations": 20, "val_every": 10, "batch_size": 32},
    }
    run = RunConfig.model_validate(settings)
    splits = split_law(TwoSpirals(), 200, 64, 200, seed=0)
    result = train_seeds(splits, run, [0], tmp_path / "work", "cpu")[0]
    save_trained(tmp_path / "model.safetensors", result, run, 0)
    solver = load_trained(tmp_path / "model.safetensors").solver
    assert torch.equal(solver.centres, result.solver.centres)
    sizes = EvaluationConfig(transport_points=64, floor_repeats=2, nll_points=64, path_points=16)
    row = evaluate_run(solver, splits.test, sizes, seed=0, likelihood=True).row()
    assert all(np.isfinite(row[name]) for name in ("w2", "nll", "inverse_error"))
    assert row["evaluations"] == 0
    assert figure_arrays(solver, splits.test, sizes, 0)["path"].shape[2] == 2


def test_the_figure_draws_every_arm(study, tmp_path):
    with figure_style():
        figure = memorisation_figure(study.runs, study.kernels, study.arrays)
        save(figure, tmp_path / "figure.png")
    left = next(axes for axes in figure.get_axes() if "distance" in axes.get_ylabel())
    labels = [label.get_text() for label in left.get_xticklabels()]
    assert len(labels) == len(ARMS) + 3
    assert labels[:2] == ["Score, step 2", "Score, step 4"]
    assert (tmp_path / "figure.png").stat().st_size > 10_000
