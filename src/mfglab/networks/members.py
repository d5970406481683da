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

from mfglab.networks.blocks import affine
from mfglab.networks.potential import PotentialNet


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
        return affine(x, self.weight, self.bias)


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
        stacked([module.weight for module in modules]), stacked([module.bias for module in modules])
    )


@stack.register
def _stack_potential(first: PotentialNet, modules: Sequence[PotentialNet]) -> nn.Module:
    if any(len(net.K) != 1 for net in modules):
        raise NotStackableError("only potentials of depth 2 can be stacked")
    whole = copy.deepcopy(first)
    for name, _ in first.named_parameters():
        owner, _, own = name.rpartition(".")
        parameter = stacked([net.get_parameter(name) for net in modules])
        setattr(whole.get_submodule(owner), own, parameter)
    return whole


def member_state(whole: nn.Module, row: int) -> dict[str, Tensor]:
    """State of one member of a stacked module, as its own module loads it.

    Args:
        whole: The stacked module. All that it saves has a first axis of members.
        row: Index of the member.
    """
    return {name: value[row] for name, value in whole.state_dict().items()}


def keep_members(
    whole: nn.Module, optimizers: Sequence[torch.optim.Optimizer], rows: Tensor
) -> None:
    """Take all but some members out of a stacked module, and out of the state of its optimisers.

    Args:
        whole: The stacked module. All of its parameters and buffers have a first axis of members,
            which is more than :func:`stack` promises of buffers.
        optimizers: Optimisers of its parameters.
        rows: Indices of the members that stay.
    """
    # New parameters, not the old ones made shorter: a graph that is still held knows their shape.
    new: dict[nn.Parameter, nn.Parameter] = {}
    for module in whole.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            new[parameter] = nn.Parameter(parameter.detach()[rows])
            setattr(module, name, new[parameter])
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state = optimizer.state.pop(parameter, {})
                optimizer.state[new[parameter]] = {
                    name: value[rows] if value.shape == parameter.shape else value
                    for name, value in state.items()
                }
            group["params"] = [new[parameter] for parameter in group["params"]]
    for module in whole.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer[rows])
