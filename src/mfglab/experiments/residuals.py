"""HJB residual of score potentials over noising time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import singledispatch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import EvaluationConfig
from mfglab.games.dynamics import NoisingProcess
from mfglab.games.optimality import ValueDerivatives
from mfglab.solvers.base import Solver
from mfglab.solvers.regularisers import psi_residual
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
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
    grid = solver.draw_times((torch.arange(times).double() + 0.5) / times)

    def derivatives(s: Tensor, y: Tensor) -> ValueDerivatives:
        with torch.no_grad():
            return solver.psi_derivatives(s.expand(len(y)), y)

    return _relative_residuals(solver.process, grid, derivatives, x0, generator)


def kernel_derivatives(solver: KernelScoreModel, s: Tensor, y: Tensor) -> ValueDerivatives:
    """``psi = log eta`` of a kernel model and its derivatives at noising time ``s``.

    The one in time is the derivative of the noised mixture by its time; those in space are closed
    forms of that mixture. Nothing makes them agree but the equation, which the mixture solves.

    Args:
        solver: The model, with its centres.
        s: Noising time, a scalar, float64.
        y: Points (n, d), float64.
    """
    kernels, process = solver.kernels().double(), solver.process

    def log_density(at: Tensor) -> Tensor:
        return kernels.noised(process.scale(at), process.variance(at)).log_prob(y)

    both = torch.func.jvp(log_density, (s,), (torch.ones_like(s),))
    terms = kernels.noised(process.scale(s), process.variance(s)).terms(y)
    laplacian = terms.laplacian_ratio - terms.score.square().sum(1)
    return ValueDerivatives(both[0], both[1], terms.score, laplacian)


def _relative_residuals(
    process: NoisingProcess,
    grid: Iterable[Tensor],
    derivatives: Callable[[Tensor, Tensor], ValueDerivatives],
    x0: Tensor,
    generator: torch.Generator,
) -> list[dict[str, float]]:
    # Residual over time derivative, by noising time, each with noise of its own.
    rows = []
    for s in grid:
        z = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
        y = process.scale(s) * x0 + process.variance(s).sqrt() * z
        D = derivatives(s, y)
        residual = psi_residual(process, s, y, D)
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


@residual_rows.register
def _(
    solver: KernelScoreModel, test: Points, config: EvaluationConfig, seed: int
) -> list[dict[str, float]]:
    process, x0 = solver.process, torch.from_numpy(test[: config.path_points])
    span = math.log(process.horizon / solver.s_min)
    # As many times as of learned potentials, and as there uniform in log signal-to-noise.
    grid = solver.s_min * torch.exp(span * (torch.arange(16).double() + 0.5) / 16)
    noise = stream("residual", config.seed, seed)
    with torch.no_grad():
        return _relative_residuals(
            process, grid, lambda s, y: kernel_derivatives(solver, s, y), x0, noise
        )
