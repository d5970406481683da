"""A Vision Transformer: patches as tokens, a class token, a head on that token alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import gelu

from mfglab.networks.transformers.attention import Block, SelfAttention, TokenWise
from mfglab.networks.transformers.parts import (
    NormPlacement,
    Parts,
    check_sizes,
    norm_if,
    uniform_linear,
)


@dataclass(frozen=True)
class VitSize:
    """Sizes of :func:`vit`.

    Args:
        image: Height and width of an image, in pixels.
        channels: Colours.
        patch: Height and width of a patch; divides ``image``.
        classes: Number of classes.
        layers: Blocks.
        heads: Attention heads.
        head_width: Width of each.
        width: Width of the state.
        mlp: Hidden width of the token-wise layer, or None for blocks of attention alone.
        dropout: Rate on the embedding, attention weights and sublayers.
        norm: Where layer norms stand. The head begins with a layer norm unless it is NONE.
    """

    image: int
    channels: int
    patch: int
    classes: int
    layers: int
    heads: int
    head_width: int
    width: int
    mlp: int | None = None
    dropout: float = 0.0
    norm: NormPlacement = NormPlacement.PRE

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.image // self.patch) ** 2


class PatchEmbedding(nn.Module):
    """A linear map of each patch, a class token in front, plus learned positions."""

    def __init__(self, size: VitSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.size = size
        self.patches = uniform_linear(size.channels * size.patch**2, size.width, generator)
        self.positions = nn.Parameter(torch.empty(1 + size.patches, size.width))
        self.class_token = nn.Parameter(torch.empty(size.width))
        self.dropout = nn.Dropout(size.dropout)
        nn.init.normal_(self.positions, generator=generator)
        nn.init.normal_(self.class_token, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """State of images (n, channels, image, image), shape (n, 1 + patches, width)."""
        size = self.size
        expected = (size.channels, size.image, size.image)
        if inputs.shape[1:] != expected:
            raise ValueError(f"images must have shape (n, *{expected}), got {tuple(inputs.shape)}")
        flat = functional.unfold(inputs, size.patch, stride=size.patch).mT
        first = self.class_token.expand(inputs.shape[0], 1, -1)
        x = torch.cat([first, self.patches(flat)], dim=1) + self.positions
        out: Tensor = self.dropout(x)
        return out


class ClassTokenHead(nn.Module):
    """Layer norm (or none) and a linear layer on the class token."""

    def __init__(self, size: VitSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.norm = norm_if(size.norm is not NormPlacement.NONE, size.width)
        self.linear = uniform_linear(size.width, size.classes, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of the state ``x`` (n, tokens, width)."""
        out: Tensor = self.linear(self.norm(x[:, 0]))
        return out


def vit(size: VitSize, generator: torch.Generator | None = None) -> Parts:
    """A Vision Transformer with fresh weights.

    As in the code that the papers adapt, queries, keys and values have no biases, and a single
    head as wide as the state is not multiplied by a matrix. The closing norm belongs to the head:
    it sees the class token only.

    Example:
        >>> from mfglab.networks.transformers.parts import parameters_in
        >>> size = VitSize(28, 1, patch=7, classes=10, layers=1, heads=1, head_width=64, width=64)
        >>> parts = vit(size)
        >>> f"{parameters_in(parts.embedding, parts.blocks, parts.head):,}"  # published: 18K
        '17,546'
    """
    check_sizes(size, layers=size.layers, heads=size.heads, patch=size.patch, width=size.width)
    if size.image % size.patch:
        raise ValueError(f"image must be a multiple of patch, got {size.image} and {size.patch}")
    return Parts(
        embedding=PatchEmbedding(size, generator),
        blocks=nn.ModuleList(_block(size, generator) for _ in range(size.layers)),
        norm=None,
        head=ClassTokenHead(size, generator),
    )


def _block(size: VitSize, generator: torch.Generator | None) -> Block:
    attention = SelfAttention(
        size.width,
        size.heads,
        size.head_width,
        bias=(False, True),
        project=not (size.heads == 1 and size.head_width == size.width),
        dropout=size.dropout,
        generator=generator,
    )
    mlp = None
    if size.mlp is not None:
        mlp = TokenWise(size.width, size.mlp, gelu, dropout=size.dropout, generator=generator)
    return Block(size.width, attention, mlp, size.norm, dropout=size.dropout)
