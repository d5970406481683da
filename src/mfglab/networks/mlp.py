"""Multilayer perceptrons in time and space, with the divergence carried forward exactly."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.networks.blocks import blockwise


@dataclass(frozen=True)
class VelocityAndDivergence:
    """A velocity field at n points.

    Args:
        velocity: ``v(t, x)``, shape (n, d).
        divergence: ``div_x v(t, x)``, shape (n,).
    """

    velocity: Tensor
    divergence: Tensor


@dataclass(frozen=True)
class VelocityAndJacobian:
    """A velocity field at n points, with all its derivatives in space.

    Args:
        velocity: ``v(t, x)``, shape (n, d).
        jacobian: ``d v_i / d x_j``, shape (n, d, d).
    """

    velocity: Tensor
    jacobian: Tensor


class VelocityNet(nn.Module):
    """Free velocity field ``v(t, x)``: tanh layers on ``(x, t)``.

    The divergence is exact and stays differentiable without nested automatic differentiation: at
    the price of one more hidden product for two hidden layers, of d more for other depths.

    Args:
        dim: Space dimension d.
        width: Hidden width.
        depth: Hidden layers.
        generator: Source of the initial weights; torch's global one when absent.
    """

    def __init__(
        self, dim: int, width: int, depth: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.dim = dim
        sizes = [dim + 1, *[width] * depth, dim]
        layers = [linear(a, b, generator) for a, b in itertools.pairwise(sizes)]
        self.opening = layers[0]
        self.middle = nn.ModuleList(layers[1:-1])
        self.last = layers[-1]

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Velocity at time ``t`` (scalar or (n,)) and points ``x`` (n, d), shape (n, d)."""
        h = torch.tanh(self.opening(self._inputs(t, x)))
        for layer in self.middle:
            h = torch.tanh(layer(h))
        out: Tensor = self.last(h)
        return out.flatten(0, -2)

    def with_divergence(self, t: Tensor, x: Tensor) -> VelocityAndDivergence:
        """Velocity and exact divergence at ``x`` (n, d)."""
        h, slopes = self._slopes(t, x)
        divergence = self._bilinear if len(slopes) == 2 else self._pushed_forward
        return VelocityAndDivergence(self.last(h).flatten(0, -2), divergence(slopes))

    def with_jacobian(self, t: Tensor, x: Tensor) -> VelocityAndJacobian:
        """Velocity and exact Jacobian at ``x`` (n, d), at the price of d more hidden products."""
        h, slopes = self._slopes(t, x)
        J = _products(self._directions(slopes), self.last.weight)  # (n, d in x, d in v)
        return VelocityAndJacobian(self.last(h).flatten(0, -2), J.mT)

    def _inputs(self, t: Tensor, x: Tensor) -> Tensor:
        # Of M stacked nets blocks (M, n, d + 1): hidden values stay blocks from layer to layer.
        z, W = with_time(t, x), self.opening.weight
        return z if W.ndim == 2 else z.view(len(W), -1, self.dim + 1)

    def _slopes(self, t: Tensor, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        # Last hidden values (n, m), or blocks of them, and the derivative of each layer's tanh.
        h = torch.tanh(self.opening(self._inputs(t, x)))
        slopes = [1 - h.square()]
        for layer in self.middle:
            h = torch.tanh(layer(h))
            slopes.append(1 - h.square())
        return h, slopes

    def _bilinear(self, slopes: list[Tensor]) -> Tensor:
        # Two hidden layers: div v = tr(W3 D2 W2 D1 W1) is bilinear in the slopes D1 and D2, with
        # coefficients that depend on the weights only: one product a point, whatever d is.
        back = self.opening.weight[..., : self.dim] @ self.last.weight
        hidden = self.middle[0].weight
        assert isinstance(hidden, Tensor)
        coupling = hidden.mT * back
        product = torch.mm if coupling.ndim == 2 else torch.bmm
        return (product(slopes[0], coupling) * slopes[1]).sum(-1).flatten()

    def _pushed_forward(self, slopes: list[Tensor]) -> Tensor:
        J = self._directions(slopes)
        W = self.last.weight if self.last.weight.ndim == 3 else self.last.weight[None]
        blocks = J.view(len(W), -1, *J.shape[1:])
        return torch.einsum("kndm,kdm->kn", blocks, W).flatten()

    def _directions(self, slopes: list[Tensor]) -> Tensor:
        # Any depth: the d coordinate directions go through the layers beside the values.
        W = self.opening.weight[..., : self.dim].mT
        slopes = [slope.flatten(0, -2) for slope in slopes]
        blocks = slopes[0].view(W.shape[0] if W.ndim == 3 else 1, -1, 1, slopes[0].shape[1])
        J = (blocks * W.unsqueeze(-3)).flatten(0, 1)  # (n, d, m)
        for layer, slope in zip(self.middle, slopes[1:], strict=True):
            weight = layer.weight
            assert isinstance(weight, Tensor)
            J = slope[:, None, :] * _products(J, weight)
        return J


def _products(J: Tensor, weight: Tensor) -> Tensor:
    # (n, d, m) with the rows of a weight (l, m), or of that of each member, shape (n, d, l).
    return blockwise(J.flatten(0, 1), weight.mT).view(*J.shape[:2], -1)


class ScoreFeatures(nn.Module):
    """Input features of a score network: scaled position, Fourier features, log signal-to-noise.

    Args:
        dim: Space dimension d.
        frequencies: Number F of Fourier frequencies 1, 2, ..., 2^(F-1) in each coordinate.
    """

    def __init__(self, dim: int, frequencies: int) -> None:
        super().__init__()
        self.size = dim * (1 + 2 * frequencies) + 3
        self.register_buffer("omega", 2.0 ** torch.arange(frequencies), persistent=False)
        self.omega: Tensor

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        """Features of ``x`` (n, d), of order one, at ``log_snr`` (n,); shape (n, size)."""
        phase = (x[:, :, None] * self.omega.to(x)).flatten(1)
        tau = log_snr[:, None] / 4
        return torch.cat(
            [x, torch.sin(phase), torch.cos(phase), tau, torch.sin(tau), torch.cos(tau)], dim=1
        )


def with_time(t: Tensor, x: Tensor) -> Tensor:
    """Append the time, a scalar or (n,), to the points ``x`` (n, d); shape (n, d + 1)."""
    column = t.to(x).reshape(-1, 1).expand(x.shape[0], 1)
    return torch.cat([x, column], dim=1)


def linear(n_in: int, n_out: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear layer with torch's default initial law, drawn from ``generator``."""
    layer = nn.Linear(n_in, n_out)
    bound = 1.0 / math.sqrt(n_in)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def silu_stack(
    n_in: int, width: int, depth: int, n_out: int, generator: torch.Generator | None
) -> nn.Sequential:
    """SiLU perceptron with ``depth`` hidden layers; smooth, so its Hessian exists."""
    layers: list[nn.Module] = []
    for size in [n_in, *[width] * (depth - 1)]:
        layers += [linear(size, width, generator), nn.SiLU()]
    return nn.Sequential(*layers, linear(width, n_out, generator))
