"""f-divergences: conjugates against numerical Legendre transforms, duality on exact examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mfglab.games.divergences import KL, Alpha, LipschitzDivergence
from mfglab.games.recipes import gradient_flow

FAMILY = [KL(), Alpha(1.5), Alpha(2.0), Alpha(3.0)]
names = pytest.mark.parametrize("divergence", FAMILY, ids=str)


@names
def test_the_generator_vanishes_at_one(divergence):
    assert float(divergence.generator(torch.ones((), dtype=torch.float64))) == 0


@names
@pytest.mark.parametrize("y", [-1.5, -0.2, 0.0, 0.7, 1.9])
def test_the_conjugate_is_the_legendre_transform(divergence, y):
    t = torch.cat([torch.zeros(1), torch.logspace(-9, 3, 400_001, dtype=torch.float64)])
    numeric = (t * y - divergence.generator(t)).max()
    assert float(divergence.conjugate(torch.tensor(y, dtype=torch.float64))) == pytest.approx(
        float(numeric), abs=1e-7
    )


@names
def test_the_slope_is_the_derivative_of_the_conjugate(divergence):
    y = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad(divergence.conjugate(y).sum(), y)
    torch.testing.assert_close(derivative, divergence.slope(y.detach()))


@names
def test_the_best_shift_makes_the_density_ratio_have_mass_one(divergence):
    phi = 3 * torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nu = divergence.best_shift(phi)
    assert float(divergence.slope(phi - nu).mean()) == pytest.approx(1, abs=1e-9)

    def objective(shift):
        return float(shift + divergence.conjugate(phi - shift).mean())

    assert objective(nu) <= min(objective(nu - 0.01), objective(nu + 0.01))


def gaussian_points(mean, n=20_000):
    quantiles = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return mean + torch.special.ndtri(quantiles)


def test_the_log_ratio_attains_the_divergence_of_two_gaussians():
    x, y = gaussian_points(0.5), gaussian_points(0.0)  # KL = 1/8

    def log_ratio(z):
        return 0.5 * z - 0.125

    exact = KL().dual_value(log_ratio(x), log_ratio(y))
    assert float(exact) == pytest.approx(0.125, abs=1e-3)
    legendre = KL().dual_value(log_ratio(x), log_ratio(y), shifted=False)
    assert float(legendre) == pytest.approx(0.125, abs=1e-3)
    # chi^2 / 2 = (e^{1/4} - 1) / 2 for alpha = 2, attained at phi = ratio
    ratio = Alpha(2.0).dual_value(log_ratio(x).exp(), log_ratio(y).exp())
    assert float(ratio) == pytest.approx((math.exp(0.25) - 1) / 2, abs=2e-3)


def test_only_the_donsker_varadhan_form_ignores_constants():
    x, y = gaussian_points(0.5, 200), gaussian_points(0.0, 200)
    for divergence in FAMILY:
        moved = divergence.dual_value(x + 3, y + 3)
        torch.testing.assert_close(moved, divergence.dual_value(x, y))
        free = divergence.dual_value(x + 3, y + 3, shifted=False)
        assert float(free) < float(divergence.dual_value(x, y)) - 0.1


@names
def test_the_gradient_counts_the_shift_although_it_is_not_differentiated(divergence):
    generator = torch.Generator().manual_seed(1)
    x, y, direction = torch.randn(3, 60, dtype=torch.float64, generator=generator)
    y.requires_grad_()
    divergence.dual_value(x, y).backward()
    slope = float((y.grad * direction).sum())
    h = 1e-5
    ends = [float(divergence.dual_value(x, y.detach() + s * h * direction)) for s in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, abs=1e-6)


def test_it_is_a_functional_of_the_gradient_flow_game():
    target = torch.randn(50, 2, generator=torch.Generator().manual_seed(2))
    functional = LipschitzDivergence(KL(), lambda x: x[:, 0], target)
    game = gradient_flow(functional, eps=0.5, horizon=1.0)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(functional.first_variation(x), x[:, 0])
    at_end = game.terminal.first_variation(x)
    torch.testing.assert_close(at_end, math.exp(-2) * x[:, 0])
    expected = x[:, 0].mean() - torch.logsumexp(target[:, 0], 0) + np.log(50)
    assert float(functional.value(x)) == pytest.approx(float(expected), abs=1e-5)


def test_alpha_must_exceed_one():
    with pytest.raises(ValueError, match=r"alpha must be above 1, got 1\.0"):
        Alpha(1.0)
