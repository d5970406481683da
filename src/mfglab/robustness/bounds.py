"""Explicit bounds of uncertainty propagation; labels (E1)-(E5) as in docs/robustness.md."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from mfglab.robustness.line import LineMixture
from mfglab.robustness.schedule import Schedule


def bernstein_factor(lipschitz: float, diameter: float) -> float:
    """(E1) ``sup |grad phi|`` for every 1-Lipschitz terminal value; the time does not enter.

    ``G^2 = min_k (1 + 1/k)^2 + 2 L D^2 (1 + k)^2 log(1 + 1/k)``; 1 at L = 0.

    Args:
        lipschitz: L, one-sided Lipschitz constant of the process drift, noise sqrt(2).
        diameter: D of the space.
    """
    _require_non_negative(lipschitz=lipschitz, diameter=diameter)
    load = 2 * lipschitz * diameter**2
    if load == 0:
        return 1.0

    def squared(u: float) -> float:
        k = math.exp(u)
        return (1 + 1 / k) ** 2 + load * (1 + k) ** 2 * math.log1p(1 / k)

    return math.sqrt(_least(squared))


def total_variation_constant() -> float:
    """K of (E2): ``K^2 = min_y 4 (1 + 1/y)^2 log(1 + y)``, about 3.134."""

    def squared(u: float) -> float:
        y = math.exp(u)
        return 4 * (1 + 1 / y) ** 2 * math.log1p(y)

    return math.sqrt(_least(squared))


def l1_bound(lipschitz: float, horizon: float, initial: float, drift_error: float) -> float:
    """(E2) ``K sqrt(1 + 2 T L) (W1_0 / sqrt(T) + 2 sqrt(T) e)`` for the L1 distance at T.

    Args:
        lipschitz: L, one-sided.
        horizon: T.
        initial: W1 of the initial laws.
        drift_error: ``e = sup_t`` of the L1 or L2 norm of the drift error under the true law.
    """
    if not horizon > 0:
        raise ValueError(f"horizon must be positive, got {horizon!r}")
    _require_non_negative(lipschitz=lipschitz, initial=initial, drift_error=drift_error)
    root = math.sqrt(horizon)
    growth = total_variation_constant() * math.sqrt(1 + 2 * horizon * lipschitz)
    return growth * (initial / root + 2 * root * drift_error)


def heat_l1(initial: float, horizon: float) -> float:
    """Sharp form of (E2) without drift on the line: ``L1 <= W1_0 / sqrt(pi T)``."""
    return initial / math.sqrt(math.pi * horizon)


def gronwall_factor(lipschitz: Sequence[float], times: Sequence[float]) -> float:
    """``exp int L dt`` over the whole path, by the trapezoidal rule; ``inf`` on overflow."""
    exponent = float(np.trapezoid(np.asarray(lipschitz), np.asarray(times)))
    return math.exp(exponent) if exponent < 700 else math.inf


def girsanov_pinsker(diameter: float, divergence: float) -> float:
    """``W1 <= D sqrt(KL/2)``: Girsanov, data processing, Pinsker; no Lipschitz constant.

    Args:
        diameter: D.
        divergence: ``KL(initial laws) + (1/4) int E_true |drift error|^2 dt`` (noise sqrt(2)).
    """
    _require_non_negative(diameter=diameter, divergence=divergence)
    return diameter * math.sqrt(0.5 * divergence)


def transport_entropy(law: LineMixture, divergence: float) -> float:
    """Version G: ``W1(X, p) <= sqrt(2 S KL(X || p))`` with ``S = v + (spread/2)^2``.

    Lipschitz functions of a mixture are sub-Gaussian with that S (components: Gaussian; means:
    Hoeffding); then the duality of Bobkov and Goetze.
    """
    _require_non_negative(divergence=divergence)
    return math.sqrt(2 * (law.variance + (0.5 * law.spread) ** 2) * divergence)


def early_stopping_heat(eps: float, dim: int = 1) -> float:
    """(E4) ``W1(pi, pi_eps) <= sqrt(2 eps) E|Z_d|`` for the heat flow; equality for Dirac data."""
    _require_non_negative(eps=eps)
    mean_norm = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
    return math.sqrt(2 * eps) * mean_norm


def early_stopping_general(law: LineMixture, schedule: Schedule, eps: float) -> float:
    """``sqrt((1 - a)^2 E|Y|^2 + V)``: any data, by the coupling ``(Y, a Y + sqrt(V) Z)``."""
    a, V = schedule.scale(eps), schedule.variance(eps)
    return math.sqrt((1 - a) ** 2 * law.second_moment + V)


def early_stopping_mixture(law: LineMixture, schedule: Schedule, eps: float) -> float:
    """``sqrt(sum w_k (1 - a)^2 m_k^2 + (sqrt(V_eps) - sqrt(v))^2)``: order eps if v > 0.

    Each component is moved to its own noised version by the optimal map of Gaussians.
    """
    a = schedule.scale(eps)
    noised = law.noised(schedule, eps).variance
    centres = (1 - a) ** 2 * float(law.weights @ law.means**2)
    return math.sqrt(centres + (math.sqrt(noised) - math.sqrt(law.variance)) ** 2)


def objective_gap(lipschitz_integral: float, distance: float, entropy_gap: float) -> float:
    """(E5) ``|J(rho2) - J(rho1)| <= int Lip(g_s) ds W1(pi1, pi2) + |entropy differences|``.

    Args:
        lipschitz_integral: ``int Lip(|s|^2 + 2 s') ds``.
        distance: W1 of the laws at the start of the heat flow.
        entropy_gap: ``|[H(pi1) - H(pi2)] - [H(rho1(T)) - H(rho2(T))]|``.
    """
    _require_non_negative(distance=distance, entropy_gap=entropy_gap)
    return lipschitz_integral * distance + entropy_gap


def _least(f: object) -> float:
    # Minimum over the logarithm of a positive parameter; the functions have one minimum.
    return float(minimize_scalar(f, bounds=(-30.0, 30.0), method="bounded").fun)


def _require_non_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
