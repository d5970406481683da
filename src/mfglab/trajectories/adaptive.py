"""Adaptive integration with counted evaluations, for evaluation rather than training."""

from __future__ import annotations

import torch
from torch import Tensor
from torchdiffeq import odeint

from mfglab.trajectories.integrate import Field, Trajectory


class _CountedField:
    """The field in the tuple form of the adaptive solver, counting its calls."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.evaluations = 0

    def __call__(self, t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.evaluations += 1
        rates = self.field(t.to(state[0]), state[0])
        return (rates.velocity,) if rates.costs is None else (rates.velocity, rates.costs)


@torch.no_grad()
def integrate_adaptive(
    field: Field,
    x0: Tensor,
    t0: float,
    t1: float,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-6,
    max_steps: int = 100_000,
) -> Trajectory:
    """Integrate with Dormand-Prince 5(4) and step-size control; no gradients.

    Args:
        field: Velocity and cost rates, as for :func:`mfglab.trajectories.integrate.integrate`.
        x0: Start points, shape (n, ...).
        t0: Start time.
        t1: End time; may be smaller than ``t0``.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        max_steps: Steps after which a stiff field is given up.

    Returns:
        End points, costs with signed dt, the two end times and the number of evaluations, one of
        which only serves to learn the number of costs.

    Raises:
        ValueError: ``t0 == t1``.
        FloatingPointError: The solution leaves the range of floating-point numbers, or takes more
            steps than ``max_steps``.
    """
    if t0 == t1:
        raise ValueError(f"adaptive integration needs t0 != t1, got {t0!r} twice")
    counted = _CountedField(field)
    times = torch.tensor([t0, t1], dtype=torch.float64)
    first = counted(times[0].to(x0), (x0,))
    state = (x0, *(torch.zeros_like(costs) for costs in first[1:]))
    try:
        ends: tuple[Tensor, ...] = odeint(
            counted,
            state,
            times.to(x0.device),
            rtol=rtol,
            atol=atol,
            method="dopri5",
            options={"max_num_steps": max_steps},
        )
    except AssertionError as error:  # states not finite, steps too small or too many
        reason = str(error).split(":")[0]
        raise FloatingPointError(
            f"adaptive integration from {t0!r} to {t1!r} failed after {counted.evaluations} "
            f"evaluations: {reason}"
        ) from error
    costs = ends[1][-1] if len(ends) > 1 else None
    return Trajectory(ends[0][-1], costs, times, None, counted.evaluations)
