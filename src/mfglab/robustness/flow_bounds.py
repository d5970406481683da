"""Propagation of a velocity error without noise: Gronwall, one-sided, Hamilton-Jacobi.

Paths ``x' = v(t, x)`` and ``y' = v(t, y) + e(t, y)`` with one start law. For the flow map Phi of v
``y(T) - x(T) = int_0^T D Phi_{t,T}(y_t) e(t, y_t) dt`` (Alekseev and Groebner), so with ``g(t)`` at
least ``|D Phi_{t,T}|``

    W_p(law of y(T), law of x(T)) <= int_0^T g(t) |e(t, y_t)|_{L^p} dt.

The functions here give g on a time grid from the regularity of v.
"""

from __future__ import annotations

import numpy as np

from mfglab.robustness.schedule import Array


def _require(times: Array, *values: Array) -> None:
    if times.ndim != 1 or len(times) < 2 or (np.diff(times) <= 0).any():
        raise ValueError(f"times must increase and be at least 2, got {times.tolist()}")
    for value in values:
        if value.shape != times.shape:
            raise ValueError(f"need one value a time, {times.shape}, got {value.shape}")


def exponential_growth(times: Array, rate: Array) -> Array:
    """``exp int_t^T rate`` at each time, shape (m,).

    ``rate`` bounds ``lambda_max(sym grad v)`` (one-sided) or ``|grad v|`` (Gronwall). Its larger
    value at the ends of an interval stands for the interval.
    """
    _require(times, rate)
    parts = np.diff(times) * np.maximum(rate[1:], rate[:-1])
    rest = np.concatenate([np.cumsum(parts[::-1])[::-1], [0.0]])
    out: Array = np.exp(np.minimum(rest, 700.0))
    return out


def hamilton_jacobi_growth(times: Array, slope: Array, curvature: Array) -> Array:
    """``y(T)`` of ``y'' = curvature y, y(t) = 1, y'(t) = slope(t)`` for each start t, shape (m,).

    With the acceleration ``a = d_t v + (v.grad) v`` the flow map has ``Y'' = grad a Y``, so
    ``|Y| <= y`` for ``slope = |grad v|`` and ``curvature = |grad a|``. For a gradient field a is
    the gradient of the Hamilton-Jacobi residual: zero residual means straight paths and the growth
    ``1 + (T - t) slope``, where Gronwall has an exponential. If in addition paths do not cross,
    the one-sided slope is enough.

    Args:
        times: Grid, shape (m,).
        slope: Bound of the slope of v at these times; below 0 where it contracts.
        curvature: Bound of ``|grad a|``, not negative.
    """
    _require(times, slope, curvature)
    out = np.ones(len(times))
    value, start = 1.0, 0.0  # y(T) per unit of y(t) and of y'(t)
    for i in range(len(times) - 2, -1, -1):
        h = times[i + 1] - times[i]
        root = np.sqrt(max(curvature[i], curvature[i + 1]))
        z = min(root * h, 300.0)
        c, s = np.cosh(z), h if z < 1e-8 else np.sinh(z) / root
        value, start = value * c + start * root * np.sinh(z), value * s + start * c
        out[i] = max(value + slope[i] * start, 0.0)
    return out


def propagated(times: Array, growth: Array, error: Array) -> float:
    """``int growth(t) |e(t)| dt`` by the trapezoidal rule."""
    _require(times, growth, error)
    return float(np.trapezoid(growth * error, times))
