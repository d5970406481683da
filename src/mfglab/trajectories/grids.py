"""Time grids, uniform or refined towards their end."""

from __future__ import annotations

import torch
from torch import Tensor


def _check(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"the number of steps must be positive, got {steps!r}")


def uniform_grid(t0: float, t1: float, steps: int) -> Tensor:
    """Equal steps from ``t0`` to ``t1``, shape (steps + 1,), float64."""
    _check(steps)
    return torch.linspace(t0, t1, steps + 1, dtype=torch.float64)


def quadratic_grid(t0: float, t1: float, steps: int) -> Tensor:
    """Remaining time falls quadratically: steps shrink linearly towards ``t1``."""
    _check(steps)
    rest = torch.linspace(1, 0, steps + 1, dtype=torch.float64).square()
    return t1 - (t1 - t0) * rest


def geometric_grid(t0: float, t1: float, steps: int, last: float) -> Tensor:
    """Remaining time falls geometrically from ``t1 - t0`` to ``last``; the grid ends there.

    The end point is ``t1 - last`` (towards ``t1`` from either side): score-based sampling stops
    shortly before the data law, where the score may blow up.

    Args:
        t0: First time.
        t1: The time that is approached; may be smaller than ``t0``.
        steps: Number of steps.
        last: Remaining time at the end, between 0 and ``|t1 - t0|``.

    Raises:
        ValueError: ``last`` or ``steps`` is out of range.
    """
    _check(steps)
    span = abs(t1 - t0)
    if not 0 < last < span:
        raise ValueError(f"last must lie between 0 and |t1 - t0| = {span!r}, got {last!r}")
    exponent = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    return t1 - (t1 - t0) * (last / span) ** exponent
