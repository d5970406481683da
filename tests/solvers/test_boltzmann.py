"""Boltzmann generators: change of variables, the Gaussian proximal, importance weights."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.config import BoltzmannConfig
from mfglab.games.energies import DoubleWell
from mfglab.solvers.boltzmann import BoltzmannGenerator, Reweighted
from mfglab.solvers.factory import build_solver
from mfglab.trajectories.diagnostics import kinetic_energy


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def solver():
    return BoltzmannGenerator(
        2, DoubleWell(), width=8, steps=4, steps_val=16, generator=rng()
    ).double()


def test_weights_and_log_prob_agree(solver):
    with torch.no_grad():
        found = solver.reweighted(50, rng(1), steps=32)
        again = -solver.energy(found.x) - solver.log_prob(found.x, steps=32)
        samples = solver.sample(50, rng(1), steps=32)
    torch.testing.assert_close(found.log_weights, again, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.x, samples)


def test_the_density_integrates_to_one(solver):
    axis = torch.linspace(-9, 9, 181, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = solver.log_prob(grid).exp().sum() * 0.1**2
    assert mass.item() == pytest.approx(1.0, abs=1e-3)


def test_there_and_back(solver):
    x = torch.randn(20, 2, dtype=torch.float64, generator=rng(2))
    with torch.no_grad():
        torch.testing.assert_close(solver.reconstruct(x, 32), x, atol=1e-5, rtol=0)
        path = solver.trajectories(x, 32).path
    torch.testing.assert_close(path[0], x)


def test_the_objective_is_that_of_the_game(solver):
    z = torch.randn(40, 2, dtype=torch.float64, generator=rng(3))
    loss = solver.loss(z, rng())
    assert loss.terms.keys() == {"terminal", "running", "hjb"}
    assert solver.game.terminal.weight == 10.0
    steps = solver.steps
    x = solver._forward(z, steps)
    log_rho = solver.reference.log_prob(z) - solver_divergence(solver, z, steps)
    terminal = 10.0 * (log_rho + solver.energy(x)).mean()
    torch.testing.assert_close(loss.terms["terminal"], terminal.detach())


def solver_divergence(solver, z, steps):
    from mfglab.trajectories.integrate import integrate

    return integrate(solver.field(), z, 0.0, 1.0, steps).costs[:, 0]


def test_training_finds_the_proximal_of_a_gaussian():
    # Start N(0, 1), energy of N(m, s^2): mean alpha m / (alpha + s^2), deviation the root of
    # (alpha / s^2 + 1) t^2 - t - alpha = 0.
    m, s, alpha = 1.5, 0.6, 4.0
    z = torch.special.ndtri((torch.arange(128) + 0.5) / 128)[:, None].float()
    solver = BoltzmannGenerator(
        1,
        lambda x: 0.5 * ((x[:, 0] - m) / s).square(),
        terminal_weight=alpha,
        width=16,
        steps=4,
        generator=rng(),
    )
    adam = torch.optim.Adam(solver.parameters(), lr=0.05)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 250)
    for _ in range(250):
        adam.zero_grad()
        solver.loss(z, rng()).total.backward()
        adam.step()
        decay.step()
    a = alpha / s**2 + 1
    std = (1 + math.sqrt(1 + 4 * a * alpha)) / (2 * a)
    mean = alpha * m / (alpha + s**2)
    with torch.no_grad():
        found = solver.reweighted(4000, rng(5))
        run = solver.trajectories(found.x)
    assert found.x.mean().item() == pytest.approx(mean, abs=0.03)
    assert found.x.std().item() == pytest.approx(std, abs=0.03)
    kinetic = kinetic_energy(run.times, run.path).mean().item()
    assert kinetic == pytest.approx(0.5 * (mean**2 + (1 - std) ** 2), rel=0.05)
    # Weights undo the bias of the proximal: log Z of the energy.
    assert found.log_partition == pytest.approx(math.log(s * math.sqrt(2 * math.pi)), abs=0.02)


def test_equal_weights_are_a_full_sample_and_one_weight_is_one_point():
    x = torch.zeros(10, 1)
    assert Reweighted(x, torch.full((10,), 3.0)).effective_share == pytest.approx(1.0)
    assert Reweighted(x, torch.full((10,), 3.0)).log_partition == pytest.approx(3.0)
    one = torch.full((10,), -1e4)
    one[4] = 0.0
    assert Reweighted(x, one).effective_share == pytest.approx(0.1)


def test_the_configuration_builds_it():
    config = BoltzmannConfig(kind="boltzmann", height=5.0, distance=1.0, terminal_weight=7.0)
    solver = build_solver(config, 3, rng())
    assert isinstance(solver, BoltzmannGenerator)
    assert solver.energy == DoubleWell(5.0, 1.0)
    assert solver.game.terminal.weight == 7.0
