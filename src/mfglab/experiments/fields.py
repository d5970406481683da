"""Arrays behind the figures: samples, trajectories and value functions of one trained model."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.config import EvaluationConfig
from mfglab.solvers.base import Solver
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

Array = NDArray[np.float64]

#: Grid points on each side of a pictured value function.
GRID = 81
#: Times at which a value function is pictured, as fractions of the horizon.
FRACTIONS = (0.0, 0.5, 1.0)
#: Trajectories in a picture.
PATHS = 120


def figure_arrays(
    solver: Solver, test: Array, config: EvaluationConfig, seed: int
) -> dict[str, Array]:
    """Arrays for the figures of one model.

    Returns:
        ``data`` and ``samples`` (n, d); ``path`` (steps + 1, PATHS, d) from the data to the
        reference law; for planar models with a value function also ``grid`` (GRID,),
        ``value`` (times, GRID, GRID), ``velocity`` (times, GRID, GRID, 2) and ``times``.
    """
    solver.double().eval()
    n = min(config.transport_points, len(test))
    with torch.no_grad():
        arrays = {
            "data": test[:n],
            "samples": solver.sample(n, stream("figure", config.seed, seed)).numpy(),
        }
        path = solver.trajectories(torch.from_numpy(test[:PATHS])).path
        assert path is not None
        arrays["path"] = path.numpy()
    if solver.dim == 2:
        arrays |= value_arrays(solver, test)
    return arrays


@singledispatch
def value_arrays(solver: Solver, test: Array) -> dict[str, Array]:
    """Value function and velocity on a grid; nothing for a model without a value function."""
    return {}


@value_arrays.register
def _(solver: OtFlow, test: Array) -> dict[str, Array]:
    x, axis = _grid(test)
    times = torch.tensor(FRACTIONS, dtype=torch.float64) * solver.game.horizon
    with torch.no_grad():
        value = torch.stack([solver.value(t, x) for t in times])
        velocity = torch.stack([solver.velocity(t, x) for t in times])
    return _pack(axis, times, value, velocity)


@value_arrays.register
def _(solver: ScoreModel, test: Array) -> dict[str, Array]:
    if not solver.potential:
        return {}
    x, axis = _grid(test)
    # Noising times spread over log signal-to-noise, from the reference law to the data.
    s = solver.draw_times(torch.tensor([0.25, 0.6, 0.85]).double())
    with torch.no_grad():
        value = torch.stack([-solver.psi(v, x) for v in s])
        velocity = torch.stack([solver.score(v, x) for v in s])
    return _pack(axis, s, value, velocity)


def _grid(test: Array) -> tuple[torch.Tensor, torch.Tensor]:
    half = float(np.quantile(np.abs(test), 0.999)) * 1.1
    axis = torch.linspace(-half, half, GRID, dtype=torch.float64)
    # first index y, second x: the layout that pictures expect
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1), axis


def _pack(
    axis: torch.Tensor, times: torch.Tensor, value: torch.Tensor, velocity: torch.Tensor
) -> dict[str, Array]:
    return {
        "grid": axis.numpy(),
        "times": times.numpy(),
        "value": value.reshape(-1, GRID, GRID).numpy(),
        "velocity": velocity.reshape(-1, GRID, GRID, 2).numpy(),
    }
