"""Hamiltonian, optimal velocity and the catalogue of games."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from mfglab.games.catalogue import CATALOGUE
from mfglab.games.costs import IllPosedGameError, Kinetic
from mfglab.games.densities import standard_normal
from mfglab.games.dynamics import Deterministic
from mfglab.games.game import MeanFieldGame
from mfglab.games.interactions import Population
from mfglab.games.terminal import KullbackLeibler

KEYS = {
    "cnf",
    "ot_flow",
    "score",
    "wpo",
    "gradient_flow",
    "w1w2_proximal",
    "transformer",
    "boltzmann_generator",
    "schroedinger_bridge_soft",
    "probability_flow",
    "nonlinear_score",
}


def batch():
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(7, dtype=torch.float64, generator=generator)
    x, p = torch.randn(2, 7, 2, dtype=torch.float64, generator=generator)
    return t, x, p


def test_catalogue_is_complete_and_read_only():
    assert set(CATALOGUE) == KEYS
    assert all(entry.key == key for key, entry in CATALOGUE.items())
    with pytest.raises(TypeError):
        CATALOGUE["new"] = CATALOGUE["cnf"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE["cnf"].title = "other"


@pytest.mark.parametrize("key", sorted(KEYS))
def test_entries_build_games_that_can_be_evaluated(key):
    game = CATALOGUE[key].build()
    t, x, p = batch()
    log_rho = standard_normal(2).log_prob(x)
    population = Population(x, log_rho, -x, torch.full_like(log_rho, -2.0))
    assert game.terminal.value(x, log_rho).isfinite()
    assert game.terminal.first_variation(x, log_rho).shape == (7,)
    assert game.interaction.first_variation(t, population).shape == (7,)
    assert game.interaction.value(0.2, population).isfinite()
    assert game.running_cost(t, x, p).shape == (7,)


@pytest.mark.parametrize("key", sorted(KEYS - {"cnf"}))
def test_optimal_motion_is_minus_the_gradient_of_the_hamiltonian(key):
    game = CATALOGUE[key].build()
    t, x, p = batch()
    p.requires_grad_()
    (gradient,) = torch.autograd.grad(game.hamiltonian(t, x, p).sum(), p)
    v = game.optimal_velocity(t, x, p)
    torch.testing.assert_close(game.drift_of(t, x, v), -gradient)
    # The Hamiltonian is attained at v and nowhere exceeded.
    b = game.drift_of(t, x, v)
    attained = -(p * b).sum(-1) - game.running_cost(t, x, v)
    torch.testing.assert_close(attained, game.hamiltonian(t, x, p))
    other = v + 0.3
    worse = -(p * game.drift_of(t, x, other)).sum(-1) - game.running_cost(t, x, other)
    assert bool((worse < attained).all())


def test_the_plain_flow_is_ill_posed():
    game = CATALOGUE["cnf"].build()
    t, x, p = batch()
    assert bool(game.hamiltonian(t, x, p).isinf().all())
    with pytest.raises(IllPosedGameError):
        game.optimal_velocity(t, x, p)


def test_horizon_must_be_positive():
    with pytest.raises(ValueError, match=r"horizon of a game must be positive, got 0\.0"):
        MeanFieldGame(Deterministic(), Kinetic(), KullbackLeibler(standard_normal(1)), horizon=0.0)
