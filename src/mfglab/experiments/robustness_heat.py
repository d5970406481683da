"""Robustness on the circle, the heat flow alone: early stopping and contraction."""

from __future__ import annotations

import math

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.experiments.robustness_circle import MEANS, MODES, WEIGHTS
from mfglab.robustness import bounds
from mfglab.robustness.circle import CircleLaw, circle_points, heat_contraction, theta
from mfglab.robustness.distances import l1, w1_circle
from mfglab.robustness.schedule import Array


def circle_contraction(config: RobustnessConfig) -> list[Cell]:
    """(e) Heat contraction of pairs of wrapped Gaussians at several distances."""
    n = 2 * config.circle_cells
    x, cells = circle_points(n), []
    for t in config.circle_horizons:
        for shift in (0.0625, 0.125, 0.25, 0.5):
            before, after = (
                [theta(x - m, v, 1.0).value / n for m in (0.25, 0.25 + shift)]
                for v in (1e-3, 1e-3 + 2 * t)
            )
            start = w1_circle(before[0], before[1], 1.0 / n)
            known = {"heat contraction": heat_contraction(t, 1.0) * start}
            measured = w1_circle(after[0], after[1], 1.0 / n)
            cells.append(
                Cell(
                    "e reference",
                    "circle",
                    "two points",
                    "heat flow of a pair",
                    "time",
                    t,
                    "w1",
                    measured,
                    MODES.diameter,
                    known,
                    y=shift,
                )
            )
            smooth = {
                "heat, sharp": bounds.heat_l1(start, t),
                "total variation (E2)": bounds.l1_bound(0.0, t, start, 0.0),
            }
            cells.append(
                Cell(
                    "i total variation",
                    "circle",
                    "two points",
                    "heat flow of a pair",
                    "time",
                    t,
                    "l1",
                    l1(after[0], after[1]),
                    2.0,
                    smooth,
                    y=shift,
                )
            )
    return cells


def circle_early_stopping(config: RobustnessConfig) -> list[Cell]:
    """(b) Heat flow of atoms and of modes on the circle."""
    n, cells = 8192, []
    x = circle_points(n)
    for name, variance in (("atoms", 0.0), ("modes", MODES.variance)):
        law = CircleLaw(WEIGHTS, MEANS, variance)
        for eps in np.geomspace(1e-5, 1e-1, config.eps_points):
            s = float(eps)
            after = law.heated(s).pdf(x) / n
            # The means are edges of cells: an atom is half a mass on either side.
            before = law.pdf(x) / n if variance else _atoms(law, n)
            known = {"early stopping, heat": bounds.early_stopping_heat(s)}
            if variance:
                grown = math.sqrt(variance + 2 * s) - math.sqrt(variance)
                known["early stopping"] = math.sqrt(2 / math.pi) * grown
            cells.append(
                Cell(
                    "b early stopping",
                    "circle",
                    name,
                    "heat",
                    "V/2",
                    s,
                    "w1",
                    w1_circle(after, before, 1.0 / n),
                    law.diameter,
                    known,
                )
            )
    return cells


def _atoms(law: CircleLaw, n: int) -> Array:
    out = np.zeros(n)
    for w, m in zip(law.weights, law.means, strict=True):
        edge = round(m / law.length * n)
        out[[edge - 1, edge % n]] += 0.5 * w
    return out
