"""Games with a terminal cost solved by direct transcription: the controls themselves are unknown.

Each player has a free velocity in every one of M steps, no network and no closed form between:

    X_{m+1} = X_m + (T/M) v_m,     J(v) = G(X_M) + (lambda/2) (T/M) sum_m |v_m|^2.

J is minimised with damped Newton steps by conjugate gradients on Hessian products of automatic
differentiation, for all players at once. Whatever the minimiser has in common with the theory
(straight lines, one speed, a proximal map) it was not told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import EULER

TerminalFunction = Callable[[Tensor], Tensor]
"""Maps states (n, d) to costs (n,), row by row."""

_ARMIJO = 1e-4
_HALVINGS = 60


@dataclass(frozen=True)
class OpenLoopSolution:
    """Minimising velocities and where they lead.

    Attributes:
        velocities: Shape (M, n, d).
        trajectory: Path of the players by the common integrator; ``costs`` is ``int |v|^2/2 dt``.
        terminal: ``G(X_M)``, shape (n,).
        objective: J, shape (n,).
        gradient: Largest entry of ``lambda v_m + grad G(X_M)``, the gradient in L2(0, T), (n,).
        iterations: Newton steps.
    """

    velocities: Tensor
    trajectory: Trajectory
    terminal: Tensor
    objective: Tensor
    gradient: Tensor
    iterations: int


def solve_open_loop(
    terminal: TerminalFunction,
    start: Tensor,
    *,
    weight: float,
    horizon: float = 1.0,
    steps: int = 8,
    initial: Tensor | None = None,
    tolerance: float = 1e-10,
    limit: int = 200,
) -> OpenLoopSolution:
    """Minimise J over the velocities of every player.

    Args:
        terminal: G, twice differentiable; a local minimiser is found where it is not convex.
        start: ``X(0)``, shape (n, d), float64.
        weight: lambda, not negative; at 0 a minimiser is found, but not the only one.
        horizon: T.
        steps: M.
        initial: Velocities to start from, shape (M, n, d); zero by default.
        tolerance: Largest entry of the gradient at the end.
        limit: Newton steps at most.

    Raises:
        ValueError: A number is out of range, or shapes or precision do not fit.
        RuntimeError: No convergence within ``limit`` steps.
    """
    shape = (steps, *start.shape)
    _check(start, weight, horizon, steps, shape if initial is None else tuple(initial.shape))
    problem = _Transcription(terminal, start, weight, horizon / steps)
    v = torch.zeros(shape, dtype=torch.float64) if initial is None else initial.detach().clone()
    for iteration in range(limit + 1):
        v = v.requires_grad_()
        objective = problem.objective(v)
        (slope,) = torch.autograd.grad(objective.sum(), v, create_graph=True)
        size = slope.detach().abs().amax(dim=(0, 2)) / problem.h
        if bool((size <= tolerance).all()):
            return _solution(problem, v.detach(), size, iteration)
        if iteration < limit:
            move = _newton_direction(slope, v, problem.h)
            v = problem.search(v.detach(), move, objective.detach(), slope.detach())
    raise RuntimeError(
        f"the velocities did not converge within {limit} Newton steps: gradient "
        f"{float(size.max()):.3g}, wanted {tolerance:.3g}"
    )


@dataclass(frozen=True)
class _Transcription:
    terminal: TerminalFunction
    start: Tensor
    weight: float
    h: float

    def objective(self, v: Tensor) -> Tensor:
        """J of each player, shape (n,)."""
        running = 0.5 * self.weight * self.h * v.square().sum(dim=(0, 2))
        out: Tensor = self.terminal(self.start + self.h * v.sum(0)) + running
        return out

    def search(self, v: Tensor, move: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        """``v`` plus the largest of ``move, move/2, ...`` that lowers J enough, by player."""
        descent = _inner(slope, move)
        # Differences below the rounding of J do not decide.
        slack = 1e-14 * (1 + value.abs())
        share = torch.ones_like(value)
        for _ in range(_HALVINGS):
            with torch.no_grad():
                failed = self.objective(v + share[:, None] * move) > (
                    value + _ARMIJO * share * descent + slack
                )
            if not bool(failed.any()):
                break
            share = torch.where(failed, share / 2, share)
        return v + share[:, None] * move


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each player, shape (n,)."""
    return (a * b).sum(dim=(0, 2))


def _newton_direction(slope: Tensor, v: Tensor, h: float) -> Tensor:
    """``-(H + mu)^{-1} slope`` by conjugate gradients, player by player; mu is the slope's length.

    The Hessian is a constant plus a matrix of the rank of Hess G, so few steps suffice. At
    ``lambda = 0`` it is singular: mu bounds the move there and dies out at the minimum. Where the
    curvature along a direction is not positive a player stops with what it has, at least with
    the steepest descent.
    """
    rest = -slope.detach()
    move, direction = torch.zeros_like(rest), rest.clone()
    square = _inner(rest, rest)
    # In L2(0, T) the slope is slope / h and the Hessian H / h.
    damping = h * (square / h).sqrt()
    # A share of the slope that dies out with it: fast convergence.
    goal = square * (square / h).clamp(min=1e-20, max=1e-6)
    for _ in range(v[:, 0].numel()):
        (product,) = torch.autograd.grad(slope, v, direction, retain_graph=True)
        product = product + damping[:, None] * direction
        curvature = _inner(direction, product)
        active = (square > goal) & (curvature > 0)
        if not bool(active.any()):
            break
        length = torch.where(active, square / torch.where(active, curvature, 1.0), 0.0)
        move = move + length[:, None] * direction
        rest = rest - length[:, None] * product
        new = _inner(rest, rest)
        ratio = torch.where(active, new / torch.where(active, square, 1.0), 0.0)
        direction = torch.where(active[:, None], rest + ratio[:, None] * direction, 0.0)
        square = torch.where(active, new, 0.0)
    stuck = _inner(move, move) == 0
    return torch.where(stuck[:, None], -slope.detach() / h, move)


def _solution(problem: _Transcription, v: Tensor, size: Tensor, iteration: int) -> OpenLoopSolution:
    steps, h = len(v), problem.h

    def field(t: Tensor, x: Tensor) -> Rates:
        now = v[min(int(t / h + 0.5), steps - 1)]
        return Rates(now, 0.5 * now.square().sum(1, keepdim=True))

    run = integrate(field, problem.start, 0.0, h * steps, steps, EULER, keep_path=True)
    assert run.costs is not None
    terminal = problem.terminal(run.x).detach()
    objective = terminal + problem.weight * run.costs[:, 0]
    return OpenLoopSolution(v, run, terminal, objective, size, iteration)


def _check(
    start: Tensor, weight: float, horizon: float, steps: int, initial: tuple[int, ...]
) -> None:
    if start.ndim != 2 or start.dtype != torch.float64:
        raise ValueError(
            f"start must be float64 of shape (n, d), got {start.dtype} {tuple(start.shape)}"
        )
    if not (weight >= 0 and math.isfinite(weight)):
        raise ValueError(f"weight must be finite and not negative, got {weight!r}")
    if not (horizon > 0 and steps >= 1):
        raise ValueError(f"horizon and steps must be positive, got {horizon!r} and {steps!r}")
    if initial != (steps, *start.shape):
        raise ValueError(
            f"initial velocities need shape {(steps, *start.shape)}, got {tuple(initial)}"
        )
