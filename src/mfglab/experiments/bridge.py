"""Soft Schroedinger bridges over the weight of their terminal cost: closed form and numerics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import BridgeConfig
from mfglab.datasets.mixtures import mixture_1d
from mfglab.games.closed_forms.gaussian_flows import bures_wasserstein
from mfglab.games.closed_forms.gaussian_prox import Gaussian
from mfglab.games.closed_forms.schroedinger import soft_bridge_gaussian
from mfglab.solvers.soft_bridge import solve_soft_bridge

#: Weights of the end laws in the figure; the last one is the bridge itself.
DRAWN = (0.3, 3.0, math.inf)
_HALF = 9.0


@dataclass(frozen=True)
class BridgeStudy:
    """Outcome of the study.

    Args:
        rows: One row a case and weight: ``distance`` of the end law to the target (W2 between
            Gaussians, W1 on the grid), ``numerical_error`` of mean and deviation of the end law on
            the grid against the closed form (NaN without one), ``iterations``.
        arrays: Grid, target and end laws of the mixture for the figure, as densities.
    """

    rows: list[dict[str, float | str]]
    arrays: dict[str, NDArray[np.float64]]


def bridge(config: BridgeConfig) -> BridgeStudy:
    """Distances of the end law to the target: Gaussians of one and two dimensions, a mixture."""
    cases = (line_row, plane_row, mixture_row)
    rows = [case(config, weight) for case in cases for weight in config.weights]
    return BridgeStudy(rows, mixture_arrays(config))


def line_row(config: BridgeConfig, weight: float) -> dict[str, float | str]:
    """N(-1, 0.5) to N(1.5, 0.3), closed form against the grid."""
    start, target = _normal([-1.0], [[0.5]]), _normal([1.5], [[0.3]])
    exact = soft_bridge_gaussian(start, target, config.eps, weight).end
    grid = _grid(config)
    found = solve_soft_bridge(
        grid, _log_normal(grid, start), _log_normal(grid, target), eps=config.eps, weight=weight
    )
    mean = (found.end * grid).sum()
    std = (found.end * (grid - mean).square()).sum().sqrt()
    error = max(abs(float(mean - exact.mean)), abs(float(std - exact.covariance.sqrt())))
    return {
        "case": "gaussian_1d",
        "weight": weight,
        "distance": _bures(exact, target),
        "numerical_error": error,
        "iterations": float(found.iterations),
    }


def plane_row(config: BridgeConfig, weight: float) -> dict[str, float | str]:
    """Two Gaussians of the plane whose covariances do not commute; closed form."""
    start = _normal([-1.0, 0.5], [[1.0, 0.4], [0.4, 0.5]])
    target = _normal([1.0, 1.0], [[0.3, -0.2], [-0.2, 0.8]])
    exact = soft_bridge_gaussian(start, target, config.eps, weight).end
    return {
        "case": "gaussian_2d",
        "weight": weight,
        "distance": _bures(exact, target),
        "numerical_error": math.nan,
        "iterations": math.nan,
    }


def mixture_row(config: BridgeConfig, weight: float) -> dict[str, float | str]:
    """N(0, 1) to the mixture on the line, on the grid."""
    grid = _grid(config)
    end, iterations = _to_mixture(config, weight)
    target = torch.softmax(mixture_1d().log_prob(grid[:, None]), 0)
    step = float(grid[1] - grid[0])
    return {
        "case": "mixture_1d",
        "weight": weight,
        "distance": float((end - target).cumsum(0).abs().sum() * step),
        "numerical_error": math.nan,
        "iterations": float(iterations),
    }


def mixture_arrays(config: BridgeConfig) -> dict[str, NDArray[np.float64]]:
    """Densities of the end laws for the drawn weights, of the start and of the target."""
    grid = _grid(config)
    step = float(grid[1] - grid[0])
    ends = torch.stack([_to_mixture(config, weight)[0] for weight in DRAWN]) / step
    return {
        "grid": grid.numpy(),
        "weights": np.array(DRAWN),
        "ends": ends.numpy(),
        "start": _log_normal(grid, _normal([0.0], [[1.0]])).exp().numpy(),
        "target": mixture_1d().log_prob(grid[:, None]).exp().numpy(),
    }


def _to_mixture(config: BridgeConfig, weight: float) -> tuple[Tensor, int]:
    grid = _grid(config)
    log_start = _log_normal(grid, _normal([0.0], [[1.0]]))
    log_target = mixture_1d().log_prob(grid[:, None])
    found = solve_soft_bridge(grid, log_start, log_target, eps=config.eps, weight=weight)
    return found.end, found.iterations


def _grid(config: BridgeConfig) -> Tensor:
    return torch.linspace(-_HALF, _HALF, config.grid_points, dtype=torch.float64)


def _normal(mean: list[float], covariance: list[list[float]]) -> Gaussian:
    kind = torch.float64
    return Gaussian(torch.tensor(mean, dtype=kind), torch.tensor(covariance, dtype=kind))


def _log_normal(grid: Tensor, law: Gaussian) -> Tensor:
    variance = law.covariance[0, 0]
    square = (grid - law.mean).square() / variance
    return -0.5 * square - 0.5 * torch.log(2 * torch.pi * variance)


def _bures(one: Gaussian, other: Gaussian) -> float:
    return bures_wasserstein(one.mean, one.covariance, other.mean, other.covariance)
