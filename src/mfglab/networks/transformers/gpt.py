"""A causal language model with the architecture of GPT-2, in any size and layer-norm placement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import gelu

from mfglab.networks.transformers.attention import Block, SelfAttention, TokenWise
from mfglab.networks.transformers.parts import NormPlacement, Parts, check_sizes, closing_norm

_STD = 0.02


@dataclass(frozen=True)
class GptSize:
    """Sizes of :func:`gpt`.

    Args:
        vocabulary: Number of different tokens.
        context: Longest sequence.
        layers: Blocks.
        heads: Attention heads; they divide the width.
        width: Width of the state; the token-wise layer is four times as wide.
        dropout: Rate on the embedding, attention weights and sublayers.
        bias: Biases of linear layers and layer norms.
        norm: Where layer norms stand.
        tied: The head is the transposed token embedding.
    """

    vocabulary: int
    context: int
    layers: int
    heads: int
    width: int
    dropout: float = 0.0
    bias: bool = False
    norm: NormPlacement = NormPlacement.PRE
    tied: bool = True


class GptEmbedding(nn.Module):
    """Token plus learned position."""

    def __init__(self, size: GptSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Parameter(torch.empty(size.context, size.width))
        self.dropout = nn.Dropout(size.dropout)
        nn.init.normal_(self.tokens.weight, std=_STD, generator=generator)
        nn.init.normal_(self.positions, std=_STD, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """State of ``inputs`` (n, tokens), integers, shape (n, tokens, width)."""
        length, longest = inputs.shape[1], self.positions.shape[0]
        if length > longest:
            raise ValueError(f"a sequence of {length} tokens exceeds the context of {longest}")
        out: Tensor = self.dropout(self.tokens(inputs) + self.positions[:length])
        return out


class TokenHead(nn.Module):
    """Logits over the vocabulary, ``x W^T`` without bias.

    Args:
        weight: W, shape (vocabulary, width); the token embedding's if they are tied.
    """

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the state ``x`` (n, tokens, width), shape (n, tokens, vocabulary)."""
        return functional.linear(x, self.weight)


def gpt(size: GptSize, generator: torch.Generator | None = None) -> Parts:
    """A GPT with fresh weights, by the law of nanoGPT.

    Weights are N(0, 0.02^2); those that write into the residual stream are divided by
    sqrt(2 layers).

    Example:
        >>> from mfglab.networks.transformers.parts import parameters_in
        >>> size = GptSize(65, context=256, layers=6, heads=6, width=384)
        >>> with torch.device("meta"):
        ...     parts = gpt(size)
        >>> total = parameters_in(parts.embedding, parts.blocks, parts.norm, parts.head)
        >>> f"{total - parts.embedding.positions.numel():,}"  # as published, without positions
        '10,646,784'
    """
    check_sizes(
        size, vocabulary=size.vocabulary, context=size.context, layers=size.layers, heads=size.heads
    )
    embedding = GptEmbedding(size, generator)
    blocks = nn.ModuleList(_block(size, generator) for _ in range(size.layers))
    weight = cast(nn.Parameter, embedding.tokens.weight)
    if not size.tied:
        weight = nn.Parameter(torch.empty_like(weight))
        nn.init.normal_(weight, std=_STD, generator=generator)
    return Parts(
        embedding, blocks, closing_norm(size.norm, size.width, size.bias), TokenHead(weight)
    )


def _block(size: GptSize, generator: torch.Generator | None) -> Block:
    attention = SelfAttention(
        size.width,
        size.heads,
        causal=True,
        bias=(size.bias, size.bias),
        dropout=size.dropout,
        generator=generator,
    )
    mlp = TokenWise(size.width, 4 * size.width, gelu, bias=size.bias, generator=generator)
    writing = _STD / math.sqrt(2 * size.layers)
    for layer, std in (
        (attention.qkv, _STD),
        (attention.out, writing),
        (mlp.opening, _STD),
        (mlp.out, writing),
    ):
        assert isinstance(layer, nn.Linear)
        nn.init.normal_(layer.weight, std=std, generator=generator)
        if size.bias:
            nn.init.zeros_(layer.bias)
    return Block(size.width, attention, mlp, size.norm, bias=size.bias, dropout=size.dropout)
