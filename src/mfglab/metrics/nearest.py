"""Memorisation: how near samples lie to training points."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from mfglab.metrics.samples import Points, require_finite


def nearest_ratio(samples: Points, train: Points, fresh: Points) -> float:
    """Median distance of samples to their nearest training point, over that of fresh points.

    About 1 for samples of the law that do not know the training points, 0 for copies of them.

    Args:
        samples: Generated points (n, d).
        train: Training points (m, d).
        fresh: Points of the target law that were not trained on, (k, d).

    Raises:
        ValueError: A value is not finite.
    """
    require_finite(samples=samples, train=train, fresh=fresh)
    tree = KDTree(train)
    return float(np.median(tree.query(samples)[0]) / np.median(tree.query(fresh)[0]))
