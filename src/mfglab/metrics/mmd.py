"""Maximum mean discrepancy with a Gaussian kernel."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from mfglab.metrics.samples import Points, require_finite


def mmd_squared(x: Points, y: Points, bandwidth: float = 1.0) -> float:
    """Unbiased estimate of the squared MMD, kernel ``exp(-|a - b|^2 / h^2)``; may be negative.

    Args:
        x: Sample (n, d).
        y: Sample (m, d).
        bandwidth: h, in the unit of the data.

    Raises:
        ValueError: Fewer than two points, different dimensions, a value that is not finite, or a
            bandwidth that is not positive.
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth}")
    n, m = len(x), len(y)
    if n < 2 or m < 2 or x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            "need two samples (n, d) of at least 2 points in one dimension d, "
            f"got shapes {x.shape} and {y.shape}"
        )
    require_finite(x=x, y=y)

    def kernel(a: Points, b: Points) -> Points:
        gram: Points = np.exp(-cdist(a, b, "sqeuclidean") / bandwidth**2)
        return gram

    within_x = (kernel(x, x).sum() - n) / (n * (n - 1))
    within_y = (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(within_x + within_y - 2 * kernel(x, y).mean())
