"""Exact divergence, Hutchinson estimator, local Lipschitz constants."""

from __future__ import annotations

import pytest
import torch

from mfglab.trajectories.divergence import (
    exact_divergence,
    hutchinson_divergence,
    rademacher,
    velocity_and_divergence,
)
from mfglab.trajectories.regularity import local_lipschitz, temporal_lipschitz


def matrix(seed=0, d=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(d, d, dtype=torch.float64, generator=generator)


def curved(x):
    """A non-linear field with divergence cos(x_0) + x_2 + 2 x_3 (component 1 does not count)."""
    return torch.stack([x[:, 0].sin(), x[:, 0] * x[:, 2], x[:, 2] ** 2 / 2, x[:, 3] ** 2], dim=1)


def points(n=6, d=4):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("chunk_size", [None, 1, 3])
def test_exact_divergence(chunk_size):
    x = points()
    expected = x[:, 0].cos() + x[:, 2] + 2 * x[:, 3]
    torch.testing.assert_close(exact_divergence(curved, x, chunk_size), expected)
    both = velocity_and_divergence(curved, x, chunk_size)
    assert torch.equal(both.velocity, curved(x))


def test_divergence_of_a_gradient_field_that_differentiates_inside():
    x = points()

    def field(y):
        y = y if y.requires_grad else y.detach().requires_grad_()
        return torch.autograd.grad((y**4).sum(), y, create_graph=True)[0]

    torch.testing.assert_close(exact_divergence(field, x), 12 * (x**2).sum(1))


def test_divergence_can_be_differentiated_and_respects_no_grad():
    A = matrix().requires_grad_()
    total = exact_divergence(lambda x: (x**2) @ A.T, points()).sum()
    (gradient,) = torch.autograd.grad(total, A)
    torch.testing.assert_close(gradient, torch.diag(2 * points().sum(0)))
    with torch.no_grad():
        assert not exact_divergence(lambda x: x @ A.T, points()).requires_grad
    assert exact_divergence(torch.ones_like, points()).tolist() == [0.0] * 6
    with pytest.raises(ValueError, match="chunk_size must be positive, got 0"):
        exact_divergence(curved, points(), 0)


def test_hutchinson_is_unbiased_with_the_known_variance():
    A, x = matrix(), points(1)
    probes = rademacher((50_000, 1, 4), torch.Generator().manual_seed(3), x)
    assert set(probes.unique().tolist()) == {-1.0, 1.0}
    single = ((probes[:, 0] @ A) * probes[:, 0]).sum(1)
    # Rademacher: variance is the off-diagonal part |A_ij + A_ji|^2 over i < j.
    off = (A + A.T).triu(1).square().sum().sqrt()
    estimate = hutchinson_divergence(lambda y: y @ A.T, x, probes)
    torch.testing.assert_close(estimate.divergence[0], single.mean())
    assert (estimate.divergence[0] - A.trace()).abs() < 4 * off / 50_000**0.5
    assert abs(single.std() / off - 1) < 0.05


def test_hutchinson_is_exact_for_diagonal_jacobians():
    x = points()
    probes = rademacher((1, 6, 4), torch.Generator().manual_seed(3), x)
    run = hutchinson_divergence(torch.sin, x, probes)
    torch.testing.assert_close(run.divergence, x.cos().sum(1))
    torch.testing.assert_close(run.velocity, x.sin())


def test_lipschitz_constant_of_a_linear_map_is_its_spectral_norm():
    A = matrix(5)
    estimate = local_lipschitz(
        lambda x: x @ A.T, points(), torch.Generator().manual_seed(0), iterations=200
    )
    exact = torch.linalg.matrix_norm(A, 2)
    torch.testing.assert_close(estimate, exact.expand(6), rtol=1e-9, atol=0)


def test_local_lipschitz_against_the_full_jacobian():
    x = points()
    jacobians = torch.func.vmap(torch.func.jacrev(lambda y: curved(y[None])[0]))(x)
    exact = torch.linalg.matrix_norm(jacobians, 2)
    few = local_lipschitz(curved, x, torch.Generator().manual_seed(0), iterations=3)
    many = local_lipschitz(curved, x, torch.Generator().manual_seed(0), iterations=300)
    torch.testing.assert_close(many, exact, rtol=1e-6, atol=0)
    assert bool((few <= exact * (1 + 1e-12)).all())


def test_lipschitz_of_token_fields_and_of_constants():
    x = torch.zeros(3, 5, 2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    mixing = local_lipschitz(lambda x: 2 * x.mean(1, keepdim=True).expand_as(x), x, generator)
    torch.testing.assert_close(mixing, torch.full((3,), 2.0, dtype=torch.float64))
    assert local_lipschitz(torch.ones_like, x, generator).tolist() == [0.0] * 3
    with pytest.raises(ValueError, match="iterations must be positive, got 0"):
        local_lipschitz(curved, x, generator, iterations=0)


def test_temporal_lipschitz():
    x = points()
    rate = temporal_lipschitz(lambda t, x: torch.sin(3 * t) * x, 0.2, x, step=1e-4)
    exact = 3 * torch.cos(torch.tensor(0.6, dtype=torch.float64)) * x.norm(dim=1)
    torch.testing.assert_close(rate, exact, rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match=r"time step must be positive, got 0\.0"):
        temporal_lipschitz(lambda t, x: x, 0.0, x, step=0.0)
