"""First variations of terminal costs and interactions agree with their values."""

from __future__ import annotations

import pytest
import torch

from mfglab.games.densities import GaussianMixture, standard_normal
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.games.interactions import (
    DiscountedFunctional,
    Entropy,
    FisherInformation,
    NoInteraction,
    Population,
    PotentialEnergy,
)
from mfglab.games.optimality import value_and_derivatives
from mfglab.games.recipes import two_bumps
from mfglab.games.terminal import (
    Boltzmann,
    CrossEntropy,
    KullbackLeibler,
    QuadraticPotential,
    Scaled,
    SquaredMMD,
    TaskLoss,
    Witness,
)

GRID = torch.linspace(-7, 7, 401, dtype=torch.float64)
BASE = GaussianMixture.isotropic(torch.tensor([[0.3]], dtype=torch.float64), 0.9)
# Narrower than the base law, so that their ratio is bounded and small steps are small everywhere.
OTHER = GaussianMixture.isotropic(torch.tensor([[-0.2]], dtype=torch.float64), 0.6)
DYNAMICS = OrnsteinUhlenbeck(0.7, 1.3).as_dynamics()


def mixed_log_prob(eps):
    """Log-density of (1 - eps) base + eps other."""

    def log_prob(t, x):
        return torch.log((1 - eps) * BASE.log_prob(x).exp() + eps * OTHER.log_prob(x).exp())

    return log_prob


def population(eps):
    d = value_and_derivatives(mixed_log_prob(eps), 0.0, GRID[:, None])
    return Population(GRID[:, None], d.value, d.gradient, d.laplacian)


def weighted(function, eps):
    """Integral of per-point numbers against the mixed law."""
    density = mixed_log_prob(eps)(None, GRID[:, None]).exp()
    return torch.trapezoid(function * density, GRID)


def particles(p):
    """The population one particle at a time: the value there is the integrand."""
    return [
        Population(p.x[i : i + 1], p.log_rho[i : i + 1], p.score[i : i + 1])
        for i in range(len(GRID))
    ]


def terminal_integrand(functional, eps):
    return torch.stack([functional.value(p.x, p.log_rho) for p in particles(population(eps))])


def running_integrand(functional, eps):
    return torch.stack([functional.value(0.3, p) for p in particles(population(eps))])


TERMINAL = [
    KullbackLeibler(standard_normal(1), 1.7),
    CrossEntropy(two_bumps(1), 0.6),
    CrossEntropy(two_bumps(1), entropy_weight=0.5),
    Boltzmann(lambda x: x[:, 0].square(), 1.3),
    QuadraticPotential(torch.tensor([0.4], dtype=torch.float64), 2.0),
    Witness(lambda x: x[:, 0].sin()),
    TaskLoss(lambda x: x[:, 0].cos(), 0.5),
    Scaled(KullbackLeibler(standard_normal(1)), 0.2),
]
RUNNING = [
    NoInteraction(),
    Entropy(0.4),
    PotentialEnergy(lambda x: x[:, 0].square(), 0.7),
    FisherInformation(DYNAMICS),
    DiscountedFunctional(KullbackLeibler(standard_normal(1)), 0.5),
]


def directional_derivative(integrand):
    """Central difference of the functional from the base law towards the other one."""
    h = 1e-5
    value = [weighted(integrand(eps), eps) for eps in (-h, h)]
    return (value[1] - value[0]) / (2 * h)


def pairing(first_variation):
    direction = OTHER.log_prob(GRID[:, None]).exp() - BASE.log_prob(GRID[:, None]).exp()
    return torch.trapezoid(first_variation * direction, GRID)


@pytest.mark.parametrize("functional", TERMINAL, ids=lambda f: type(f).__name__)
def test_terminal_first_variation(functional):
    p = population(0.0)
    slope = directional_derivative(lambda eps: terminal_integrand(functional, eps))
    expected = pairing(functional.first_variation(p.x, p.log_rho))
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("functional", RUNNING, ids=lambda f: type(f).__name__)
def test_interaction_first_variation(functional):
    slope = directional_derivative(lambda eps: running_integrand(functional, eps))
    expected = pairing(functional.first_variation(0.3, population(0.0)))
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-8)


def test_mmd_value_and_first_variation_are_consistent():
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 12, 2, dtype=torch.float64, generator=generator)
    cost = SquaredMMD(y + 1, 0.8)
    x.requires_grad_()
    (of_value,) = torch.autograd.grad(len(x) * cost.value(x), x)
    frozen = x.detach()

    def first_variation(z):
        k = cost._kernel
        return k(z, frozen).mean(1) - k(z, cost.target).mean(1)

    z = x.detach().requires_grad_()
    (of_variation,) = torch.autograd.grad(first_variation(z).sum(), z)
    torch.testing.assert_close(of_value, of_variation)
    torch.testing.assert_close(cost.first_variation(frozen), first_variation(frozen))
    assert SquaredMMD(frozen).value(frozen).item() == pytest.approx(0, abs=1e-15)


def test_missing_densities_are_named():
    x = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match="KullbackLeibler needs log_rho"):
        KullbackLeibler(standard_normal(1)).value(x)
    with pytest.raises(ValueError, match="Entropy needs log_rho"):
        Entropy().first_variation(0.0, Population(x))
    with pytest.raises(ValueError, match="needs the score"):
        FisherInformation(DYNAMICS).value(0.0, Population(x))
    with pytest.raises(ValueError, match="needs score and laplacian"):
        FisherInformation(DYNAMICS).first_variation(0.0, Population(x))
    with pytest.raises(ValueError, match=r"bandwidth must be positive, got 0.0"):
        SquaredMMD(x, 0.0)
