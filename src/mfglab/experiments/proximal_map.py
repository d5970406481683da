"""The theory of the OT-Transformer, measured: closed form, numerical game, stability bounds.

For random convex heads and every ratio ``lambda / (T L^2)`` the game of one label is solved by free
velocities that know no closed form, and compared with the proximal map. Bounds are in
:mod:`mfglab.experiments.proximal_bounds`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.config import ProximalMapConfig
from mfglab.experiments.proximal_bounds import bound_rows, same_label_slopes
from mfglab.experiments.proximal_cases import KINDS, Case, Row, make_case, plane_case
from mfglab.games.closed_forms.proximal_map import ProximalGame, proximal_point
from mfglab.games.optimality import hjb_residual, value_and_derivatives
from mfglab.robustness.depth_bounds import published_factor
from mfglab.solvers.open_loop import OpenLoopSolution, solve_open_loop
from mfglab.training.seeds import stream
from mfglab.trajectories.diagnostics import crossing, speed_variation, straightness

#: Ratios of the paths in the figure.
DRAWN = (0.5, 0.05, 0.0)


@dataclass(frozen=True)
class ProximalMapStudy:
    """Tables of the study.

    Args:
        runs: One row a head, dimension, replicate and ratio: numerical game against closed form.
        bounds: One row for each of these and each quantity and kind of bound.
        starts: How far solutions from several starts of the optimiser differ; ratio 0 included.
        paths: Points of paths in the plane for the figure.
    """

    runs: list[Row]
    bounds: list[Row]
    starts: list[Row]
    paths: list[Row]


def proximal_map(config: ProximalMapConfig) -> ProximalMapStudy:
    """All tables."""
    runs: list[Row] = []
    bounds: list[Row] = []
    starts: list[Row] = []
    for name, dim, replicate in itertools.product(KINDS, config.dims, range(config.replicates)):
        case = make_case(config, name, dim, replicate)
        for ratio in config.ratios:
            game = ProximalGame(case.head, ratio * case.unit, config.horizon)
            found = free_game(config, case, ratio)
            key = case.key(ratio)
            runs.append(key | run_row(config, case, game, found))
            bounds += [key | row for row in bound_rows(config, case, game)]
            starts.append(key | start_row(config, found) | {"penalty": "positive"})
        found = free_game(config, case, 0.0)
        starts.append(case.key(0.0) | start_row(config, found) | {"penalty": "zero"})
    return ProximalMapStudy(runs, bounds, starts, path_rows(config))


def free_game(config: ProximalMapConfig, case: Case, ratio: float) -> OpenLoopSolution:
    """The game of ``case.players`` from ``config.starts`` random starts, one after the other."""
    start = case.players.repeat(config.starts, 1)
    y = case.label.expand(len(start), -1)
    generator = stream("proximal map starts", config.seed, case.replicate, case.dim)
    shape = (config.steps, *start.shape)
    initial = 2 * torch.randn(shape, dtype=torch.float64, generator=generator)
    return solve_open_loop(
        lambda x: case.head.value(x, y),
        start,
        weight=ratio * case.unit,
        horizon=config.horizon,
        steps=config.steps,
        initial=initial,
    )


def run_row(
    config: ProximalMapConfig, case: Case, game: ProximalGame, found: OpenLoopSolution
) -> Row:
    """The numerical game against the closed form, and slopes of the flow for one label."""
    run = found.trajectory
    assert run.path is not None
    y = case.label.expand(len(run.x), -1)
    exact = proximal_point(case.head, run.path[0], y, config.horizon / game.weight)
    velocity = game.velocity(run.path[0], y)
    slopes = same_label_slopes(config, case, game)
    return {
        "weight": game.weight,
        "same_label_ratio": slopes.state,
        "random_pair_ratio": slopes.random_state,
        "published_factor": published_factor(case.head.lipschitz, game.weight, config.horizon),
        "output_ratio": slopes.output,
        "bend": 1 - float(straightness(run.path).min()),
        "speed_variation": float(speed_variation(run.times, run.path).max()),
        "departure": departure(run.path),
        "endpoint_gap": float((run.x - exact.x).abs().max()),
        "velocity_gap": float((found.velocities - velocity).abs().max()),
        "gradient": float(found.gradient.max()),
        "prox_residual": float(exact.residual.max()),
        "hjb_residual": relative_residual(case, game),
    }


def departure(path: Tensor) -> float:
    """Largest distance from straight motion at constant speed, over the way from start to end."""
    share = torch.linspace(0, 1, len(path), dtype=path.dtype)[:, None, None]
    off = (path - torch.lerp(path[0], path[-1], share)).norm(dim=-1).amax(0)
    return float((off / (path[-1] - path[0]).norm(dim=-1)).max())


def relative_residual(case: Case, game: ProximalGame) -> float:
    """Largest HJB residual of Phi over the largest of its terms, at times up to 0.9 T."""
    x = case.players
    t = torch.linspace(0, 0.9 * game.horizon, len(x), dtype=torch.float64)
    phi, played = game.value(case.label), game.game(case.label)
    size = value_and_derivatives(phi, t, x).time.abs().max()
    return float(hjb_residual(played, phi, t, x).abs().max() / size)


def start_row(config: ProximalMapConfig, found: OpenLoopSolution) -> Row:
    """Largest differences between solutions of one player, and crossings within a start."""
    shape = (config.starts, -1)
    run = found.trajectory
    assert run.path is not None
    assert run.costs is not None
    objective, kinetic = found.objective.view(shape), run.costs[:, 0].view(shape)
    v = found.velocities.view(config.steps, *shape, run.x.shape[1])
    apart = (v - v[:, :1]).square().sum(-1).mean(0).sqrt()
    begin, end = (points.view(*shape, run.x.shape[1]) for points in (run.path[0], run.x))
    met = [crossing(a, b) for a, b in zip(begin, end, strict=True)]
    return {
        "objective_spread": float((objective.amax(0) - objective.amin(0)).max()),
        "velocity_spread": float(apart.max()),
        "kinetic_ratio": float((kinetic.amax(0) / kinetic.amin(0)).median()),
        "crossing": max(m.monotonicity_violation for m in met),
        "collisions": max(m.near_collision for m in met),
        "iterations": float(found.iterations),
    }


def path_rows(config: ProximalMapConfig) -> list[Row]:
    """Paths of the numerical game in the plane, for a log-sum-exp head with three classes."""
    case = plane_case()
    y = case.label.expand(len(case.players), -1)
    rows: list[Row] = []
    for ratio in DRAWN:
        generator = stream("proximal map paths", config.seed)
        shape = (config.steps, *case.players.shape)
        found = solve_open_loop(
            lambda x: case.head.value(x, y),
            case.players,
            weight=ratio * case.unit,
            steps=config.steps,
            initial=2 * torch.randn(shape, dtype=torch.float64, generator=generator),
        )
        assert found.trajectory.path is not None
        for step, points in enumerate(found.trajectory.path.tolist()):
            rows += [
                {"ratio": ratio, "player": float(i), "step": float(step), "x1": a, "x2": b}
                for i, (a, b) in enumerate(points)
            ]
    return rows
