"""A Transformer encoder that classifies sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.networks.transformers.attention import Block, SelfAttention, TokenWise
from mfglab.networks.transformers.parts import (
    NormPlacement,
    Parts,
    check_sizes,
    closing_norm,
    uniform_linear,
)

PADDING = 0
"""The word that fills a sentence up; it is attended to by nobody."""


@dataclass(frozen=True)
class TextSize:
    """Sizes of :func:`text_encoder`.

    Args:
        vocabulary: Number of different words, padding included.
        length: Longest sentence.
        classes: Number of classes.
        layers: Blocks.
        heads: Attention heads; they divide the width.
        width: Width of the state.
        mlp: Hidden width of the token-wise layer.
        dropout: Rate on the embedding, attention weights and sublayers.
        norm: Where layer norms stand.
    """

    vocabulary: int
    length: int
    classes: int
    layers: int
    heads: int
    width: int
    mlp: int
    dropout: float = 0.0
    norm: NormPlacement = NormPlacement.POST


class WordEmbedding(nn.Module):
    """Word plus sinusoidal position; names the padding for blocks and head."""

    def __init__(self, size: TextSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.words = nn.Embedding(size.vocabulary, size.width, padding_idx=PADDING)
        nn.init.normal_(self.words.weight, generator=generator)
        with torch.no_grad():
            self.words.weight[PADDING] = 0.0
        self.register_buffer("positions", sinusoids(size.length, size.width), persistent=False)
        self.positions: Tensor
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """State (n, tokens, width) of ``inputs`` (n, tokens), and ``key_padding_mask``.

        The first token counts as a word even in an empty sentence, so that there is something to
        attend to.
        """
        longest = self.positions.shape[0]
        if inputs.shape[1] > longest:
            raise ValueError(
                f"a sentence of {inputs.shape[1]} tokens exceeds the length of {longest}"
            )
        padding = inputs == PADDING
        padding[:, 0] = False
        x = self.dropout(self.words(inputs) + self.positions[: inputs.shape[1]])
        return x, {"key_padding_mask": padding}


class MaxPoolHead(nn.Module):
    """Maximum over the words, then a linear layer."""

    def __init__(self, size: TextSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.linear = uniform_linear(size.width, size.classes, generator)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """Logits (n, classes) of the state ``x`` (n, tokens, width)."""
        if key_padding_mask is not None:
            x = x.masked_fill(key_padding_mask[:, :, None], -math.inf)
        out: Tensor = self.linear(x.amax(dim=1))
        return out


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of geometrically falling frequencies, shape (length, width)."""
    place = torch.arange(length)[:, None]
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2) / width)
    table = torch.empty(length, width)
    table[:, 0::2] = torch.sin(place * frequency)
    table[:, 1::2] = torch.cos(place * frequency[: width // 2])
    return table


def text_encoder(size: TextSize, generator: torch.Generator | None = None) -> Parts:
    """A sentence classifier with fresh weights.

    Example:
        >>> from mfglab.networks.transformers.parts import parameters_in
        >>> size = TextSize(100, length=16, classes=2, layers=3, heads=8, width=256, mlp=1024)
        >>> f"{parameters_in(text_encoder(size).blocks):,}"  # published: 2.37M
        '2,369,280'
    """
    check_sizes(size, vocabulary=size.vocabulary, layers=size.layers, heads=size.heads)
    return Parts(
        embedding=WordEmbedding(size, generator),
        blocks=nn.ModuleList(_block(size, generator) for _ in range(size.layers)),
        norm=closing_norm(size.norm, size.width),
        head=MaxPoolHead(size, generator),
    )


def _block(size: TextSize, generator: torch.Generator | None) -> Block:
    attention = SelfAttention(size.width, size.heads, dropout=size.dropout, generator=generator)
    mlp = TokenWise(size.width, size.mlp, torch.relu, dropout=size.dropout, generator=generator)
    return Block(size.width, attention, mlp, size.norm, dropout=size.dropout)
