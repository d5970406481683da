"""The integrator of every deterministic player population: paths and accumulated costs.

A field returns how players move and what they pay per unit time. Costs do not act back on the
motion, so only their weighted sums over the stages are kept:

    x(t1) = x(t0) + int_{t0}^{t1} velocity dt,     costs = int_{t0}^{t1} cost rate dt.

Time may run backward (t1 < t0). Then dt is negative and so are the accumulated costs of positive
rates: going there and back with a rate that depends on (t, x) only gives costs that cancel. With
the divergence as a rate, ``costs`` is the log-determinant of the map x(t0) -> x(t1) in either
direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint as recompute

from mfglab.trajectories.methods import RK4, RungeKutta


@dataclass(frozen=True, slots=True)
class Rates:
    """What a field returns at one time.

    Attributes:
        velocity: Same shape as the points, (n, ...).
        costs: Costs per unit time, shape (n, k), or None.
    """

    velocity: Tensor
    costs: Tensor | None = None


Field = Callable[[Tensor, Tensor], Rates]
"""Maps a scalar time tensor and points (n, ...) to :class:`Rates`."""

Checkpointing = bool | int
"""What is kept for the backward pass: all, a state a step, or so many states; see
:func:`integrate`."""


@dataclass(frozen=True)
class Trajectory:
    """Result of an integration.

    Attributes:
        x: End points, shape (n, ...).
        costs: Accumulated costs with signed dt, shape (n, k), or None.
        times: The time grid, shape (steps + 1,), float64.
        path: Points on the grid, shape (steps + 1, n, ...), or None.
        evaluations: Number of evaluations of the field.
        field: The field itself where the path is kept, for measures of the path; else None.
    """

    x: Tensor
    costs: Tensor | None
    times: Tensor
    path: Tensor | None
    evaluations: int
    field: Field | None = None


def _step(
    field: Field, method: RungeKutta, h: float, times: tuple[Tensor, ...], x: Tensor
) -> tuple[Tensor, Tensor | None]:
    """One step from ``x``; ``times`` are the stage times. Returns end points and cost increment."""
    slopes: list[Tensor] = []
    end, costs = x, None
    for t, row, weight in zip(times, method.a, method.b, strict=True):
        point = x
        for a, slope in zip(row, slopes, strict=True):
            if a != 0.0:
                point = torch.add(point, slope, alpha=h * a)
        rates = field(t, point)
        slopes.append(rates.velocity)
        if weight == 0.0:
            continue
        end = torch.add(end, rates.velocity, alpha=h * weight)
        if rates.costs is not None:
            share = h * weight
            costs = (
                share * rates.costs if costs is None else torch.add(costs, rates.costs, alpha=share)
            )
    return end, costs


Advance = Callable[[tuple[Tensor, ...], Tensor], tuple[Tensor, Tensor | None]]


def _first_part(steps: int, states: int) -> int:
    """Steps before the second state, where ``states`` in all make least work of ``steps``.

    The optimal schedule of Griewank and Walther (ACM Trans. Math. Softw. 26, 2000): where no step
    is repeated more than r times, ``states`` states reach over ``C(states + r, r)`` steps.
    """
    r = next(r for r in range(steps) if comb(states + r, r) >= steps)
    least = comb(states + r - 2, states) if r > 1 else 1
    return max(least, steps - comb(states - 1 + r, r))


def _with_few_states(
    advance: Advance, states: int, times: list[tuple[Tensor, ...]], x: Tensor
) -> tuple[Tensor, Tensor | None]:
    # The first part is forgotten and taken again when its turn comes, by the same rule; all states
    # but the one it starts from are free again by then.
    total: Tensor | None = None
    while True:
        m = _first_part(len(times), states) if len(times) > 1 else 1
        part = partial(_with_few_states, advance, states, times[:m])
        run = partial(advance, times[0]) if m == 1 else part
        x, costs = recompute(run, x, use_reentrant=False)
        if costs is not None:
            total = costs if total is None else total + costs
        if m == len(times):
            return x, total
        times, states = times[m:], max(1, states - 1)


def _stage_times(
    method: RungeKutta, t0: float, h: float, steps: int, like: Tensor
) -> list[tuple[Tensor, ...]]:
    # All stage times in one transfer: no tensor is built, and no device is awaited, in the loop.
    values = [t0 + h * (i + c) for i in range(steps) for c in method.c]
    flat = torch.tensor(values, dtype=like.dtype, device=like.device).unbind()
    return [flat[i : i + method.stages] for i in range(0, len(flat), method.stages)]


def integrate(
    field: Field,
    x0: Tensor,
    t0: float,
    t1: float,
    steps: int,
    method: RungeKutta = RK4,
    *,
    checkpoint: Checkpointing = False,
    keep_path: bool = False,
) -> Trajectory:
    """Integrate ``x' = velocity(t, x)`` from ``t0`` to ``t1`` with equal steps.

    Args:
        field: Velocity and cost rates.
        x0: Start points, shape (n, ...), floating point.
        t0: Start time.
        t1: End time; may be smaller than ``t0``.
        steps: Number of steps.
        method: Runge-Kutta method.
        checkpoint: For the backward pass keep one state a step and evaluate the field again there,
            instead of keeping everything the field computed. A number from 2 keeps so many states
            whatever the steps, and evaluates the field again as seldom as they allow.
        keep_path: Store the points of the whole grid; then a number saves no more than True.

    Returns:
        End points, costs (signed dt, see the module text), grid, path.

    Raises:
        ValueError: ``steps`` is not positive, ``x0`` is not floating point, or ``checkpoint`` is a
            number below 2.

    Example:
        >>> run = integrate(lambda t, x: Rates(-x), torch.ones(1, 1), 0.0, 1.0, steps=20)
        >>> round(run.x.item(), 5), run.evaluations
        (0.36788, 80)
    """
    if steps < 1:
        raise ValueError(f"the number of steps must be positive, got {steps!r}")
    if not x0.is_floating_point():
        raise ValueError(f"points to integrate must be floating point, got {x0.dtype}")
    few = not isinstance(checkpoint, bool)
    if few and checkpoint < 2:
        raise ValueError(f"checkpoint must be False, True or a number from 2, got {checkpoint!r}")
    h = (t1 - t0) / steps
    advance = partial(_step, field, method, h)
    recomputing = bool(checkpoint) and torch.is_grad_enabled()
    x, costs = x0, None
    path = [x0]
    grid = _stage_times(method, t0, h, steps, x0)
    if few and recomputing and not keep_path:
        x, costs = _with_few_states(advance, checkpoint, grid, x0)
        grid = []
    for times in grid:
        if recomputing:
            x, increment = recompute(advance, times, x, use_reentrant=False)
        else:
            x, increment = advance(times, x)
        if increment is not None:
            costs = increment if costs is None else costs + increment
        if keep_path:
            path.append(x)
    return Trajectory(
        x=x,
        costs=costs,
        times=torch.linspace(t0, t1, steps + 1, dtype=torch.float64),
        path=torch.stack(path) if keep_path else None,
        evaluations=steps * method.stages,
        field=field if keep_path else None,
    )


def concatenate(parts: Sequence[Trajectory]) -> Trajectory:
    """One trajectory of several, each of which begins where and when the one before ends.

    Its parts may have followed different fields, so it has none.

    Args:
        parts: At least one trajectory; all with costs and path, or all without.

    Example:
        >>> halves = [(0.0, 0.5), (0.5, 1.0)]
        >>> x, parts = torch.ones(1, 1), []
        >>> for t0, t1 in halves:
        ...     parts.append(integrate(lambda t, x: Rates(t * x), x, t0, t1, 4, keep_path=True))
        ...     x = parts[-1].x
        >>> whole = concatenate(parts)
        >>> len(whole.times), len(whole.path), round(whole.x.item(), 4)  # e^(1/2)
        (9, 9, 1.6487)
    """
    costs = [part.costs for part in parts if part.costs is not None]
    paths = [part.path for part in parts if part.path is not None]
    times = [parts[0].times, *(part.times[1:] for part in parts[1:])]
    return Trajectory(
        x=parts[-1].x,
        costs=torch.stack(costs).sum(0) if costs else None,
        times=torch.cat(times),
        path=torch.cat([paths[0], *(path[1:] for path in paths[1:])]) if paths else None,
        evaluations=sum(part.evaluations for part in parts),
    )
