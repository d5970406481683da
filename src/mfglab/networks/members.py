"""M networks of one shape as one network, each with weights and a block of rows of its own.

A small network spends its time between kernels, not in them. Rows of all members lie in one array,
the block of a member after that of the one before: what acts on each row alone then runs once for
all members, and a linear layer is one batched product. Parameters keep their names and gain a first
axis of length M, so entry k of each is the state of member k.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import singledispatch

import torch
from torch import Tensor, nn

from mfglab.networks.potential import DerivativeField, PotentialDerivatives, PotentialNet
from mfglab.networks.two_layer import TwoLayerSweep, TwoLayerWeights


class NotStackableError(TypeError):
    """Modules that cannot be made one; the message names the kind."""


class MemberLinear(nn.Module):
    """M linear layers.

    Args:
        weight: Shape (M, out, in).
        bias: Shape (M, out).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Block k of the rows ``x`` (M n, in) through layer k, shape (M n, out)."""
        blocks = x.view(len(self.weight), -1, x.shape[-1])
        return torch.baddbmm(self.bias[:, None], blocks, self.weight.mT).flatten(0, 1)


class MemberPotential(nn.Module):
    """Derivatives of M two-layer potentials; see :class:`~mfglab.networks.potential.PotentialNet`.

    Args:
        nets: The potentials.

    Raises:
        NotStackableError: They have another depth.
    """

    def __init__(self, nets: Sequence[PotentialNet]) -> None:
        super().__init__()
        if any(len(net.K) != 1 for net in nets):
            raise NotStackableError("only potentials of depth 2 can be stacked")
        self.dim = nets[0].dim
        self.K, self.bias = nn.ParameterList(), nn.ParameterList()
        self.K0 = stacked([net.K0 for net in nets])
        self.b0 = stacked([net.b0 for net in nets])
        self.w = stacked([net.w for net in nets])
        self.A = stacked([net.A for net in nets])
        self.b = stacked([net.b for net in nets])
        self.c = stacked([net.c for net in nets])
        self.K.append(stacked([net.K[0] for net in nets]))
        self.bias.append(stacked([net.bias[0] for net in nets]))

    def derivative_field(self) -> DerivativeField:
        """Derivatives at time () or (M n,) and points (M n, d), with the present weights."""
        parts = (self.K0, self.b0, self.K[0], self.bias[0], self.w, self.A, self.b)
        sweep = TwoLayerSweep(TwoLayerWeights.of(*parts))
        return lambda t, x: PotentialDerivatives(*sweep(t, x))


def stacked(parameters: Sequence[Tensor]) -> nn.Parameter:
    """Parameters of one shape as one, with a first axis of their number."""
    return nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]))


@singledispatch
def stack(first: nn.Module, modules: Sequence[nn.Module]) -> nn.Module:
    """Modules of one kind and shape as one; theirs are left as they are.

    A kind with parameters of its own registers how it is stacked. Of others the children are.

    Args:
        first: The first of the modules, which tells the kind.
        modules: All of them.

    Raises:
        NotStackableError: Nothing is known about a kind with parameters.
    """
    if next(first.parameters(recurse=False), None) is not None:
        raise NotStackableError(f"{type(first).__name__} does not say how it is stacked")
    whole = copy.deepcopy(first)
    for name, child in first.named_children():
        setattr(whole, name, stack(child, [module.get_submodule(name) for module in modules]))
    return whole


@stack.register
def _stack_linear(first: nn.Linear, modules: Sequence[nn.Linear]) -> nn.Module:
    if first.bias is None:
        raise NotStackableError("a linear layer without bias cannot be stacked")
    return MemberLinear(
        torch.stack([module.weight.detach() for module in modules]),
        torch.stack([module.bias.detach() for module in modules]),
    )


@stack.register
def _stack_potential(first: PotentialNet, modules: Sequence[PotentialNet]) -> nn.Module:
    return MemberPotential(modules)
