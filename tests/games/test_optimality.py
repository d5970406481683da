"""The exact value functions of Gaussian-mixture games solve the optimality system."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.closed_forms.score_game import (
    noised_log_density,
    score_game_value,
    wpo_value,
)
from mfglab.games.costs import Kinetic
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import (
    Deterministic,
    HeatFlow,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)
from mfglab.games.game import MeanFieldGame
from mfglab.games.interactions import PotentialEnergy
from mfglab.games.optimality import (
    divergence,
    fokker_planck_residual,
    hjb_residual,
    optimal_drift,
    terminal_residual,
    value_and_derivatives,
)
from mfglab.games.recipes import probability_flow, score, wpo
from mfglab.games.terminal import QuadraticPotential

PROCESSES = [
    OrnsteinUhlenbeck(0.7, 1.3, 1.5),
    VariancePreserving(0.1, 5.0, 1.0),
    VarianceExploding(0.3, 3.0, 1.0),
]


@pytest.fixture
def mixture():
    generator = torch.Generator().manual_seed(3)
    root = torch.randn(3, 2, 2, dtype=torch.float64, generator=generator)
    covariances = 0.3 * root @ root.mT + 0.2 * torch.eye(2, dtype=torch.float64)
    means = torch.randn(3, 2, dtype=torch.float64, generator=generator)
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    return GaussianMixture(weights, means, covariances)


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(4)
    x = 1.5 * torch.randn(64, 2, dtype=torch.float64, generator=generator)
    u = torch.rand(64, dtype=torch.float64, generator=generator)
    return u, x


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_score_game(mixture, points, process):
    u, x = points
    t = process.horizon * u
    game, U = score(mixture, process), score_game_value(mixture, process)
    assert hjb_residual(game, U, t, x).abs().max() < 1e-10
    assert terminal_residual(game, U, x).abs().max() < 1e-12

    def log_rho(t, x):
        return noised_log_density(mixture, process)(process.horizon - t, x)

    residual = fokker_planck_residual(game, optimal_drift(game, U), log_rho, t, x)
    assert residual.abs().max() < 1e-10
    # The residuals can tell: a wrong value function and a wrong law are noticed.
    assert hjb_residual(game, lambda t, x: 1.01 * U(t, x), t, x).abs().max() > 1e-3
    wrong = fokker_planck_residual(game, optimal_drift(game, U), lambda t, x: -U(0 * t, x), t, x)
    assert wrong.abs().max() > 1e-3


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_probability_flow_game_has_half_the_value_function(mixture, points, process):
    # U = -log(eta)/2 + c(t); its own time-dependent constant is zero for this game.
    u, x = points
    t = process.horizon * u
    game = probability_flow(mixture, process)

    def log_rho(t, x):
        return noised_log_density(mixture, process)(process.horizon - t, x)

    def U(t, x):
        return -0.5 * log_rho(t, x)

    assert hjb_residual(game, U, t, x, rho=log_rho).abs().max() < 1e-10
    residual = fokker_planck_residual(game, optimal_drift(game, U), log_rho, t, x)
    assert residual.abs().max() < 1e-10
    gap = terminal_residual(game, U, x, mixture.log_prob(x))
    torch.testing.assert_close(gap, torch.full_like(gap, -0.5))  # the constant of the entropy


def test_wpo_game(mixture, points):
    u, x = points
    beta, horizon = 0.8, 1.4
    game, U = wpo(mixture, beta, horizon), wpo_value(mixture, beta, horizon)
    t = horizon * u
    assert hjb_residual(game, U, t, x).abs().max() < 1e-10
    assert terminal_residual(game, U, x).abs().max() < 1e-12

    def log_rho(t, x):
        return noised_log_density(mixture, HeatFlow(beta, horizon))(horizon - t, x)

    residual = fokker_planck_residual(game, optimal_drift(game, U), log_rho, t, x)
    assert residual.abs().max() < 1e-10


def test_noised_log_density_is_that_of_the_noised_mixture(mixture, points):
    _, x = points
    process = PROCESSES[0]
    expected = mixture.noised(process.scale(0.6), process.variance(0.6)).log_prob(x)
    torch.testing.assert_close(noised_log_density(mixture, process)(torch.tensor(0.6), x), expected)


def test_interaction_enters_the_residual(points):
    # U = a |x|^2/2 with a^2 = 2 w: a stationary solution for the potential w |x|^2 (sign minus).
    _, x = points
    game = MeanFieldGame(
        Deterministic(),
        Kinetic(),
        QuadraticPotential(torch.zeros(2, dtype=torch.float64)),
        PotentialEnergy(lambda x: x.square().sum(-1), 0.5),
    )
    residual = hjb_residual(game, lambda t, x: 0.5 * x.square().sum(-1) + 0 * t, 0.5, x)
    assert residual.abs().max() < 1e-12


def test_derivatives_of_a_polynomial():
    t = torch.tensor([0.5, 2.0], dtype=torch.float64)
    x = torch.tensor([[1.0, 2.0], [-1.0, 3.0]], dtype=torch.float64)
    d = value_and_derivatives(lambda t, x: t**2 * x[:, 0] ** 3 + x[:, 1], t, x)
    assert d.time.tolist() == [1.0, -4.0]
    assert d.gradient.tolist() == [[0.75, 1.0], [12.0, 1.0]]
    assert d.laplacian.tolist() == [1.5, -24.0]
    assert not d.laplacian.requires_grad


def test_linear_and_time_free_functions_have_zero_higher_derivatives():
    x = torch.ones(3, 2)
    d = value_and_derivatives(lambda t, x: x.sum(-1), 0.1, x)
    assert d.laplacian.tolist() == [0.0] * 3
    assert d.time.tolist() == [0.0] * 3
    constant = divergence(torch.ones(3, 2), x.requires_grad_())
    assert constant.tolist() == [0.0] * 3


def test_residual_is_a_differentiable_regulariser(mixture, points):
    u, x = points
    game, U = score(mixture, PROCESSES[0]), score_game_value(mixture, PROCESSES[0])
    theta = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)

    def loss(theta, create_graph):
        def scaled(t, x):
            return theta * U(t, x)

        return hjb_residual(game, scaled, u, x, create_graph=create_graph).square().mean()

    (gradient,) = torch.autograd.grad(loss(theta, True), theta)
    h = 1e-5
    difference = (loss(theta + h, False) - loss(theta - h, False)) / (2 * h)
    torch.testing.assert_close(gradient, difference.detach(), rtol=1e-7, atol=0)
    assert not loss(theta, False).requires_grad


def test_single_precision_stays_single(mixture):
    x = torch.zeros(4, 2)
    game = MeanFieldGame(Deterministic(), Kinetic(), QuadraticPotential(torch.zeros(2)))
    residual = hjb_residual(game, lambda t, x: t * x.sum(-1), 0.5, x)
    assert residual.dtype == torch.float32
    assert math.isclose(residual[0].item(), 0.25)  # |p|^2/2 with p = (1/2, 1/2)
