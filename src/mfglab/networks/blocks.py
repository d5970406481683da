"""Linear maps of rows, or of blocks of rows each with a map of its own."""

from __future__ import annotations

from torch import Tensor


def blockwise(x: Tensor, matrices: Tensor) -> Tensor:
    """Product of rows with a matrix, or of each member's rows with its own.

    Args:
        x: Shape (..., n, a), or (..., M n, a).
        matrices: Shape (a, b), or (M, a, b).
    """
    if matrices.ndim == 2:
        return x @ matrices
    return (_blocks(x, len(matrices)) @ matrices).flatten(-3, -2)


def with_bias(x: Tensor, bias: Tensor) -> Tensor:
    """Rows (..., n, b) plus a bias (b,), or rows (..., M n, b) plus that of their member (M, b)."""
    if bias.ndim == 1:
        return x + bias
    return (_blocks(x, len(bias)) + bias[:, None]).flatten(-3, -2)


def _blocks(x: Tensor, members: int) -> Tensor:
    return x.view(*x.shape[:-2], members, -1, x.shape[-1])
