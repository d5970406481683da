"""Proximal flows and particles in the table of generative models, on minimal sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mfglab.config import ADVERSARIAL_TITLES, AdversarialConfig, EvaluationConfig
from mfglab.datasets.splits import split_law
from mfglab.datasets.toys import Moons
from mfglab.experiments.adversarial_models import MODELS, adversarial_models, draw, measure
from mfglab.experiments.evaluate import sample_metrics
from mfglab.metrics.wasserstein import transport_distances
from mfglab.solvers.proximal import ProximalFlow
from mfglab.training.seeds import stream
from mfglab.trajectories.methods import EULER

TINY = AdversarialConfig(datasets=["moons"], iterations=3, particle_steps=2, particle_data=32)
FEW = EvaluationConfig(
    transport_points=32, floor_repeats=2, nll_points=16, path_points=16, step_sweep=[2, 4]
)


@pytest.fixture(scope="module")
def data():
    return split_law(Moons(), 64, 32, 80, seed=0)


@pytest.fixture(scope="module")
def found(data):
    return adversarial_models({"moons": data}, TINY, FEW, [0, 1])


def test_there_is_a_row_a_model_and_seed(found):
    metrics, times = found.metrics, found.times
    keys = [(row["model"], row["dataset"], row["seed"]) for row in metrics]
    assert keys == [(model, "moons", seed) for model in MODELS for seed in (0, 1)]
    assert [(row["model"], row["dataset"], row["seed"]) for row in times] == keys
    assert set(MODELS) == set(ADVERSARIAL_TITLES)
    for row in metrics:
        assert all(math.isfinite(row[name]) for name in ("w1", "w2", "sliced_w2", "mmd2"))
        flow = row["model"] == "proximal"
        for name in ("kinetic", "hjb_residual", "nll", "terminal_gap"):
            assert math.isfinite(row[name]) == flow, name
        assert row["best_step"] == (3 if flow else 2)
        assert row["evaluations"] == (5 if flow else 2)
    assert all(row["seconds"] > 0 for row in times)


def test_the_measured_samples_are_kept(data, found):
    assert {*found.samples} == {f"{model}/moons/{seed}" for model in MODELS for seed in (0, 1)}
    test = np.asarray(data.test, dtype=np.float64)
    for row in found.metrics:
        x = found.samples[f"{row['model']}/moons/{row['seed']}"].astype(float)
        again = sample_metrics(x, test, FEW)
        assert {name: row[name] for name in again} == again


def test_a_law_without_density_has_no_likelihood(data):
    found = adversarial_models({"moons": data}, TINY, FEW, [0], ["moons"])
    assert all(math.isnan(row["nll"]) for row in found.metrics)


def test_a_seed_fixes_its_row_whatever_the_others(data, found):
    again = adversarial_models({"moons": data}, TINY, FEW, [1])
    for row in again.metrics:
        (same,) = (r for r in found.metrics if (r["model"], r["seed"]) == (row["model"], 1))
        # up to rounding, which the first steps of Adam amplify
        assert row["w2"] == pytest.approx(same["w2"], rel=0.01)


class Drift(ProximalFlow):
    """All points move by a; the residual of the potential is 3 on the right, elsewhere 1."""

    a = torch.tensor([3.0, 4.0], dtype=torch.float64)

    def velocity(self, t, x):
        return self.a.to(x).expand_as(x)

    def hjb_residual(self, t, x):
        right = x[:, 0] - self.a[0] * t > 0
        return self.kinetic_weight * torch.where(right, 3.0, 1.0)


def test_a_drift_has_its_energy_its_straight_lines_and_its_residual(data):
    model = Drift(2, generator=torch.Generator().manual_seed(0))
    test = np.asarray(data.test, dtype=np.float64)
    row = measure(model, draw(model, len(test), FEW, 0), test, TINY, FEW, 0).row()
    assert row["kinetic"] == pytest.approx(12.5)
    assert row["straightness"] == pytest.approx(1)
    assert row["monotonicity_violation"] == 0
    share = row["hjb_residual"]  # 4 p (1 - p) for a share p on the right, with 16 points
    assert any(share == pytest.approx(4 * k / 16 * (1 - k / 16)) for k in range(4, 13))
    assert row["inverse_error"] == pytest.approx(0, abs=1e-12)
    # Samples are N(a, I): from there the mean of the test points is as far as that of the samples.
    gap = np.linalg.norm(data.test.mean(0) - [3, 4])
    assert gap * 0.9 < row["w1"] < gap + 2


def test_a_linear_flow_has_the_likelihood_and_the_gap_of_its_normal_law(data):
    # v = -x / 2, so that the flow ends in N(0, e^-1 I) and data go back to e^(1/2) x.
    model = ProximalFlow(2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in model.potential.parameters():
            parameter.zero_()
        model.potential.A[:2, :2] = torch.eye(2) / math.sqrt(2)
    evaluation = FEW.model_copy(update={"step_sweep": [8]})
    test = np.asarray(data.test, dtype=np.float64)
    found = measure(model, draw(model, len(test), FEW, 0), test, TINY, evaluation, 0)
    assert model.method == EULER  # of the samples
    x = math.exp(0.5) * test
    nll = (x[: FEW.nll_points] ** 2).sum(1).mean() / 2 + math.log(2 * math.pi) - 1
    assert found.nll == pytest.approx(nll, abs=1e-4)
    law = stream("terminal gap", FEW.seed, 0)
    first, second = (model.source.sample(32, law).double().numpy() for _ in range(2))
    own, two = (transport_distances(a, first).w2 for a in (x[:32], second))
    assert found.terminal_gap == pytest.approx(own / two, abs=1e-4)
