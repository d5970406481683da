"""Closed forms against independent numerics: optimisation, boundary values, quadrature, ODEs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_bvp, solve_ivp
from scipy.linalg import sqrtm
from scipy.optimize import minimize

from mfglab.games.closed_forms.discounted import discounted_path, discounted_rate
from mfglab.games.closed_forms.gaussian_flows import WhiteningFlow, bures_wasserstein
from mfglab.games.closed_forms.gaussian_prox import (
    Gaussian,
    cross_entropy_prox,
    entropic_prox_gaussian,
    kl_prox_gaussian,
)
from mfglab.games.closed_forms.probability_flow import GaussianScoreGame
from mfglab.games.closed_forms.score_game import wrong_prior_law
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import HeatFlow, OrnsteinUhlenbeck, VariancePreserving


def spd(seed, d=3):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(d, d, dtype=torch.float64, generator=generator)
    return root @ root.T + 0.3 * torch.eye(d, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 5.0])
def test_kl_prox_minimises_the_game(alpha):
    horizon, mean, std = 0.8, 1.4, 0.6

    def objective(z):
        m, s = z[0], math.exp(z[1])
        kl = 0.5 * (s * s + m * m - 1) - math.log(s)
        return alpha * kl + ((m - mean) ** 2 + (s - std) ** 2) / (2 * horizon)

    best = minimize(objective, [mean, math.log(std)], tol=1e-14, options={"gtol": 1e-10})
    flow = kl_prox_gaussian(alpha, horizon, mean, std)
    assert flow.mean1 == pytest.approx(best.x[0], abs=1e-6)
    assert flow.std1 == pytest.approx(math.exp(best.x[1]), abs=1e-6)
    x0 = torch.linspace(-2, 2, 5, dtype=torch.float64)
    x = flow.path(0.5, x0)
    h = 1e-6
    speed = (flow.path(0.5 + h, x0) - flow.path(0.5 - h, x0)) / (2 * h)
    torch.testing.assert_close(flow.velocity(0.5, x), speed, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(flow.path(horizon, x0), flow.end(x0))
    law = [torch.tensor([v], dtype=torch.float64) for v in (mean, std**2, flow.mean1, flow.std1**2)]
    distance = bures_wasserstein(law[0], law[1][:, None], law[2], law[3][:, None])
    assert flow.kinetic_energy() == pytest.approx(distance**2 / (2 * horizon))


def test_cross_entropy_without_noise_contracts_to_the_mode():
    best = minimize(lambda y: y[0] ** 2 / 2 + (y[0] - 1.7) ** 2 / (2 * 0.6), [0.0], tol=1e-14)
    assert cross_entropy_prox(torch.tensor(1.7), 0.6).item() == pytest.approx(best.x[0], abs=1e-6)


def test_entropic_prox_is_the_wrong_prior_law():
    beta, horizon = 0.9, 1.3
    one = torch.ones(1, dtype=torch.float64)
    result = entropic_prox_gaussian(
        Gaussian(-0.5 * one, 1.21 * one[:, None]),
        Gaussian(0.4 * one, 0.49 * one[:, None]),
        beta**2 * horizon,
    )
    grid = torch.linspace(-9, 9, 1201, dtype=torch.float64)
    target = GaussianMixture.isotropic(torch.tensor([[0.4]], dtype=torch.float64), 0.7)
    start = GaussianMixture.isotropic(torch.tensor([[-0.5]], dtype=torch.float64), 1.1)
    law = wrong_prior_law(target, start, HeatFlow(beta, horizon), grid)
    mean = torch.trapezoid(grid * law, grid)
    variance = torch.trapezoid((grid - mean) ** 2 * law, grid)
    assert result.mean.item() == pytest.approx(mean.item(), abs=1e-9)
    assert result.covariance.item() == pytest.approx(variance.item(), abs=1e-9)


def test_entropic_prox_from_the_noised_law_is_the_target():
    tau = 0.7
    target = Gaussian(torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64), spd(0))
    start = Gaussian(target.mean, target.covariance + tau * torch.eye(3, dtype=torch.float64))
    result = entropic_prox_gaussian(start, target, tau)
    torch.testing.assert_close(result.mean, target.mean)
    torch.testing.assert_close(result.covariance, target.covariance)


def test_entropic_prox_by_integrating_the_moment_equations():
    # dX = beta^2 grad log eta(X, T - t) dt + beta dW is linear: mean and covariance solve ODEs.
    beta2, horizon = 0.8, 1.1
    S, A = spd(1).numpy(), spd(2).numpy()
    m, a = np.array([0.5, -0.2, 1.0]), np.array([-1.0, 0.3, 0.0])

    def rate(t, y):
        mean, cov = y[:3], y[3:].reshape(3, 3)
        K = beta2 * np.linalg.inv(S + beta2 * (horizon - t) * np.eye(3))
        change = -K @ cov - cov @ K.T + beta2 * np.eye(3)
        return np.concatenate([-K @ (mean - m), change.ravel()])

    start = np.concatenate([a, A.ravel()])
    end = solve_ivp(rate, (0, horizon), start, rtol=1e-11, atol=1e-12).y[:, -1]
    result = entropic_prox_gaussian(
        Gaussian(torch.from_numpy(a), torch.from_numpy(A)),
        Gaussian(torch.from_numpy(m), torch.from_numpy(S)),
        beta2 * horizon,
    )
    np.testing.assert_allclose(result.mean.numpy(), end[:3], atol=1e-8)
    np.testing.assert_allclose(result.covariance.numpy().ravel(), end[3:], atol=1e-8)


@pytest.mark.parametrize("eps", [0.5, 0.1, 0.05])
def test_discounted_path_solves_the_boundary_value_problem(eps):
    lam, horizon, x0 = 1.3, 1.5, 2.0
    grid = np.linspace(0, horizon, 200)
    solution = solve_bvp(
        lambda t, y: np.vstack([y[1], (y[1] + lam * y[0]) / eps]),
        lambda left, right: np.array([left[0] - x0, right[1] + lam * right[0]]),
        grid,
        np.vstack([x0 * np.exp(-grid), -x0 * np.exp(-grid)]),
        tol=1e-10,
        max_nodes=100_000,
    )
    assert solution.success
    path = discounted_path(x0, lam, eps, horizon)
    t = torch.from_numpy(grid)
    np.testing.assert_allclose(path.position(t).numpy(), solution.sol(grid)[0], atol=1e-7)
    np.testing.assert_allclose(path.velocity(t).numpy(), solution.sol(grid)[1], atol=1e-6)


def test_discounted_path_minimises_the_discounted_action():
    lam, eps, horizon, x0 = 1.3, 0.5, 1.0, 1.0
    path = discounted_path(x0, lam, eps, horizon)

    def action(c):
        def x(t):
            return path.position(torch.tensor(t)).item() + c * math.sin(1.1 * t)

        def v(t):
            return path.velocity(torch.tensor(t)).item() + c * 1.1 * math.cos(1.1 * t)

        def rate(t):
            return math.exp(-t / eps) * (0.5 * v(t) ** 2 + lam * x(t) ** 2 / (2 * eps))

        return quad(rate, 0, horizon)[0] + math.exp(-horizon / eps) * lam * x(horizon) ** 2 / 2

    slope = (action(1e-3) - action(-1e-3)) / 2e-3
    assert abs(slope) < 1e-6
    assert action(0.1) > action(0.0)


def test_discounted_rate_tends_to_the_gradient_flow():
    assert [round(discounted_rate(1.0, eps), 3) for eps in (0.5, 0.1, 0.01)] == [
        -0.732,
        -0.916,
        -0.990,
    ]
    errors = [discounted_rate(1.0, eps) + 1 for eps in (1e-3, 5e-4)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match=r"eps must be positive, got 0.0"):
        discounted_rate(1.0, 0.0)
    with pytest.raises(ValueError, match=r"must not be negative, got -3.0"):
        discounted_rate(-1.0, 1.0)


@pytest.mark.parametrize("process", [OrnsteinUhlenbeck(0.9, 1.1, 1.2), VariancePreserving(0.1, 3)])
def test_score_and_fisher_games_of_a_gaussian(process):
    game = GaussianScoreGame(0.7, 0.5, process)
    T = process.horizon

    def sigma2(s):
        return float(process.diffusion(s)) ** 2

    def c(s):
        return float(process.drift_coefficient(s))

    # Variances by integrating the noising moment equation, independent of the closed schedule.
    moments = solve_ivp(
        lambda s, W: -2 * c(s) * W + sigma2(s),
        (0, T),
        [0.5],
        rtol=1e-11,
        atol=1e-12,
        dense_output=True,
    )

    def W(s):
        return moments.sol(s)[0]

    for s in (0.3, T):
        assert game.marginal_variance(s) == pytest.approx(W(s), abs=1e-9)
    # Running costs by quadrature: E|score|^2 = 1/W for a Gaussian.
    sde = quad(lambda s: sigma2(s) / (2 * W(s)) - c(s), 0, T, epsabs=1e-11)[0]
    ode = quad(lambda s: 2 * sigma2(s) / (8 * W(s)) - c(s) / 2, 0, T, epsabs=1e-11)[0]
    assert game.score_game_running() == pytest.approx(sde, abs=1e-8)
    assert game.fisher_game_running() == pytest.approx(ode, abs=1e-8)
    data_entropy = 0.5 * math.log(2 * math.pi * math.e * 0.5)
    assert game.score_game_value() == pytest.approx(sde + data_entropy, abs=1e-8)
    assert game.fisher_game_value() == pytest.approx(ode + 0.5 * data_entropy, abs=1e-8)
    shifted = game.fisher_game_value() + 0.5 * game.start_entropy()
    assert game.score_game_value() == pytest.approx(shifted, abs=1e-12)


def test_probability_flow_map_shares_the_marginals():
    process = OrnsteinUhlenbeck(0.9, 1.1, 1.2)
    game = GaussianScoreGame(0.7, 0.5, process)

    def velocity(s, x):
        score = -(x - game.marginal_mean(s)) / game.marginal_variance(s)
        return -0.9 * x - 0.5 * 1.1 * score

    x0 = np.array([-1.0, 0.0, 2.5])
    end = solve_ivp(velocity, (0, 1.2), x0, rtol=1e-11, atol=1e-12).y[:, -1]
    np.testing.assert_allclose([game.flow_map(x, 0.0, 1.2) for x in x0], end, atol=1e-9)


def test_bures_distance_against_the_matrix_square_root():
    A, B = spd(4).numpy(), spd(5).numpy()
    m = np.array([1.0, 0.0, -2.0])
    root = sqrtm(A)
    square = 5.0 + np.trace(A + B - 2 * np.real(sqrtm(root @ B @ root)))
    value = bures_wasserstein(
        torch.from_numpy(m), torch.from_numpy(A), torch.zeros(3).double(), torch.from_numpy(B)
    )
    assert value == pytest.approx(math.sqrt(square), abs=1e-9)
    zero = torch.zeros(3).double()
    assert bures_wasserstein(zero, spd(4), zero, spd(4)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1.5, -4.0])
def test_whitening_flows_agree_at_the_end_and_differ_in_energy(angle):
    S = spd(6)
    flow = WhiteningFlow(S, angle)
    eye = torch.eye(3, dtype=torch.float64)
    map_at_end = flow.position(1.0, eye).T
    torch.testing.assert_close(map_at_end @ S @ map_at_end.T, eye)
    torch.testing.assert_close(flow.position(0.0, eye), eye)
    x0 = torch.tensor([[1.0, -0.5, 2.0]], dtype=torch.float64)
    h = 1e-6
    speed = (flow.position(0.4 + h, x0) - flow.position(0.4 - h, x0)) / (2 * h)
    torch.testing.assert_close(
        flow.velocity(0.4, flow.position(0.4, x0)), speed, rtol=1e-7, atol=1e-7
    )

    def energy_rate(t):
        position = flow.position(t, eye).T
        motion = flow.velocity_matrix(t) @ position
        return 0.5 * (motion @ S @ motion.T).trace().item()

    numeric = quad(energy_rate, 0, 1, epsabs=1e-10)[0]
    assert flow.kinetic_energy() == pytest.approx(numeric, abs=1e-8)
    # The log-determinant, hence the loss of a flow without running cost, ignores the angle.
    trace = quad(lambda t: flow.velocity_matrix(t).trace().item(), 0, 1, epsabs=1e-10)[0]
    assert trace == pytest.approx(-0.5 * torch.logdet(S).item(), abs=1e-8)
    zero = torch.zeros(3, dtype=torch.float64)
    optimal = 0.5 * bures_wasserstein(zero, S, zero, eye) ** 2
    if angle == 0.0:
        assert flow.kinetic_energy() == pytest.approx(optimal, abs=1e-9)
    else:
        assert flow.kinetic_energy() > optimal + 0.1


def test_bad_closed_form_arguments_are_named():
    with pytest.raises(ValueError, match=r"alpha must be positive, got -1.0"):
        kl_prox_gaussian(-1.0, 1.0, 0.0, 1.0)
    one = torch.ones(1, dtype=torch.float64)
    law = Gaussian(one, one[:, None])
    with pytest.raises(ValueError, match=r"must be positive, got 0.0"):
        entropic_prox_gaussian(law, law, 0.0)
    with pytest.raises(ValueError, match=r"got shape \(1, 1\)"):
        WhiteningFlow(one[:, None])
    with pytest.raises(ValueError, match=r"data variance must be positive, got 0.0"):
        GaussianScoreGame(0.0, 0.0, HeatFlow())
