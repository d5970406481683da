"""Robustness, sweep (a): finite samples on the line."""

from __future__ import annotations

import math

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.experiments.robustness_line import EPS, HALF, HORIZON, MODES, NORMAL, OU, distance, draw
from mfglab.robustness import bounds
from mfglab.robustness.line import LineMixture, Reversal
from mfglab.robustness.samplers import Grid


def samples(config: RobustnessConfig) -> list[Cell]:
    """(a) Sampler with the exact score of a finite sample: it ends in the smoothed sample.

    Then ``W1(p^N_eps, p_eps) <= a_eps W1(pi^N, pi)`` because noise contracts, and the early
    stopping is added for ``W1(p^N_eps, pi)``: the triangle form, linear in ``W1(pi^N, pi)``.
    """
    cells = []
    a = OU.scale(EPS)
    trivial, width = distance(NORMAL, MODES), 0.02  # a seventh of the standard deviation
    middle = width * (np.arange(-HALF / width, HALF / width) + 0.5)
    smooth, clean = MODES.noised(OU, EPS).cdf(middle), MODES.cdf(middle)
    early = bounds.early_stopping_mixture(MODES, OU, EPS)
    for power in config.sample_powers:
        for repeat in range(config.repeats):
            sample = LineMixture.empirical(draw(MODES, 2**power, config.seed, power, repeat))
            sampling = a * distance(sample, MODES)
            law = sample.noised(OU, EPS).cdf(middle)
            sizes = {
                "sampling alone": float(np.abs(law - smooth).sum()) * width,
                "total": float(np.abs(law - clean).sum()) * width,
            }
            known = {
                "sampling alone": {"contraction": sampling},
                "total": {"triangle": early + sampling},
            }
            if power <= config.route_power and repeat < 3:
                route = _score_route(config, sample)
                known["sampling alone"]["score route"] = route
                known["total"]["score route"] = early + route
            cells += [
                Cell(
                    "a samples",
                    "line",
                    "modes",
                    arm,
                    "N",
                    2.0**power,
                    "w1",
                    sizes[arm],
                    trivial,
                    known[arm],
                    repeat=repeat,
                )
                for arm in sizes
            ]
    return cells


def _score_route(config: RobustnessConfig, sample: LineMixture) -> float:
    """Version A with the score error of the sample under its own noised law."""
    grid = Grid.around(HALF, config.grid_step)
    reversal = Reversal(MODES, OU, EPS)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    logs = 0.5 * math.log(HORIZON / EPS)
    total = 0.0
    for z, w in zip(nodes, weights, strict=True):
        s = EPS * math.exp(logs * (z + 1))
        now = sample.noised(OU, s)
        true = MODES.noised(OU, s)
        gap = np.abs(now.score(grid.points) - true.score(grid.points))
        mass = grid.masses(now.pdf(grid.points))
        total += logs * w * s * OU.noise(s) * float(mass @ (gap * reversal.growth(s, grid.points)))
    far, true = sample.noised(OU, HORIZON), MODES.noised(OU, HORIZON)
    gap = np.abs(far.cdf(grid.points) - true.cdf(grid.points))
    return total + float(gap @ reversal.growth(HORIZON, grid.points)) * grid.step
