"""Laws on the line with everything exact: mixtures of equal variance, their noised versions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from mfglab.robustness.schedule import Array, Schedule


@dataclass(frozen=True)
class LineMixture:
    """``sum_k w_k N(m_k, v)`` on the line; ``v = 0`` is a law of atoms.

    Args:
        weights: ``w``, shape (K,), positive, summing to one.
        means: ``m``, shape (K,).
        variance: ``v``, not negative.

    Raises:
        ValueError: Weights are no probabilities, shapes differ, or ``v`` is negative.
    """

    weights: Array
    means: Array
    variance: float

    def __post_init__(self) -> None:
        if self.weights.shape != self.means.shape or self.weights.ndim != 1:
            raise ValueError(
                f"weights and means need one shape (K,), got {self.weights.shape} and "
                f"{self.means.shape}"
            )
        total = float(self.weights.sum())
        if (self.weights <= 0).any() or abs(total - 1) > 1e-9:
            raise ValueError(f"weights must be positive and sum to 1, got sum {total!r}")
        if self.variance < 0:
            raise ValueError(f"variance must not be negative, got {self.variance!r}")

    @classmethod
    def empirical(cls, points: Array) -> LineMixture:
        """Atoms of equal weight at the points, shape (N,)."""
        n = len(points)
        return cls(np.full(n, 1.0 / n), np.asarray(points, dtype=np.float64), 0.0)

    @property
    def mean(self) -> float:
        """Expectation."""
        return float(self.weights @ self.means)

    @property
    def second_moment(self) -> float:
        """``E Y^2``."""
        return float(self.weights @ self.means**2) + self.variance

    @property
    def spread(self) -> float:
        """Distance between the outermost means."""
        return float(np.ptp(self.means))

    def noised(self, schedule: Schedule, s: float) -> LineMixture:
        """Law of ``Y_s``."""
        a, V = schedule.scale(s), schedule.variance(s)
        return LineMixture(self.weights, a * self.means, a**2 * self.variance + V)

    def log_components(self, x: Array) -> Array:
        """``log w_k N(x; m_k, v)``, shape (n, K)."""
        z2 = (x[:, None] - self.means) ** 2 / self.variance
        constant: Array = np.log(self.weights) - 0.5 * np.log(2 * np.pi * self.variance)
        out: Array = constant - 0.5 * z2
        return out

    def responsibilities(self, x: Array) -> Array:
        """Posterior weights of the components, shape (n, K)."""
        logs = self.log_components(x)
        r = np.exp(logs - logs.max(1, keepdims=True))
        out: Array = r / r.sum(1, keepdims=True)
        return out

    def pdf(self, x: Array) -> Array:
        """Density, shape (n,)."""
        out: Array = np.exp(self.log_components(x)).sum(1)
        return out

    def cdf(self, x: Array) -> Array:
        """Distribution function, shape (n,); continuous from the right for atoms."""
        if self.variance == 0:
            order = np.argsort(self.means)
            below = np.searchsorted(self.means[order], x, side="right")
            mass = np.concatenate([[0.0], np.cumsum(self.weights[order])])
            return np.asarray(mass[below], dtype=np.float64)
        out: Array = ndtr((x[:, None] - self.means) / np.sqrt(self.variance)) @ self.weights
        return out

    def score(self, x: Array) -> Array:
        """``d/dx log p``, shape (n,)."""
        out: Array = (self.responsibilities(x) @ self.means - x) / self.variance
        return out

    def score_slope(self, x: Array) -> Array:
        """``d^2/dx^2 log p = -1/v + Var_r(m)/v^2``, shape (n,)."""
        out: Array = -1 / self.variance + self.mean_variance(x) / self.variance**2
        return out

    def mean_variance(self, x: Array) -> Array:
        """``Var_r(m)``: variance of the component means under the posterior weights, (n,)."""
        r = self.responsibilities(x)
        centre = r @ self.means
        out: Array = (r * (self.means - centre[:, None]) ** 2).sum(1)
        return out


@dataclass(frozen=True)
class Reversal:
    """The exact reversal of noising, from time s down to ``eps``.

    ``phi(s, x) = E[psi(Y_eps) | Y_s = x]`` solves the backward equation of the reverse SDE, and
    ``d/dx phi = (al/tau^2) Cov(psi(Y_eps), Y_eps | Y_s = x)``. For 1-Lipschitz psi the covariance
    is at most the variance, attained by psi = identity: :meth:`growth` is sharp.

    Args:
        law: Law of the data.
        schedule: Noising.
        eps: Time at which the reversal stops.
    """

    law: LineMixture
    schedule: Schedule
    eps: float

    def denoised(self, s: float, x: Array) -> Array:
        """``E[Y_eps | Y_s = x]``, shape (n,); a primitive of :meth:`growth`."""
        r, means, _ = self.posterior(s, self.eps, x)
        out: Array = (r * means).sum(1)
        return out

    def growth(self, s: float, x: Array) -> Array:
        """``g(s, x) = (al/tau^2) Var(Y_eps | Y_s = x)``, without the quotient 0/0 at s = eps."""
        al, tau2 = self.schedule.bridge(self.eps, s)
        Ve = self.law.noised(self.schedule, self.eps).variance
        now = self.law.noised(self.schedule, s)
        a_eps, a_s = self.schedule.scale(self.eps), self.schedule.scale(s)
        spread = now.mean_variance(x) / a_s**2
        out: Array = al * Ve / now.variance + al * a_eps**2 * tau2 / now.variance**2 * spread
        return out

    def posterior(self, s: float, end: float, x: Array) -> tuple[Array, Array, float]:
        """Law of ``Y_end`` given ``Y_s = x``: weights (n, K), means (n, K), common variance."""
        al, tau2 = self.schedule.bridge(end, s)
        now, then = self.law.noised(self.schedule, s), self.law.noised(self.schedule, end)
        means = (then.means * tau2 + al * then.variance * x[:, None]) / now.variance
        return now.responsibilities(x), means, then.variance * tau2 / now.variance

    def one_sided_lipschitz(self, s: float) -> float:
        """Upper bound of the slope of the reverse drift ``c x + sigma^2 score`` at time s.

        ``c + sigma^2 (-1/V + (spread/2)^2/V^2)``: a law on an interval has at most the variance
        of two equal atoms at its ends (Popoviciu); equality for two equal modes.
        """
        now = self.law.noised(self.schedule, s)
        worst = -1 / now.variance + (0.5 * now.spread) ** 2 / now.variance**2
        return self.schedule.drift(s) + self.schedule.noise(s) * worst


def two_modes(half: float, variance: float) -> LineMixture:
    """Two equal modes at ``-half`` and ``half``."""
    return LineMixture(np.array([0.5, 0.5]), np.array([-half, half]), variance)
