"""First and second derivatives of a SiLU perceptron, carried forward beside its values.

A Laplacian by nested automatic differentiation costs d backward passes, each of which is
differentiated again in training. Here values, k directional derivatives, the time derivative and
the sum of the k second directional derivatives go through the layers together: one matrix product
a layer on k + 3 rows a point, whose adjoint is recorded as usual. With orthonormal directions the
sum is the Laplacian; with random ones of covariance I, divided by sqrt(k), an unbiased estimate.

For ``h = silu(a)`` and directional derivatives ``a_j``:

    h_j = silu'(a) a_j,      sum_j h_jj = silu'(a) sum_j a_jj + silu''(a) sum_j a_j^2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mfglab.networks.blocks import blockwise, with_bias
from mfglab.networks.members import MemberLinear


@dataclass(frozen=True)
class Motion:
    """How the input point of a network moves: along k directions in space, and in time.

    Args:
        directions: Velocities of the scaled point, shape (k, n, d) or (k, 1, d).
        point_rate: Time derivative of the scaled point, shape (n, d).
        snr_rate: Time derivative of log signal-to-noise, shape (n,).
    """

    directions: Tensor
    point_rate: Tensor
    snr_rate: Tensor


@dataclass(frozen=True)
class Jet:
    """Values and derivatives of m functions at n points.

    Args:
        value: Shape (n, m).
        directional: First derivatives along the k directions, shape (k, n, m).
        time: Time derivative, shape (n, m).
        second: Sum of the k second directional derivatives, shape (n, m).
    """

    value: Tensor
    directional: Tensor
    time: Tensor
    second: Tensor


def feature_jet(omega: Tensor, x: Tensor, log_snr: Tensor, motion: Motion) -> Tensor:
    """Features of :class:`~mfglab.networks.mlp.ScoreFeatures` with their derivatives, stacked.

    Args:
        omega: Fourier frequencies, shape (F,).
        x: Scaled points, shape (n, d).
        log_snr: Log signal-to-noise, shape (n,).
        motion: How both move.

    Returns:
        Shape (k + 3, n, size): value, k directional derivatives, time derivative, sum of second
        directional derivatives.
    """
    k, n = motion.directions.shape[0], x.shape[0]
    omega = omega.to(x)
    moves = torch.cat([motion.directions.expand(k, n, -1), motion.point_rate[None]])
    phase = (x[:, :, None] * omega).flatten(1)
    sin, cos = torch.sin(phase), torch.cos(phase)
    turns = (moves[..., None] * omega).flatten(2)  # velocities of the phases, (k + 1, n, d F)
    bend = turns[:k].square().sum(0)
    tau = log_snr[:, None] / 4
    tau_rate = motion.snr_rate[:, None] / 4
    clock = torch.cat([tau, torch.sin(tau), torch.cos(tau)], dim=1)
    clock_rate = tau_rate * torch.cat([torch.ones_like(tau), torch.cos(tau), -torch.sin(tau)], 1)
    still = torch.zeros_like(clock).expand(k, n, -1)
    clock_moves = torch.cat([still, clock_rate[None]])
    first = torch.cat([moves, cos * turns, -sin * turns, clock_moves], dim=2)
    value = torch.cat([x, sin, cos, clock], dim=1)
    flat = torch.zeros_like(x)
    second = torch.cat([flat, -sin * bend, -cos * bend, torch.zeros_like(clock)], dim=1)
    return torch.cat([value[None], first, second[None]])


def stack_jet(net: nn.Sequential, features: Tensor) -> Jet:
    """Carry stacked features (k + 3, n, size) through a ``silu_stack``."""
    rows = features
    for layer in net:
        if isinstance(layer, nn.Linear | MemberLinear):
            rows = blockwise(rows, layer.weight.mT)
            rows = torch.cat([with_bias(rows[:1], layer.bias), rows[1:]])
        else:
            rows = _SiluJet.apply(rows)  # type: ignore[no-untyped-call]
    k = rows.shape[0] - 3
    value, directional, time, second = torch.split(rows, [1, k, 1, 1])
    return Jet(value[0], directional, time[0], second[0])


def silu_derivatives(a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """SiLU ``a sigmoid(a)`` and its first three derivatives."""
    sigmoid = torch.sigmoid(a)
    slope = sigmoid * (1 - sigmoid)
    turn = 1 - 2 * sigmoid
    value = a * sigmoid
    first = sigmoid + a * slope
    second = slope * (2 + a * turn)
    third = slope * (3 * turn + a * (turn.square() - 2 * slope))
    return value, first, second, third


class _SiluJet(torch.autograd.Function):
    """The chain rule above with its adjoint by hand: a third of the kernels of recording it."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        sigmoid = torch.sigmoid(a[0])
        slope = sigmoid * (1 - sigmoid)
        first = torch.addcmul(sigmoid, a[0], slope)
        out = a * first
        torch.mul(a[0], sigmoid, out=out[0])
        bend = a[1:-2].square().sum(0)
        out[-1].addcmul_(slope * (2 + a[0] * (1 - 2 * sigmoid)), bend)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # Differentiable operations only: the adjoint itself is differentiated where the gradient
        # of a residual is penalised.
        (a,) = ctx.saved_tensors
        (g,) = grads
        _, first, second, third = silu_derivatives(a[0])
        bend = a[1:-2].square().sum(0)
        inner = (a[1:] * g[1:]).sum(0)
        value = first * g[0] + second * inner + third * bend * g[-1]
        moves = first * g[1:-2] + (2 * second * g[-1]) * a[1:-2]
        return torch.cat([value[None], moves, first * g[-2:]])
