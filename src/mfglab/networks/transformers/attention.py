"""Self-attention and token-wise layers with fused projections, and the block made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfglab.networks.transformers.parts import NormPlacement, norm_if, uniform_linear


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(n, tokens, heads * e) to a view (n, heads, tokens, e)."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(n, heads, tokens, e) to (n, tokens, heads * e)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head softmax attention of tokens on each other.

    Queries, keys and values come from one product.

    Args:
        width: Width of the state.
        heads: Number of heads.
        head_width: Width of a head; ``width / heads`` when absent.
        causal: A token attends only to itself and to earlier ones.
        bias: Biases of the projection to queries, keys and values, and of the one back.
        project: Multiply the heads by a matrix; without it ``heads * head_width`` must be
            ``width``.
        dropout: Rate on attention weights.
        generator: Source of the initial weights.

    Raises:
        ValueError: The heads do not fit the width.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        head_width: int | None = None,
        *,
        causal: bool = False,
        bias: tuple[bool, bool] = (True, True),
        project: bool = True,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if head_width is None and width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        inner = width if head_width is None else heads * head_width
        if not project and inner != width:
            raise ValueError(
                f"attention without projection needs heads * head_width = width, got {inner} "
                f"and {width}"
            )
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.qkv = uniform_linear(width, 3 * inner, generator, bias[0])
        self.out = uniform_linear(inner, width, generator, bias[1]) if project else nn.Identity()

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Attend within ``x`` (n, tokens, width).

        Args:
            x: State.
            keep: Tokens that may be attended to, True or False, shape (n, 1, 1, tokens).
        """
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        rate = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=keep, dropout_p=rate, is_causal=self.causal
        )
        out: Tensor = self.out(merge_heads(y))
        return out


class TokenWise(nn.Module):
    """Two linear layers with an activation between them, the same for every token."""

    def __init__(
        self,
        width: int,
        hidden: int,
        activation: Callable[[Tensor], Tensor],
        *,
        bias: bool = True,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.opening = uniform_linear(width, hidden, generator, bias)
        self.out = uniform_linear(hidden, width, generator, bias)
        self.activation = activation
        self.dropout = nn.Dropout(dropout) if dropout > 0 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map each token of ``x`` (n, tokens, width)."""
        out: Tensor = self.out(self.dropout(self.activation(self.opening(x))))
        return out


class Block(nn.Module):
    """Attention, then a token-wise layer, each with a skip connection.

    Args:
        width: Width of the state.
        attention: Sublayer that mixes tokens, called with the state and a mask.
        mlp: Sublayer that acts on each token, or None.
        placement: Where layer norms stand.
        bias: Biases of the layer norms.
        dropout: Rate on what a sublayer adds to the stream.
    """

    def __init__(
        self,
        width: int,
        attention: SelfAttention,
        mlp: TokenWise | None,
        placement: NormPlacement,
        *,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention, self.mlp = attention, mlp
        self.around_attention = Norms(width, placement, bias)
        self.around_mlp = Norms(width, placement, bias) if mlp is not None else None
        self.dropout = nn.Dropout(dropout) if dropout > 0 else nn.Identity()

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """One block.

        Args:
            x: State, shape (n, tokens, width).
            key_padding_mask: True where a token is padding, shape (n, tokens).
        """
        keep = None if key_padding_mask is None else ~key_padding_mask[:, None, None, :]
        norms = self.around_attention
        x = norms.add(x, self.dropout(self.attention(norms.before(x), keep)))
        if self.mlp is not None and self.around_mlp is not None:
            norms = self.around_mlp
            x = norms.add(x, self.dropout(self.mlp(norms.before(x))))
        return x


class Norms(nn.Module):
    """The layer norms around one sublayer; those that the placement lacks are identities."""

    def __init__(self, width: int, placement: NormPlacement, bias: bool = True) -> None:
        super().__init__()
        self.before = norm_if(placement.before, width, bias)
        self.branch = norm_if(placement.branch, width, bias)
        self.stream = norm_if(placement.stream, width, bias)

    def add(self, x: Tensor, change: Tensor) -> Tensor:
        """The stream ``x`` with the output ``change`` of the sublayer."""
        out: Tensor = self.stream(x + self.branch(change))
        return out
