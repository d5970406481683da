"""Robustness, sweep (h): trade-offs, and whether the parts add up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell, Row
from mfglab.experiments.robustness_line import (
    EPS,
    HALF,
    LAWS,
    MODES,
    NORMAL,
    OU,
    ScoreError,
    distance,
    draw,
)
from mfglab.robustness import bounds
from mfglab.robustness.distances import w1_masses
from mfglab.robustness.line import LineMixture, Reversal
from mfglab.robustness.samplers import (
    Grid,
    exact_step,
    kicked_run,
    stepped_run,
    time_grid,
)
from mfglab.robustness.schedule import Array
from mfglab.robustness.schemes import EulerMaruyama

KICKS, WIDTH = 50, 0.005
ERROR_SIZES, HORIZONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5), (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
ADDED = tuple(itertools.product((1.0, 2.0, 3.0), (0.0, 0.05, 0.2), (20, 80)))


@dataclass(frozen=True)
class TradeOff:
    """Cells and the memorisation map.

    Attributes:
        cells: Cells of the sweep.
        arrays: ``sizes``, ``eps``, ``error`` and ``memorisation`` (sizes, eps): mean distance to
            the nearest training point, generated over fresh points.
    """

    cells: list[Cell]
    arrays: dict[str, Array]


def eps_and_sample(config: RobustnessConfig) -> TradeOff:
    """Early stopping against sample size: the exact score of a sample, at every pair."""
    cells_each_side = round(HALF / WIDTH)
    edges: Array = WIDTH * np.arange(-cells_each_side, cells_each_side + 1, dtype=np.float64)
    middle: Array = np.asarray(0.5 * (edges[1:] + edges[:-1]), dtype=np.float64)
    eps = np.geomspace(1e-4, 1.0, 9)
    shape = (len(config.heat_sizes), len(eps))
    error, nearest, cells = np.zeros(shape), np.zeros(shape), []
    names, repeats = ("modes", "atoms"), config.heat_repeats
    for (i, n), name, repeat in itertools.product(
        enumerate(config.heat_sizes), names, range(repeats)
    ):
        law = LAWS[name]
        points = draw(law, n, config.seed, 79, n, repeat)
        support, counts = np.unique(points, return_counts=True)
        sample = LineMixture(counts / n, support, 0.0)
        clean, sampling = law.cdf(middle), distance(sample, law)
        gap = _nearest(np.sort(points), middle)
        fresh = float(gap @ np.diff(law.cdf(edges)))
        for j, s in enumerate(map(float, eps)):
            noised = sample.noised(OU, s)
            below = noised.cdf(middle)
            measured = float(np.abs(below - clean).sum()) * WIDTH
            known = {"triangle": bounds.early_stopping_mixture(law, OU, s) + OU.scale(s) * sampling}
            cells.append(
                Cell(
                    "h eps x N",
                    "line",
                    name,
                    "score of the sample",
                    "N",
                    float(n),
                    "w1",
                    measured,
                    distance(NORMAL, law),
                    known,
                    y=s,
                    repeat=repeat,
                )
            )
            if name == "modes":
                inner = 0.5 * (gap[1:] + gap[:-1])
                error[i, j] += measured / repeats
                nearest[i, j] += float(inner @ np.diff(below)) / fresh / repeats
    sizes = np.array(config.heat_sizes, dtype=np.float64)
    return TradeOff(cells, {"sizes": sizes, "eps": eps, "error": error, "memorisation": nearest})


def horizon_and_error(config: RobustnessConfig) -> TradeOff:
    """Horizon against score error: a long horizon forgets the start and collects error."""
    grid = Grid.around(HALF, max(config.grid_step, 0.03))
    reversal = Reversal(MODES, OU, EPS)
    clean, q = grid.masses(MODES.pdf(grid.points)), grid.masses(NORMAL.pdf(grid.points))
    early = bounds.early_stopping_mixture(MODES, OU, EPS)
    error, cells = np.zeros((len(HORIZONS), len(ERROR_SIZES))), []
    for (i, T), (j, size) in itertools.product(enumerate(HORIZONS), enumerate(ERROR_SIZES)):
        times = time_grid(EPS, T, KICKS, True)
        run = kicked_run(reversal, grid, q, times, sine(size, 1))
        error[i, j] = w1_masses(run.masses, clean, grid.step)
        known = {"early + reference + score": early + _reference(reversal, grid, q, T) + run.bound}
        cells.append(
            Cell(
                "h T x error",
                "line",
                "modes",
                "sin x",
                "T",
                T,
                "w1",
                float(error[i, j]),
                distance(NORMAL, MODES),
                known,
                y=size,
            )
        )
    arrays = {"horizons": np.array(HORIZONS), "error_sizes": np.array(ERROR_SIZES)}
    return TradeOff(cells, arrays | {"total": error})


def additivity(
    config: RobustnessConfig, cases: Sequence[tuple[float, float, int]] = ADDED
) -> list[Row]:
    """All errors at once against the sum of the bounds of each error alone.

    Args:
        config: Sizes.
        cases: Horizon, size of the score error, steps.
    """
    grid = Grid.around(HALF, max(config.grid_step, 0.025))
    reversal = Reversal(MODES, OU, EPS)
    clean, end = (grid.masses(law.pdf(grid.points)) for law in (MODES, MODES.noised(OU, EPS)))
    q = grid.masses(NORMAL.pdf(grid.points))
    rows: list[Row] = []
    for T, size, n in cases:
        times = time_grid(EPS, T, n, True)
        p = grid.masses(MODES.noised(OU, T).pdf(grid.points))

        error = sine(size, 2)
        runs = {
            "reference": exact_step(reversal, grid, q, grid.points, T, EPS),
            "score": (kicked := kicked_run(reversal, grid, p, times, error)).masses,
            "steps": (stepped := stepped_run(reversal, grid, p, times, EulerMaruyama())).masses,
        }
        parts = {name: w1_masses(law, end, grid.step) for name, law in runs.items()}
        parts["early"] = w1_masses(end, clean, grid.step)
        total = stepped_run(reversal, grid, q, times, EulerMaruyama(), error).masses
        limits = {
            "early": bounds.early_stopping_mixture(MODES, OU, EPS),
            "reference": _reference(reversal, grid, q, T),
            "score": kicked.bound,
            "steps": stepped.steps,
        }
        row: Row = {"T": T, "size": size, "steps": float(n)}
        rows.append(
            row
            | {f"measured_{name}": value for name, value in parts.items()}
            | {f"bound_{name}": value for name, value in limits.items()}
            | {
                "total": w1_masses(total, clean, grid.step),
                "sum_of_measured": math.fsum(parts.values()),
                "sum_of_bounds": math.fsum(limits.values()),
            }
        )
    return rows


def sine(size: float, k: int) -> ScoreError:
    """Score error ``size sin(k x)``."""
    return lambda x: size * np.sin(k * x)


def _reference(reversal: Reversal, grid: Grid, q: Array, horizon: float) -> float:
    law = reversal.law.noised(reversal.schedule, horizon)
    gap = np.abs(np.cumsum(q - grid.masses(law.pdf(grid.points))))
    return float(gap @ reversal.growth(horizon, grid.points)) * grid.step


def _nearest(points: Array, x: Array) -> Array:
    """Distance of each x to the nearest of the sorted points."""
    right = np.searchsorted(points, x).clip(1, len(points) - 1)
    gap = np.minimum(np.abs(x - points[right - 1]), np.abs(x - points[right]))
    return np.asarray(gap, dtype=np.float64)
