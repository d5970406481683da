"""Growth of a small shift through the reversal of two modes: noise against no noise.

Heat noising of the law with two equal modes at ``-a`` and ``a`` of variance v, from variance
u = V(s) of the added noise down to 0. The sampler with noise level lam is ``dX = (1 + lam^2)/2
score du + lam dW``: lam = 1 is the reverse SDE, lam = 0 the probability flow; all have the same
marginals for the true score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp


@dataclass(frozen=True)
class TwoModes:
    """Growth factors for modes at ``-a, a`` of variance v.

    Args:
        a: Half distance of the modes.
        v: Their variance.
    """

    a: float
    v: float

    def sde(self, u: float) -> float:
        """Exact factor of the reverse SDE at x = 0, ``v/(v+u) + a^2 u/(v+u)^2``."""
        total = self.v + u
        return self.v / total + self.a**2 * u / total**2

    def sde_max(self) -> float:
        """``max_u sde(u) = (a^2 + v)^2 / (4 a^2 v)`` if a^2 > v, else 1: polynomial in a^2/v."""
        if self.a**2 <= self.v:
            return 1.0
        return (self.a**2 + self.v) ** 2 / (4 * self.a**2 * self.v)

    def sde_worst_variance(self) -> float:
        """The u of :meth:`sde_max`: ``v (a^2 - v)/(a^2 + v)``."""
        return self.v * max(self.a**2 - self.v, 0.0) / (self.a**2 + self.v)

    def flow(self, u: float) -> float:
        """Slope at 0 of the probability-flow map: ``sqrt(v/(v+u)) exp((a^2/2v) u/(v+u))``."""
        return self.synchronous(u, 0.0)

    def gronwall(self, u: float) -> float:
        """Synchronous coupling of the SDE: ``(v/(v+u)) exp((a^2/v) u/(v+u))``."""
        return self.synchronous(u, 1.0)

    def synchronous(self, u: float, level: float) -> float:
        """``exp int (1 + lam^2)/2 max score' du``: couples two paths by the same noise.

        Largest over x: ``score'(0) = -1/(v+u) + a^2/(v+u)^2``. Exact for lam = 0, where the path
        of 0 stays at 0; an upper bound else.
        """
        ratio = u / (self.v + u)
        exponent = math.log(self.v / (self.v + u)) + self.a**2 / self.v * ratio
        return math.exp(0.5 * (1 + level**2) * exponent)

    def score_slope(self, u: float, x: float) -> float:
        """``d/dx score`` of the noised law."""
        total = self.v + u
        argument = min(abs(self.a * x / total), 300.0)
        return -1 / total + (self.a / total / math.cosh(argument)) ** 2

    def score(self, u: float, x: float) -> float:
        """Score of the noised law."""
        total = self.v + u
        return (self.a * math.tanh(self.a * x / total) - x) / total


def flow_slope(modes: TwoModes, u: float, x: float = 0.0) -> float:
    """Slope of the probability-flow map from u to 0 at x, from its variational equation."""

    def rates(r: float, y: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
        level = u - r
        return [
            0.5 * modes.score(level, float(y[0])),
            0.5 * modes.score_slope(level, float(y[0])) * float(y[1]),
        ]

    done = solve_ivp(rates, (0.0, u), [x, 1.0], rtol=1e-9, atol=1e-12, method="DOP853")
    return float(done.y[1, -1])
