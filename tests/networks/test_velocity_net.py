"""The free velocity field and its exact divergence."""

import pytest
import torch
from torch import Tensor

from mfglab.networks.mlp import VelocityNet

N = 6


def network(dim: int, depth: int) -> VelocityNet:
    return VelocityNet(dim, 7, depth, torch.Generator().manual_seed(dim + 10 * depth)).double()


def points(dim: int) -> Tensor:
    gen = torch.Generator().manual_seed(dim)
    return torch.randn(N, dim, dtype=torch.float64, generator=gen)


def trace_by_autograd(net: VelocityNet, t: Tensor, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    v = net(t, x)
    columns = [
        torch.autograd.grad(v[:, k].sum(), x, create_graph=True)[0][:, k] for k in range(net.dim)
    ]
    return torch.stack(columns).sum(0)


@pytest.mark.parametrize("t", [torch.tensor(0.3).double(), torch.linspace(0, 1, N).double()])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_divergence_and_velocity(dim: int, depth: int, t: Tensor):
    net, x = network(dim, depth), points(dim)
    out = net.with_divergence(t, x)
    torch.testing.assert_close(out.velocity, net(t, x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(out.divergence, trace_by_autograd(net, t, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients_of_the_divergence(depth: int):
    net, x, t = network(3, depth), points(3), torch.tensor(0.4).double()
    weights = [p for name, p in net.named_parameters() if name != "last.bias"]
    got = torch.autograd.grad(net.with_divergence(t, x).divergence.square().sum(), weights)
    want = torch.autograd.grad(trace_by_autograd(net, t, x).square().sum(), weights)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_a_generator_fixes_the_weights():
    one, two, other = (
        VelocityNet(2, 4, 2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    same = zip(one.parameters(), two.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert not torch.equal(one.opening.weight, other.opening.weight)
