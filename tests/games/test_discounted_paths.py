"""Numerical solutions of discounted games: closed form, optimality, the gradient-flow limit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfglab.games.closed_forms.discounted import discounted_path
from mfglab.games.discounted_paths import (
    ReducedEnergy,
    discounted_game_path,
    double_well,
    gaussian_kl,
    gradient_flow_path,
)
from mfglab.games.interactions import Population
from mfglab.games.recipes import gradient_flow
from mfglab.games.terminal import LinearCost

TIMES = np.linspace(0, 1, 201)


@pytest.mark.parametrize("eps", [0.5, 0.1, 0.01])
def test_quadratic_energy_has_the_closed_form(eps):
    energy = ReducedEnergy("quadratic", np.array([1.5]), lambda y: 2.0 * y)
    path = discounted_game_path(energy, eps, TIMES)[0]
    exact = discounted_path(1.5, 2.0, eps, 1.0).position(torch.from_numpy(TIMES)).numpy()
    assert np.abs(path - exact).max() < 1e-6


def test_the_gradient_flow_of_kl_keeps_its_gaussian_closed_form():
    energy = gaussian_kl(np.array([1.0]), np.array([2.0]), np.array([0.5]))
    mean, std = gradient_flow_path(energy, TIMES)
    np.testing.assert_allclose(mean, 2 * np.exp(-TIMES), atol=1e-8)
    np.testing.assert_allclose(std**2, 1 - 0.75 * np.exp(-2 * TIMES), atol=1e-8)


def well(x):
    return (x[:, 0].square() - 1).square() / 4 + (x[:, 1] - x[:, 0].square() / 2).square()


def test_the_gradient_of_the_double_well():
    players = np.array([[2.0, -1.0], [0.3, 1.5]])
    energy = double_well(players)
    x = torch.from_numpy(players).requires_grad_()
    (gradient,) = torch.autograd.grad(well(x).sum(), x)
    np.testing.assert_allclose(energy.gradient(energy.start[:, None])[:, 0], gradient.T.flatten())


def cost(path, eps):
    """Cost of one player in the game of the catalogue, by the trapezoidal rule."""
    game = gradient_flow(LinearCost(well), eps=eps)
    t, x = torch.from_numpy(TIMES), torch.from_numpy(path.T)
    middle, h = 0.5 * (t[1:] + t[:-1]), t.diff()
    v = x.diff(dim=0) / h[:, None]
    running = game.running_cost(middle, x[1:], v)
    energies = [
        float(game.interaction.value(time, Population(point[None])))
        for time, point in zip(middle, 0.5 * (x[1:] + x[:-1]), strict=True)
    ]
    return float((h * (running + torch.tensor(energies))).sum() + game.terminal.value(x[-1:]))


def test_the_path_is_optimal_in_the_game_of_the_catalogue():
    eps = 0.3
    path = discounted_game_path(double_well(np.array([[1.4, -0.5]])), eps, TIMES)
    best = cost(path, eps)
    for bump in (np.sin(np.pi * TIMES / 2), np.sin(np.pi * TIMES), np.sin(3 * np.pi * TIMES)):
        for axis in np.eye(2):
            for size in (-0.05, 0.05):
                assert cost(path + size * axis[:, None] * bump, eps) > best


def test_halving_the_discount_time_halves_the_distance_to_the_gradient_flow():
    energy = gaussian_kl(np.array([1.0, 0.25]), np.array([2.0, -1.0]), np.array([0.5, 1.5]))
    flow = gradient_flow_path(energy, TIMES)
    far, near = (
        np.abs(discounted_game_path(energy, eps, TIMES) - flow).max() for eps in (2e-3, 1e-3)
    )
    assert far / near == pytest.approx(2, abs=0.05)


def test_the_discount_time_must_be_positive():
    energy = double_well(np.array([[1.4, -0.5]]))
    with pytest.raises(ValueError, match=r"eps must be positive, got 0\.0"):
        discounted_game_path(energy, 0.0, TIMES)
