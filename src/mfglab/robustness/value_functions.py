"""Value functions ``U_tau + |U'|^2/2 = nu U''`` on the line in closed form or on a grid.

``tau = T - t`` is the time to go and ``U(0) = -2 nu log pi`` for a mixture pi. With noise Cole-Hopf
gives ``U = -2 nu log(Gamma_{2 nu tau} * pi)``, without noise Hopf-Lax gives
``U = min_y U(0, y) + (x - y)^2/(2 tau)``. Estimates in both cases, whatever U(0) is:

    U'' <= 1 / tau,          |U'|^2 <= 2 (U - min U(0)) / tau,

the semiconcavity of Hopf-Lax (Li-Yau and Hamilton for the heat equation) and Bernstein's estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ive, logsumexp

from mfglab.robustness.line import LineMixture
from mfglab.robustness.schedule import Array


@dataclass(frozen=True)
class Value:
    """U, its slope and its curvature at points, each (n,).

    Args:
        value: ``U - min U(0)``.
        slope: ``U'``.
        curvature: ``U''``, NaN where U has a kink.
    """

    value: Array
    slope: Array
    curvature: Array


def cole_hopf(law: LineMixture, nu: float, x: Array) -> Array:
    """``-2 nu log p`` at points, shape (n,), where p itself may vanish in floating point."""
    out: Array = -2 * nu * logsumexp(law.log_components(x), axis=1)
    return out


def viscous(law: LineMixture, nu: float, tau: float, x: Array, lowest: float) -> Value:
    """Cole-Hopf: exact for a mixture; ``lowest = min U(0)``."""
    now = LineMixture(law.weights, law.means, law.variance + 2 * nu * tau)
    value = cole_hopf(now, nu, x) - lowest
    return Value(value, -2 * nu * now.score(x), -2 * nu * now.score_slope(x))


def inviscid(law: LineMixture, nu: float, tau: float, x: Array, y: Array, lowest: float) -> Value:
    """Hopf-Lax: minimiser over the grid ``y``, polished by Newton; envelope theorem for U', U''.

    ``U' = (x - y*)/tau = U0'(y*)`` and ``U'' = U0''/(1 + tau U0'')``.
    """
    start = cole_hopf(law, nu, y)
    best = y[np.argmin(start + (x[:, None] - y) ** 2 / (2 * tau), axis=1)]
    for _ in range(30):
        slope, bend = -2 * nu * law.score(best), -2 * nu * law.score_slope(best)
        factor = 1 + tau * bend
        best = best - np.where(
            factor > 1e-3, (best + tau * slope - x) / np.maximum(factor, 1e-3), 0
        )
    slope, bend = -2 * nu * law.score(best), -2 * nu * law.score_slope(best)
    value = cole_hopf(law, nu, best) + (x - best) ** 2 / (2 * tau) - lowest
    return Value(value, slope, bend / (1 + tau * bend))


def circle_score_slopes(variance: float, r: Array) -> tuple[Array, Array]:
    """Normal and tangential derivative of the score of a noised uniform law on the unit circle.

    The density is ``exp(-(r^2 + 1)/(2V)) I0(r/V)``; with ``rho = I1/I0`` at ``z = r/V`` the radial
    score is ``(rho - r)/V``, its derivative ``-1/V + (1 - rho/z - rho^2)/V^2``, and the tangential
    one ``(rho - r)/(V r)``.
    """
    z = r / variance
    rho = ive(1, z) / ive(0, z)
    normal = -1 / variance + (1 - rho / z - rho**2) / variance**2
    return normal, (rho - r) / (variance * r)
