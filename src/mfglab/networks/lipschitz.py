"""A scalar perceptron with a guaranteed Lipschitz constant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

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
            self.register_buffer(f"left_{k}", start / start.norm(), persistent=False)
            self.register_buffer(f"right_{k}", torch.zeros(size_in), persistent=False)
        # A millionth less: rounding in single precision must not carry the product above L.
        bound = math.inf if lipschitz is None else (1 - 1e-6) * lipschitz ** (1 / len(self.layers))
        self.register_buffer("bound", torch.tensor(bound), persistent=False)
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
        h, open_units = x, []
        for layer in self.layers[:-1]:
            h = layer(h)
            open_units.append(h > 0)
            h = torch.relu(h)
        g = on_rows(self._weight(len(self.layers) - 1).squeeze(-2), len(x))
        for k in range(len(open_units) - 1, -1, -1):
            g = blockwise(g * open_units[k], self._weight(k))
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
        for k in range(len(self.layers)):
            weight = self._weight(k)
            # Of a weight that is not finite there are no singular values; others may be stacked
            # with it, and it stays what it is.
            norm = (
                torch.linalg.matrix_norm(weight.nan_to_num(), 2) if exact else self._power_step(k)
            )
            weight.mul_((self.bound / norm).clamp(max=1.0)[..., None, None])

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
        for k in range(len(self.layers)):
            weight = self._weight(k)
            assert isinstance(weight.grad, Tensor)
            u, v = self._vectors(k)
            outward = u @ weight.grad @ v.mT  # (..., 1, 1)
            active = u @ weight @ v.mT > 0.999 * self.bound[..., None, None]
            weight.grad.sub_((outward.clamp(max=0.0) * active) * u.mT * v)

    @torch.no_grad()
    def operator_norms(self, iterations: int = 1) -> list[float]:
        """Estimated operator norm of each weight matrix after so many power iterations."""
        norms = []
        for k in range(len(self.layers)):
            for _ in range(iterations):
                norm = self._power_step(k)
            norms.append(float(norm))
        return norms

    def _power_step(self, k: int) -> Tensor:
        # One step of v = W^T u, u = W v, both normalised: |W v| grows to the operator norm.
        weight, (u, v) = self._weight(k), self._vectors(k)
        back = u @ weight
        v.copy_(back / back.norm(dim=-1, keepdim=True).clamp(min=1e-30))
        image = v @ weight.mT
        norm: Tensor = image.norm(dim=-1, keepdim=True).clamp(min=1e-30)
        u.copy_(image / norm)
        return norm[..., 0, 0]

    def _vectors(self, k: int) -> tuple[Tensor, Tensor]:
        # Left and right singular vector as rows, (..., 1, out) and (..., 1, in); views.
        u, v = self.get_buffer(f"left_{k}"), self.get_buffer(f"right_{k}")
        return u[..., None, :], v[..., None, :]

    def _weight(self, k: int) -> Tensor:
        weight = self.layers[k].weight
        assert isinstance(weight, Tensor)
        return weight


@stack.register
def _stack_lipschitz(first: LipschitzNet, modules: Sequence[LipschitzNet]) -> nn.Module:
    whole = stack.dispatch(nn.Module)(first, modules)
    assert isinstance(whole, LipschitzNet)
    for name, _ in first.named_buffers():
        setattr(whole, name, torch.stack([module.get_buffer(name) for module in modules]))
    whole.constrained = any(module.constrained for module in modules)
    return whole
