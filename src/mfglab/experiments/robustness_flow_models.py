"""Velocity errors through trained samplers, and how regular their velocities are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from mfglab.config import RobustnessFlowsConfig
from mfglab.experiments.robustness_cells import Row
from mfglab.experiments.robustness_flows import cells
from mfglab.metrics.wasserstein import w1_distance
from mfglab.robustness.flow_bounds import (
    exponential_growth,
    hamilton_jacobi_growth,
    propagated,
)
from mfglab.robustness.schedule import Array
from mfglab.solvers.adversarial import AdversarialSettings, train_adversarially
from mfglab.solvers.base import Solver
from mfglab.solvers.flow import FlowSolver
from mfglab.solvers.proximal import ProximalFlow
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream
from mfglab.trajectories.diagnostics import crossing
from mfglab.trajectories.integrate import Rates, integrate

Velocity = Callable[[Tensor, Tensor], Tensor]
H = 1e-4  # of central differences, float64


@dataclass(frozen=True)
class Sampler:
    """A trained sampler on the generating clock, t from 0 (noise) to 1 (data).

    Args:
        title: Name in tables.
        seed: Seed of the training.
        velocity: Velocity at a scalar time and points (n, 2), float64.
        start: Start points, (n, 2), float64.
        noise: Noise level squared per unit time at a time, 0 for a flow.
    """

    title: str
    seed: int
    velocity: Velocity
    start: Tensor
    noise: Callable[[Tensor], Tensor] | None = None


def samplers(title: str, seed: int, solver: Solver, config: RobustnessFlowsConfig) -> list[Sampler]:
    """Samplers of one trained model: the flow, or probability flow and SDE of a score model.

    Raises:
        ValueError: The model has no velocity.
    """
    solver = solver.double().requires_grad_(False)
    z = torch.randn(
        config.model_points, solver.dim, dtype=torch.float64, generator=stream("flow start", seed)
    )
    if isinstance(solver, ProximalFlow):
        return [Sampler(title, seed, solver.velocity, z)]
    if isinstance(solver, FlowSolver):
        flow = solver
        return [Sampler(title, seed, lambda t, x: -flow.velocity(1 - t, x), z)]
    if isinstance(solver, ScoreModel):
        return _score_samplers(title, seed, solver, z)
    raise ValueError(f"velocity errors need a flow or a score model, got {type(solver).__name__}")


def _score_samplers(title: str, seed: int, model: ScoreModel, z: Tensor) -> list[Sampler]:
    """Clock: log signal-to-noise, as the model samples; dt has ``ds = -2 V/sigma^2 span dt``."""
    process, (low, high) = model.process, model.snr_range

    def clock(t: Tensor) -> tuple[Tensor, Tensor]:
        s = model.draw_times(t.reshape(1))[0]
        return s, -2 * process.variance(s) / process.diffusion(s).square() * (high - low)

    def velocity(t: Tensor, x: Tensor, share: float) -> Tensor:
        s, rate = clock(t)
        drift = process.drift_coefficient(s) * x
        score = model.score(s, x)
        force = share * process.diffusion(s).square() * score
        return (-drift - force) * rate

    def noise(t: Tensor) -> Tensor:
        s, rate = clock(t)
        return process.diffusion(s).square() * rate.abs()

    start = z * process.reference_std()
    return [
        Sampler(f"{title}: probability flow", seed, lambda t, x: velocity(t, x, 0.5), start),
        Sampler(f"{title}: reverse SDE", seed, lambda t, x: velocity(t, x, 1.0), start, noise),
    ]


def train_proximal(data: Tensor, seed: int, iterations: int) -> ProximalFlow:
    """A small W1+W2 proximal flow of planar data (n, 2), float32."""
    solver = ProximalFlow(2, generator=stream("weights", seed))
    settings = AdversarialSettings(
        iterations=iterations, batch_size=200, flow_rate=2e-3, discriminator_rate=5e-3
    )
    train_adversarially(solver, data, settings, stream("adversarial", seed), iterations)
    return solver


@dataclass(frozen=True)
class Regularity:
    """Suprema over the points visited, on the time grid, each (m,).

    Args:
        lipschitz: ``|grad v|``.
        one_sided: ``lambda_max(sym grad v)``, not cut at 0.
        curvature: ``|grad a|`` of the acceleration.
        in_time: ``|d_t v|``.
        step: ``|I + h grad v|`` for the steps of the SDE.
    """

    lipschitz: Array
    one_sided: Array
    curvature: Array
    in_time: Array
    step: Array


def propagate(config: RobustnessFlowsConfig, sampler: Sampler) -> tuple[list[Row], Row]:
    """All errors through one sampler: rows of bounds, and one row of regularity."""
    times = torch.linspace(0, 1, config.model_steps + 1, dtype=torch.float64)
    clean = _path(sampler, times, None)
    sizes = [config.error_sizes[0], config.error_sizes[-1]]
    errors = [(k, size) for k in config.frequencies for size in sizes]
    dirty = {(k, size): _path(sampler, times, _planar(k, size)) for k, size in errors}
    visited = torch.cat([clean, *(dirty[(k, sizes[-1])] for k in config.frequencies)], dim=1)
    found = _regularity(sampler, times, visited)
    grid = times.numpy()
    rows: list[Row] = []
    trivial = _w1(clean[0], clean[-1])
    for (k, size), path in dirty.items():
        felt = np.array([float(_planar(k, size)(x).norm(dim=1).mean()) for x in path])
        key: Row = {
            "law": "moons",
            "sampler": sampler.title,
            "seed": sampler.seed,
            "error": "constant" if k == 0 else f"sin {k}x",
            "size": size,
        }
        moved, total = _w1(clean[-1], path[-1]), float(np.trapezoid(felt, grid))
        rows += cells(key, moved, total, trivial, _bounds(sampler, found, grid, felt))
    meeting = crossing(clean[0], clean[-1])
    row: Row = {
        "sampler": sampler.title,
        "seed": sampler.seed,
        "lipschitz": float(found.lipschitz.max()),
        "one_sided": float(found.one_sided.max()),
        "in_time": float(found.in_time.max()),
        "curvature": float(found.curvature.max()) if sampler.noise is None else math.nan,
        "exchanging_pairs": meeting.monotonicity_violation,
        "near_collisions": meeting.near_collision,
    }
    return rows, row


def _bounds(sampler: Sampler, found: Regularity, grid: Array, felt: Array) -> dict[str, float]:
    if sampler.noise is not None:  # Euler-Maruyama, the same noise: step maps instead of rates
        h = float(grid[1] - grid[0])
        total = worst = 0.0
        for i in range(len(grid) - 1):
            total = found.step[i] * total + h * felt[i]
            worst = found.step.max() * worst + h * felt[i]
        return {"Gronwall": worst, "Gronwall, by time": total}
    growth = {
        "Gronwall": np.exp(np.minimum(found.lipschitz.max() * (grid[-1] - grid), 700.0)),
        "one-sided": exponential_growth(grid, found.one_sided),
        "Hamilton-Jacobi": hamilton_jacobi_growth(grid, found.lipschitz, found.curvature),
    }
    return {kind: propagated(grid, g, felt) for kind, g in growth.items()}


def _planar(k: int, size: float) -> Callable[[Tensor], Tensor]:
    """A planar error of size at most ``size``: constant, or a shear wave in both coordinates."""

    def error(x: Tensor) -> Tensor:
        if k == 0:
            return torch.tensor([size, 0.0], dtype=x.dtype).expand_as(x)
        return size / 2**0.5 * torch.sin(k * x.flip(1))

    return error


def _path(sampler: Sampler, times: Tensor, error: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Points on the grid, (m, n, 2); every call of an SDE uses the same noise."""

    def velocity(t: Tensor, x: Tensor) -> Tensor:
        v = sampler.velocity(t, x)
        return v if error is None else v + error(x)

    steps = len(times) - 1
    with torch.no_grad():
        if sampler.noise is None:
            run = integrate(
                lambda t, x: Rates(velocity(t, x)), sampler.start, 0, 1, steps, keep_path=True
            )
            assert run.path is not None
            return run.path
        noise, x, path = stream("flow noise", sampler.seed), sampler.start, [sampler.start]
        for t in times[:-1]:
            z = torch.randn(x.shape, dtype=x.dtype, generator=noise)
            x = x + velocity(t, x) / steps + (sampler.noise(t) / steps).sqrt() * z
            path.append(x)
        return torch.stack(path)


def _regularity(sampler: Sampler, times: Tensor, visited: Tensor) -> Regularity:
    h = float(times[1] - times[0])
    columns: list[list[float]] = []
    for t, x in zip(times.clamp(2 * H, 1 - 2 * H), visited, strict=True):
        v = sampler.velocity
        J = _jacobian(partial(v, t), x)
        if sampler.noise is None:
            A = _jacobian(partial(_acceleration, v, t), x)
        else:  # no bound of the SDE asks for it
            A = torch.zeros_like(J)
        in_time = ((v(t + H, x) - v(t - H, x)) / (2 * H)).detach()
        columns.append(
            [
                float(torch.linalg.matrix_norm(J, 2).max()),
                float(torch.linalg.eigvalsh(0.5 * (J + J.mT))[:, -1].max()),
                float(torch.linalg.matrix_norm(A, 2).max()),
                float(in_time.norm(dim=1).max()),
                float(torch.linalg.matrix_norm(torch.eye(2).to(J) + h * J, 2).max()),
            ]
        )
    return Regularity(*np.array(columns).T)


def _acceleration(v: Velocity, t: Tensor, x: Tensor) -> Tensor:
    """``d_t v + (v.grad) v`` by a central difference along the path."""
    speed = v(t, x)
    return (v(t + H, x + H * speed) - v(t - H, x - H * speed)) / (2 * H)


def _jacobian(field: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Central differences, shape (n, 2, 2)."""
    columns = []
    with torch.no_grad():
        for shift in H * torch.eye(x.shape[1], dtype=x.dtype):
            columns.append((field(x + shift) - field(x - shift)) / (2 * H))
    return torch.stack(columns, dim=2)


def _w1(x: Tensor, y: Tensor) -> float:
    return w1_distance(x.numpy(), y.numpy())
