"""Legendre transforms: Fenchel-Young inequality, with equality at the optimal velocity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.games.costs import (
    DiscountedKinetic,
    IllPosedGameError,
    Kinetic,
    KineticMinusDivergence,
    NoCost,
)
from mfglab.games.dynamics import VariancePreserving

VP = VariancePreserving().as_dynamics()
COSTS = [
    Kinetic(),
    Kinetic(0.3),
    KineticMinusDivergence(VP),
    KineticMinusDivergence(VP, share=0.5),
    DiscountedKinetic(0.5),
]
vectors = st.lists(st.floats(-5, 5, allow_nan=False), min_size=3, max_size=3).map(
    lambda v: torch.tensor([v], dtype=torch.float64)
)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
@settings(max_examples=40, deadline=None)
@given(t=st.floats(0, 1), x=vectors, v=vectors, q=vectors)
def test_fenchel_young(cost, t, x, v, q):
    gap = cost.value(t, x, v) + cost.conjugate(t, x, q) - (q * v).sum(-1)
    assert gap.item() >= -1e-10
    best = cost.optimal_velocity(t, x, q)
    gap = cost.value(t, x, best) + cost.conjugate(t, x, q) - (q * best).sum(-1)
    assert abs(gap.item()) < 1e-9 * (1 + q.square().sum().item() * 10)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_optimal_velocity_is_the_gradient_of_the_conjugate(cost):
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(6, dtype=torch.float64, generator=generator)
    x, q = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)
    q.requires_grad_()
    (gradient,) = torch.autograd.grad(cost.conjugate(t, x, q).sum(), q)
    torch.testing.assert_close(cost.optimal_velocity(t, x, q), gradient)


def test_no_cost_has_a_degenerate_conjugate_and_no_optimal_velocity():
    q = torch.tensor([[0.0, 0.0], [1e-9, 0.0]])
    assert NoCost().conjugate(0.0, q, q).tolist() == [0.0, float("inf")]
    with pytest.raises(IllPosedGameError, match="does not determine a unique flow"):
        NoCost().optimal_velocity(0.0, q, q)


@pytest.mark.parametrize("build", [lambda: Kinetic(0.0), lambda: DiscountedKinetic(-1.0)])
def test_weights_must_be_positive(build):
    with pytest.raises(ValueError, match="must be positive, got"):
        build()
