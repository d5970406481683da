"""Numerical solutions of discounted games whose law is described by finitely many numbers.

Let the law of the players depend on coordinates ``y`` in R^k in which the Wasserstein-2 metric is
Euclidean: positions of finitely many players, or means and standard deviations of Gaussians with
one set of axes. The game ``recipes.gradient_flow`` is then to minimise

    int_0^T e^(-t/eps) (|y'|^2 / 2 + F(y) / eps) dt + e^(-T/eps) F(y_T),     y(0) given.

Its optimality system, Hamilton-Jacobi-Bellman and continuity equation along the characteristics, is
the two-point boundary value problem

    eps y'' = y' + grad F(y),     y(0) = y_0,     y'(T) = -grad F(y(T)).

With ``eps -> 0`` it loses its second derivative and becomes the gradient flow ``y' = -grad F(y)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_bvp, solve_ivp

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReducedEnergy:
    """An energy in flat coordinates of Wasserstein space.

    Args:
        name: Short name.
        start: Coordinates ``y_0``, shape (k,).
        gradient: Maps coordinates (k, m) to ``grad F`` (k, m), for m instants at once.
    """

    name: str
    start: Array
    gradient: Callable[[Array], Array]


def gaussian_kl(target_variance: Array, mean: Array, std: Array) -> ReducedEnergy:
    """``KL(N(m, diag s^2) | N(0, diag target_variance))`` in the coordinates (m, s).

    The first variation along the game stays quadratic, so that the players keep a Gaussian law
    with these axes: the reduction is exact.
    """
    d = len(target_variance)
    variance = np.tile(np.asarray(target_variance, dtype=np.float64), 2)[:, None]

    def gradient(y: Array) -> Array:
        out = y / variance
        out[d:] -= 1 / y[d:]
        return out

    return ReducedEnergy("gaussian_kl", np.concatenate([mean, std]), gradient)


def double_well(players: Array) -> ReducedEnergy:
    """``F(rho) = int V drho`` with ``V = (x^2 - 1)^2 / 4 + (y - x^2 / 2)^2`` in the plane.

    Args:
        players: Start positions, shape (n, 2); the coordinates are all x, then all y.
    """

    def gradient(z: Array) -> Array:
        x, y = np.split(z, 2)
        across = y - 0.5 * x**2
        return np.concatenate([x**3 - x - 2 * x * across, 2 * across])

    return ReducedEnergy("double_well", players.T.reshape(-1), gradient)


def gradient_flow_path(energy: ReducedEnergy, times: Array) -> Array:
    """``y' = -grad F(y)`` at increasing ``times`` from 0, shape (k, len(times))."""
    solution = solve_ivp(
        lambda _, y: -energy.gradient(y[:, None])[:, 0],
        (float(times[0]), float(times[-1])),
        energy.start,
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    out: Array = solution.y
    return out


def discounted_game_path(energy: ReducedEnergy, eps: float, times: Array) -> Array:
    """Optimal path of the discounted game at increasing ``times`` from 0 to T, (k, len(times)).

    Args:
        energy: The energy with the start.
        eps: Discount time.
        times: Also the first mesh of the collocation; at least two.

    Raises:
        ValueError: ``eps`` is not positive.
        RuntimeError: The collocation did not converge.
    """
    if not eps > 0:
        raise ValueError(f"discount time eps must be positive, got {eps!r}")
    k = len(energy.start)
    guess = gradient_flow_path(energy, times)

    def rates(_: Array, state: Array) -> Array:
        y, velocity = state[:k], state[k:]
        return np.concatenate([velocity, (velocity + energy.gradient(y)) / eps])

    def ends(first: Array, last: Array) -> Array:
        natural = last[k:] + energy.gradient(last[:k, None])[:, 0]
        return np.concatenate([first[:k] - energy.start, natural])

    state = np.concatenate([guess, -energy.gradient(guess)])
    solution = solve_bvp(rates, ends, times, state, tol=1e-7, max_nodes=100_000)
    if not solution.success:
        raise RuntimeError(f"no solution of the discounted game at eps = {eps}: {solution.message}")
    out: Array = solution.sol(times)[:k]
    return out
