"""Local precisions as a function of the point: the network of 2402.06162, section 4."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.networks.mlp import linear


@dataclass(frozen=True)
class Kernels:
    """What the network says at K points.

    Args:
        precisions: ``Gamma``, shape (K, d, d), smallest eigenvalue at least the floor; of M stacked
            networks (M, K, d, d).
        log_weights: Normalised log-weights, shape (K,) or (M, K).
    """

    precisions: Tensor
    log_weights: Tensor


class PrecisionNet(nn.Module):
    """``Gamma(z) = L(z) L(z)^T + floor I`` with L lower triangular, its entries a perceptron.

    It can be stacked, see :func:`~mfglab.networks.members.stack`.

    Args:
        dim: Space dimension d.
        width: Hidden width.
        depth: Hidden layers, GELU after each.
        floor: Least eigenvalue of a precision; ``floor^(-1/2)`` is the widest kernel.
        weighted: One more output is the logit of the kernel's weight; without it weights are equal.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        width: int = 64,
        depth: int = 5,
        floor: float = 0.01,
        *,
        weighted: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.floor = floor
        self.weighted = weighted
        self.entries = dim * (dim + 1) // 2
        layers: list[nn.Module] = []
        for size in [dim, *[width] * (depth - 1)]:
            layers += [linear(size, width, generator), nn.GELU()]
        last = linear(width, self.entries + weighted, generator)
        self.net = nn.Sequential(*layers, last)
        rows, columns = torch.tril_indices(dim, dim)
        self.register_buffer("slots", rows * dim + columns, persistent=False)
        self.slots: Tensor

    def start_round(self, precision: float) -> None:
        """Set the last bias so that kernels start nearly round, ``Gamma ~ precision I``.

        Raises:
            ValueError: The precision does not exceed the floor.
        """
        if not precision > self.floor:
            raise ValueError(f"precision must exceed the floor {self.floor}, got {precision!r}")
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        rows = torch.arange(self.dim)
        with torch.no_grad():
            last.bias.zero_()
            last.bias[rows * (rows + 3) // 2] = math.sqrt(precision - self.floor)

    def forward(self, z: Tensor) -> Kernels:
        """Precisions and weights of the kernels at ``z`` (K, d); of M networks (M, K, d)."""
        *kernels, d = z.shape
        out = self.net(z.flatten(0, -2))
        lower = out.new_zeros(len(out), d * d)
        lower = lower.index_copy(1, self.slots, out[:, : self.entries]).view(*kernels, d, d)
        precisions = lower @ lower.mT + self.floor * torch.eye(d).to(z)
        if self.weighted:
            return Kernels(precisions, torch.log_softmax(out[:, -1].view(kernels), -1))
        return Kernels(precisions, out.new_full(kernels, -math.log(kernels[-1])))
