"""95 % confidence intervals of a mean over seeds, for a handful of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Estimate with its interval; without one (``low`` is None) for fewer than two values.

    Attributes:
        estimate: Mean.
        low: Lower end, None without interval.
        high: Upper end, None without interval.
        n: Number of independent values.
    """

    estimate: float
    low: float | None
    high: float | None
    n: int


def mean_interval(values: Sequence[float]) -> Interval:
    """Student-t interval of the mean at level 95 %.

    ``mean +- t_{0.975, n-1} s / sqrt(n)`` with the unbiased standard deviation ``s``; exact for
    normal values, which is the best that three to five seeds allow.

    Args:
        values: One finite value for each seed.

    Raises:
        ValueError: No value, or one that is not finite.
    """
    data = _finite(values)
    n = len(data)
    mean = float(data.mean())
    if n < 2:
        return Interval(mean, None, None, n)
    half = t_quantile(n - 1) * float(data.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Interval of the mean of ``first - second``, paired by position (same seed).

    Raises:
        ValueError: The lengths differ, or as for :func:`mean_interval`.
    """
    _same_length(first, second)
    return mean_interval([a - b for a, b in zip(first, second, strict=True)])


def ratio_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Interval of the geometric mean of ``first / second``, paired by position.

    A t-interval of the log-ratio, carried back by the exponential.

    Raises:
        ValueError: A value is not positive, or as for :func:`paired_interval`.
    """
    _same_length(first, second)
    for value in (*first, *second):
        if not value > 0:
            raise ValueError(f"a ratio needs positive values, got {value!r}")
    logs = mean_interval([math.log(a) - math.log(b) for a, b in zip(first, second, strict=True)])
    low, high = logs.low, logs.high
    return Interval(
        math.exp(logs.estimate),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        logs.n,
    )


def range_interval(values: Sequence[float]) -> Interval:
    """Mean with the smallest and largest value: the interval of deterministic values.

    Raises:
        ValueError: No value, or one that is not finite.
    """
    data = _finite(values)
    return Interval(float(data.mean()), float(data.min()), float(data.max()), len(data))


@cache
def t_quantile(degrees: int) -> float:
    """Two-sided Student-t quantile ``t`` with ``P(|T| <= t) = 0.95``.

    Args:
        degrees: Degrees of freedom, at least 1.
    """
    if degrees < 1:
        raise ValueError(f"degrees of freedom must be at least 1, got {degrees}")
    from scipy.special import stdtrit  # imported late: rules that judge nothing start faster

    return float(stdtrit(degrees, 0.5 + LEVEL / 2))


def _finite(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    data = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(data) == 0:
        raise ValueError("an interval needs at least one value, got none")
    bad = data[~np.isfinite(data)]
    if len(bad):
        raise ValueError(f"an interval needs finite values, got {bad[0]:g}")
    return data


def _same_length(first: Sequence[float], second: Sequence[float]) -> None:
    if len(first) != len(second):
        raise ValueError(f"pairs need equal lengths, got {len(first)} and {len(second)}")
