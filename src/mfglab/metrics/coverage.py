"""Fidelity and diversity of samples in a feature space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mfglab.metrics.samples import Points, require_finite


@dataclass(frozen=True)
class PrecisionRecall:
    """How far two laws cover each other (arXiv:1904.06991).

    Args:
        precision: Share of generated points that lie in the estimated support of the data.
        recall: Share of data points that lie in the estimated support of the generated law.
    """

    precision: float
    recall: float


def precision_recall(data: Points, generated: Points, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall: a support is the union of balls that reach the k-th neighbour.

    Args:
        data: Features of data (n, m).
        generated: Features of generated points (l, m).
        k: Neighbour whose distance is a ball's radius; the point itself does not count.

    Raises:
        ValueError: Fewer than k + 1 points, different dimensions, or a value that is not finite.
    """
    for name, points in {"data": data, "generated": generated}.items():
        if points.ndim != 2 or len(points) <= k or k < 1:
            raise ValueError(f"{name} needs shape (n, m) with n > k = {k} >= 1, got {points.shape}")
    if data.shape[1] != generated.shape[1]:
        raise ValueError(
            f"features must have one dimension, got {data.shape[1]} and {generated.shape[1]}"
        )
    require_finite(data=data, generated=generated)
    return PrecisionRecall(
        precision=_covered(generated, data, k), recall=_covered(data, generated, k)
    )


def _covered(queries: Points, centres: Points, k: int) -> float:
    radius = cKDTree(centres).query(centres, k=[k + 1])[0][:, 0]
    distance = np.linalg.norm(queries[:, None] - centres[None], axis=2)
    return float((distance <= radius).any(axis=1).mean())
