"""Upper bound of W1 on a cube by counts in dyadic cells: valid for every pair of samples."""

from __future__ import annotations

import math

import numpy as np

from mfglab.robustness.schedule import Array


def dyadic_bound(x: Array, y: Array, levels: int, length: float = 1.0) -> float:
    """``(sqrt(d) R/2) sum_j 2^-j sum_Q |mu(Q) - nu(Q)| + sqrt(d) R 2^-J`` over cells of side R/2^j.

    The tree with edges ``(sqrt(d) R/2) 2^-j`` above cells of level j has distances at least those
    of points: two points that part after level l are at most ``sqrt(d) R 2^-l`` apart, and their
    path in the tree is twice the sum of the edges below. W1 of a tree is the flow over its edges;
    below level J both laws have at most mass 2 in all.

    Args:
        x: Points of the cube [0, R)^d, shape (n, d).
        y: Other points, shape (m, d).
        levels: J.
        length: R, side of the cube; the periodic distance is smaller still.
    """
    d = x.shape[1]
    reach = math.sqrt(d) * length
    total = reach * 2.0**-levels
    for j in range(1, levels + 1):
        side = 2**j
        mass = np.zeros(side**d)
        for points, sign in ((x, 1.0), (y, -1.0)):
            index = np.minimum((points / length * side).astype(np.int64), side - 1)
            flat = np.ravel_multi_index(tuple(index.T), (side,) * d)
            np.add.at(mass, flat, sign / len(points))
        total += 0.5 * reach * 2.0**-j * float(np.abs(mass).sum())
    return total


def periodic_distances(x: Array, y: Array, length: float = 1.0) -> Array:
    """Distances on the torus of side R, shape (n, m)."""
    square = np.zeros((len(x), len(y)))
    for a, b in zip(x.T, y.T, strict=True):
        gap = np.abs(a[:, None] - b)
        square += np.minimum(gap, length - gap) ** 2
    return np.asarray(np.sqrt(square), dtype=np.float64)
