"""A tiny run of the manifold study: columns, determinism, and the split of the distance."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.config import ManifoldLaw, ManifoldsConfig
from mfglab.experiments.manifold_metrics import FAILED, Reference, measure
from mfglab.experiments.manifolds import ARMS, draw, manifold_study
from mfglab.metrics.wasserstein import half_squared_w2
from mfglab.solvers.proximal import ProximalFlow

LAW = ManifoldLaw(law="carpet", dim=4)
KEYS = {"manifold", "arm", "seed", "diverged", "stopped_at"}


def settings(**values):
    sizes = {"n_train": 64, "n_val": 16, "n_test": 32, "iterations": 10, "batch_size": 16}
    return ManifoldsConfig.model_validate({"manifolds": [LAW]} | sizes | values)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return manifold_study(LAW, settings(arms=list(ARMS)), [3], tmp_path_factory.mktemp("work"))


def test_every_arm_has_a_row_of_finite_numbers(outcome):
    assert [row["arm"] for row in outcome.rows] == list(ARMS)
    undefined = {
        "otflow": {"slope_mean", "slope_max", "charged_ratio"},
        "score": {
            *("slope_mean", "slope_max", "charged_ratio"),
            *("hjb", "hjb_flipped", "hjb_sign_ratio"),
            *("kinetic", "kinetic_ratio", "speed_variation"),
        },
    }
    for row in outcome.rows:
        numbers = {name: value for name, value in row.items() if name not in KEYS}
        missing = {name for name, value in numbers.items() if not math.isfinite(value)}
        assert missing == undefined.get(str(row["arm"]), set())
        assert set(row) == set(outcome.rows[0])
        assert 0 < float(row["straightness"]) <= 1


def test_arms_start_from_one_flow_and_part(outcome):
    energy = {row["arm"]: row["kinetic"] for row in outcome.rows}
    assert len({energy[arm] for arm in ("none", "w1", "w2", "both", "released")}) == 5


def test_pictures_hold_points_of_the_plane(outcome):
    assert set(outcome.arrays) == {"data", *(f"samples_{arm}" for arm in ARMS)}
    assert all(points.shape == (32, 2) for points in outcome.arrays.values())


@pytest.mark.parametrize("arm", ["both", "score"])
def test_the_same_seed_gives_the_same_rows(outcome, tmp_path, arm):
    again = manifold_study(LAW, settings(arms=[arm]), [3], tmp_path).rows[0]
    first = next(row for row in outcome.rows if row["arm"] == arm)
    assert str(again) == str(first)


def test_seeds_are_trained_together_as_alone_up_to_rounding(tmp_path):
    # Slow steps: Adam turns a gradient that is rounding alone into a step of full size.
    slow = {"flow_rate": 2e-4, "discriminator_rate": 1e-4}
    config = settings(arms=["none", "w2", "both", "score"], proximal=slow)
    alone = manifold_study(LAW, config, [3], tmp_path).rows
    together = manifold_study(LAW, config, [4, 3], tmp_path).rows
    found = {row["arm"]: row for row in together if row["seed"] == 3}
    others = {row["arm"]: row for row in together if row["seed"] == 4}
    for row in alone:
        for name in ("w2_half", "straightness", "stopped_at"):
            assert found[row["arm"]][name] == pytest.approx(row[name], rel=1e-5, nan_ok=True)
        assert others[row["arm"]]["w2_half"] != pytest.approx(row["w2_half"], rel=1e-2)


def test_training_that_ends_early_costs_the_other_seeds_nothing(tmp_path, caplog):
    # a rate at which OT-Flow is not finite for long
    config = settings(arms=["otflow"], otflow_rate=1e12)
    rows = manifold_study(LAW, config, [3, 4], tmp_path).rows
    assert [(row["seed"], row["diverged"]) for row in rows] == [(3, 1.0), (4, 1.0)]
    assert "lower training.learning_rate" in caplog.text
    assert list(tmp_path.iterdir()) == []


class TestMetrics:
    def flow(self):
        return ProximalFlow(4, width=8, generator=torch.Generator().manual_seed(1))

    def test_distance_splits_into_the_plane_and_across_it(self):
        config = settings()
        data = draw(LAW, config)
        metrics, plane = measure(self.flow(), data.law, data.reference, config.refinements)
        samples = self.flow().double().generate(data.reference.noise).x.detach()
        whole = half_squared_w2(samples.numpy(), data.reference.points.numpy())
        assert metrics.w2_half == pytest.approx(whole, rel=1e-9)
        split = metrics.w2_half_plane + 0.5 * metrics.off_manifold**2
        assert metrics.w2_half == pytest.approx(split, rel=1e-12)
        torch.testing.assert_close(plane, data.law.coordinates(samples))

    def test_energy_optimum_is_the_distance_of_noise_to_data(self):
        config = settings(n_test=400)
        data = draw(LAW, config)
        reference = Reference.of(
            data.law, data.reference.points, data.reference.points, data.reference.noise
        )
        whole = half_squared_w2(reference.noise.numpy(), reference.points.numpy())
        assert reference.kinetic_optimum == pytest.approx(whole, rel=0.1)
        assert reference.floor == pytest.approx(0, abs=1e-12)

    def test_lost_particles_give_finite_numbers_and_are_called_lost(self):
        config = settings()
        data = draw(LAW, config)
        runaway = self.flow()
        with torch.no_grad():
            runaway.potential.A.mul_(1e4)
        metrics, _ = measure(runaway, data.law, data.reference, config.refinements)
        assert metrics.lost
        assert metrics.w2_half == metrics.off_manifold == metrics.kinetic == FAILED
        assert metrics.charged_ratio == pytest.approx(FAILED / metrics.kinetic_optimum)
        assert not any(math.isnan(value) for value in metrics.row().values())


def test_refinements_must_start_with_the_training_step():
    with pytest.raises(ValueError, match=r"increase from 1, got \[2, 4\]"):
        settings(refinements=[2, 4])
