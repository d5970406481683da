"""Exact Wasserstein distances between samples, by the network simplex of POT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import ot
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mfglab.metrics.samples import Points, require_finite


@dataclass(frozen=True)
class TransportDistances:
    """Exact distances between two equally large samples.

    Args:
        w1: Wasserstein-1 distance, Euclidean ground cost; unit of the data.
        w2: Wasserstein-2 distance (the root, not the squared cost); unit of the data.
    """

    w1: float
    w2: float


@dataclass(frozen=True)
class SamplingFloor:
    """Distances between independent samples of the same law: what a perfect model would score.

    Args:
        w1: Mean Wasserstein-1 distance.
        w2: Mean Wasserstein-2 distance.
        repeats: Number of pairs behind the means.
    """

    w1: float
    w2: float
    repeats: int


def transport_distances(x: Points, y: Points) -> TransportDistances:
    """Exact W1 and W2 between the empirical laws of ``x`` and ``y``, both of shape (n, d).

    Two transport problems are solved: where one distance is wanted, :func:`w1_distance` or
    :func:`w2_distance` takes half the time.

    Raises:
        ValueError: The shapes differ, there are no points, or a value is not finite.
        RuntimeError: The network simplex did not converge.
    """
    distance = _distances(x, y)
    return TransportDistances(w1=_exact_cost(distance), w2=_root_cost(distance))


def w1_distance(x: Points, y: Points) -> float:
    """Exact W1 alone; see :func:`transport_distances`."""
    return _exact_cost(_distances(x, y))


def w2_distance(x: Points, y: Points) -> float:
    """Exact W2 alone; see :func:`transport_distances`."""
    return _root_cost(_distances(x, y))


def sliced_w2(x: Points, y: Points, projections: int, seed: int) -> float:
    """Sliced Wasserstein-2 distance: root of the mean squared W2 over random directions.

    A lower bound of W2 that costs a sort a direction and so can use every point.

    Args:
        x: Sample (n, d).
        y: Sample (m, d).
        projections: Number of directions.
        seed: Seed of the directions.

    Raises:
        ValueError: A value is not finite.
    """
    require_finite(x=x, y=y)
    return float(ot.sliced_wasserstein_distance(x, y, n_projections=projections, seed=seed))


def half_squared_w2(x: Points, y: Points) -> float:
    """``W2^2 / 2`` between the empirical laws of ``x`` and ``y`` (n, d): a least kinetic energy.

    Raises:
        ValueError: The shapes differ, there are no points, or a value is not finite.
        RuntimeError: The network simplex did not converge.
    """
    _require_pair(x, y)
    return 0.5 * _exact_cost(cdist(x.astype(np.float64), y.astype(np.float64), "sqeuclidean"))


def sampling_floor(draw: Callable[[int], Points], n: int, repeats: int) -> SamplingFloor:
    """Mean distances over ``repeats`` pairs of independent samples of ``n`` points.

    Args:
        draw: Returns that many fresh points of the target law.
        n: Points on each side.
        repeats: Pairs, at least one.

    Raises:
        ValueError: ``repeats`` is not positive.
    """
    if repeats < 1:
        raise ValueError(f"the number of repeats must be positive, got {repeats!r}")
    pairs = [transport_distances(draw(n), draw(n)) for _ in range(repeats)]
    return SamplingFloor(
        w1=float(np.mean([pair.w1 for pair in pairs])),
        w2=float(np.mean([pair.w2 for pair in pairs])),
        repeats=repeats,
    )


def _require_pair(x: Points, y: Points) -> None:
    if x.shape != y.shape or x.ndim != 2 or len(x) == 0:
        raise ValueError(
            f"samples must have one shape (n, d) with n >= 1, got {x.shape} and {y.shape}"
        )
    require_finite(x=x, y=y)


def _distances(x: Points, y: Points) -> NDArray[np.float64]:
    _require_pair(x, y)
    # Differences first, squares after: |x|^2 - 2 x.y + |y|^2 loses close points far from 0.
    out: NDArray[np.float64] = cdist(x.astype(np.float64), y.astype(np.float64))
    return out


def _root_cost(distance: NDArray[np.float64]) -> float:
    return float(np.sqrt(_exact_cost(np.square(distance))))


def _exact_cost(cost: NDArray[np.float64]) -> float:
    n = len(cost)
    weights = np.full(n, 1.0 / n)
    value, log = ot.emd2(weights, weights, cost, numItermax=5_000_000, log=True, center_dual=False)
    if log.get("warning"):
        raise RuntimeError(f"exact transport did not converge on {n} points: {log['warning']}")
    return max(float(value), 0.0)
