"""The studies of particles on the smallest sizes: rows, numbers, determinism."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
import torch

from mfglab.config import GpaConfig, HeavyTailsConfig
from mfglab.experiments import gpa, heavy_tails
from mfglab.experiments.gradient_flow_limit import gradient_flow_limit
from mfglab.solvers.particle_settings import ParticleSettings

GPA = GpaConfig.model_validate({"points": 16, "lipschitz": [None, 1.0], "training": {"steps": 4}})
TAILS = HeavyTailsConfig.model_validate({"points": 40, "dofs": [1.0], "training": {"steps": 4}})


@pytest.fixture(scope="module")
def mixture():
    return gpa.gpa_study(GPA, [0, 1])


@pytest.fixture(scope="module")
def tails():
    return heavy_tails.heavy_tails_study(TAILS, [0, 1])


def test_the_mixture_has_a_row_for_each_arm_and_seed(mixture):
    keys = [(r.lipschitz, r.discriminator, r.multiple, r.seed) for r in mixture.rows]
    assert len(set(keys)) == len(keys) == 2 * (4 + 4)
    for row in mixture.rows:
        numbers = {k: v for k, v in row.row().items() if isinstance(v, float)}
        bound = numbers.pop("speed_bound")
        assert bound == (math.inf if row.lipschitz == "none" else 1.0)
        assert all(map(math.isfinite, numbers.values()))
        assert row.max_speed <= bound
        assert row.diverged == 0
        assert row.w2_train == row.w2_reached


def test_arrays_hold_the_particles_of_the_first_seed(mixture):
    assert mixture.arrays["train"].shape == (16, 2)
    assert mixture.arrays["particles_none_3"].shape == (48, 2)
    assert set(mixture.arrays) == {"train"} | {
        f"particles_{name}_{multiple}" for name in ("none", "1") for multiple in (1, 3)
    }


def test_tails_have_the_arms_and_two_references(tails):
    arms = {row.arm for row in tails.rows}
    assert arms == {arm.name for arm in heavy_tails.arms_of(TAILS)} | {"gaussian", "sample"}
    assert len(tails.rows) == 2 * len(arms)
    for row in tails.rows:
        assert math.isfinite(row.ccdf_error)
        assert row.log_tail_error == row.log_tail_error_reached
        assert math.isnan(row.max_speed) == (row.arm in ("gaussian", "sample"))
    assert set(tails.arrays) == {f"{key}_student_1" for key in ("radius", "exact", *arms)}


def test_keystrokes_are_one_more_law_whose_halves_change_with_the_seed():
    strokes = np.random.default_rng(0).standard_t(2, size=60) * 200
    result = heavy_tails.heavy_tails_study(TAILS, [0, 1], strokes)
    rows = [row for row in result.rows if row.law == "keystrokes"]
    students = [row.row() for row in result.rows if row.law != "keystrokes"]
    assert len(rows) == len(students)
    for one, other in zip(students, heavy_tails.heavy_tails_study(TAILS, [0, 1]).rows, strict=True):
        np.testing.assert_equal(one, other.row())
    by_seed = [{r.arm: r.largest_radius for r in rows if r.seed == seed} for seed in (0, 1)]
    assert by_seed[0]["sample"] != by_seed[1]["sample"]
    assert all(math.isfinite(row.ccdf_error) and row.diverged == 0 for row in rows)
    survival = result.arrays["exact_keystrokes"]
    assert (np.diff(survival) <= 0).all()
    assert survival[0] > 0.8


def test_a_second_run_gives_the_same_numbers(mixture, tails):
    again = gpa.gpa_study(GPA, [0, 1])
    assert again.rows == mixture.rows
    more = heavy_tails.heavy_tails_study(TAILS, [0])
    first = [row for row in tails.rows if row.seed == 0]
    for one, other in zip(more.rows, first, strict=True):
        np.testing.assert_equal(one.row(), other.row())


@pytest.mark.parametrize("study", ["mixture", "tails"])
def test_a_diverged_run_is_a_row_without_numbers(study, monkeypatch):
    def bounded(*arguments, **settings):
        return ParticleSettings(*arguments, **settings, bound=0.5)

    monkeypatch.setattr(gpa, "ParticleSettings", bounded)
    if study == "mixture":
        rows = gpa.gpa_study(GPA, [0]).rows
        empty = ("w2_train", "w2_fresh", "w2_fresh_ratio", "nearest_ratio", "kinetic_energy")
        kept = ("w2_reached",)
    else:
        rows = heavy_tails.heavy_tails_study(TAILS, [0]).rows
        rows = [row for row in rows if row.arm not in ("gaussian", "sample")]
        empty = ("ccdf_error", "log_tail_error", "largest_radius", "kinetic_energy")
        kept = ("ccdf_error_reached", "log_tail_error_reached")
    for row in rows:
        assert row.diverged == 1
        assert all(math.isnan(getattr(row, name)) for name in (*empty, "max_speed"))
        assert all(math.isfinite(getattr(row, name)) for name in kept)


def test_columns_are_documented():
    for row in (gpa.GpaRow, heavy_tails.TailRow):
        assert all(f"{field.name}:" in row.__doc__ for field in fields(row))


def test_the_limit_has_both_energies_and_falls():
    rows = gradient_flow_limit([0.02, 0.01], points=51)
    assert [(r["case"], r["eps"]) for r in rows] == [
        (case, eps) for case in ("gaussian_kl", "double_well") for eps in (0.02, 0.01)
    ]
    for coarse, fine in zip(rows[::2], rows[1::2], strict=True):
        assert 1.5 < coarse["error"] / fine["error"] < 2.1


def test_observed_numbers_are_split_in_halves_of_one_unit():
    values = np.concatenate([np.arange(1.0, 101.0), -np.arange(101.0, 201.0)])
    law = heavy_tails.ObservedLine("delays", values, torch.Generator().manual_seed(3))
    x = law.sample(1000, torch.Generator().manual_seed(0)).numpy()
    assert x.shape == (100, 1)
    np.testing.assert_allclose(np.median(np.abs(x)), 1)
    assert (x < 0).any()
    quantiles = law.radial_quantile(np.linspace(0, 1, 100))
    unit = 200 / max(np.abs(x).max(), quantiles[-1])
    sizes = np.sort(np.concatenate([np.abs(x[:, 0]), quantiles])) * unit
    np.testing.assert_allclose(sizes, np.arange(1, 201), rtol=1e-9)
    assert law.radial_survival(np.array([0.0]))[0] == 1
    assert law.radial_survival(quantiles[-1:])[0] == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(3), "at least 4 finite numbers"),
        (np.array([1.0, 2.0, np.nan, 3.0]), "1 that are not finite"),
        (np.ones((4, 2)), r"\(4, 2\)"),
        (np.zeros(8), "no scale"),
    ],
)
def test_observed_numbers_without_a_law_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        heavy_tails.ObservedLine("delays", values, torch.Generator().manual_seed(0))
