"""Networks of one shape stacked as one: entry k of everything is that of network k."""

import pytest
import torch
from torch import nn

from mfglab.networks.blocks import blockwise, with_bias
from mfglab.networks.lipschitz import LipschitzNet
from mfglab.networks.members import NotStackableError, keep_members, stack
from mfglab.networks.mlp import VelocityNet, silu_stack
from mfglab.networks.potential import PotentialNet

MEMBERS, ROWS = 3, 5


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def blocks(rows):
    return rows.unflatten(0, (MEMBERS, -1))


@pytest.fixture
def x():
    return torch.randn(MEMBERS * ROWS, 2, generator=rng(9), dtype=torch.float64)


def test_each_block_of_rows_meets_its_own_matrix_and_bias():
    rows = torch.randn(4, MEMBERS * ROWS, 2, generator=rng())
    matrices = torch.randn(MEMBERS, 2, 7, generator=rng(1))
    bias = torch.randn(MEMBERS, 7, generator=rng(2))
    found = with_bias(blockwise(rows, matrices), bias)
    for k in range(MEMBERS):
        own = slice(k * ROWS, (k + 1) * ROWS)
        torch.testing.assert_close(found[:, own], rows[:, own] @ matrices[k] + bias[k])
    assert torch.equal(blockwise(rows, matrices[0]), rows @ matrices[0])
    assert torch.equal(with_bias(found, bias[0]), found + bias[0])


@pytest.mark.parametrize("t", [0.3, "each"])
def test_derivatives_of_potentials_are_those_of_each(x, t):
    nets = [PotentialNet(2, width=6, generator=rng(k)).double() for k in range(MEMBERS)]
    times = torch.rand(len(x), generator=rng(3), dtype=x.dtype) if t == "each" else torch.tensor(t)
    whole = stack(nets[0], nets)
    together = whole.derivative_field()(times, x)
    for k, net in enumerate(nets):
        own = slice(k * ROWS, (k + 1) * ROWS)
        at = times[own] if t == "each" else times
        torch.testing.assert_close(whole(times, x)[own], net(at, x[own]))
        torch.testing.assert_close(whole.gradient(times, x)[own], net.gradient(at, x[own]))
        alone = net.derivatives(at, x[own])
        for name in ("gradient", "time_derivative", "laplacian"):
            torch.testing.assert_close(getattr(together, name)[own], getattr(alone, name))


def gradients(net, loss):
    net.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["potential", "velocity", "perceptron"])
def test_gradients_are_those_of_each(x, kind):
    def make(k):
        if kind == "potential":
            return PotentialNet(2, width=6, generator=rng(k)).double()
        if kind == "velocity":
            return VelocityNet(2, 6, 2, rng(k)).double()
        return silu_stack(2, 6, 2, 1, rng(k)).double()

    def loss(net, x):
        if kind == "potential":
            D = net.derivative_field()(torch.tensor(0.4).double(), x)
            return (D.laplacian * D.time_derivative + D.gradient.square().sum(1)).sum()
        if kind == "velocity":
            out = net.with_divergence(torch.tensor(0.4), x)
            return (out.velocity.square().sum(1) + out.divergence).sum()
        return net(x).square().sum()

    nets = [make(k) for k in range(MEMBERS)]
    whole = stack(nets[0], nets)
    together = gradients(whole, loss(whole, x))
    assert together
    for k, net in enumerate(nets):
        alone = gradients(net, loss(net, blocks(x)[k]))
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name][k], value)


def test_states_keep_their_names_and_the_networks_are_left_alone():
    nets = [VelocityNet(2, 6, 2, rng(k)) for k in range(MEMBERS)]
    before = [{name: value.clone() for name, value in net.state_dict().items()} for net in nets]
    state = stack(nets[0], nets).state_dict()
    for k, net in enumerate(nets):
        assert net.state_dict().keys() == state.keys()
        for name, value in net.state_dict().items():
            assert torch.equal(state[name][k], value)
            assert torch.equal(before[k][name], value)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.LayerNorm(3), "LayerNorm does not say"),
        (nn.Linear(2, 2, bias=False), "without bias"),
        (PotentialNet(2, depth=3), "depth 2"),
    ],
    ids=["unknown", "no bias", "deep"],
)
def test_what_cannot_be_stacked_is_named(module, message):
    with pytest.raises(NotStackableError, match=message):
        stack(module, [module, module])


def test_members_that_stay_go_on_as_if_the_others_had_never_been():
    def descended(members, kept):
        nets = [LipschitzNet(2, 6, 2, 1.0, rng(k)).double() for k in members]
        whole = stack(nets[0], nets)
        adam = torch.optim.Adam(whole.parameters(), lr=0.1, fused=True)
        points = {k: torch.randn(5, 2, generator=rng(10 + k)).double() for k in members}
        for step in range(4):
            if step == 2:
                keep_members(whole, [adam], torch.tensor([members.index(k) for k in kept]))
                members = kept
            adam.zero_grad()
            whole(torch.cat([points[k] for k in members])).square().sum().backward()
            whole.restrain_gradients()
            adam.step()
            whole.project()
        return whole.state_dict() | dict(whole.named_buffers())

    stayed, alone = descended([0, 1, 2], [2, 0]), descended([2, 0], [2, 0])
    assert set(stayed) >= {"layers.0.weight", "left_1", "bound"}
    torch.testing.assert_close(stayed, alone)
