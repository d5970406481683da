"""What every Transformer here is made of, and the initial weights of its layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn


class NormPlacement(StrEnum):
    """Where layer norms stand around a sublayer F of the residual stream (arXiv:2510.09904).

    ==== =====================
    PRE  ``x + F(N(x))``
    POST ``N(x + F(x))``
    PERI ``x + N(F(N(x)))``
    NONE ``x + F(x)``
    ==== =====================

    With PRE and PERI one more norm closes the stack; with NONE the network has no layer norm.
    """

    PRE = "pre"
    POST = "post"
    PERI = "peri"
    NONE = "none"

    @property
    def before(self) -> bool:
        """Whether the input of a sublayer is normalised."""
        return self in (NormPlacement.PRE, NormPlacement.PERI)

    @property
    def branch(self) -> bool:
        """Whether the output of a sublayer is normalised before it enters the stream."""
        return self is NormPlacement.PERI

    @property
    def stream(self) -> bool:
        """Whether the stream is normalised after a sublayer has entered it."""
        return self is NormPlacement.POST

    @property
    def closing(self) -> bool:
        """Whether a norm closes the stack."""
        return self.before


@dataclass(frozen=True)
class Parts:
    """A Transformer taken apart, so that depth can be made continuous between its ends.

    Args:
        embedding: Inputs to the state X(0), shape (n, tokens, width), or to a pair of it and the
            context (a dictionary) that blocks and head are called with.
        blocks: The stack; each maps the state to one of the same shape.
        norm: Closes the stack, or None. It can go into the velocity or in front of the head.
        head: State to logits.
    """

    embedding: nn.Module
    blocks: nn.ModuleList
    norm: nn.Module | None
    head: nn.Module


def parameters_in(*modules: nn.Module | None) -> int:
    """Number of parameters of the modules together; shared ones count once."""
    unique = {id(p): p.numel() for m in modules if m is not None for p in m.parameters()}
    return sum(unique.values())


def check_sizes(what: object, **numbers: int) -> None:
    """Raise ``ValueError`` that names the first of ``numbers`` that is not positive."""
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} must be positive, got {number!r} in {what!r}")


def uniform_linear(
    n_in: int, n_out: int, generator: torch.Generator | None, bias: bool = True
) -> nn.Linear:
    """A linear layer with torch's default law of weights, drawn from ``generator``.

    Layers that read the same input can be one of these: the law depends on ``n_in`` only.
    """
    layer = nn.Linear(n_in, n_out, bias=bias)
    bound = 1.0 / math.sqrt(n_in)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    if bias:
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def norm_if(wanted: bool, width: int, bias: bool = True) -> nn.Module:
    """A layer norm, or the identity."""
    return nn.LayerNorm(width, bias=bias) if wanted else nn.Identity()


def closing_norm(placement: NormPlacement, width: int, bias: bool = True) -> nn.Module | None:
    """The norm at the end of a stack, where the placement has one."""
    return nn.LayerNorm(width, bias=bias) if placement.closing else None
