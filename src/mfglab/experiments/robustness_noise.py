"""Robustness, sweep (g): noise turns exponential growth of an error into polynomial growth."""

from __future__ import annotations

import math

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell, Row
from mfglab.robustness.distances import w1_masses
from mfglab.robustness.growth import TwoModes, flow_slope
from mfglab.robustness.line import Reversal, two_modes
from mfglab.robustness.samplers import Grid, Transition, exact_step
from mfglab.robustness.schedule import Array, Schedule

#: Largest added variance of the comparison, over the variance of a mode: past every maximum.
LARGEST = 50.0
LEVELS = {"reverse SDE": 1.0, "churn 0.5": 0.5, "probability flow": 0.0}


def growth_table(config: RobustnessConfig) -> list[Row]:
    """Closed forms of the three growth factors against numerics that do not use them."""
    rows: list[Row] = []
    for ratio in config.ratios:
        modes = TwoModes(ratio, 1.0)
        worst = modes.sde_worst_variance()
        pairs = {
            "reverse SDE, maximum": (modes.sde_max(), _sde_maximum(modes)),
            "reverse SDE, large noise": (modes.sde(LARGEST), _sde_growth(modes, LARGEST)),
            "probability flow": (modes.flow(worst), flow_slope(modes, worst)),
            "probability flow, large noise": (modes.flow(LARGEST), flow_slope(modes, LARGEST)),
            "Gronwall": (modes.gronwall(worst), _gronwall(modes, worst)),
            "Gronwall, large noise": (modes.gronwall(LARGEST), _gronwall(modes, LARGEST)),
        }
        rows += [
            {
                "ratio": ratio,
                "factor": name,
                "closed_form": closed,
                "numeric": numeric,
                "relative_error": abs(numeric / closed - 1),
            }
            for name, (closed, numeric) in pairs.items()
        ]
    return rows


def stochasticity(config: RobustnessConfig) -> list[Cell]:
    """(g) Two starts ``+-h`` about the ridge between the modes: how far apart do they end?"""
    cells = []
    for ratio in config.ratios:
        modes = TwoModes(ratio, 1.0)
        u = modes.sde_worst_variance()
        for h in (0.01, 0.1, 0.3):
            for name, level in LEVELS.items():
                measured = _spread(modes, u, h, level)
                known = {"Gronwall": 2 * h * modes.synchronous(u, level)}
                if level == 1:
                    known["Version A"] = 2 * h * modes.sde_max()
                cells.append(
                    Cell(
                        "g stochasticity",
                        "line",
                        "two modes",
                        name,
                        "a / sqrt(v)",
                        ratio,
                        "w1",
                        measured,
                        2 * ratio,
                        known,
                        y=h,
                    )
                )
    return cells


def _spread(modes: TwoModes, u: float, h: float, level: float) -> float:
    """W1 at the end between the samplers started at h and at -h from added variance u."""
    if level == 0:
        return _flow_gap(modes, u, h)
    grid = Grid.around(modes.a + 9.0, 0.04)
    laws = [_from_point(modes, grid, u, x, level) for x in (h, -h)]
    return w1_masses(laws[0], laws[1], grid.step)


def _from_point(modes: TwoModes, grid: Grid, u: float, x: float, level: float) -> Array:
    if level == 1:
        reversal = _reversal(modes)
        # Heat noising: V(s) = s.
        return exact_step(reversal, grid, np.ones(1), np.array([x]), u, 0.0)
    masses, at = np.ones(1), np.array([x])
    law = two_modes(modes.a, modes.v)
    step = u / 200
    for i in range(200):
        now = law.noised(_heat(), u - (i + 0.5) * step)
        centres = at + 0.5 * (1 + level**2) * step * now.score(at)
        masses = Transition(grid, centres, level * math.sqrt(step)).push(masses)
        at = grid.points
    return masses


def _flow_gap(modes: TwoModes, u: float, h: float, steps: int = 800) -> float:
    # Probability flow from h by Heun's method; from -h it is the mirror image.
    x, step = h, u / steps
    for i in range(steps):
        first = 0.5 * modes.score(u - i * step, x)
        second = 0.5 * modes.score(u - (i + 1) * step, x + step * first)
        x += 0.5 * step * (first + second)
    return 2 * x


def _sde_growth(modes: TwoModes, u: float) -> float:
    """``W1 / 2h`` of the posteriors of ``Y_0`` at h and -h, from Bayes' formula on a grid."""
    h, y = 1e-4, np.linspace(-modes.a - 10, modes.a + 10, 4001)
    density = two_modes(modes.a, modes.v).pdf(y)
    laws = [density * np.exp(-0.5 * (x - y) ** 2 / u) for x in (h, -h)]
    laws = [law / law.sum() for law in laws]
    return w1_masses(laws[0], laws[1], float(y[1] - y[0])) / (2 * h)


def _sde_maximum(modes: TwoModes) -> float:
    # Golden-section search over log u.
    low, high, golden = math.log(1e-4), math.log(LARGEST), (math.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _sde_growth(modes, math.exp(left)) > _sde_growth(modes, math.exp(right)):
            high = right
        else:
            low = left
    return _sde_growth(modes, math.exp(0.5 * (low + high)))


def _gronwall(modes: TwoModes, u: float) -> float:
    """``exp int max_x score' du`` with the maximum on a grid and Gauss quadrature."""
    x = np.linspace(-3 * modes.a, 3 * modes.a, 401)
    law = two_modes(modes.a, modes.v)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    exponent = 0.0
    for z, w in zip(nodes, weights, strict=True):
        level = 0.5 * u * (z + 1)
        slope = float(law.noised(_heat(), level).score_slope(x).max())
        exponent += 0.5 * u * w * slope
    return math.exp(exponent)


def _heat() -> Schedule:
    from mfglab.games.dynamics import HeatFlow

    return Schedule(HeatFlow(1.0, horizon=100.0))


def _reversal(modes: TwoModes) -> Reversal:
    return Reversal(two_modes(modes.a, modes.v), _heat(), 0.0)
