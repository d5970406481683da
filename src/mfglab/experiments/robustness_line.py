"""Robustness on the line: finite samples, early stopping, score error, reference, steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.games.dynamics import HeatFlow, NoisingProcess, OrnsteinUhlenbeck, VariancePreserving
from mfglab.robustness import bounds
from mfglab.robustness.distances import l1, mmd_gaussian, w1_cdf, w1_masses
from mfglab.robustness.line import LineMixture, Reversal
from mfglab.robustness.samplers import (
    Grid,
    SteppedRun,
    coupling_bound,
    exact_step,
    kicked_run,
    lipschitz_integral,
    stepped_run,
    time_grid,
)
from mfglab.robustness.schedule import Array, Schedule
from mfglab.robustness.schemes import EulerMaruyama, ExponentialIntegrator, Scheme
from mfglab.training.seeds import stream

WEIGHTS, MEANS = np.array([0.35, 0.65]), np.array([-1.0, 1.4])
#: Two modes that are not centred, and the atoms at their means.
MODES = LineMixture(WEIGHTS, MEANS, 0.16)
LAWS = {
    "modes": MODES,
    "atoms": LineMixture(WEIGHTS, MEANS, 0.0),
    "one atom": LineMixture(np.array([1.0]), np.array([0.8]), 0.0),
}
NORMAL = LineMixture(np.array([1.0]), np.array([0.0]), 1.0)
OU = Schedule(OrnsteinUhlenbeck(horizon=4.0))
HEAT = Schedule(HeatFlow(math.sqrt(2), horizon=4.0))
PROCESSES: dict[str, NoisingProcess] = {
    "OU": OU.process,
    "VP": VariancePreserving(),
    "heat": HEAT.process,
}
EPS, HORIZON, HALF, MMD_WIDTH = 0.01, 3.0, 6.5, 0.5

ScoreError = Callable[[Array], Array]


def draw(law: LineMixture, n: int, *key: int) -> Array:
    """``n`` points of the law, from the stream of ``key``."""
    import torch

    generator = stream("robustness sample", *key)
    u = torch.rand(n, generator=generator, dtype=torch.float64).numpy()
    z = torch.randn(n, generator=generator, dtype=torch.float64).numpy()
    index = np.searchsorted(np.cumsum(law.weights), u).clip(max=len(law.weights) - 1)
    return np.asarray(law.means[index] + math.sqrt(law.variance) * z, dtype=np.float64)


def distance(first: LineMixture, second: LineMixture) -> float:
    """W1 of two laws on the line, exact up to quadrature."""
    pieces = [np.linspace(-HALF, HALF, 801)]
    for law in (first, second):
        reach = np.linspace(-9, 9, 73) * math.sqrt(law.variance)
        few = law.means if len(law.means) <= 8 else np.empty(0)
        pieces.append((few[:, None] + reach).ravel())
        if law.variance == 0:
            pieces.append(law.means)
    nodes = np.unique(np.concatenate(pieces))
    return w1_cdf(first.cdf, second.cdf, nodes)


def early_stopping(config: RobustnessConfig) -> list[Cell]:
    """(b) ``W1(pi, p_eps)``: of order sqrt(eps) for atoms, eps for a density."""
    cells = []
    for name, process in PROCESSES.items():
        schedule = Schedule(process)
        for law_name, law in LAWS.items():
            for eps in np.geomspace(1e-5, 1e-1, config.eps_points):
                s = float(eps)
                known = {
                    "early stopping": bounds.early_stopping_mixture(law, schedule, s),
                    "early stopping, any law": bounds.early_stopping_general(law, schedule, s),
                }
                if name == "heat":
                    known["early stopping, heat"] = bounds.early_stopping_heat(s)
                measured = distance(law.noised(schedule, s), law)
                cells.append(
                    Cell(
                        "b early stopping",
                        "line",
                        law_name,
                        name,
                        "V/2",
                        0.5 * schedule.variance(s),
                        "w1",
                        measured,
                        distance(NORMAL, law),
                        known,
                    )
                )
    return cells


def injected(config: RobustnessConfig) -> dict[str, ScoreError]:
    """Shapes of the injected score errors, at size 1."""
    shapes: dict[str, ScoreError] = {"constant": np.ones_like, "step": lambda x: np.tanh(3 * x)}
    for k in config.frequencies:
        shapes[f"sin {k}x"] = lambda x, k=k: np.sin(k * x)  # type: ignore[misc]
    return shapes


def score_error(config: RobustnessConfig) -> list[Cell]:
    """(d) Injected score errors; started in the true law, so that nothing else is wrong."""
    grid = Grid.around(HALF, config.grid_step)
    reversal, times = Reversal(MODES, OU, EPS), time_grid(EPS, HORIZON, config.kicks, True)
    start, end = _masses(reversal, grid, HORIZON), _masses(reversal, grid, EPS)
    trivial = distance(NORMAL, MODES)
    cells = []
    for name, shape in injected(config).items():
        for size in config.error_sizes:

            def error(x: Array, size: float = size, shape: ScoreError = shape) -> Array:
                return size * shape(x)

            run = kicked_run(reversal, grid, start, times, error)
            known = {
                "Version A": run.bound,
                "Version B": coupling_bound(reversal, grid, times, error),
            }
            cells += _three(
                grid, run.masses, end, known, {}, trivial, ("d score error", name, "size", size)
            )
    return cells


def reference(config: RobustnessConfig) -> list[Cell]:
    """(e) Start in N(mu, 1) instead of the noised law: horizon T, and wrong means mu."""
    cells = []
    conditions = [(T, 0.0, "horizon") for T in config.horizons]
    conditions += [(1.0, mu, "wrong mean") for mu in (0.1, 0.2, 0.5, 1.0, 2.0)]
    conditions += [(2.0, mu, "wrong mean, T = 2") for mu in (0.1, 0.2, 0.5, 1.0, 2.0)]
    grid = Grid.around(HALF, config.grid_step)
    reversal = Reversal(MODES, OU, EPS)
    end, trivial = _masses(reversal, grid, EPS), distance(NORMAL, MODES)
    for T, mu, arm in conditions:
        start = LineMixture(np.array([1.0]), np.array([mu]), 1.0)
        q, p = grid.masses(start.pdf(grid.points)), _masses(reversal, grid, T)
        g = reversal.growth(T, grid.points)
        far = distance(start, MODES.noised(OU, T))
        divergence = float((q * np.log(q / p)).sum())
        known = {
            "Version A": float(np.abs(np.cumsum(q - p)) @ g) * grid.step,
            "Version A, sup": float(g.max()) * far,
            "Version B": math.exp(lipschitz_integral(reversal, EPS, T, 20)) * far,
            "Version G": bounds.transport_entropy(MODES.noised(OU, EPS), divergence),
        }
        out = exact_step(reversal, grid, q, grid.points, T, EPS)
        name, x = ("exp(T)", math.exp(T)) if arm == "horizon" else ("mean", mu)
        cells += _three(
            grid,
            out,
            end,
            known,
            {"Pinsker": math.sqrt(2 * divergence)},
            trivial,
            ("e reference", arm, name, x),
        )
    return cells


def steps(config: RobustnessConfig) -> list[Cell]:
    """(f) Euler-Maruyama and exponential integrator, uniform and geometric steps."""
    schemes: dict[str, Scheme] = {"EM": EulerMaruyama(), "exponential": ExponentialIntegrator()}
    cells = []
    for name, scheme in schemes.items():
        for geometric in (False, True):
            arm = f"{name}, {'geometric' if geometric else 'uniform'}"
            for n in config.steps:
                cells += _stepped(config, (arm, scheme, geometric, n), 0.0)
        for n in config.steps[:4]:
            cells += _stepped(config, (f"{name}, geometric, error 0.2", scheme, True, n), 0.2)
    return cells


def _stepped(
    config: RobustnessConfig, arm: tuple[str, Scheme, bool, int], size: float
) -> list[Cell]:
    name, scheme, geometric, n = arm
    times = time_grid(EPS, HORIZON, n, geometric)
    # Kernels inside the last step are the narrowest: the grid must resolve them.
    narrow = 0.9 * math.sqrt(0.42 * (times[-2] - times[-1]))
    grid = Grid.around(HALF, float(np.clip(narrow, 0.006, config.grid_step)))
    reversal = Reversal(MODES, OU, EPS)
    end = _masses(reversal, grid, EPS)
    run = stepped_run(
        reversal,
        grid,
        _masses(reversal, grid, HORIZON),
        times,
        scheme,
        lambda x: size * np.sin(3 * x),
    )
    known = _version_a(run) | {
        "Version G": bounds.transport_entropy(MODES.noised(OU, EPS), run.girsanov)
    }
    return _three(
        grid,
        run.masses,
        end,
        known,
        {"Pinsker": math.sqrt(2 * run.girsanov)},
        distance(NORMAL, MODES),
        ("f steps", name, "steps", float(n)),
    )


def _version_a(run: SteppedRun) -> dict[str, float]:
    return {
        "Version A": run.score + run.steps,
        "Version A, plain steps": run.score + run.steps_plain,
        "Version A, unsplit": run.unsplit,
    }


def _three(
    grid: Grid,
    masses: Array,
    target: Array,
    known: dict[str, float],
    l1_bounds: dict[str, float],
    trivial: float,
    condition: tuple[str, str, str, float],
) -> list[Cell]:
    """The W1, L1 (where it has a bound) and MMD cells of one sampler."""
    sweep, arm, parameter, x = condition
    best = min(known.values())
    kernel = {"W1 bound / width": best / MMD_WIDTH}
    if l1_bounds:
        kernel["L1 bound"] = min(l1_bounds.values())
    values = [
        ("w1", w1_masses(masses, target, grid.step), trivial, known),
        ("mmd", mmd_gaussian(masses, target, grid.points, MMD_WIDTH), math.sqrt(2), kernel),
    ]
    if l1_bounds:
        values.append(("l1", l1(masses, target), 2.0, l1_bounds))
    return [
        Cell(sweep, "line", "modes", arm, parameter, x, quantity, measured, most, limits)
        for quantity, measured, most, limits in values
    ]


def _masses(reversal: Reversal, grid: Grid, s: float) -> Array:
    return grid.masses(reversal.law.noised(reversal.schedule, s).pdf(grid.points))
