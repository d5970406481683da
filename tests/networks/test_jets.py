"""Derivatives carried forward against automatic differentiation."""

from __future__ import annotations

import torch

from mfglab.networks.jets import Motion, _SiluJet, feature_jet, silu_derivatives, stack_jet
from mfglab.networks.mlp import ScoreFeatures, silu_stack

DOUBLE = torch.float64
DIM = 3


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed):
    return torch.randn(shape, dtype=DOUBLE, generator=rng(seed))


def test_all_derivatives_of_a_network_of_features():
    features = ScoreFeatures(DIM, 2)
    net = silu_stack(features.size, 12, 3, 2, rng()).double()
    x, snr, x_rate, snr_rate = (
        draw(5, DIM, seed=1),
        draw(5, seed=2),
        draw(5, DIM, seed=3),
        draw(5, seed=4),
    )
    axes = torch.eye(DIM, dtype=DOUBLE)

    def function(x, snr):
        return net(features(x, snr))

    motion = Motion(axes[:, None, :], x_rate, snr_rate)
    jet = stack_jet(net, feature_jet(features.omega, x, snr, motion))
    second = torch.zeros(5, 2, dtype=DOUBLE)
    for k, axis in enumerate(axes):
        direction = axis.expand(5, DIM)

        def slope(x, direction=direction):
            return torch.func.jvp(lambda y: function(y, snr), (x,), (direction,))[1]

        torch.testing.assert_close(jet.directional[k], slope(x), atol=1e-13, rtol=1e-12)
        second = second + torch.func.jvp(slope, (x,), (direction,))[1]
    _, time = torch.func.jvp(function, (x, snr), (x_rate, snr_rate))
    torch.testing.assert_close(jet.value, function(x, snr), atol=1e-13, rtol=1e-12)
    torch.testing.assert_close(jet.time, time, atol=1e-13, rtol=1e-12)
    torch.testing.assert_close(jet.second, second, atol=1e-13, rtol=1e-12)


def test_the_adjoint_and_its_own_derivative():
    rows = draw(6, 3, 2, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(_SiluJet.apply, rows)
    assert torch.autograd.gradgradcheck(_SiluJet.apply, rows)


def test_derivatives_of_silu():
    a = torch.linspace(-4, 4, 9, dtype=DOUBLE, requires_grad=True)
    expected = torch.nn.functional.silu(a)
    for found in silu_derivatives(a):
        torch.testing.assert_close(found, expected)
        (expected,) = torch.autograd.grad(expected.sum(), a, create_graph=True)
