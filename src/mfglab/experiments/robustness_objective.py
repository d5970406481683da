"""Robustness, sweep (c): explicit, implicit and denoising objective on the circle.

The score is linear in trigonometric features at each noise level, so that every objective is
quadratic and its minimiser one linear solve: what is compared is the objective, not training.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.experiments.robustness_circle import MODES, compare
from mfglab.experiments.robustness_line import draw
from mfglab.robustness import bounds
from mfglab.robustness.circle import circle_points, theta
from mfglab.robustness.distances import w1_circle
from mfglab.robustness.line import LineMixture
from mfglab.robustness.schedule import Array

EPS, HORIZON, TERMS, FEATURES, LEVELS, CELLS = 0.002, 0.1, 32, 8, 41, 128
DRAWS = 2048


@dataclass(frozen=True)
class HeatedLaw:
    """Law on the unit circle by its Fourier coefficients ``E exp(-i k Y)``, under heat flow.

    Args:
        coefficients: For ``k = 2 pi m``, m = 1..TERMS, complex.
    """

    coefficients: np.ndarray[tuple[int], np.dtype[np.complex128]]

    @classmethod
    def of_points(cls, points: Array) -> HeatedLaw:
        """Empirical law."""
        return cls(np.exp(-1j * np.outer(_wave_numbers(), points)).mean(1))

    @classmethod
    def of_modes(cls) -> HeatedLaw:
        """The true law, a wrapped mixture."""
        k = _wave_numbers()
        phase = np.exp(-1j * np.outer(k, MODES.means)) @ MODES.weights
        return cls(phase * np.exp(-0.5 * k**2 * MODES.variance))

    def at(self, s: float, x: Array) -> tuple[Array, Array]:
        """Density and score at heat time s, shape (n,) each."""
        k = _wave_numbers()
        damped = self.coefficients * np.exp(-(k**2) * s)
        waves = np.exp(1j * np.outer(x, k))
        density = np.asarray(1 + 2 * (waves @ damped).real, dtype=np.float64)
        slope = np.asarray(2 * (waves @ (1j * k * damped)).real, dtype=np.float64)
        return density, slope / density


@dataclass(frozen=True)
class LinearScore:
    """``s(level, x) = sum_j theta_j(level) f_j(x)``, linear in log level between the levels.

    Args:
        levels: Heat times, increasing, shape (L,).
        theta: Coefficients, shape (L, 2 FEATURES).
    """

    levels: Array
    theta: Array

    def at(self, s: float, x: Array, order: int = 0) -> Array:
        """Value or x-derivative of the given order at heat time s, shape (n,)."""
        logs = np.log(self.levels)
        weights = [np.interp(math.log(s), logs, column) for column in self.theta.T]
        out: Array = features(x, order) @ np.array(weights)
        return out


def features(x: Array, order: int = 0) -> Array:
    """Sines and cosines, or their derivative of the given order, shape (n, 2 FEATURES)."""
    k = 2 * np.pi * np.arange(1, FEATURES + 1)
    phase = np.outer(x, k) + 0.5 * np.pi * order
    return np.concatenate([k**order * np.sin(phase), k**order * np.cos(phase)], axis=1)


def fit_explicit(law: HeatedLaw, levels: Array, x: Array) -> LinearScore:
    """Minimiser of ``E |s - score|^2``."""
    rows = []
    for s in levels:
        density, score = law.at(float(s), x)
        f = features(x)
        rows.append(_solve((f * density[:, None]).T @ f, f.T @ (density * score)))
    return LinearScore(levels, np.array(rows))


def fit_implicit(law: HeatedLaw, levels: Array, x: Array) -> LinearScore:
    """Minimiser of ``E [|s|^2 + 2 s']``, which needs no score."""
    rows = []
    for s in levels:
        density, _ = law.at(float(s), x)
        f = features(x)
        rows.append(_solve((f * density[:, None]).T @ f, -features(x, 1).T @ density))
    return LinearScore(levels, np.array(rows))


def fit_denoising(points: Array, levels: Array, key: Sequence[int]) -> LinearScore:
    """Minimiser of ``mean |s(Y) - score of the wrapped kernel|^2`` over noised draws."""
    repeated = np.tile(points, max(DRAWS // len(points), 1))
    rows = []
    for i, s in enumerate(levels):
        atom = LineMixture(np.array([1.0]), np.array([0.0]), 2 * float(s))
        noise = draw(atom, len(repeated), *key, i)
        kernel = theta(noise, 2 * float(s), MODES.length)
        f = features(repeated + noise)
        rows.append(_solve(f.T @ f, f.T @ (kernel.first / kernel.value)))
    return LinearScore(levels, np.array(rows))


def objective(law: HeatedLaw, model: LinearScore, x: Array) -> float:
    """``J = int E |s - score|^2 ds`` over the levels, trapezoidal rule."""
    values = []
    for s in model.levels:
        density, score = law.at(float(s), x)
        values.append(float(density @ (model.at(float(s), x) - score) ** 2) / len(x))
    return float(np.trapezoid(values, model.levels))


def gap_bound(first: HeatedLaw, second: HeatedLaw, model: LinearScore, x: Array) -> float:
    """(E5) for two laws and one score."""
    steep = []
    for s in model.levels:
        value, slope, bend = (model.at(float(s), x, order) for order in range(3))
        steep.append(float(np.abs(2 * value * slope + 2 * bend).max()))
    ends = (float(model.levels[0]), float(model.levels[-1]))
    entropies = [[_entropy(law.at(s, x)[0]) for s in ends] for law in (first, second)]
    gap = (entropies[0][0] - entropies[0][1]) - (entropies[1][0] - entropies[1][1])
    start = [law.at(ends[0], x)[0] / len(x) for law in (first, second)]
    integral = float(np.trapezoid(steep, model.levels))
    return bounds.objective_gap(integral, w1_circle(start[0], start[1], 1 / len(x)), abs(gap))


def objectives(config: RobustnessConfig) -> list[Cell]:
    """(c) Gap of the objective between sample and law, and the sampler of each objective."""
    x, levels = circle_points(CELLS), np.geomspace(EPS, HORIZON, LEVELS)
    true = HeatedLaw.of_modes()
    atoms = LineMixture(MODES.weights, MODES.means, MODES.variance)
    cells = _cells("explicit, true law", 0, true, true, fit_explicit(true, levels, x), 0, 0.0)
    for n, repeat in itertools.product(config.objective_sizes, range(2)):
        points = draw(atoms, n, config.seed, 77, n, repeat)
        law = HeatedLaw.of_points(points)
        # W1 of sample and law on the circle is at most W1 on the line: wrapping contracts.
        fine = circle_points(4096)
        counts = np.histogram(np.remainder(points, 1.0), 4096, (0.0, 1.0))[0] / n
        far = w1_circle(counts, MODES.pdf(fine) / 4096, 1 / 4096) + 1 / 8192
        models = {
            "explicit, smoothed sample": fit_explicit(law, levels, x),
            "implicit, smoothed sample": fit_implicit(law, levels, x),
            "denoising, noised draws": fit_denoising(points, levels, (config.seed, 78, n, repeat)),
        }
        for arm, model in models.items():
            cells += _cells(arm, n, true, law, model, repeat, far)
    return cells


def _cells(
    arm: str,
    n: int,
    true: HeatedLaw,
    law: HeatedLaw,
    model: LinearScore,
    repeat: int,
    far: float,
) -> list[Cell]:
    x = circle_points(CELLS)
    named = ("c objective", "circle", "modes", arm, "N", float(n))
    trivial = MODES.diameter
    early = math.sqrt(2 / math.pi) * (
        math.sqrt(MODES.variance + 2 * EPS) - math.sqrt(MODES.variance)
    )
    sampled, w1, to_law = _generate(true, law, model)
    known = {"triangle": early + far + sampled, "through the true score": early + to_law}
    cells = [Cell(*named, "w1", w1, trivial, known, repeat=repeat)]
    if n:
        own, other = objective(law, model, x), objective(true, model, x)
        uninformed = objective(true, LinearScore(model.levels, 0 * model.theta), x)
        known = {"objective gap (E5)": gap_bound(true, law, model, x)}
        cells.append(
            Cell(*named, "objective", abs(other - own), uninformed, known, y=own, repeat=repeat)
        )
    return cells


def _generate(true: HeatedLaw, law: HeatedLaw, model: LinearScore) -> tuple[float, float, float]:
    # Least W1 bound to the smoothed sample, W1 to the law itself, least bound to the true law.
    x = circle_points(CELLS)
    uniform = np.full(CELLS, 1 / CELLS)
    times = [float(HORIZON - s) for s in np.geomspace(HORIZON, EPS, 121)]
    best = []
    for target in (law, true):
        found = compare(
            (uniform, target.at(HORIZON, x)[0] / CELLS),
            (
                lambda t, y: 2 * model.at(HORIZON - t, y),
                lambda t, y, target=target: 2 * target.at(HORIZON - t, y)[1],  # type: ignore[misc]
            ),
            lambda t, y: 2 * model.at(HORIZON - t, y, 1),
            times,
            MODES.pdf(x) / CELLS,
        )
        best.append(min(found.w1_bounds.values()))
    return best[0], found.w1, best[1]


def _entropy(density: Array) -> float:
    return float((density * np.log(density)).mean())


def _solve(matrix: Array, rhs: Array) -> Array:
    ridge = 1e-10 * float(np.trace(matrix))
    return np.asarray(np.linalg.solve(matrix + ridge * np.eye(len(matrix)), rhs), dtype=np.float64)


def _wave_numbers() -> Array:
    return np.asarray(2 * np.pi * np.arange(1, TERMS + 1), dtype=np.float64)
