"""HJB residual of learned score potentials over noising time."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import EvaluationConfig
from mfglab.solvers.base import Solver
from mfglab.solvers.regularisers import psi_residual
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

Points = NDArray[np.float64]


def relative_hjb_residual(
    solver: ScoreModel, test: Points, config: EvaluationConfig, seed: int, times: int = 16
) -> list[dict[str, float]]:
    """HJB residual of a learned score potential, at noised test points.

    Returns:
        Rows with the noising time ``s`` and the ``relative_residual``.
    """
    solver.double().eval()
    x = torch.from_numpy(test[: config.path_points])
    return residual_by_time(solver, x, stream("residual", config.seed, seed), times)


def residual_by_time(
    solver: ScoreModel, x0: Tensor, generator: torch.Generator, times: int = 16
) -> list[dict[str, float]]:
    """HJB residual of a learned score potential by noising time, at noised points of ``x0``.

    ``U = -psi`` is learned up to a function of time, which changes the residual by a function of
    time; at each time the mean over the points is therefore taken off. The rest is divided by
    the standard deviation of ``d_t U = d_s psi`` over the same points: 0 for the exact value
    function, of order one where the network knows nothing of the equation.

    Args:
        solver: The model, in float64.
        x0: Clean points (n, d), float64.
        generator: Source of the noise.
        times: Noising times, uniform in log signal-to-noise.
    """
    rows = []
    for s in solver.draw_times((torch.arange(times).double() + 0.5) / times):
        z = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
        y = solver.process.scale(s) * x0 + solver.process.variance(s).sqrt() * z
        with torch.no_grad():
            D = solver.psi_derivatives(s.expand(len(y)), y)
            residual = psi_residual(solver.process, s, y, D)
        rows.append({"s": float(s), "relative_residual": float(residual.std() / D.time.std())})
    return rows


@singledispatch
def residual_rows(
    solver: Solver, test: Points, config: EvaluationConfig, seed: int
) -> list[dict[str, float]]:
    """Rows of HJB residual over noising time; none for models without noising."""
    return []


@residual_rows.register
def _(
    solver: ScoreModel, test: Points, config: EvaluationConfig, seed: int
) -> list[dict[str, float]]:
    return relative_hjb_residual(solver, test, config, seed) if solver.potential else []
