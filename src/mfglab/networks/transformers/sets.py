"""Set Transformer: attention through inducing points (ISAB), pooling by attention (PMA)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfglab.networks.transformers.attention import Norms, merge_heads, split_heads
from mfglab.networks.transformers.parts import (
    NormPlacement,
    Parts,
    check_sizes,
    closing_norm,
    norm_if,
    uniform_linear,
)


@dataclass(frozen=True)
class SetSize:
    """Sizes of :func:`set_transformer`.

    Args:
        classes: Number of classes.
        layers: ISABs in all.
        heads: Attention heads; they divide the width.
        width: Width of the state.
        inducing: Inducing points of each ISAB.
        lift: The embedding is a linear map to the width and all ISABs are blocks (continuous
            depth needs blocks that keep the shape). Otherwise the first ISAB does the embedding,
            as in the original, and the blocks are the others.
        dropout: Rate before and after pooling.
        norm: Where layer norms stand; the published sizes have none.
        points_dim: Coordinates of a point.
    """

    classes: int
    layers: int
    heads: int
    width: int
    inducing: int
    lift: bool
    dropout: float = 0.0
    norm: NormPlacement = NormPlacement.NONE
    points_dim: int = 3


class CrossAttention(nn.Module):
    """Attention of one set on another, then a token-wise layer (MAB of the Set Transformer).

    The projected queries are the residual stream. Scores are divided by the square root of the
    whole width, as in the original. The norm before the attention acts on the projected queries
    and on keys that have the width of the state.

    Args:
        query_width: Width of the points that attend.
        key_width: Width of the points that are attended to.
        width: Width of the result.
        heads: Attention heads.
        placement: Where layer norms stand.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        query_width: int,
        key_width: int,
        width: int,
        heads: int,
        placement: NormPlacement,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.heads, self.scale = heads, width**-0.5
        self.query = uniform_linear(query_width, width, generator)
        self.key_value = uniform_linear(key_width, 2 * width, generator)
        self.out = uniform_linear(width, width, generator)
        self.key_norm = norm_if(placement.before and key_width == width, width)
        self.around_attention = Norms(width, placement)
        self.around_mlp = Norms(width, placement)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Let ``x`` (n, a, query_width) attend to ``y`` (n, b, key_width); (n, a, width)."""
        stream = self.query(x)
        q = split_heads(self.around_attention.before(stream), self.heads)
        k, v = (split_heads(z, self.heads) for z in self.key_value(self.key_norm(y)).chunk(2, -1))
        read = functional.scaled_dot_product_attention(q, k, v, scale=self.scale)
        stream = self.around_attention.add(stream, merge_heads(read))
        return self.around_mlp.add(stream, torch.relu(self.out(self.around_mlp.before(stream))))


class InducedAttention(nn.Module):
    """Attention of a set on itself through m learned points, at linear cost (ISAB)."""

    def __init__(
        self, width_in: int, size: SetSize, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        width, heads, norm = size.width, size.heads, size.norm
        self.inducing = nn.Parameter(torch.empty(1, size.inducing, width))
        nn.init.xavier_uniform_(self.inducing, generator=generator)
        self.gather = CrossAttention(width, width_in, width, heads, norm, generator)
        self.scatter = CrossAttention(width_in, width, width, heads, norm, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map the set ``x`` (n, points, width_in), in any order, to (n, points, width)."""
        summary = self.gather(self.inducing.expand(x.shape[0], -1, -1), x)
        out: Tensor = self.scatter(x, summary)
        return out


class PoolingHead(nn.Module):
    """Dropout, pooling by attention with one seed, dropout, linear layer."""

    def __init__(self, size: SetSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.seed = nn.Parameter(torch.empty(1, 1, size.width))
        nn.init.xavier_uniform_(self.seed, generator=generator)
        width = size.width
        self.pool = CrossAttention(width, width, width, size.heads, size.norm, generator)
        self.dropout = nn.Dropout(size.dropout)
        self.linear = uniform_linear(width, size.classes, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of the set ``x`` (n, points, width)."""
        pooled = self.pool(self.seed.expand(x.shape[0], -1, -1), self.dropout(x))
        out: Tensor = self.linear(self.dropout(pooled[:, 0]))
        return out


class Lift(nn.Module):
    """A linear map of each point to the width of the state."""

    def __init__(self, size: SetSize, generator: torch.Generator | None) -> None:
        super().__init__()
        self.linear = uniform_linear(size.points_dim, size.width, generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """State of clouds (n, points, points_dim), shape (n, points, width)."""
        out: Tensor = self.linear(inputs)
        return out


def set_transformer(size: SetSize, generator: torch.Generator | None = None) -> Parts:
    """A Set Transformer classifier with fresh weights.

    Example:
        >>> from mfglab.networks.transformers.parts import parameters_in
        >>> size = SetSize(40, layers=2, heads=4, width=200, inducing=16, lift=True)
        >>> parts = set_transformer(size)
        >>> f"{parameters_in(parts.embedding, parts.blocks):,}"  # published: 0.65M
        '650,400'
    """
    check_sizes(size, layers=size.layers, heads=size.heads, inducing=size.inducing)
    if size.width % size.heads:
        raise ValueError(f"width must be a multiple of heads, got {size.width} and {size.heads}")
    embedding: nn.Module
    if size.lift:
        embedding, rest = Lift(size, generator), size.layers
    else:
        embedding = InducedAttention(size.points_dim, size, generator)
        rest = size.layers - 1
    blocks = nn.ModuleList(InducedAttention(size.width, size, generator) for _ in range(rest))
    if not blocks:
        raise ValueError(f"without lift the first layer is the embedding: 2 or more, got {size!r}")
    return Parts(
        embedding, blocks, closing_norm(size.norm, size.width), PoolingHead(size, generator)
    )
