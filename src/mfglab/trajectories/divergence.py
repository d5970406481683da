"""Divergence of a velocity field: exact, or estimated with random probes.

Both work by vector-Jacobian products, so they accept every differentiable field, one that is
itself a gradient included. The field must act row by row: row i of its output may depend on row
i of its input only. Results can be differentiated again when gradients are enabled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

PointField = Callable[[Tensor], Tensor]
"""Maps points (n, d) to velocities (n, d), row by row."""


@dataclass(frozen=True)
class VelocityDivergence:
    """Velocity, shape (n, d), and its divergence, shape (n,), from one evaluation."""

    velocity: Tensor
    divergence: Tensor


def _pull_back(velocity: Tensor, x: Tensor, probes: Tensor, create_graph: bool) -> Tensor:
    """``J^T e`` for probes e of shape (k, n, d); same shape."""
    if not velocity.requires_grad:  # a constant field
        return torch.zeros_like(probes)
    (products,) = torch.autograd.grad(
        velocity,
        x,
        probes,
        retain_graph=True,
        create_graph=create_graph,
        is_grads_batched=True,
        materialize_grads=True,
    )
    return products


def _evaluate(
    field: PointField, x: Tensor, divergence: Callable[[Tensor, Tensor, bool], Tensor]
) -> VelocityDivergence:
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        point = x if x.requires_grad else x.detach().requires_grad_()
        velocity = field(point)
        total = divergence(velocity, point, create_graph)
    if not create_graph:
        velocity, total = velocity.detach(), total.detach()
    return VelocityDivergence(velocity, total)


def velocity_and_divergence(
    field: PointField, x: Tensor, chunk_size: int | None = None
) -> VelocityDivergence:
    """Evaluate a field and its exact divergence at ``x`` (n, d).

    Args:
        field: The velocity field at one time.
        x: Points.
        chunk_size: Number of coordinates treated at once; all d by default. Memory grows with
            ``chunk_size``, time hardly falls beyond what fills the processor.

    Raises:
        ValueError: ``chunk_size`` is not positive.
    """
    n, d = x.shape
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be positive, got {chunk_size!r}")

    def trace(velocity: Tensor, point: Tensor, create_graph: bool) -> Tensor:
        total = torch.zeros_like(point[:, 0])
        for axes in torch.split(torch.arange(d, device=x.device), chunk_size or d):
            probes = torch.nn.functional.one_hot(axes, d).to(velocity)[:, None, :].expand(-1, n, d)
            products = _pull_back(velocity, point, probes, create_graph)
            total = total + (products * probes).sum((0, 2))
        return total

    return _evaluate(field, x, trace)


def exact_divergence(field: PointField, x: Tensor, chunk_size: int | None = None) -> Tensor:
    """Exact divergence at ``x`` (n, d), shape (n,); see :func:`velocity_and_divergence`."""
    return velocity_and_divergence(field, x, chunk_size).divergence


def rademacher(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Independent signs of the given shape, with the type and device of ``like``."""
    signs = torch.randint(0, 2, shape, generator=generator, device=generator.device)
    return (2 * signs - 1).to(like)


def hutchinson_divergence(field: PointField, x: Tensor, probes: Tensor) -> VelocityDivergence:
    """Unbiased estimate ``mean_k e_k.(J e_k)`` of the divergence at ``x`` (n, d).

    Args:
        field: The velocity field at one time.
        x: Points.
        probes: Shape (k, n, d), for example from :func:`rademacher`. Keep them fixed along a
            trajectory so that the integrand is smooth in time.
    """

    def trace(velocity: Tensor, point: Tensor, create_graph: bool) -> Tensor:
        products = _pull_back(velocity, point, probes, create_graph)
        return (products * probes).sum(-1).mean(0)

    return _evaluate(field, x, trace)
