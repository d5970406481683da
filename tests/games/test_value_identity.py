"""Suboptimality of a control is its squared distance from the score, along its own paths."""

from __future__ import annotations

import torch

from mfglab.games.closed_forms.score_game import (
    cross_entropy,
    kernel_score,
    noised_log_density,
    wrong_prior_law,
)
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import HeatFlow, OrnsteinUhlenbeck
from mfglab.games.recipes import score, two_bumps

PROCESS = OrnsteinUhlenbeck(1.0, 1.5, 1.0)


def test_value_identity_by_monte_carlo():
    # J(v) - |v - v*|^2/2 has the mean H(rho_0, eta_T) for every control v; with Euler steps the
    # bias is of first order, so the step is chosen well below the Monte-Carlo error.
    target, start = (
        two_bumps(1),
        GaussianMixture.isotropic(torch.tensor([[0.5]], dtype=torch.float64), 0.8),
    )
    game, log_eta = score(target, PROCESS), noised_log_density(target, PROCESS)
    generator = torch.Generator().manual_seed(0)
    n, steps = 20_000, 200
    h = PROCESS.horizon / steps
    x = start.sample(n, generator)
    total = torch.zeros(n, dtype=torch.float64)
    for i in range(steps):
        t = i * h
        law = target.noised(PROCESS.scale(1 - t), PROCESS.variance(1 - t))
        best = PROCESS.diffusion(1 - t) * law.score(x)
        v = 0.5 * best + 0.3 * torch.cos(x)  # some control
        total += h * (game.running_cost(t, x, v) - 0.5 * (v - best).square().sum(-1))
        noise = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        x = x + h * game.drift_of(t, x, v) + game.dynamics.diffusion(t) * h**0.5 * noise
    sample = total + game.terminal.first_variation(x)
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    expected = cross_entropy(
        lambda y: start.log_prob(y).exp(), log_eta(torch.tensor(1.0), grid[:, None]), grid
    )
    error = sample.std() / n**0.5
    assert error < 0.02
    assert (sample.mean() - expected).abs() < 3 * error


def test_wrong_prior_law_against_the_exact_gaussian():
    target = GaussianMixture.isotropic(torch.tensor([[0.4]], dtype=torch.float64), 0.7)
    start = GaussianMixture.isotropic(torch.tensor([[-0.5]], dtype=torch.float64), 1.1)
    grid = torch.linspace(-9, 9, 1201, dtype=torch.float64)
    process = HeatFlow(0.9, 1.3)
    law = wrong_prior_law(target, start, process, grid)
    # Bayes: the backward kernel x | y is Gaussian, mean m + g (y - m), variance S - g S.
    S, V = 0.49, 0.81 * 1.3
    gain = S / (S + V)
    mean = 0.4 + gain * (-0.5 - 0.4)
    variance = S - gain * S + gain**2 * 1.21
    exact = GaussianMixture.isotropic(torch.tensor([[mean]], dtype=torch.float64), variance**0.5)
    assert (law - exact.log_prob(grid[:, None]).exp()).abs().max() < 1e-8


def test_wrong_prior_law_has_unit_mass_and_the_right_prior_returns_the_data_law():
    target = two_bumps(1)
    grid = torch.linspace(-8, 8, 801, dtype=torch.float64)
    start = GaussianMixture.isotropic(torch.tensor([[0.5]], dtype=torch.float64), 0.8)
    law = wrong_prior_law(target, start, PROCESS, grid)
    pi = target.log_prob(grid[:, None]).exp()
    assert abs(torch.trapezoid(law, grid).item() - 1) < 1e-8
    assert (law - pi).abs().max() > 1e-2
    right = target.noised(PROCESS.scale(1.0), PROCESS.variance(1.0))
    assert (wrong_prior_law(target, right, PROCESS, grid) - pi).abs().max() < 1e-8


def test_wrong_prior_law_against_simulation():
    target = two_bumps(1)
    start = GaussianMixture.isotropic(torch.tensor([[0.5]], dtype=torch.float64), 0.8)
    grid = torch.linspace(-8, 8, 801, dtype=torch.float64)
    law = wrong_prior_law(target, start, PROCESS, grid)
    game = score(target, PROCESS)
    generator = torch.Generator().manual_seed(5)
    n, steps = 20_000, 200
    h = 1 / steps
    x = start.sample(n, generator)
    for i in range(steps):
        t = i * h
        noised = target.noised(PROCESS.scale(1 - t), PROCESS.variance(1 - t))
        v = PROCESS.diffusion(1 - t) * noised.score(x)
        noise = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        x = x + h * game.drift_of(t, x, v) + game.dynamics.diffusion(t) * h**0.5 * noise
    for power in (1, 2):
        exact = torch.trapezoid(grid**power * law, grid)
        sample = x[:, 0] ** power
        assert (sample.mean() - exact).abs() < 3.5 * sample.std() / n**0.5 + 2 * h


def test_kernel_score_is_the_score_of_the_smoothed_samples():
    generator = torch.Generator().manual_seed(1)
    samples, x = torch.randn(2, 9, 2, dtype=torch.float64, generator=generator)
    tiny = GaussianMixture.isotropic(samples, 1e-9)
    noised = tiny.noised(PROCESS.scale(0.3), PROCESS.variance(0.3))
    torch.testing.assert_close(kernel_score(samples, PROCESS, 0.3, x), noised.score(x))
