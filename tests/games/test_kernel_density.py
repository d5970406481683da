"""Kernel mixtures: closed forms against automatic differentiation and against the game."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.closed_forms.kernel_density import KernelMixture, select_variance
from mfglab.games.closed_forms.score_game import (
    kernel_score,
    noised_log_density,
    score_game_value,
    wpo_value,
)
from mfglab.games.dynamics import HeatFlow, OrnsteinUhlenbeck, VarianceExploding
from mfglab.games.optimality import fokker_planck_residual, hjb_residual
from mfglab.games.recipes import score, wpo

DIMENSIONS = pytest.mark.parametrize("dim", [1, 2, 4, 16])


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def mixture(dim=2, K=5, seed=0):
    g = rng(seed)
    factor = torch.randn(K, dim, dim, dtype=torch.float64, generator=g)
    precisions = factor @ factor.mT + 0.5 * torch.eye(dim)
    weights = torch.rand(K, dtype=torch.float64, generator=g) + 0.1
    centres = torch.randn(K, dim, dtype=torch.float64, generator=g)
    return KernelMixture((weights / weights.sum()).log(), centres, precisions)


def points(n, dim, seed=1):
    return 1.5 * torch.randn(n, dim, dtype=torch.float64, generator=rng(seed))


@DIMENSIONS
def test_terms_are_those_of_automatic_differentiation(dim):
    law, x = mixture(dim), points(20, dim)
    terms = law.terms(x)

    def log_density(y):
        return law.log_prob(y[None])[0]

    for i in range(len(x)):
        hessian = torch.func.hessian(log_density)(x[i])
        gradient = torch.func.grad(log_density)(x[i])
        assert torch.allclose(terms.score[i], gradient, atol=1e-10)
        ratio = hessian.trace() + gradient.square().sum()
        assert torch.allclose(terms.laplacian_ratio[i], ratio, rtol=1e-9, atol=1e-9)
        # |s|^2 + 2 div s, the usual form of implicit score matching
        usual = gradient.square().sum() + 2 * hessian.trace()
        assert torch.allclose(terms.implicit_score_matching[i], usual, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_single_precision_is_enough_far_from_the_origin_and_for_narrow_kernels(size, offset):
    # The terms of the polynomials are size^2 times larger than their sum, or offset^2 times.
    round_law, x = mixture(2, 8), points(64, 2)
    law = KernelMixture(
        round_law.log_weights, (round_law.centres + offset).float(), round_law.precisions * size
    )
    x = (law.centres[0] + x / math.sqrt(size)).float()
    exact = KernelMixture(law.log_weights, law.centres.double(), law.precisions)
    single = KernelMixture(law.log_weights.float(), law.centres, law.precisions.float())
    want, found = exact.terms(x.double()), single.terms(x)
    for name, value in vars(found).items():
        assert value.dtype == torch.float32
        wanted = getattr(want, name)
        scale = wanted.abs().mean()
        assert (value - wanted).abs().max() < 1e-4 * scale, name


@DIMENSIONS
def test_density_and_score_are_those_of_the_gaussian_mixture(dim):
    law, x = mixture(dim), points(50, dim)
    other = law.gaussian_mixture()
    assert torch.allclose(law.log_prob(x), other.log_prob(x), atol=1e-10)
    assert torch.allclose(law.score(x), other.score(x), atol=1e-9)


def test_leaving_one_out_is_the_mixture_of_the_others():
    law = mixture(2, 4)
    for i in range(4):
        rest = [k for k in range(4) if k != i]
        others = KernelMixture(
            torch.log_softmax(law.log_weights[rest], 0), law.centres[rest], law.precisions[rest]
        )
        here = law.terms(law.centres[i : i + 1], leave_one_out=True)
        there = others.terms(law.centres[i : i + 1])
        assert torch.allclose(here.log_prob, there.log_prob)
        assert torch.allclose(here.score, there.score)
        assert torch.allclose(here.laplacian_ratio, there.laplacian_ratio)
    x = points(10, 2)
    assert torch.equal(law.log_prob(x, leave_one_out=True), law.log_prob(x))


@pytest.mark.parametrize(("scale", "variance"), [(1.0, 0.0), (0.5, 1e-4), (0.3, 50.0)])
def test_noised_precisions_are_those_of_the_noised_covariances(scale, variance):
    g = torch.Generator().manual_seed(3)
    A = torch.randn(7, 5, 5, generator=g).double()
    precisions = A @ A.mT + 0.05 * torch.eye(5).double()
    law = KernelMixture(torch.full((7,), -math.log(7)).double(), A[:, 0], precisions)
    spread = scale**2 * torch.linalg.inv(precisions) + variance * torch.eye(5).double()
    found = law.noised(scale, variance)
    expected = torch.linalg.inv(spread)
    assert torch.allclose(found.precisions, expected, rtol=1e-9, atol=1e-9 * expected.abs().max())
    assert torch.equal(found.centres, scale * law.centres)


@pytest.mark.parametrize(
    "process", [HeatFlow(0.7, 2.0), VarianceExploding(), OrnsteinUhlenbeck()], ids=type
)
def test_noised_kernels_are_the_convolution(process):
    law, x = mixture(1, 3), torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    s = 0.4 * process.horizon
    scale, variance = process.scale(s), process.variance(s)
    grid = torch.linspace(-40, 40, 40001, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (x - scale * grid).square() / variance)
    kernel = kernel / torch.sqrt(2 * math.pi * variance)
    convolved = torch.trapezoid(kernel * law.log_prob(grid[:, None]).exp(), grid, dim=1)
    assert torch.allclose(law.noised(scale, variance).log_prob(x).exp(), convolved, atol=1e-10)


def test_the_mixture_solves_the_equations_of_the_proximal_game():
    law, x = mixture(2), points(64, 2)
    target, beta, horizon = law.gaussian_mixture(), 0.8, 1.5
    game = wpo(target, beta, horizon)
    U = wpo_value(target, beta, horizon)
    process = HeatFlow(beta, horizon)
    for t in (0.1, 0.7, 1.4):
        assert hjb_residual(game, U, t, x).abs().max() < 1e-8

        def drift(t, y):
            s = horizon - t[0]
            return beta**2 * law.noised(process.scale(s), process.variance(s)).score(y)

        def log_rho(t, y):
            return noised_log_density(target, process)(horizon - t, y)

        assert fokker_planck_residual(game, drift, log_rho, t, x).abs().max() < 1e-8


def test_the_mixture_solves_the_equation_of_ornstein_uhlenbeck_noising():
    target, x = mixture(2).gaussian_mixture(), points(64, 2)
    process = OrnsteinUhlenbeck()
    residual = hjb_residual(score(target, process), score_game_value(target, process), 1.2, x)
    assert residual.abs().max() < 1e-8


def test_isotropic_kernels_are_the_stopped_empirical_law():
    centres, x, process = points(30, 2, 3), points(10, 2), HeatFlow(0.5, 1.0)
    law = KernelMixture.isotropic(centres, 0.25 * 0.1)
    assert torch.allclose(law.score(x), kernel_score(centres, process, 0.1, x), atol=1e-9)


@pytest.mark.parametrize("objective", ["score matching", "likelihood"])
def test_a_kernel_at_its_own_sample_gains_without_bound(objective):
    # Score matching earns -2 tr Gamma there, whatever the others do.
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0]], dtype=torch.float64)
    values = []
    for size in (1e2, 1e3, 1e4):
        precisions = torch.stack([size * torch.eye(2), torch.eye(2)]).double()
        log_weights = torch.full((2,), -math.log(2), dtype=torch.float64)
        law = KernelMixture(log_weights, centres, precisions)
        terms = law.terms(centres[:1])
        value = terms.implicit_score_matching if objective == "score matching" else -terms.log_prob
        values.append(float(value))
    if objective == "score matching":
        assert values == pytest.approx([-4 * size for size in (1e2, 1e3, 1e4)], rel=1e-3)
    else:
        # the likelihood too, but only as the logarithm
        assert values[1] - values[2] == pytest.approx(math.log(10), rel=1e-3)


@pytest.mark.parametrize("leave_one_out", [False, True])
@DIMENSIONS
def test_stacked_mixtures_are_those_they_are_made_of(dim, leave_one_out):
    laws = [mixture(dim, seed=seed) for seed in range(3)]
    arrays = ("log_weights", "centres", "precisions")
    whole = KernelMixture(*(torch.stack([getattr(law, a) for law in laws]) for a in arrays))
    x = torch.cat([torch.stack([points(4, dim, seed) for seed in range(3)]), whole.centres], 1)
    found = whole.terms(x, leave_one_out=leave_one_out)
    assert whole.dim == dim
    for k, law in enumerate(laws):
        alone = law.terms(x[k], leave_one_out=leave_one_out)
        for name, value in vars(alone).items():
            torch.testing.assert_close(getattr(found, name)[k], value, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(whole.score(x)[k], law.score(x[k]), rtol=1e-10, atol=1e-10)


def test_the_chosen_variance_is_the_likeliest():
    centres, validation = points(100, 2, 4), points(100, 2, 5)
    variances = [0.01, 0.1, 0.3, 1.0, 10.0]
    chosen = select_variance(centres, validation, variances)
    likelihood = {
        v: float(KernelMixture.isotropic(centres, v).log_prob(validation).mean()) for v in variances
    }
    assert likelihood[chosen] == max(likelihood.values())
    with pytest.raises(ValueError, match="no variance"):
        select_variance(centres, validation, [])


def test_wrong_shapes_and_variances_are_refused():
    with pytest.raises(ValueError, match=r"precisions \(3, 2, 2\)"):
        KernelMixture(torch.zeros(3), torch.zeros(3, 2), torch.zeros(3, 3, 3))
    with pytest.raises(ValueError, match=r"weights \(4, 3\) .* got \(3,\)"):
        KernelMixture(torch.zeros(3), torch.zeros(4, 3, 2), torch.zeros(4, 3, 2, 2))
    with pytest.raises(ValueError, match=r"positive, got 0\.0"):
        KernelMixture.isotropic(torch.zeros(3, 2), 0.0)
