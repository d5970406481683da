"""Laws on the circle of length R under the heat flow ``d_s eta = eta''``, exact in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfglab.robustness.schedule import Array

#: Variance over R^2 above which the Fourier series needs fewer terms than the sum of images.
_SWITCH = 0.05


@dataclass(frozen=True)
class Theta:
    """A wrapped Gaussian and its derivatives at some points.

    Attributes:
        value: Density.
        first: Its derivative.
        second: Its second derivative.
    """

    value: Array
    first: Array
    second: Array


def theta(x: Array, variance: float, length: float) -> Theta:
    """Wrapped Gaussian ``sum_m N(x + m R; 0, v)`` on the circle of length R.

    Images for small variance, Fourier series ``(1 + 2 sum cos(k x) exp(-k^2 v/2))/R`` with
    ``k = 2 pi m / R`` for large: both have a handful of terms (Jacobi's identity).

    Raises:
        ValueError: ``variance`` or ``length`` is not positive.
    """
    if not (variance > 0 and length > 0):
        raise ValueError(f"variance and length must be positive, got {variance!r}, {length!r}")
    if variance / length**2 > _SWITCH:
        return _series(x, variance, length)
    near = np.remainder(x + 0.5 * length, length) - 0.5 * length
    reach = int(np.ceil(9 * np.sqrt(variance) / length)) + 1
    z = near[..., None] + length * np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * z**2 / variance) / np.sqrt(2 * np.pi * variance)
    return Theta(
        bell.sum(-1),
        (-z / variance * bell).sum(-1),
        ((z**2 / variance - 1) / variance * bell).sum(-1),
    )


def _series(x: Array, variance: float, length: float) -> Theta:
    terms = int(np.ceil(np.sqrt(80 / variance) * length / (2 * np.pi))) + 1
    k = 2 * np.pi / length * np.arange(1, terms + 1)
    damped = 2 / length * np.exp(-0.5 * k**2 * variance)
    phase = np.asarray(x)[..., None] * k
    return Theta(
        1 / length + (damped * np.cos(phase)).sum(-1),
        (-k * damped * np.sin(phase)).sum(-1),
        (-(k**2) * damped * np.cos(phase)).sum(-1),
    )


@dataclass(frozen=True)
class CircleLaw:
    """Wrapped mixture ``sum_k w_k N(m_k, v)`` on the circle of length R; ``v = 0``: atoms.

    Args:
        weights: ``w``, shape (K,).
        means: ``m``, shape (K,).
        variance: ``v``.
        length: R.
    """

    weights: Array
    means: Array
    variance: float
    length: float = 1.0

    @property
    def diameter(self) -> float:
        """Largest distance on the circle, ``R/2``."""
        return 0.5 * self.length

    def heated(self, s: float) -> CircleLaw:
        """Law after heat flow for time s: variance ``v + 2s``."""
        return CircleLaw(self.weights, self.means, self.variance + 2 * s, self.length)

    def _theta(self, x: Array) -> Theta:
        parts = theta(x[:, None] - self.means, self.variance, self.length)
        return Theta(*(p @ self.weights for p in (parts.value, parts.first, parts.second)))

    def pdf(self, x: Array) -> Array:
        """Density at points (n,)."""
        return self._theta(x).value

    def score(self, x: Array) -> Array:
        """``d/dx log p`` by theta series."""
        at = self._theta(x)
        return at.first / at.value

    def score_slope(self, x: Array) -> Array:
        """``d^2/dx^2 log p``."""
        at = self._theta(x)
        out: Array = at.second / at.value - (at.first / at.value) ** 2
        return out


def circle_points(size: int, length: float = 1.0) -> Array:
    """``size`` equidistant points (cell centres) of the circle."""
    return np.asarray((np.arange(size) + 0.5) * (length / size), dtype=np.float64)


def heat_contraction(t: float, length: float, size: int = 4096) -> float:
    """(E3) Factor by which the heat flow on the circle contracts W1, ``int |Gamma_t - 1/R| dx``.

    For mean-free ``psi'`` (every ``psi`` on the circle) ``(Gamma_t * psi)' = (Gamma_t - 1/R) *
    psi'``, so the Lipschitz constant falls by that integral; at most 1, and about
    ``(4/pi) exp(-4 pi^2 t / R^2)`` for large t.
    """
    kernel = theta(circle_points(size, length), 2 * t, length).value
    return float(min(1.0, np.abs(kernel - 1 / length).sum() * length / size))


def exact_reversal(law: CircleLaw, masses: Array, eps: float, s: float, x: Array) -> Array:
    """Masses at ``eps`` after the exact reversal from time s, started with ``masses`` at ``x``.

    ``p(y | x) = p_eps(y) Gamma_{s - eps}(x - y) / p_s(x)``; the convolution is a Fourier product.
    """
    now, then = law.heated(s).pdf(x), law.heated(eps).pdf(x)
    k = 2 * np.pi / law.length * np.arange(len(x) // 2 + 1)
    damping = np.exp(-(k**2) * (s - eps))
    spread = np.fft.irfft(np.fft.rfft(masses / now) * damping, len(x))
    out: Array = then * np.maximum(spread, 0.0)
    return np.asarray(out / out.sum(), dtype=np.float64)
