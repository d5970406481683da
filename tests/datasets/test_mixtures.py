"""Gaussian mixture laws: exact density, exact moments, promised symmetry and separation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.datasets.law import DensityLaw
from mfglab.datasets.mixtures import (
    MixtureLaw,
    mixture_1d,
    mixture_2d,
    random_mixture,
    ring_mixture,
)
from mfglab.games.densities import GaussianMixture

few = settings(max_examples=25, deadline=None)
LAWS = [mixture_1d(), mixture_2d(), random_mixture(5, 4, seed=1), ring_mixture(6, 3.0, 0.3)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_density_on_the_line_integrates_to_one():
    x = torch.linspace(-9, 12, 4001, dtype=torch.float64)
    density = mixture_1d().log_prob(x[:, None]).exp()
    assert float(torch.trapezoid(density, x)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("law", [mixture_2d(), ring_mixture(6, 3.0, 0.3)], ids=["fixed", "ring"])
def test_density_on_the_plane_integrates_to_one(law):
    axis = torch.linspace(-9, 9, 401, dtype=torch.float64)
    density = law.log_prob(torch.cartesian_prod(axis, axis)).exp()
    assert float(density.sum()) * float(axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=["1d", "2d", "random", "ring"])
def test_sample_has_the_exact_moments(law):
    n = 40_000
    points = law.sample(n, seeded())
    mixture = law.density()
    mean = mixture.weights @ mixture.means
    offset = mixture.means - mean
    spread = mixture.covariances + offset[:, :, None] * offset[:, None, :]
    covariance = torch.einsum("k,kij->ij", mixture.weights, spread)
    assert points.shape == (n, law.dim)
    assert points.dtype == torch.float64
    error = 5 * covariance.diagonal().sqrt() / math.sqrt(n)
    assert ((points.mean(0) - mean).abs() < error).all()
    scale = float(covariance.diagonal().max())
    measured = torch.cov(points.T).reshape(law.dim, law.dim)
    assert float((measured - covariance).abs().max()) < 5 * scale * math.sqrt(2 / n)


@pytest.mark.parametrize("law", LAWS, ids=["1d", "2d", "random", "ring"])
def test_score_is_the_derivative_of_the_log_density(law):
    x = law.sample(60, seeded(3)) + 0.3
    torch.testing.assert_close(law.score(x), DensityLaw.score(law, x), rtol=1e-8, atol=1e-8)


def test_fixed_plane_mixture_is_unequal_and_anisotropic():
    mixture = mixture_2d().density()
    assert mixture.weights.unique().numel() == 5
    eigenvalues = torch.linalg.eigvalsh(mixture.covariances)
    assert int((eigenvalues[:, 1] > 1.5 * eigenvalues[:, 0]).sum()) == 4


@few
@given(
    dim=st.integers(1, 6),
    n_components=st.integers(1, 7),
    seed=st.integers(0, 10_000),
    separation=st.floats(0.0, 12.0),
)
def test_random_mixture_keeps_its_promises(dim, n_components, seed, separation):
    mixture = random_mixture(dim, n_components, seed, separation).density()
    again = random_mixture(dim, n_components, seed, separation).density()
    assert torch.equal(mixture.means, again.means)
    assert torch.equal(mixture.covariances, again.covariances)
    stds = torch.linalg.eigvalsh(mixture.covariances).sqrt()
    assert 0.5 - 1e-9 <= float(stds.min()) <= float(stds.max()) <= 1 + 1e-9
    assert float(mixture.weights.max() / mixture.weights.min()) <= 3 + 1e-9
    if n_components > 1:
        distances = torch.pdist(mixture.means)
        assert float(distances.min()) >= separation - 1e-9


def test_random_mixtures_of_two_seeds_differ():
    one, two = (random_mixture(3, 4, seed).density() for seed in (0, 1))
    assert not torch.allclose(one.means, two.means)
    assert not torch.allclose(one.covariances, two.covariances)


@few
@given(n=st.integers(1, 12), radius=st.floats(0.0, 5.0), std=st.floats(0.1, 2.0))
def test_ring_is_unchanged_by_its_rotation(n, radius, std):
    law = ring_mixture(n, radius, std)
    turn = 2 * math.pi / n
    rotation = torch.tensor(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64
    )
    x = 3 * torch.randn(20, 2, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(law.log_prob(x @ rotation.T), law.log_prob(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("arguments", [(0, 1.0, 1.0), (3, -1.0, 1.0), (3, 1.0, 0.0)])
def test_impossible_ring_is_refused(arguments):
    with pytest.raises(ValueError, match="a ring needs"):
        ring_mixture(*arguments)


def test_impossible_mixture_is_refused():
    with pytest.raises(ValueError, match=r"got 0, 2 and 6\.0"):
        random_mixture(0, 2, seed=0)
    single = GaussianMixture.isotropic(torch.zeros(1, 2), 1.0)
    with pytest.raises(ValueError, match="float32"):
        MixtureLaw(single)
