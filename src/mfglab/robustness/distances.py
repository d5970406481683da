"""Distances between laws on one grid, without Monte-Carlo noise: Wasserstein-1, L1, MMD."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mfglab.robustness.schedule import Array

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


def w1_masses(p: Array, q: Array, step: float) -> float:
    """W1 on the line of two mass vectors on one grid of spacing ``step``: ``int |F - G|``."""
    return float(np.abs(np.cumsum(p - q)).sum() * step)


def w1_cdf(
    first: Callable[[Array], Array], second: Callable[[Array], Array], nodes: Array
) -> float:
    """W1 on the line of two distribution functions, by Gauss quadrature between ``nodes``.

    Args:
        first: Distribution function, vectorised.
        second: The other one.
        nodes: Increasing points, with every atom of either law among them.
    """
    half = 0.5 * np.diff(nodes)
    x = (0.5 * (nodes[1:] + nodes[:-1]))[:, None] + half[:, None] * _NODES
    gap = np.abs(first(x.ravel()) - second(x.ravel())).reshape(x.shape)
    return float((gap @ _WEIGHTS) @ half)


def w1_circle(p: Array, q: Array, step: float) -> float:
    """W1 on the circle of two mass vectors on one grid: ``min_c int |F - G - c|``.

    The minimising constant is the median of F - G (the flow round the circle is free).
    """
    gap = np.cumsum(p - q)
    return float(np.abs(gap - np.median(gap)).sum() * step)


def l1(p: Array, q: Array) -> float:
    """``sum |p - q|`` of mass vectors: twice the total variation."""
    return float(np.abs(p - q).sum())


def mmd_gaussian(p: Array, q: Array, x: Array, width: float) -> float:
    """Maximum mean discrepancy of two mass vectors at ``x`` with kernel ``exp(-r^2/(2 l^2))``.

    The unit ball of this kernel's space has |f| <= 1 and |f'| <= 1/l, hence
    ``MMD <= min(L1, W1 / l)``.
    """
    gap = p - q
    kernel = np.exp(-0.5 * ((x[:, None] - x) / width) ** 2)
    return math.sqrt(max(float(gap @ kernel @ gap), 0.0))
