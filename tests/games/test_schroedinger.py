"""Soft Schroedinger bridges between Gaussians: fixed point, limit, HJB equation, laws between."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from mfglab.games.closed_forms.gaussian_flows import bures_wasserstein
from mfglab.games.closed_forms.gaussian_prox import Gaussian
from mfglab.games.closed_forms.schroedinger import soft_bridge_gaussian
from mfglab.games.costs import Kinetic
from mfglab.games.densities import standard_normal
from mfglab.games.dynamics import ControlledDiffusion
from mfglab.games.game import MeanFieldGame
from mfglab.games.optimality import hjb_residual
from mfglab.games.terminal import KullbackLeibler

EPS = 0.7
WEIGHTS = [0.1, 1.0, 30.0, math.inf]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def start():
    return Gaussian(tensor([-1.0, 0.5]), tensor([[1.0, 0.4], [0.4, 0.5]]))


@pytest.fixture
def target():
    return Gaussian(tensor([1.0, 1.0]), tensor([[0.3, -0.2], [-0.2, 0.8]]))


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.sqrt()) @ vectors.T


def gap(one, other):
    return bures_wasserstein(one.mean, one.covariance, other.mean, other.covariance)


@pytest.mark.parametrize("weight", WEIGHTS[:-1])
def test_the_potential_is_the_power_of_target_over_end_law(start, target, weight):
    bridge = soft_bridge_gaussian(start, target, EPS, weight)
    x = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def log_density(law):
        return torch.distributions.MultivariateNormal(law.mean, law.covariance).log_prob(x)

    wanted = weight * (log_density(target) - log_density(bridge.end))
    found = bridge.log_potential(1.0, x)
    torch.testing.assert_close(found - found.mean(), wanted - wanted.mean(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_end_law_is_that_of_the_coupling(start, target, weight):
    bridge = soft_bridge_gaussian(start, target, EPS, weight)
    inverse = torch.linalg.inv(bridge.precision)
    mean = inverse @ (start.mean / EPS + bridge.shift)
    covariance = inverse + inverse @ start.covariance @ inverse / EPS**2
    torch.testing.assert_close(bridge.end.mean, mean)
    torch.testing.assert_close(bridge.end.covariance, covariance)
    assert torch.linalg.eigvalsh(bridge.precision).min() > 0


def test_the_limit_is_the_bridge_between_gaussians(start, target):
    bridge = soft_bridge_gaussian(start, target, EPS, math.inf)
    torch.testing.assert_close(bridge.end.mean, target.mean)
    torch.testing.assert_close(bridge.end.covariance, target.covariance)
    # Entropic optimal transport between Gaussians in terms of square roots.
    half = root(start.covariance)
    eye = torch.eye(2, dtype=torch.float64)
    middle = root(half @ target.covariance @ half + 0.25 * EPS**2 * eye)
    exact = half @ middle @ torch.linalg.inv(half) - 0.5 * EPS * eye
    torch.testing.assert_close(bridge.cross_covariance(), exact)


def test_without_noise_the_bridge_is_the_optimal_transport(start, target):
    cross = soft_bridge_gaussian(start, target, 1e-4, math.inf).cross_covariance()
    total = start.covariance.trace() + target.covariance.trace() - 2 * cross.trace()
    square = (start.mean - target.mean).square().sum() + total
    assert math.sqrt(square) == pytest.approx(gap(start, target), abs=1e-4)


def test_the_end_law_tends_to_the_target_like_one_over_the_weight(start, target):
    gaps = [gap(soft_bridge_gaussian(start, target, EPS, w).end, target) for w in (1e2, 1e3, 1e4)]
    slopes = [math.log10(b / a) for a, b in itertools.pairwise(gaps)]
    assert slopes == pytest.approx([-1.0, -1.0], abs=0.03)


def test_a_weak_target_leaves_the_players_free(start, target):
    end = soft_bridge_gaussian(start, target, EPS, 1e-9).end
    torch.testing.assert_close(end.mean, start.mean, atol=1e-6, rtol=0)
    free = start.covariance + EPS * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(end.covariance, free, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_value_function_solves_the_hjb_equation(start, target, weight):
    # dX = v dt + sigma dW with L = |v|^2/2: the value is -sigma^2 log phi, sigma^2 = eps for T = 1.
    bridge = soft_bridge_gaussian(start, target, EPS, weight)
    game = MeanFieldGame(
        ControlledDiffusion(math.sqrt(EPS)), Kinetic(), KullbackLeibler(standard_normal(2))
    )
    x = torch.randn(30, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for t in (0.0, 0.4, 0.9):
        residual = hjb_residual(game, lambda t, x: -EPS * bridge.log_potential(t, x), t, x)
        assert residual.abs().max() < 1e-9


def test_intermediate_laws_are_those_of_the_controlled_diffusion(start, target):
    # Exact moments of dX = (A x + b) dt + sqrt(eps) dW with the optimal control, by small steps.
    bridge = soft_bridge_gaussian(start, target, EPS, 5.0)
    mean, covariance, steps = start.mean.clone(), start.covariance.clone(), 400
    zero = torch.zeros(1, 2, dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    for i in range(steps // 2):
        share = (i + 0.5) / steps

        def drift(x, share=share):
            return EPS * torch.func.grad(lambda y: bridge.log_potential(share, y[None])[0])(x)

        b = drift(zero[0])
        matrix = torch.stack([drift(eye[k]) - b for k in range(2)], dim=1)
        mean = mean + (matrix @ mean + b) / steps
        covariance = covariance + (matrix @ covariance + covariance @ matrix.T + EPS * eye) / steps
    middle = bridge.marginal(0.5)
    torch.testing.assert_close(middle.mean, mean, atol=5e-3, rtol=0)
    torch.testing.assert_close(middle.covariance, covariance, atol=5e-3, rtol=0)


@pytest.mark.parametrize(("eps", "weight"), [(0.0, 1.0), (1.0, -2.0), (1.0, math.nan)])
def test_bad_numbers_are_named(start, target, eps, weight):
    with pytest.raises(ValueError, match="must be positive, got"):
        soft_bridge_gaussian(start, target, eps, weight)
