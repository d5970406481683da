"""Conservative finite volumes on the circle: ``m_t = (m_x - beta m)_x``, noise sqrt(2)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import solve_banded

from mfglab.robustness.schedule import Array

#: Drift at time t and points (n,).
Drift = Callable[[float, Array], Array]


def evolve(start: Array, drift: Drift, times: Sequence[float], length: float) -> list[Array]:
    """Solutions at all ``times`` from ``start`` at the first, by implicit finite volumes.

    Values live at cell centres ``(i + 1/2) R/n``, the drift at the faces; central fluxes, and
    backward Euler in time: positive, conservative, of first order in the time step.

    Args:
        start: Densities or masses of the cells, shape (n,).
        drift: Drift ``beta(t, x)``.
        times: Increasing times.
        length: R.
    """
    n, dx = len(start), length / len(start)
    faces = np.asarray(dx * np.arange(1, n + 1), dtype=np.float64)
    path = [start]
    for t, end in itertools.pairwise(times):
        path.append(_implicit_step(path[-1], drift(end, faces), end - t, dx))
    return path


def gradient_bound(drift: Drift, times: Sequence[float], size: int, length: float) -> list[Array]:
    """(E6) Feynman-Kac bound ``g >= |d/dx phi|`` at all ``times``, for every 1-Lipschitz phi(T).

    ``p = d/dx phi`` solves ``-p_t = (p_x + beta p)_x``, a linear equation that keeps order, and
    ``|p(T)| <= 1``; so ``|p| <= g``, the solution with ``g(T) = 1``. With time reversed it is a
    Fokker-Planck equation with drift ``-beta``.
    """
    end = times[-1]
    backward = [end - t for t in reversed(times)]
    path = evolve(np.ones(size), lambda r, x: -drift(end - r, x), backward, length)
    return path[::-1]


def backward_gradient(
    slope: Array, drift: Drift, times: Sequence[float], length: float
) -> list[Array]:
    """``d/dx phi`` at all ``times`` for the terminal slope ``d/dx psi`` (n,), mean zero."""
    end = times[-1]
    backward = [end - t for t in reversed(times)]
    return evolve(slope, lambda r, x: -drift(end - r, x), backward, length)[::-1]


def _implicit_step(m: Array, face_drift: Array, h: float, dx: float) -> Array:
    # Flux at face i+1/2: (m_{i+1} - m_i)/dx - beta (m_i + m_{i+1})/2.
    diffusion, half = 1 / dx**2, 0.5 * face_drift / dx
    right, left = diffusion - half, diffusion + half  # weights of m_{i+1} and m_i in the flux
    upper = -h * right  # row i, column i+1
    lower = -h * np.roll(left, 1)  # row i, column i-1
    diagonal = 1 + h * (left + np.roll(right, 1))
    return _solve_cyclic(lower, diagonal, upper, m)


def _solve_cyclic(lower: Array, diagonal: Array, upper: Array, rhs: Array) -> Array:
    # Tridiagonal with corners lower[0] (row 0, column n-1) and upper[-1]: Sherman-Morrison.
    n, gamma = len(rhs), -diagonal[0]
    bands = np.zeros((3, n))
    bands[0, 1:], bands[1], bands[2, :-1] = upper[:-1], diagonal, lower[1:]
    bands[1, 0] -= gamma
    bands[1, -1] -= upper[-1] * lower[0] / gamma
    u = np.zeros(n)
    u[0], u[-1] = gamma, upper[-1]
    y, z = solve_banded((1, 1), bands, np.stack([rhs, u], axis=1), check_finite=False).T
    factor = (y[0] + lower[0] * y[-1] / gamma) / (1 + z[0] + lower[0] * z[-1] / gamma)
    out: Array = y - factor * z
    return out
