"""Kernels and particles made of training points alone."""

from __future__ import annotations

import pytest
import torch

from mfglab.datasets.toys import Moons
from mfglab.experiments.nonparametric import ParticleCloud, fit_kernels, fit_particles


def moons(n, seed=0):
    return Moons().sample(n, torch.Generator().manual_seed(seed))


def test_kernels_are_made_of_four_fifths_of_the_points_and_beat_a_normal_law():
    x, fresh = moons(200), moons(500, seed=1)
    (model,) = fit_kernels([x], [0], iterations=20)
    with torch.no_grad():
        kernels = model.kernels().double()
        nll = -kernels.log_prob(fresh).mean()
    assert len(kernels.centres) == 160
    known = {tuple(row) for row in x.float().tolist()}
    assert {tuple(row) for row in kernels.centres.float().tolist()} <= known
    normal = torch.distributions.MultivariateNormal(x.mean(0), torch.cov(x.T))
    assert nll < -normal.log_prob(fresh).mean() - 0.3


def test_kernels_of_other_sizes_are_trained_apart():
    data = [moons(n, seed=n) for n in (13, 20, 14, 20)]  # 13 and 14 have as many for validation
    models = fit_kernels(data, [0, 1, 2, 3], iterations=10)
    assert [len(model.centres) for model in models] == [11, 16, 12, 16]
    (alone,) = fit_kernels(data[3:], [3], iterations=10)
    for name, value in models[3].state_dict().items():
        torch.testing.assert_close(value, alone.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_too_few_points_make_no_kernels():
    with pytest.raises(ValueError, match="at least 10 points, got 9"):
        fit_kernels([moons(9)], [0])


def test_particles_come_nearer_to_the_points_and_repeat():
    x = moons(100)
    few, many = (fit_particles([x], [0], 60, steps)[0].particles for steps in (1, 60))
    (again,) = fit_particles([x], [0], 60, 60)
    assert torch.equal(many, again.particles)
    near = [torch.cdist(p, x).min(1).values.mean() for p in (few, many)]
    assert near[1] < 0.8 * near[0]


def test_samples_repeat_particles_only_when_there_are_too_few():
    cloud = ParticleCloud(torch.arange(6.0)[:, None])
    drawn = cloud.sample(4, torch.Generator().manual_seed(0))
    assert len(drawn.unique()) == 4
    counts = cloud.sample(12, torch.Generator().manual_seed(0)).long().flatten().bincount()
    assert counts.tolist() == [2] * 6
