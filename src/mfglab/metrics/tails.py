"""How well a sample follows the radial tail of a law that is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Radii = NDArray[np.float64]
RadialFunction = Callable[[Radii], Radii]

#: Probabilities between which the logarithmic error is taken, and their number.
TAIL = (0.95, 0.999)
TAIL_POINTS = 20
GRID_POINTS = 2000


@dataclass(frozen=True)
class TailErrors:
    """Errors of the radial complementary distribution function ``P(|X| > r)``.

    Args:
        ccdf: Mean absolute error over radii spaced evenly in log r, from 1 to the exact 0.999
            quantile.
        log_ccdf: Mean absolute error of its logarithm at 20 exact quantiles from 0.95 to 0.999,
            spaced evenly in the logarithm of the exceedance; 1 is a factor of e. Beyond the
            largest of n radii the sample's function counts as ``1 / (2n)``.
    """

    ccdf: float
    log_ccdf: float


def empirical_survival(radii: Radii, at: Radii) -> Radii:
    """Fraction of ``radii`` (n,) above each number of ``at`` (m,), shape (m,)."""
    out: Radii = 1 - np.searchsorted(np.sort(radii), at, side="right") / len(radii)
    return out


def tail_errors(radii: Radii, survival: RadialFunction, quantile: RadialFunction) -> TailErrors:
    """Errors of a sample of radii (n,) against an exact law.

    Args:
        radii: ``|X|`` of the sample.
        survival: Exact ``P(|X| > r)``.
        quantile: Exact radius that ``|X|`` stays below with a given probability.

    Raises:
        ValueError: There are no radii, or one is not finite.
    """
    if len(radii) == 0 or not np.isfinite(radii).all():
        raise ValueError(f"need finite radii, at least one; got {len(radii)} with {radii.sum()!r}")
    exceedance = np.geomspace(1 - TAIL[0], 1 - TAIL[1], TAIL_POINTS)
    at = quantile(1 - exceedance)
    tail = np.maximum(empirical_survival(radii, at), 0.5 / len(radii))
    grid = np.geomspace(1.0, at[-1], GRID_POINTS)
    return TailErrors(
        ccdf=float(np.abs(empirical_survival(radii, grid) - survival(grid)).mean()),
        log_ccdf=float(np.abs(np.log(tail / exceedance)).mean()),
    )
