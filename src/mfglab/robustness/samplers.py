"""Reverse-time samplers on a grid of the line: laws and error terms by quadrature, no samples.

A law is a vector of masses on a uniform grid. A Gaussian kernel whose standard deviation is at
least the spacing is integrated by the trapezoidal rule with relative error below 1e-8.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mfglab.robustness.line import Reversal
from mfglab.robustness.schedule import Array, Schedule
from mfglab.robustness.schemes import Scheme

#: Reach of a kernel in standard deviations: the mass beyond is below 1e-16.
_REACH = 8.3


@dataclass(frozen=True)
class Grid:
    """Uniform points on an interval.

    Args:
        low: First point.
        step: Spacing.
        size: Number of points.
    """

    low: float
    step: float
    size: int

    @classmethod
    def around(cls, half: float, step: float) -> Grid:
        """Symmetric grid on about [-half, half]."""
        n = int(np.ceil(half / step))
        return cls(-n * step, step, 2 * n + 1)

    @property
    def points(self) -> Array:
        """The points, shape (size,)."""
        return np.asarray(self.low + self.step * np.arange(self.size), dtype=np.float64)

    def masses(self, density: Array) -> Array:
        """Masses of a density at the points, normalised."""
        out: Array = density / density.sum()
        return out


class Transition:
    """Gaussian kernels ``N(centre_i, std^2)`` from sources to the grid, banded and normalised.

    Args:
        grid: Target points.
        centres: Means, shape (n,).
        std: Common standard deviation.
    """

    def __init__(self, grid: Grid, centres: Array, std: float) -> None:
        nearest = np.rint((centres - grid.low) / grid.step).astype(np.int64)
        reach = int(np.ceil(_REACH * std / grid.step)) + 1
        offsets = np.arange(-reach, reach + 1)
        target = nearest[:, None] + offsets
        z = (grid.low + grid.step * target - centres[:, None]) / std
        kernel = np.exp(-0.5 * z * z)
        self.kernel: Array = kernel / kernel.sum(1, keepdims=True)
        self.target = np.clip(target, 0, grid.size - 1)
        self.size = grid.size

    def push(self, masses: Array) -> Array:
        """Masses on the grid of sources with ``masses`` (n,)."""
        flow = masses[:, None] * self.kernel
        mass = np.bincount(self.target.ravel(), flow.ravel(), minlength=self.size)
        return np.asarray(mass, dtype=np.float64)

    def expect_gap(self, masses: Array, source: Array, target: Array, weight: Array) -> float:
        """``E[weight(X') |source(X) - target(X')|]`` over the joint law of start and end."""
        gap = np.abs(source[:, None] - target[self.target]) * weight[self.target]
        return float(masses @ (self.kernel * gap).sum(1))


def exact_step(
    reversal: Reversal, grid: Grid, masses: Array, at: Array, s: float, end: float
) -> Array:
    """Masses after the exact reversal from time s to ``end``, started at points ``at`` (n,)."""
    r, means, variance = reversal.posterior(s, end, at)
    out = np.zeros(grid.size)
    for k in range(r.shape[1]):
        out += Transition(grid, means[:, k], float(np.sqrt(variance))).push(masses * r[:, k])
    return out


@dataclass(frozen=True)
class KickedRun:
    """Exact reversal with the score error applied as kicks ``x + eta e(x)`` at the step times.

    Attributes:
        masses: Law at the end.
        bound: ``sum_k E |D(s_k, X + kick) - D(s_k, X)|`` with the denoiser D: Version A, exact.
        errors: ``sup |kick|`` of each step.
    """

    masses: Array
    bound: float


def kicked_run(
    reversal: Reversal,
    grid: Grid,
    start: Array,
    times: Sequence[float],
    error: Callable[[Array], Array],
) -> KickedRun:
    """Reverse sampler that is exact but for kicks; its Version-A bound holds at any step size.

    Between kicks ``phi(s, X)`` is a martingale, so only kicks change ``E phi``; on the line the
    change is at most that of the denoiser, whose slope is the sharp growth factor.

    Args:
        reversal: True law, noising, end time.
        grid: Points.
        start: Masses at the first time.
        times: Decreasing noising times, the last one ``reversal.eps``.
        error: Error of the score at points (n,).
    """
    x, masses, bound = grid.points, start, 0.0
    kick = error(x)
    for s, end in itertools.pairwise(times):
        eta = reversal.schedule.noise_integral(end, s)
        moved = x + eta * kick
        bound += float(masses @ np.abs(reversal.denoised(s, moved) - reversal.denoised(s, x)))
        masses = exact_step(reversal, grid, masses, moved, s, end)
    return KickedRun(masses, bound)


def coupling_bound(
    reversal: Reversal,
    grid: Grid,
    times: Sequence[float],
    error: Callable[[Array], Array],
    start: float = 0.0,
) -> float:
    """Version B for :func:`kicked_run`: synchronous coupling, the error under the TRUE law.

    Two paths with the same noise, one kicked: the distance grows by ``exp int L`` between kicks
    and by the Lipschitz constant of ``x + eta e(x)`` at a kick, and a kick adds ``eta |e|`` at
    the true path. Times and error as there.

    Args:
        reversal: True law, noising, end time.
        grid: Points.
        times: Decreasing noising times.
        error: Error of the score at points (n,).
        start: W1 of the start law to the true law at the first time.
    """
    x, total = grid.points, start
    kick = error(x)
    slope = max(float((np.diff(kick) / np.diff(x)).max()), 0.0)
    for s, end in itertools.pairwise(times):
        eta = reversal.schedule.noise_integral(end, s)
        law = grid.masses(reversal.law.noised(reversal.schedule, s).pdf(x))
        total = total * (1 + eta * slope) + eta * float(law @ np.abs(kick))
        total *= math.exp(lipschitz_integral(reversal, end, s))
    return total


def lipschitz_integral(reversal: Reversal, early: float, late: float, parts: int = 1) -> float:
    """``int L ds`` over [early, late] of the one-sided Lipschitz constant, by Gauss quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(5)
    total = 0.0
    edges = np.geomspace(early, late, parts + 1)
    for a, b in itertools.pairwise(edges):
        values = [reversal.one_sided_lipschitz(0.5 * (a + b) + 0.5 * (b - a) * z) for z in nodes]
        total += 0.5 * (b - a) * float(weights @ np.array(values))
    return total


@dataclass(frozen=True)
class SteppedRun:
    """A discretised sampler with all terms of the uncertainty bound (Version A).

    Attributes:
        masses: Law at the end.
        score: ``int E[g sigma^2 |error|]``.
        steps: ``int E[g |E[frozen - moving | X_t]|]``: first order in the step.
        steps_plain: The same without the conditional expectation: order one half.
        unsplit: Score and steps together, before the triangle inequality.
        girsanov: ``int E|mean drift - true drift|^2 / (2 sigma^2)``, for Version G.
    """

    masses: Array
    score: float
    steps: float
    steps_plain: float
    unsplit: float
    girsanov: float


_STEP_NODES, _STEP_WEIGHTS = np.polynomial.legendre.leggauss(2)


def stepped_run(
    reversal: Reversal,
    grid: Grid,
    start: Array,
    times: Sequence[float],
    scheme: Scheme,
    error: Callable[[Array], Array] | None = None,
) -> SteppedRun:
    """Sample with a one-step method and a wrong score; arguments as for :func:`kicked_run`."""
    x, masses = grid.points, start
    wrong = np.zeros_like(x) if error is None else error(x)
    totals = np.zeros(5)
    for s, end in itertools.pairwise(times):
        learned = reversal.law.noised(reversal.schedule, s).score(x) + wrong
        for node, weight in zip(_STEP_NODES, _STEP_WEIGHTS, strict=True):
            r = end + 0.5 * (s - end) * (1 - node)
            terms = _terms(reversal, grid, masses, (s, r), scheme, learned, wrong)
            totals += 0.5 * (s - end) * weight * terms
        masses = _transition(reversal.schedule, grid, (s, end), scheme, learned).push(masses)
    return SteppedRun(masses, *map(float, totals))


def _transition(
    schedule: Schedule, grid: Grid, times: tuple[float, float], scheme: Scheme, learned: Array
) -> Transition:
    s, end = times
    centres = scheme.centres(schedule, s, end, grid.points, learned)
    return Transition(grid, centres, float(np.sqrt(scheme.variance(schedule, s, end))))


def _terms(
    reversal: Reversal,
    grid: Grid,
    masses: Array,
    times: tuple[float, float],
    scheme: Scheme,
    learned: Array,
    wrong: Array,
) -> Array:
    # Integrands at time r inside the step from s: score, steps, plain steps, unsplit, girsanov.
    schedule, (s, r), x = reversal.schedule, times, grid.points
    step = _transition(schedule, grid, times, scheme, learned)
    noise = schedule.noise(r)
    true = reversal.law.noised(schedule, r).score(x)
    g = reversal.growth(r, x)
    frozen = scheme.frozen(schedule, s, r, x, learned)
    moving = scheme.moving(schedule, r, x, true + wrong)
    law = step.push(masses)
    lag = step.push(masses * frozen) - law * moving
    whole = lag + law * noise * wrong
    present = law > 1e-300
    squared = np.where(present, whole**2, 0.0) / np.where(present, law, 1.0)
    return np.array(
        [
            float((law * g * noise) @ np.abs(wrong)),
            float(g @ np.abs(lag)),
            step.expect_gap(masses, frozen, moving, g),
            float(g @ np.abs(whole)),
            float(squared.sum()) / (2 * noise),
        ]
    )


def time_grid(last: float, first: float, steps: int, geometric: bool) -> list[float]:
    """Decreasing noising times from ``first`` to ``last``, uniform or geometric."""
    if steps < 1 or not 0 < last < first:
        raise ValueError(f"need steps >= 1 and 0 < last < first, got {steps}, {last}, {first}")
    make = np.geomspace if geometric else np.linspace
    return [float(s) for s in make(first, last, steps + 1)]
