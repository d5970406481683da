"""What every metric asks of a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Points of shape (n, d)."""


def require_finite(**samples: Points) -> None:
    """Check samples (n, d), given by name.

    Raises:
        ValueError: A value is not finite; names the sample, the row and the row's values.
    """
    for name, points in samples.items():
        bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(bad):
            row = int(bad[0])
            raise ValueError(f"{name}[{row}] is not finite: {points[row].tolist()}")
