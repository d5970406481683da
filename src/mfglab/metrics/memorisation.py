"""Does a generator return its training set? Distances to the nearest training point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mfglab.metrics.samples import Points, require_finite


@dataclass(frozen=True)
class NearestPoints:
    """Generated points against held-out ones, by their distance to the training set.

    Args:
        ratio: Median distance of generated points over that of held-out points: 1 for fresh points
            of the true law, 0 for copies of training points.
        copied: Share of generated points that are nearer to the training set than all but 5% of
            held-out points: 0.05 for fresh points of the true law, 1 for copies.
    """

    ratio: float
    copied: float


@dataclass(frozen=True, eq=False)
class Nearest:
    """Nearest training point of each query.

    Args:
        index: Row of the training set, shape (n,).
        distance: Euclidean distance, shape (n,).
    """

    index: NDArray[np.int64]
    distance: NDArray[np.float64]


def nearest(x: Points, training: Points) -> Nearest:
    """The nearest of ``training`` (N, d) to each point of ``x`` (n, d).

    Raises:
        ValueError: A value is not finite.
    """
    require_finite(x=x, training=training)
    distance, index = cKDTree(training).query(x)
    return Nearest(np.asarray(index, dtype=np.int64), np.asarray(distance, dtype=np.float64))


def nearest_points(generated: Points, held_out: Points, training: Points) -> NearestPoints:
    """Compare the distances of generated and of held-out points to the training set.

    Raises:
        ValueError: A value is not finite, or half of the held-out points are training points.
    """
    ours = nearest(generated, training).distance
    fresh = nearest(held_out, training).distance
    typical = float(np.median(fresh))
    if typical == 0:
        raise ValueError("half of the held-out points are training points: no ratio is defined")
    return NearestPoints(
        ratio=float(np.median(ours)) / typical,
        copied=float(np.mean(ours < np.quantile(fresh, 0.05))),
    )


def outlier_rate(generated: Points, data: Points, factor: float = 1.5) -> float:
    """Share of generated points outside the bounding box of ``data``, stretched by ``factor``."""
    low, high = data.min(0), data.max(0)
    middle, half = (low + high) / 2, (high - low) / 2
    outside = np.abs(generated - middle) > factor * half
    return float(outside.any(1).mean())
