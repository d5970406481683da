"""Robustness on the circle, the setting of the theorem: all its bounds beside the measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.robustness import bounds
from mfglab.robustness.circle import (
    CircleLaw,
    circle_points,
    exact_reversal,
    heat_contraction,
)
from mfglab.robustness.distances import l1, w1_circle
from mfglab.robustness.fokker_planck import Drift, evolve, gradient_bound
from mfglab.robustness.schedule import Array

WEIGHTS, MEANS = np.array([0.4, 0.6]), np.array([0.3125, 0.65625])
MODES = CircleLaw(WEIGHTS, MEANS, 0.06**2)
EPS, MMD_WIDTH = 0.0005, 0.1


@dataclass(frozen=True)
class Comparison:
    """Two solutions of Fokker-Planck equations with noise sqrt(2), and all bounds of W1 and L1.

    Attributes:
        w1: Measured W1 at the end.
        l1: Measured L1.
        mmd: Measured MMD.
        w1_bounds: Feynman-Kac, Bernstein, Gronwall, Girsanov-Pinsker.
        l1_bounds: (E2) and Pinsker.
    """

    w1: float
    l1: float
    mmd: float
    w1_bounds: dict[str, float]
    l1_bounds: dict[str, float]


def compare(
    starts: tuple[Array, Array],
    drifts: tuple[Drift, Drift],
    slope: Drift,
    times: Sequence[float],
    target: Array | None = None,
) -> Comparison:
    """Solve with the learned and the true drift and evaluate every bound.

    The gradient bounds belong to the learned drift, the drift error is averaged under the true
    law: the identity ``int psi d(m1 - m2)(T) = int phi(0) d(m1 - m2)(0) + int int phi' (b1 - b2)
    dm2 dt`` has the backward solution phi of the first drift.

    Args:
        starts: Masses of the learned and of the true law, shape (n,).
        drifts: Learned and true drift.
        slope: Derivative of the learned drift.
        times: Increasing times.
        target: Law that the learned one is measured against, by default the true one at the end.
    """
    n, length = len(starts[0]), MODES.length
    dx, x = length / n, circle_points(n, length)
    learned = evolve(starts[0], drifts[0], times, length)[-1]
    true = evolve(starts[1], drifts[1], times, length)
    growth = gradient_bound(drifts[0], times, n, length)
    gaps = [np.abs(drifts[0](t, x) - drifts[1](t, x)) for t in times]
    steep = np.array([max(float(slope(t, x).max()), 0.0) for t in times])
    h, span = np.diff(times), times[-1] - times[0]
    mean = np.array([float(m @ e) for m, e in zip(true, gaps, strict=True)])
    square = np.array([float(m @ e**2) for m, e in zip(true, gaps, strict=True)])
    weighted = np.array([float((m * e) @ g) for m, e, g in zip(true, gaps, growth, strict=True)])
    start = w1_circle(*starts, dx)
    later = np.concatenate([np.cumsum((0.5 * (steep[1:] + steep[:-1]) * h)[::-1])[::-1], [0.0]])
    divergence = _divergence(starts[1], starts[0]) + 0.25 * _integral(square, h)
    factor = bounds.bernstein_factor(float(steep.max()), MODES.diameter)
    exponentials = np.exp(np.minimum(later, 600.0))
    end = true[-1] if target is None else target
    return Comparison(
        w1_circle(learned, end, dx),
        l1(learned, end),
        mmd_circle(learned, end),
        {
            "Feynman-Kac": float(growth[0].max()) * start + _integral(weighted, h),
            "Bernstein": factor * (start + _integral(mean, h)),
            "Gronwall": float(exponentials[0]) * start + _integral(exponentials * mean, h),
            "Girsanov-Pinsker": bounds.girsanov_pinsker(MODES.diameter, divergence),
        },
        {
            "total variation (E2)": bounds.l1_bound(
                float(steep.max()), span, start, float(mean.max())
            ),
            "Pinsker": math.sqrt(2 * divergence),
        },
    )


def mmd_circle(p: Array, q: Array) -> float:
    """MMD with the Gaussian kernel of the chord: points of the circle as points of the plane."""
    angle = 2 * np.pi * circle_points(len(p), MODES.length) / MODES.length
    radius = MODES.length / (2 * np.pi)
    gap = p - q
    chord2 = 2 * radius**2 * (1 - np.cos(angle[:, None] - angle))
    value = float(gap @ np.exp(-0.5 * chord2 / MMD_WIDTH**2) @ gap)
    return math.sqrt(max(value, 0.0))


def cells_of(
    found: Comparison, sweep: str, arm: str, parameter: str, x: float, y: float = 0.0
) -> list[Cell]:
    """W1, L1 and MMD cells of one comparison."""
    kernel = {
        "W1 bound / width": min(found.w1_bounds.values()) / MMD_WIDTH,
        "L1 bound": min(found.l1_bounds.values()),
    }
    values = [
        ("w1", found.w1, MODES.diameter, found.w1_bounds),
        ("l1", found.l1, 2.0, found.l1_bounds),
        ("mmd", found.mmd, math.sqrt(2), kernel),
    ]
    return [
        Cell(sweep, "circle", "modes", arm, parameter, x, quantity, measured, trivial, known, y=y)
        for quantity, measured, trivial, known in values
    ]


def reverse_times(horizon: float, steps: int) -> list[float]:
    """Generating times, refined towards the data: noising time falls geometrically to EPS."""
    return [float(horizon - s) for s in np.geomspace(horizon, EPS, steps + 1)]


def true_drifts(horizon: float) -> tuple[Drift, Drift]:
    """Drift ``2 score`` of the exact reversal and its derivative, in generating time."""
    return (
        lambda t, x: 2 * MODES.heated(horizon - t).score(x),
        lambda t, x: 2 * MODES.heated(horizon - t).score_slope(x),
    )


def circle_score_error(config: RobustnessConfig) -> list[Cell]:
    """(d, i) Injected errors ``delta sin(2 pi k x)`` and constants; true start."""
    cells = []
    for horizon in (0.05, 0.2):
        times = reverse_times(horizon, config.circle_steps)
        drift, slope = true_drifts(horizon)
        x = circle_points(config.circle_cells)
        start = MODES.heated(horizon).pdf(x) / config.circle_cells
        for k in (0, *config.circle_frequencies):
            for size in config.circle_errors:
                wrong, steeper = _wrong(drift, slope, k, size)
                found = compare((start, start), (wrong, drift), steeper, times)
                name = "constant" if k == 0 else f"sin {k} periods"
                arm = f"{name}, T = {horizon}"
                cells += cells_of(found, "d score error", arm, "size", size, horizon)
    return cells


def _wrong(drift: Drift, slope: Drift, k: int, size: float) -> tuple[Drift, Drift]:
    w = 2 * np.pi * k
    shape: Callable[[Array], Array] = (lambda x: np.sin(w * x)) if k else np.ones_like
    return (
        lambda t, x: drift(t, x) + 2 * size * shape(x),
        lambda t, x: slope(t, x) + 2 * size * w * np.cos(w * x),
    )


def circle_reference(config: RobustnessConfig) -> list[Cell]:
    """(e) Uniform start: the reference law itself (E3), and what the reversal makes of it.

    The reversal adds a factor of the same rate, so that the propagated error falls twice as fast.
    """
    n = 2 * config.circle_cells
    x, cells = circle_points(n), []
    uniform = np.full(n, 1.0 / n)
    clean = w1_circle(uniform, MODES.pdf(x) / n, 1.0 / n)
    end = MODES.heated(EPS).pdf(x) / n
    for horizon in config.circle_horizons:
        law = MODES.heated(horizon).pdf(x) / n
        far = w1_circle(uniform, law, 1.0 / n)
        scale = math.exp(4 * math.pi**2 * horizon / MODES.length**2)
        known = {"heat contraction": heat_contraction(horizon, MODES.length) * clean}
        named = ("e reference", "circle", "modes")
        cells.append(
            Cell(*named, "reference law", "exp(4 pi^2 T)", scale, "w1", far, MODES.diameter, known)
        )
        out = exact_reversal(MODES, uniform, EPS, horizon, x)
        times = reverse_times(horizon, config.circle_steps)
        drift, slope = true_drifts(horizon)
        growth = gradient_bound(drift, times, n, MODES.length)[0]
        steep = max(float(slope(t, x).max()) for t in times)
        factor = bounds.bernstein_factor(max(steep, 0.0), MODES.diameter)
        known = {
            "Feynman-Kac": float(growth.max()) * far,
            "Bernstein": factor * far,
            "Girsanov-Pinsker": bounds.girsanov_pinsker(MODES.diameter, _divergence(law, uniform)),
        }
        cells.append(
            Cell(
                *named,
                "propagated",
                "exp(4 pi^2 T)",
                scale,
                "w1",
                w1_circle(out, end, 1.0 / n),
                MODES.diameter,
                known,
            )
        )
    return cells


def _integral(values: Array, h: Array) -> float:
    # Right ends of the steps, as backward Euler uses the drift.
    return float(values[1:] @ h)


def _divergence(p: Array, q: Array) -> float:
    return max(float((p * np.log(p / q)).sum()), 0.0)
