"""A certified Wasserstein ball about a generated law, from the score and held-out points alone.

Setting: the circle of length R, noising by the heat flow, the sampler ``dX = 2 score dt + sqrt(2)
dW`` started in the uniform law. Nothing is assumed of the law of the data; docs/robustness.md,
section "Model-form uncertainty", has the proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mfglab.robustness.bounds import early_stopping_heat
from mfglab.robustness.circle import circle_points, heat_contraction, theta
from mfglab.robustness.fokker_planck import evolve, gradient_bound
from mfglab.robustness.schedule import Array

#: ``(s, x) -> score`` for arrays of noising times and points of one shape (n,).
CircleScore = Callable[[Array, Array], Array]
Complex = NDArray[np.complex128]


def coefficients(points: Array, cells: int, length: float = 1.0) -> Complex:
    """``E exp(-2 pi i m Y / R)`` of an empirical law, m = 0..cells/2, shape (cells/2 + 1,)."""
    base = np.exp(-2j * np.pi / length * np.asarray(points, dtype=np.float64))
    out, power = np.empty(cells // 2 + 1, dtype=np.complex128), np.ones_like(base)
    for m in range(len(out)):
        out[m] = power.mean()
        power *= base
    return out


@dataclass(frozen=True)
class LearnedPath:
    """A learned sampler on a grid of the circle: its law at the end and its growth factors.

    Attributes:
        times: Decreasing noising times, horizon to early stopping, shape (K,).
        score: At the cell centres, shape (K, n).
        growth: Feynman-Kac bound g of ``|d/dx phi|`` of the learned process, shape (K, n).
        masses: Law of the generated points, shape (n,).
        length: R.
    """

    times: Array
    score: Array
    growth: Array
    masses: Array
    length: float

    @classmethod
    def of(
        cls, score: CircleScore, times: Sequence[float], cells: int, length: float = 1.0
    ) -> LearnedPath:
        """Solve the forward and the backward equation of the learned sampler.

        Args:
            score: The network.
            times: Decreasing noising times, from the horizon to early stopping.
            cells: Even number n of finite volumes.
            length: R.

        Raises:
            ValueError: Times do not decrease to a positive number, or the grid is too coarse for
                the last of them.
        """
        s = np.asarray(times, dtype=np.float64)
        if len(s) < 2 or not s[-1] > 0 or (np.diff(s) >= 0).any():
            raise ValueError(f"times must decrease to a positive number, got {list(times)!r}")
        if cells % 2 or (math.pi * cells / length) ** 2 * s[-1] < 20:
            raise ValueError(
                f"cells must be even and resolve the last time {s[-1]:g}, got {cells!r}"
            )
        x, half = circle_points(cells, length), 0.5 * length / cells
        at = np.concatenate([x, x + half])
        values = score(np.repeat(s, 2 * cells), np.tile(at, len(s))).reshape(len(s), 2, cells)
        clock = s[0] - s

        def drift(t: float, _x: Array) -> Array:
            return 2 * np.asarray(values[int(np.abs(clock - t).argmin()), 1])

        ticks = [float(t) for t in clock]
        masses = evolve(np.full(cells, 1.0 / cells), drift, ticks, length)[-1]
        growth = np.stack(gradient_bound(drift, ticks, cells, length))
        return cls(s, np.ascontiguousarray(values[:, 0]), growth, masses, length)

    @property
    def weights(self) -> Array:
        """Trapezoidal weights of ``int ds``, shape (K,)."""
        h = -np.diff(self.times)
        return np.asarray(0.5 * (np.append(h, 0.0) + np.insert(h, 0, 0.0)), dtype=np.float64)

    @property
    def _waves(self) -> Array:
        return np.asarray(2 * np.pi / self.length * np.arange(self.score.shape[1] // 2 + 1))

    def _series(self, law: Complex) -> tuple[Array, Array]:
        k, n = self._waves, self.score.shape[1]
        waves = law * np.exp(-np.outer(self.times, k**2) + 0.5j * k * self.length / n)
        density = np.fft.irfft(waves, n, axis=1) * n / self.length
        slope = np.fft.irfft(1j * k * waves, n, axis=1) * n / self.length
        # Rounding leaves about 1e-15 where there is no mass.
        return np.maximum(density, 1e-14), np.asarray(slope, dtype=np.float64)

    def density(self, law: Complex) -> Array:
        """``p_s`` at the cell centres for a law with these coefficients, shape (K, n)."""
        return self._series(law)[0]

    def gap(self, law: Complex) -> Array:
        """``score * p_s - p_s'`` at the cell centres, shape (K, n)."""
        density, slope = self._series(law)
        return np.asarray(self.score * density - slope, dtype=np.float64)

    def error(self, law: Complex, weighted: bool = True) -> float:
        """``F = int E_{p_s} g 2 |score - true score| ds`` for the law with these coefficients.

        A supremum of functionals linear in the law, thus convex in it: the mean of F over random
        samples of a law is never below F of the law.

        Args:
            law: From :func:`coefficients`.
            weighted: With g, or with 1 in its place.
        """
        g = self.growth if weighted else np.ones_like(self.growth)
        each = (g * np.abs(self.gap(law))).sum(1) * self.length / self.score.shape[1]
        return 2.0 * float(self.weights @ each)

    def squared_error(self, law: Complex) -> float:
        """``J = int E_{p_s} |score - true score|^2 ds`` for the law with these coefficients."""
        each = (self.gap(law) ** 2 / self.density(law)).sum(1)
        return float(self.weights @ each) * float(self.length) / len(self.masses)

    def steepness(self) -> tuple[Array, float]:
        """``L = max(sup_x 2 score', 0)`` at each time, shape (K,), and ``int L ds``."""
        n = self.score.shape[1]
        slope = np.fft.irfft(1j * self._waves * np.fft.rfft(self.score, axis=1), n, axis=1)
        steep = np.maximum(2 * slope.max(1), 0.0)
        return steep, float(self.weights @ steep)

    def influence(self, law: Complex) -> Array:
        """h(y) at the cell centres, the maximising linear functional: ``F(law) = E h(Y)``."""
        k, n = self._waves, self.score.shape[1]
        w = self.growth * np.sign(self.gap(law))
        transformed = np.fft.rfft(w * self.score, axis=1) + 1j * k * np.fft.rfft(w, axis=1)
        damping = 2 * self.weights[:, None] * np.exp(-np.outer(self.times, k**2))
        out: Array = np.fft.irfft((damping * transformed).sum(0), n)
        return out

    def worst_case(self) -> float:
        """``C = sup_y int E[g 2 |score - kernel score| | Y_0 = y] ds``.

        One of M points moves F by at most ``2 C / M``.
        """
        n = self.score.shape[1]
        offsets = np.arange(n) * self.length / n
        shift = np.arange(n)[:, None] - np.arange(n)  # row x, column y
        total = np.zeros(n)
        for s, weight, score, g in zip(
            self.times, self.weights, self.score, self.growth, strict=True
        ):
            kernel = theta(offsets, 2 * float(s), self.length)
            gap = score[:, None] * kernel.value[shift] - kernel.first[shift]
            total += weight * (g @ np.abs(gap))
        return float(2 * total.max() * self.length / n)


@dataclass(frozen=True)
class Certificate:
    """``W1(generated law, law of the data) <= radius`` with probability at least ``level``.

    Attributes:
        early: Early stopping, any law.
        reference: Start in the uniform law, any law.
        score: F of the held-out points: estimated score error times growth, biased upwards.
        deviation: What is added to F for the confidence (McDiarmid's inequality).
        normal_deviation: The same by the normal approximation, no certificate.
        level: Confidence.
        path: The learned sampler.
    """

    early: float
    reference: float
    score: float
    deviation: float
    normal_deviation: float
    level: float
    path: LearnedPath

    @property
    def radius(self) -> float:
        """Of the ball."""
        return self.early + self.reference + self.score + self.deviation

    @property
    def vacuous(self) -> bool:
        """The ball is the whole space."""
        return not self.radius < 0.5 * self.path.length

    def interval(self, expectation: float, lipschitz: float = 1.0) -> tuple[float, float]:
        """Bounds of the true expectation of a function with this Lipschitz constant.

        Args:
            expectation: Under the generated law.
            lipschitz: Lipschitz constant of the function on the circle.
        """
        reach = lipschitz * self.radius
        return expectation - reach, expectation + reach


def certify(
    score: CircleScore,
    held_out: Array,
    times: Sequence[float],
    cells: int = 192,
    level: float = 0.95,
    length: float = 1.0,
) -> Certificate:
    """Certified W1 radius about the law that a learned score generates.

    Args:
        score: The network, ``(s, x) -> score`` for arrays (n,).
        held_out: Independent points of the data that training has not seen, shape (M,).
        times: Decreasing noising times, from the horizon to early stopping.
        cells: Finite volumes of the circle.
        level: Confidence, between 0 and 1.
        length: R.

    Raises:
        ValueError: The level is no probability, there are no points, or as :meth:`LearnedPath.of`.
    """
    if not 0 < level < 1 or len(held_out) < 2:
        raise ValueError(
            f"need 0 < level < 1 and two points, got level {level!r}, {len(held_out)} points"
        )
    path = LearnedPath.of(score, times, cells, length)
    law = coefficients(held_out, cells, length)
    place = circle_points(cells, length)
    h = np.interp(np.remainder(held_out, length), place, path.influence(law), period=length)
    root = math.sqrt(len(held_out))
    horizon, eps = float(path.times[0]), float(path.times[-1])
    # W1 to the uniform law is largest for an atom, R/4, and contracts up to the horizon.
    far = heat_contraction(horizon, length) * 0.25 * length
    return Certificate(
        early=early_stopping_heat(eps),
        reference=float(path.growth[0].max()) * far,
        score=path.error(law),
        deviation=path.worst_case() * math.sqrt(2 * math.log(1 / (1 - level))) / root,
        normal_deviation=float(ndtri(level)) * float(h.std(ddof=1)) / root,
        level=level,
        path=path,
    )
