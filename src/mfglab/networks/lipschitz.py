"""A scalar perceptron with a guaranteed Lipschitz constant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from mfglab.networks.blocks import blockwise, on_rows
from mfglab.networks.members import stack
from mfglab.networks.mlp import linear


class LipschitzNet(nn.Module):
    """ReLU perceptron ``phi: R^d -> R`` whose weights are kept in balls of the operator norm.

    With K weight matrices of operator norm at most ``L^(1/K)`` and a slope of at most 1 in each
    activation, ``|phi(x) - phi(y)| <= L |x - y|``. The operator norm is the largest singular
    value; the Frobenius norm in its place would leave a net far flatter than L.

    Stacked (:func:`~mfglab.networks.members.stack`), it is M such nets with a bound each: weights
    and the vectors of the power iteration have a first axis of length M, and the points of a
    member follow those of the one before.

    Args:
        dim: Space dimension d.
        width: Hidden width.
        depth: Hidden layers, K - 1.
        lipschitz: L; None leaves the net unconstrained.
        generator: Source of the initial weights and of the start of the power iteration.

    Raises:
        ValueError: ``lipschitz`` is not positive.

    Example:
        >>> net = LipschitzNet(2, 16, 2, lipschitz=0.5, generator=torch.Generator().manual_seed(0))
        >>> net.project(exact=True)
        >>> bool(net.gradient(10 * torch.randn(100, 2)).norm(dim=1).max() <= 0.5)
        True
    """

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int,
        lipschitz: float | None,
        generator: torch.Generator | None = None,
    ) -> None:
        if lipschitz is not None and not lipschitz > 0:
            raise ValueError(f"the Lipschitz constant must be positive or None, got {lipschitz!r}")
        super().__init__()
        self.constrained = lipschitz is not None
        sizes = [dim, *[width] * depth, 1]
        self.layers = nn.ModuleList(linear(a, b, generator) for a, b in itertools.pairwise(sizes))
        for k, (size_in, size_out) in enumerate(itertools.pairwise(sizes)):
            start = torch.randn(size_out, generator=generator)
            # Rows: with a first axis of members they are stacks of rows.
            self.register_buffer(f"left_{k}", (start / start.norm())[None], persistent=False)
            self.register_buffer(f"right_{k}", torch.zeros(1, size_in), persistent=False)
        # A millionth less: rounding in single precision must not carry the product above L.
        bound = math.inf if lipschitz is None else (1 - 1e-6) * lipschitz ** (1 / len(self.layers))
        self.register_buffer("bound", torch.tensor([[bound]]), persistent=False)
        self.bound: Tensor
        self.project(exact=True)

    def forward(self, x: Tensor) -> Tensor:
        """``phi`` at points ``x`` (n, d), shape (n,)."""
        h = x
        for layer in self.layers[:-1]:
            h = torch.relu(layer(h))
        out: Tensor = self.layers[-1](h)
        return out.squeeze(-1)

    @torch.no_grad()
    def gradient(self, x: Tensor) -> Tensor:
        """``grad phi`` at ``x`` (n, d), shape (n, d): the chain rule, without a graph."""
        h, open_units, weights = x, [], [weight for weight, _, _ in self._balls()]
        for layer in self.layers[:-1]:
            h = layer(h)
            open_units.append(h > 0)
            h = torch.relu(h)
        g = on_rows(weights[-1].squeeze(-2), len(x))
        for opened, weight in zip(reversed(open_units), reversed(weights[:-1]), strict=True):
            g = blockwise(g * opened, weight)
        return g

    @torch.no_grad()
    def project(self, *, exact: bool = False) -> None:
        """Scale down every weight matrix whose operator norm exceeds ``L^(1/K)``.

        Args:
            exact: By singular values, so that the bound holds to rounding; otherwise by one
                warm-started step of power iteration, which may fall short by a few per cent.
        """
        if not self.constrained:
            return
        for weight, u, v in self._balls():
            # Of a weight that is not finite there are no singular values; others may be stacked
            # with it, and it stays what it is.
            norm = (
                torch.linalg.matrix_norm(weight.nan_to_num(), 2, keepdim=True)
                if exact
                else _power_step(weight, u, v)
            )
            weight.mul_((self.bound / norm).clamp(max=1.0))

    @torch.no_grad()
    def restrain_gradients(self) -> None:
        """Take out of the gradients what would push a weight matrix through its bound.

        To be called between ``backward`` and the step of an optimiser that minimises. Scaling the
        weights afterwards undoes that part of a plain gradient step, but not of an Adam step: its
        entries have about equal size whatever the gradient, so the weights end at the corner of
        their bound with equal entries, and the slope of the net points along a diagonal of space.
        """
        if not self.constrained:
            return
        least = 0.999 * self.bound
        for weight, u, v in self._balls():
            assert weight.grad is not None
            along = v.mT
            outward = (u @ weight.grad @ along).clamp(max=0.0)  # (..., 1, 1)
            active = u @ weight @ along > least
            weight.grad.sub_((outward * active * u).mT * v)

    @torch.no_grad()
    def operator_norms(self, iterations: int = 1) -> list[float]:
        """Estimated operator norm of each weight matrix after so many power iterations."""
        norms = []
        for weight, u, v in self._balls():
            for _ in range(iterations):
                norm = _power_step(weight, u, v)
            norms.append(float(norm))
        return norms

    def _balls(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        # Each weight, its left and its right singular vector: rows (..., 1, out), (..., 1, in).
        # Plain look-ups: these nets are so small that the walk of get_buffer would be seen.
        for k, layer in enumerate(self.layers):
            weight, u, v = layer.weight, self._buffers[f"left_{k}"], self._buffers[f"right_{k}"]
            assert isinstance(weight, Tensor)
            assert u is not None
            assert v is not None
            yield weight, u, v


def _power_step(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    # A step of v = W^T u, u = W v, both normalised; |W v|, (..., 1, 1), grows to the operator norm.
    back = u @ weight
    torch.div(back, _length(back), out=v)
    image = v @ weight.mT
    norm = _length(image)
    torch.div(image, norm, out=u)
    return norm


def _length(rows: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return norm.clamp_(min=1e-30)


@stack.register
def _stack_lipschitz(first: LipschitzNet, modules: Sequence[LipschitzNet]) -> nn.Module:
    whole = stack.dispatch(nn.Module)(first, modules)
    assert isinstance(whole, LipschitzNet)
    for name, _ in first.named_buffers():
        setattr(whole, name, torch.stack([module.get_buffer(name) for module in modules]))
    whole.constrained = any(module.constrained for module in modules)
    return whole
