"""Velocity errors through exact samplers of the line: straight flow, probability flow, SDE."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from mfglab.config import RobustnessFlowsConfig
from mfglab.experiments.robustness_cells import QUADRATURE, Row
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.robustness.distances import w1_masses
from mfglab.robustness.flow_bounds import (
    exponential_growth,
    hamilton_jacobi_growth,
    propagated,
)
from mfglab.robustness.line import LineMixture, Reversal, two_modes
from mfglab.robustness.samplers import Grid, coupling_bound, kicked_run, time_grid
from mfglab.robustness.schedule import Array, Schedule

Error = Callable[[Array], Array]
Velocity = Callable[[float, Array], Array]
#: Reversal of the Ornstein-Uhlenbeck process: start, end, kicks, spacing of the grid.
HORIZON, EPS, KICKS, SPACING = 3.0, 0.01, 60, 0.04


@dataclass(frozen=True)
class Push:
    """What an error did to a deterministic sampler.

    Args:
        moved: W1 between perturbed and unperturbed end law, exact for the quantiles.
        total: ``int E|e| dt`` along the perturbed paths.
        errors: ``E|e|`` on the time grid.
    """

    moved: float
    total: float
    errors: Array


class StraightFlow:
    """Optimal transport of N(0, 1) to a law: ``X_t = (1 - t) z + t T(z)``, T increasing.

    Args:
        law: The law.
    """

    def __init__(self, law: LineMixture) -> None:
        std = np.sqrt(law.variance)
        low, high = law.means.min() - 8 * std, law.means.max() + 8 * std
        self.ends = np.linspace(low, high, 20001)
        scaled = (self.ends[:, None] - law.means) / std
        below, above = ndtr(scaled) @ law.weights, ndtr(-scaled) @ law.weights
        self.starts = np.where(below < 0.5, ndtri(below), -ndtri(above))
        self.slopes = np.exp(-0.5 * self.starts**2) / np.sqrt(2 * np.pi) / law.pdf(self.ends)

    def velocity(self, t: float, x: Array) -> Array:
        """``T(z) - z`` at the start z of the line through (t, x), shape (n,)."""
        place = (1 - t) * self.starts + t * self.ends
        out: Array = np.interp(x, place, self.ends - self.starts)
        return out

    def slope_range(self, t: float) -> tuple[float, float]:
        """Least and largest slope of the velocity at time t, ``(T' - 1)/(1 - t + t T')``."""
        slope = (self.slopes - 1) / (1 - t + t * self.slopes)
        return float(slope.min()), float(slope.max())


def exact_flows(config: RobustnessFlowsConfig) -> list[Row]:
    """One row a law, sampler, error, size and kind of bound."""
    laws = {"Gaussian": LineMixture(np.array([1.0]), np.array([0.5]), 0.25)}
    laws |= {f"modes, a = {ratio:g} std": two_modes(1.0, ratio**-2.0) for ratio in config.ratios}
    rows: list[Row] = []
    for name, law in laws.items():
        for k in config.frequencies:
            for size in config.error_sizes:
                error = sine(k, size)
                key: Row = {"law": name, "seed": 0, "error": error_name(k), "size": size}
                rows += _straight(config, law, key, error)
                rows += _probability_flow(config, law, key, error)
                rows += _sde(law, key, error)
    return rows


def sine(k: int, size: float) -> Error:
    """``size sin(k x)``, or the constant for k = 0."""
    return lambda x: np.full_like(x, size) if k == 0 else size * np.sin(k * x)


def error_name(k: int) -> str:
    """Name of an error in tables."""
    return "constant" if k == 0 else f"sin {k}x"


def cells(
    key: Row, moved: float, total: float, trivial: float, bounds: dict[str, float]
) -> list[Row]:
    """One row a bound; ``advantage`` is the bound over Gronwall's."""
    return [
        key
        | {
            "kind": kind,
            "measured": moved,
            "amplification": moved / total,
            "bound": bound,
            "ratio": bound / moved if moved > 0 else np.inf,
            "advantage": bound / bounds["Gronwall"],
            "vacuous": not bound < trivial,
            "holds": moved <= bound * (1 + QUADRATURE) + 1e-12,
        }
        for kind, bound in bounds.items()
    ]


def _quantiles(n: int) -> Array:
    out: Array = ndtri((np.arange(n) + 0.5) / n)
    return out


def _trivial(law: LineMixture) -> float:
    flow, z = StraightFlow(law), _quantiles(2000)
    return float(np.abs(flow.velocity(0.0, z)).mean())


def _push(velocity: Velocity, x: Array, times: Array, error: Error) -> Push:
    """Runge-Kutta 4 with and without the error; sorted quantiles give the exact W1."""
    clean, dirty = x, x
    errors = [float(np.abs(error(dirty)).mean())]

    def wrong(t: float, y: Array) -> Array:
        return velocity(t, y) + error(y)

    for t, end in itertools.pairwise(times):
        clean = _rk4(velocity, float(t), float(end), clean)
        dirty = _rk4(wrong, float(t), float(end), dirty)
        errors.append(float(np.abs(error(dirty)).mean()))
    moved = float(np.abs(np.sort(clean) - np.sort(dirty)).mean())
    sizes = np.array(errors)
    return Push(moved, float(np.trapezoid(sizes, times)), sizes)


def _rk4(v: Velocity, t: float, end: float, x: Array) -> Array:
    h = end - t
    a = v(t, x)
    b = v(t + h / 2, x + h / 2 * a)
    c = v(t + h / 2, x + h / 2 * b)
    out: Array = x + h / 6 * (a + 2 * b + 2 * c + v(end, x + h * c))
    return out


def _straight(config: RobustnessFlowsConfig, law: LineMixture, key: Row, error: Error) -> list[Row]:
    flow = StraightFlow(law)
    times = np.linspace(0, 1, config.steps + 1)
    push = _push(flow.velocity, _quantiles(config.particles), times, error)
    slopes = np.array([flow.slope_range(float(t)) for t in times])
    lipschitz = np.abs(slopes).max()
    growth = {
        "Gronwall": np.exp(lipschitz * (1 - times)),
        "one-sided": exponential_growth(times, slopes[:, 1]),
        "Hamilton-Jacobi": hamilton_jacobi_growth(times, slopes[:, 1], np.zeros(len(times))),
    }
    bounds = {kind: propagated(times, g, push.errors) for kind, g in growth.items()}
    named = key | {"sampler": "straight flow"}
    return cells(named, push.moved, push.total, _trivial(law), bounds)


def _probability_flow(
    config: RobustnessFlowsConfig, law: LineMixture, key: Row, error: Error
) -> list[Row]:
    """A score error e is a velocity error e: ``x' = x + score`` as noising time falls."""
    schedule = Schedule(OrnsteinUhlenbeck())
    noising = np.geomspace(HORIZON, EPS, config.steps + 1)
    times = HORIZON - noising
    nodes = np.linspace(-8, 8, 16001)
    cdf = law.noised(schedule, HORIZON).cdf(nodes)
    levels = (np.arange(config.particles) + 0.5) / config.particles
    start = np.interp(levels, cdf, nodes)

    def velocity(t: float, x: Array) -> Array:
        return x + law.noised(schedule, HORIZON - t).score(x)

    push = _push(velocity, start, times, error)
    one_sided, two_sided = [], []
    for s in noising:
        now = law.noised(schedule, float(s))
        # Extremes of 1 - 1/V + Var_r/V^2: Popoviciu's inequality above, Var_r >= 0 below.
        high = 1 - 1 / now.variance + (0.5 * now.spread / now.variance) ** 2
        one_sided.append(high)
        two_sided.append(max(abs(high), abs(1 - 1 / now.variance)))
    growth = {
        "Gronwall": np.exp(np.minimum(max(two_sided) * (times[-1] - times), 700.0)),
        "one-sided": exponential_growth(times, np.array(one_sided)),
    }
    bounds = {kind: propagated(times, g, push.errors) for kind, g in growth.items()}
    named = key | {"sampler": "probability flow"}
    return cells(named, push.moved, push.total, _trivial(law), bounds)


def _sde(law: LineMixture, key: Row, error: Error) -> list[Row]:
    """The reverse SDE with the same score error, hence the drift error 2 delta e."""
    reversal = Reversal(law, Schedule(OrnsteinUhlenbeck()), EPS)
    grid, times = Grid.around(6.0, SPACING), time_grid(EPS, HORIZON, KICKS, geometric=True)
    x = grid.points
    laws = [grid.masses(law.noised(reversal.schedule, s).pdf(x)) for s in times]
    # The same kernels without kicks: what the grid itself does is no effect of the error.
    clean = kicked_run(reversal, grid, laws[0], times, np.zeros_like).masses
    run = kicked_run(reversal, grid, laws[0], times, error)
    moved = w1_masses(run.masses, clean, grid.step)
    kicks = [reversal.schedule.noise_integral(end, s) for s, end in itertools.pairwise(times)]
    size = np.abs(error(x))
    total = float(sum(kick * (p @ size) for kick, p in zip(kicks, laws, strict=False)))
    bounds = {
        "Gronwall": coupling_bound(reversal, grid, times, error),
        "Version A": run.bound,
    }
    return cells(key | {"sampler": "reverse SDE"}, moved, total, _trivial(law), bounds)
