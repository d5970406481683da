"""Discriminator of a dual divergence: a ReLU perceptron whose slope in space is known.

A Lipschitz constraint needs ``|grad_x D|`` under the derivative in the weights. The slopes of ReLU
layers are piecewise constant, so the gradient in x is a product of masked matrices that ordinary
automatic differentiation follows: no nested differentiation.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from mfglab.networks.blocks import blockwise, on_rows
from mfglab.networks.mlp import linear


class Discriminator(nn.Module):
    """``D: R^d -> R``, ReLU layers.

    It can be stacked, see :func:`~mfglab.networks.members.stack`.

    Args:
        dim: Space dimension d.
        width: Hidden width m.
        depth: Hidden layers.
        generator: Source of the initial weights; torch's global one when absent.

    Raises:
        ValueError: A size is not positive.

    Example:
        >>> net = Discriminator(dim=2, width=8, depth=2)
        >>> net(torch.zeros(5, 2)).shape, net.gradient(torch.zeros(5, 2)).shape
        (torch.Size([5]), torch.Size([5, 2]))
    """

    def __init__(
        self, dim: int, width: int = 48, depth: int = 3, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if dim < 1 or width < 1 or depth < 1:
            raise ValueError(
                f"Discriminator needs dim, width and depth >= 1, got {dim}, {width}, {depth}"
            )
        sizes = itertools.pairwise([dim, *[width] * depth])
        self.hidden = nn.ModuleList(linear(a, b, generator) for a, b in sizes)
        self.last = linear(width, 1, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Value at points ``x`` (n, d), shape (n,)."""
        for layer in self.hidden:
            x = torch.relu(layer(x))
        out: Tensor = self.last(x)
        return out.squeeze(-1)

    def gradient(self, x: Tensor) -> Tensor:
        """``grad_x D`` at ``x`` (n, d), shape (n, d); differentiable in the weights."""
        active = []
        with torch.no_grad():
            for layer in self.hidden:
                z = layer(x)
                active.append((z > 0).to(x))
                x = z * active[-1]
        slope = on_rows(self.last.weight.squeeze(-2), len(x))
        for layer, mask in zip(reversed(list(self.hidden)), reversed(active), strict=True):
            weight = layer.weight
            assert isinstance(weight, Tensor)
            slope = blockwise(slope * mask, weight)
        return slope
