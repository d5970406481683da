"""Linear maps of rows, or of blocks of rows each with a map of its own."""

from __future__ import annotations

import torch
from torch import Tensor


def blockwise(x: Tensor, matrices: Tensor) -> Tensor:
    """Product of rows with a matrix, or of each member's rows with its own.

    Args:
        x: Shape (..., n, a), or (..., M n, a).
        matrices: Shape (a, b), or (M, a, b).
    """
    if matrices.ndim == 2:
        return x @ matrices
    if x.ndim == 2:  # what matmul comes to, without its views
        return torch.bmm(_blocks(x, len(matrices)), matrices).flatten(0, 1)
    return (_blocks(x, len(matrices)) @ matrices).flatten(-3, -2)


def with_bias(x: Tensor, bias: Tensor) -> Tensor:
    """Rows (..., n, b) plus a bias (b,), or rows (..., M n, b) plus that of their member (M, b)."""
    if bias.ndim == 1:
        return x + bias
    return (_blocks(x, len(bias)) + bias[:, None]).flatten(-3, -2)


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer, or that of each member on its own rows.

    Args:
        x: Shape (n, a), or (M n, a), or blocks (M, n, a), of which blocks come back.
        weight: Shape (b, a), or (M, b, a).
        bias: Shape (b,), or (M, b).
    """
    if weight.ndim == 2:
        return torch.addmm(bias, x, weight.mT)
    if x.ndim == 3:
        return torch.baddbmm(bias[:, None], x, weight.mT)
    return torch.baddbmm(bias[:, None], _blocks(x, len(weight)), weight.mT).flatten(0, 1)


def add_product(base: Tensor, x: Tensor, matrices: Tensor, alpha: float) -> Tensor:
    """``base + alpha * blockwise(x, matrices)`` for ``x`` (n, a), or (M n, a)."""
    if matrices.ndim == 2:
        return torch.addmm(base, x, matrices, alpha=alpha)
    members = len(matrices)
    blocks = torch.baddbmm(_blocks(base, members), _blocks(x, members), matrices, alpha=alpha)
    return blocks.flatten(0, 1)


def on_rows(vector: Tensor, n: int) -> Tensor:
    """A vector (a,), or one (M, a) of each member, on each of ``n`` rows in all; shape (n, a)."""
    if vector.ndim == 1:
        return vector.expand(n, -1)
    members = len(vector)
    return vector[:, None].expand(-1, n // members, -1).reshape(n, -1)


def _blocks(x: Tensor, members: int) -> Tensor:
    return x.view(*x.shape[:-2], members, -1, x.shape[-1])
