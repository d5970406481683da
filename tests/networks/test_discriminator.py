"""The discriminator's slope in space, and its derivative in the weights."""

from __future__ import annotations

import pytest
import torch

from mfglab.networks.discriminator import Discriminator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(depth=3):
    return Discriminator(4, width=11, depth=depth, generator=seeded(1)).double()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradient_is_that_of_automatic_differentiation(depth):
    D = net(depth)
    x = torch.randn(40, 4, dtype=torch.float64, generator=seeded()).requires_grad_()
    (expected,) = torch.autograd.grad(D(x).sum(), x)
    torch.testing.assert_close(D.gradient(x), expected, rtol=1e-12, atol=1e-14)
    assert expected.norm() > 0.1


def test_slope_is_differentiated_in_the_weights_as_by_nested_differentiation():
    D = net()
    x = torch.randn(40, 4, dtype=torch.float64, generator=seeded())
    weights = [layer.weight for layer in (*D.hidden, D.last)]
    ours = torch.autograd.grad(D.gradient(x).square().sum(), weights)
    point = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(D(point).sum(), point, create_graph=True)
    nested = torch.autograd.grad(slope.square().sum(), weights)
    for a, b in zip(ours, nested, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


def test_weights_come_from_the_generator():
    a, b = net(), net()
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="depth >= 1, got 2, 8, 0"):
        Discriminator(2, width=8, depth=0)
