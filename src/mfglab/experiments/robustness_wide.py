"""Robustness, further sweeps: widths of trained networks, and other clocks of the samplers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mfglab.config import RobustnessWideConfig
from mfglab.experiments.certificate import LAW, true_coefficients
from mfglab.experiments.circle_nets import Fit, train_ensemble
from mfglab.experiments.robustness_cells import Cell
from mfglab.experiments.robustness_circle import MODES as CIRCLE_MODES
from mfglab.experiments.robustness_line import MODES, NORMAL, distance, draw
from mfglab.experiments.robustness_tables import Slope, slope_table
from mfglab.games.dynamics import NoisingProcess, VarianceExploding, VariancePreserving
from mfglab.robustness import bounds
from mfglab.robustness.certificate import LearnedPath
from mfglab.robustness.circle import circle_points
from mfglab.robustness.distances import w1_circle, w1_masses
from mfglab.robustness.line import Reversal
from mfglab.robustness.samplers import Grid, stepped_run, time_grid
from mfglab.robustness.schedule import Schedule
from mfglab.robustness.schemes import EulerMaruyama, ExponentialIntegrator, Scheme

_EARLY, _HORIZON, _CELLS, _TIMES, _DATA = 0.0005, 0.15, 192, 150, 20000


def widths(config: RobustnessWideConfig) -> list[Cell]:
    """(d) Networks of several widths with plenty of data: score error, W1 and all bounds.

    The abscissa is ``sqrt(J)``, the measured L2 error of the score; ``y`` is the width. Data and
    generated law are compared at the early-stopping time.
    """
    cells = []
    fit = Fit(_EARLY, _HORIZON, config.width_iterations, config.width_batch)
    times = [float(s) for s in np.geomspace(_HORIZON, _EARLY, _TIMES + 1)]
    x, law = circle_points(_CELLS), true_coefficients(_CELLS)
    end = CIRCLE_MODES.heated(_EARLY).pdf(x) / _CELLS
    start = CIRCLE_MODES.heated(_HORIZON).pdf(x) / _CELLS
    uniform = np.full(_CELLS, 1.0 / _CELLS)
    far, divergence = (
        w1_circle(uniform, start, 1 / _CELLS),
        float((start * np.log(start / uniform)).sum()),
    )
    for width in config.widths:
        data = [draw(LAW, _DATA, config.seed, 3, width, r) for r in range(config.width_replicates)]
        ensemble = train_ensemble(width, data, fit, config.seed)
        for r in range(config.width_replicates):
            path = LearnedPath.of(ensemble.score(r), times, _CELLS)
            error = path.squared_error(law)
            steep, later = path.steepness()
            mean = path.error(law, weighted=False)
            factor = bounds.bernstein_factor(float(steep.max()), CIRCLE_MODES.diameter)
            known = {
                "Feynman-Kac": float(path.growth[0].max()) * far + path.error(law),
                "Bernstein": factor * (far + mean),
                "Gronwall": math.exp(min(later, 600.0)) * (far + mean),
                "Girsanov-Pinsker": bounds.girsanov_pinsker(
                    CIRCLE_MODES.diameter, divergence + error
                ),
            }
            cells.append(
                Cell(
                    "d expressiveness",
                    "circle",
                    "modes",
                    f"width {width}",
                    "L2 error of the score",
                    math.sqrt(error),
                    "w1",
                    w1_circle(path.masses, end, 1 / _CELLS),
                    CIRCLE_MODES.diameter,
                    known,
                    y=float(width),
                    repeat=r,
                )
            )
    return cells


#: Process, time at which the added noise has standard deviation about 0.2, half width of the grid:
#: six standard deviations of the law at the horizon 1 beyond its modes.
CLOCKS: dict[str, tuple[NoisingProcess, float, float]] = {
    "VP": (VariancePreserving(), 0.059, 6.5),
    "VE": (VarianceExploding(sigma_min=0.1, sigma_max=1.2), 0.324, 9.5),
}


def clocks(config: RobustnessWideConfig) -> list[Cell]:
    """(f) Variance-preserving and variance-exploding samplers in geometric steps, true score."""
    schemes: dict[str, Scheme] = {"EM": EulerMaruyama(), "exponential": ExponentialIntegrator()}
    return [
        _clock(config, clock, name, scheme, n)
        for clock in CLOCKS
        for name, scheme in schemes.items()
        for n in config.clock_steps
    ]


def _clock(config: RobustnessWideConfig, clock: str, name: str, scheme: Scheme, n: int) -> Cell:
    process, eps, half = CLOCKS[clock]
    reversal = Reversal(MODES, Schedule(process), eps)
    times = time_grid(eps, process.horizon, n, True)
    # The narrowest kernel belongs to the first Gauss node of the last step, 0.2113 of its length;
    # at 1.1 standard deviations the trapezoidal rule is wrong by 2e-7.
    narrow = 1.1 * math.sqrt(0.2113 * reversal.schedule.noise_integral(times[-1], times[-2]))
    grid = Grid.around(half, min(narrow, config.grid_step))
    start, end = (
        grid.masses(MODES.noised(reversal.schedule, s).pdf(grid.points))
        for s in (process.horizon, eps)
    )
    run = stepped_run(reversal, grid, start, times, scheme)
    known = {
        "Version A": run.score + run.steps,
        "Version A, plain steps": run.score + run.steps_plain,
        "Version A, unsplit": run.unsplit,
        "Version G": bounds.transport_entropy(MODES.noised(reversal.schedule, eps), run.girsanov),
    }
    return Cell(
        "f steps",
        "line",
        "modes",
        f"{clock}, {name}, geometric",
        "steps",
        float(n),
        "w1",
        w1_masses(run.masses, end, grid.step),
        distance(NORMAL, MODES),
        known,
    )


#: Ranges as in the first study: eps up to 0.01 for singular data, at least 80 steps.
WIDE_SLOPES = (
    Slope(
        "samples, d = 2, over sqrt(log N)",
        -0.5,
        "scaled",
        lambda d: d["space"].eq("torus, d = 2") & d["sweep"].eq("a samples"),
    ),
    Slope(
        "samples, d = 3",
        -1 / 3,
        "measured",
        lambda d: d["space"].eq("torus, d = 3") & d["sweep"].eq("a samples"),
    ),
    Slope(
        "early stopping, ring",
        0.5,
        "measured",
        lambda d: d["sweep"].eq("b early stopping") & (d["x"] <= 0.0101),
    ),
    Slope(
        "reference, ring",
        -1.0,
        "measured",
        lambda d: d["sweep"].eq("e reference") & d["arm"].eq("reference law"),
    ),
    Slope(
        "steps, VP and VE",
        -1.0,
        "measured",
        lambda d: d["sweep"].eq("f steps") & (d["x"] >= 80),
    ),
    Slope(
        "steps, VP and VE, bound",
        -1.0,
        "bound",
        lambda d: d["sweep"].eq("f steps") & (d["x"] >= 80) & d["kind"].eq("Version A"),
    ),
)


def wide_slopes(runs: pd.DataFrame) -> pd.DataFrame:
    """Fitted power laws of the further sweeps.

    Args:
        runs: The table of all their cells.
    """
    scaled = runs["measured"] / np.sqrt(np.log(runs["x"].clip(lower=3)))
    return slope_table(runs.assign(scaled=scaled), WIDE_SLOPES)
