"""Averages over a finite group of orthogonal maps: projections onto what the group leaves alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def plane_rotations(order: int, dim: int) -> Tensor:
    """The cyclic group of rotations by ``2 pi / order`` of the first two coordinates.

    Args:
        order: Number of elements.
        dim: Space dimension d, at least 2.

    Returns:
        Orthogonal matrices, float64 of shape (order, d, d), the identity first.

    Raises:
        ValueError: ``order`` is below 1 or ``dim`` below 2.
    """
    if order < 1 or dim < 2:
        raise ValueError(f"rotations need order >= 1 and dim >= 2, got {order} and {dim}")
    angle = 2 * math.pi / order * torch.arange(order, dtype=torch.float64)
    group = torch.eye(dim, dtype=torch.float64).repeat(order, 1, 1)
    group[:, 0, 0] = group[:, 1, 1] = angle.cos()
    group[:, 1, 0] = angle.sin()
    group[:, 0, 1] = -angle.sin()
    return group


def orbit(group: Tensor, x: Tensor) -> Tensor:
    """Images ``g x`` of the points ``x`` (n, d) under every element (G, d, d); shape (G, n, d)."""
    return x @ group.mT.to(x)


def average_field(group: Tensor, values: Tensor) -> Tensor:
    """``(1/G) sum_g g^T v(g x)`` from the values of a vector field on the orbit.

    The result is equivariant, ``S v(g x) = g S v(x)``; the average is the orthogonal projection
    onto equivariant fields in L2 of every invariant law.

    Args:
        group: Shape (G, d, d).
        values: ``v`` on :func:`orbit`, shape (G, n, d).
    """
    return (values @ group.to(values)).mean(0)
