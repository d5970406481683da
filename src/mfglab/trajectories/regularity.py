"""Local Lipschitz constants of a velocity field in space and in time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _unit(u: Tensor) -> Tensor:
    flat = u.flatten(1)
    size = flat.norm(dim=1, keepdim=True)
    return (flat / torch.where(size > 0, size, 1.0)).view_as(u)


def local_lipschitz(
    field: Callable[[Tensor], Tensor],
    x: Tensor,
    generator: torch.Generator,
    iterations: int = 30,
) -> Tensor:
    """Largest singular value of the Jacobian at each of ``x`` (n, ...), shape (n,).

    Power iteration on J^T J for all points at once. The field is evaluated once; the products
    with J come from differentiating ``w -> J^T w``, which is linear, and cost a backward pass
    each. The estimate never exceeds the true value.

    Args:
        field: Velocity field at one time, acting row by row, twice differentiable.
        x: Points.
        generator: Source of the start vectors.
        iterations: Number of iterations; the error falls as (second / first singular value) to
            the power ``4 * iterations`` for the squared value.

    Raises:
        ValueError: ``iterations`` is not positive.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be positive, got {iterations!r}")
    draw = torch.randn(x.shape, dtype=x.dtype, device=generator.device, generator=generator)
    u = _unit(draw.to(x.device))
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        velocity = field(point)
        if not velocity.requires_grad:  # a constant field
            return torch.zeros(x.shape[0], dtype=x.dtype, device=x.device)
        w = torch.zeros_like(velocity, requires_grad=True)
        (pulled,) = torch.autograd.grad(
            velocity, point, w, create_graph=True, materialize_grads=True
        )
    if not pulled.requires_grad:  # the field does not depend on x
        return torch.zeros(x.shape[0], dtype=x.dtype, device=x.device)

    def push(direction: Tensor) -> Tensor:
        (image,) = torch.autograd.grad(pulled, w, direction, retain_graph=True)
        return image

    for _ in range(iterations):
        (back,) = torch.autograd.grad(velocity, point, push(u), retain_graph=True)
        u = _unit(back)
    largest: Tensor = torch.linalg.vector_norm(push(u).flatten(1), dim=1)
    return largest


def temporal_lipschitz(
    field: Callable[[Tensor, Tensor], Tensor], t: float, x: Tensor, step: float = 1e-3
) -> Tensor:
    """``|v(t + step, x) - v(t - step, x)| / (2 step)`` at each point, shape (n,).

    Args:
        field: Velocity field ``(t, x)`` with t a scalar tensor.
        t: Time.
        x: Points, shape (n, ...).
        step: Half-width of the central difference, positive, in units of time.

    Raises:
        ValueError: ``step`` is not positive.
    """
    if not step > 0:
        raise ValueError(f"the time step must be positive, got {step!r}")
    times = torch.tensor([t - step, t + step], dtype=x.dtype, device=x.device)
    difference = field(times[1], x) - field(times[0], x)
    speed: Tensor = torch.linalg.vector_norm(difference.flatten(1), dim=1)
    return speed / (2 * step)
