"""OT-Flow's potential: a residual net plus a quadratic, with derivatives in closed form.

``Phi(x, t) = w . N(s) + s.A^T A s / 2 + b . s + c`` with ``s = (x, t)`` (the potential of
arXiv:2006.00104). The velocity ``-grad Phi`` and its divergence are needed at every stage of every
step, so both are written out by hand: one sweep through the layers gives gradient, time
derivative and Laplacian, where nested automatic differentiation needs d + 2 sweeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.networks.blocks import add_product, affine, blockwise, on_rows, with_bias
from mfglab.networks.mlp import with_time
from mfglab.networks.two_layer import TwoLayerSweep, TwoLayerWeights


@dataclass(frozen=True)
class PotentialDerivatives:
    """First and second derivatives of a potential at n points.

    Args:
        gradient: ``grad_x Phi``, shape (n, d).
        time_derivative: ``d_t Phi``, shape (n,).
        laplacian: ``tr Hess_x Phi``, shape (n,).
    """

    gradient: Tensor
    time_derivative: Tensor
    laplacian: Tensor


DerivativeField = Callable[[Tensor, Tensor], PotentialDerivatives]
"""Maps a time, scalar or (n,), and points (n, d) to :class:`PotentialDerivatives`."""


@dataclass(frozen=True)
class _ForwardSweep:
    s: Tensor  # (x, t), shape (n, d + 1)
    slopes: list[Tensor]  # tanh of each layer's argument, shape (n, m)


class PotentialNet(nn.Module):
    """Scalar potential ``Phi(t, x)`` with closed-form gradient and Laplacian.

    The activation is ``log cosh`` up to a constant; its derivatives are ``tanh`` and
    ``1 - tanh^2``. Stacked (:func:`~mfglab.networks.members.stack`), parameters have a first axis
    of length M and the points of a net follow those of the one before.

    Args:
        dim: Space dimension d.
        width: Hidden width m.
        depth: Number of layers; the first opens from d + 1 to m, the others are residual steps of
            size ``1 / (depth - 1)``.
        rank: Rank r of the quadratic part; capped at d + 1.
        generator: Source of the initial weights; torch's global one when absent.

    Example:
        >>> net = PotentialNet(dim=2, width=32, depth=2, rank=10)
        >>> sum(p.numel() for p in net.parameters())  # the published toy size
        1229
        >>> net.derivatives(torch.tensor(0.5), torch.zeros(4, 2)).gradient.shape
        torch.Size([4, 2])
    """

    def __init__(
        self,
        dim: int,
        width: int = 32,
        depth: int = 2,
        rank: int = 10,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if dim < 1 or width < 1 or depth < 2:
            raise ValueError(
                "PotentialNet needs dim >= 1, width >= 1 and depth >= 2, "
                f"got {dim}, {width}, {depth}"
            )
        self.dim = dim
        self.step = 1.0 / (depth - 1)
        r = min(rank, dim + 1)
        self.K0 = nn.Parameter(torch.empty(width, dim + 1))
        self.b0 = nn.Parameter(torch.empty(width))
        self.K = nn.ParameterList(nn.Parameter(torch.empty(width, width)) for _ in range(depth - 1))
        self.bias = nn.ParameterList(nn.Parameter(torch.empty(width)) for _ in range(depth - 1))
        self.w = nn.Parameter(torch.ones(width))
        self.A = nn.Parameter(torch.empty(r, dim + 1))
        self.b = nn.Parameter(torch.zeros(dim + 1))
        self.c = nn.Parameter(torch.zeros(()))
        for K, bias in [(self.K0, self.b0), *zip(self.K, self.bias, strict=True)]:
            bound = 1.0 / math.sqrt(K.shape[1])
            nn.init.uniform_(K, -bound, bound, generator=generator)
            nn.init.uniform_(bias, -bound, bound, generator=generator)
        nn.init.xavier_uniform_(self.A, generator=generator)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Value ``Phi(t, x)``, shape (n,); ``t`` is a scalar or has shape (n,)."""
        s = with_time(t, x)
        u = _log_cosh(affine(s, self.K0, self.b0))
        for K, bias in zip(self.K, self.bias, strict=True):
            u = u + self.step * _log_cosh(affine(u, K, bias))
        quadratic = 0.5 * blockwise(s, self.A.mT).square().sum(-1, keepdim=True)
        linear = blockwise(u, self.w[..., None]) + blockwise(s, self.b[..., None])
        return with_bias(linear + quadratic, self.c[..., None]).squeeze(-1)

    def gradient(self, t: Tensor, x: Tensor) -> Tensor:
        """``grad_x Phi`` alone at ``x`` (n, d), shape (n, d); twice differentiable.

        Sampling and diagnostics need no Laplacian, which is most of the work.
        """
        sweep = self._forward_sweep(t, x)
        return self._closing(sweep, self._adjoint_states(sweep)[-1])[:, : self.dim]

    def derivatives(self, t: Tensor, x: Tensor) -> PotentialDerivatives:
        """Gradient, time derivative and Laplacian at ``x`` (n, d), in one sweep.

        Args:
            t: Time, a scalar or of shape (n,).
            x: Points.
        """
        return self.derivative_field()(t, x)

    def derivative_field(self) -> DerivativeField:
        """:meth:`derivatives` for many evaluations with the same weights.

        What depends on the weights only is done once. Build a new field after every change of
        the weights.
        """
        if len(self.K) != 1:  # the hand-written adjoint covers the published two layers
            return self.reference_derivatives
        parts = [self.K0, self.b0, self.K[0], self.bias[0], self.w, self.A, self.b]
        if self.K0.ndim == 2:
            parts = [part[None] for part in parts]
        sweep = TwoLayerSweep(TwoLayerWeights.of(*parts))
        return lambda t, x: PotentialDerivatives(*sweep(t, x))

    def reference_derivatives(self, t: Tensor, x: Tensor) -> PotentialDerivatives:
        """:meth:`derivatives` for any depth, by operations that torch can differentiate.

        The Laplacian carries the Jacobian block ``J = d u / d x`` (n, d, m) forward through the
        layers (exact trace of arXiv:2006.00104): O(m^2 d) per point instead of d backward sweeps.
        """
        sweep = self._forward_sweep(t, x)
        K0x = self.K0[:, : self.dim]
        J = sweep.slopes[0][:, None, :] * K0x.T  # (n, d, m)
        states = self._adjoint_states(sweep)
        z = states[-1]
        laplacian = ((1 - sweep.slopes[0].square()) * z) @ K0x.square().sum(1)
        laplacian = laplacian + self.A[:, : self.dim].square().sum()
        for K, slope, z in zip(self.K, sweep.slopes[1:], reversed(states[:-1]), strict=True):
            KJ = (J.reshape(-1, J.shape[-1]) @ K.T).view_as(J)
            curvature = (1 - slope.square()) * z * KJ.square().sum(1)
            laplacian = laplacian + self.step * curvature.sum(-1)
            J = J + self.step * slope[:, None, :] * KJ
        gradient = self._closing(sweep, states[-1])
        return PotentialDerivatives(gradient[:, : self.dim], gradient[:, self.dim], laplacian)

    def _forward_sweep(self, t: Tensor, x: Tensor) -> _ForwardSweep:
        s = with_time(t, x)
        inner = affine(s, self.K0, self.b0)
        slopes, u = [_tanh(inner)], _log_cosh(inner)
        for i, (K, bias) in enumerate(zip(self.K, self.bias, strict=True), start=1):
            inner = affine(u, K, bias)
            slopes.append(_tanh(inner))
            if i < len(self.K):
                u = u + self.step * _log_cosh(inner)
        return _ForwardSweep(s, slopes)

    def _adjoint_states(self, sweep: _ForwardSweep) -> list[Tensor]:
        # d (w . N) / d u_i, (n, m), from the last layer's output to the opening layer's.
        states = [on_rows(self.w, sweep.s.shape[0])]
        for K, slope in zip(reversed(list(self.K)), reversed(sweep.slopes[1:]), strict=True):
            states.append(add_product(states[-1], slope * states[-1], K, self.step))
        return states

    def _closing(self, sweep: _ForwardSweep, z: Tensor) -> Tensor:
        # grad_s Phi, (n, d + 1)
        quadratic = blockwise(blockwise(sweep.s, self.A.mT), self.A)
        return with_bias(blockwise(sweep.slopes[0] * z, self.K0) + quadratic, self.b)


def _tanh(z: Tensor) -> Tensor:
    # torch's sigmoid is vectorised; its tanh takes several times as long.
    return 1 - 2 * torch.sigmoid(-2 * z)


def _log_cosh(z: Tensor) -> Tensor:
    # log(2 cosh z) = z + log(1 + exp(-2 z)); softplus is one fused, overflow-free kernel.
    return z + nn.functional.softplus(-2 * z)
