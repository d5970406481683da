"""Prediction heads with a convex loss: ``G(x, y) = g(psi x) - <y, psi x>`` (2505.13499, App. F.1).

The label enters linearly, and ``output(x) = grad g(psi x)`` is what the head predicts. With
``L = |psi|_2`` and ``|Hess g| <= 1`` the gradient ``psi^T (output(x) - y)`` is L^2-Lipschitz in x
and L-Lipschitz in y, and the output is L-Lipschitz in x (Lemma 1 there).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ConvexHead(ABC):
    """A linear map and a convex loss.

    Args:
        psi: Matrix of the linear map, shape (c, d), float64.

    Raises:
        ValueError: ``psi`` is no finite float64 matrix.
    """

    psi: Tensor

    def __post_init__(self) -> None:
        fits = self.psi.ndim == 2 and self.psi.dtype == torch.float64
        if not fits or not bool(torch.isfinite(self.psi).all()):
            raise ValueError(
                f"psi must be a finite float64 matrix (c, d), got {self.psi.dtype} of shape "
                f"{tuple(self.psi.shape)}"
            )

    @property
    def lipschitz(self) -> float:
        """L, the spectral norm of psi."""
        return float(torch.linalg.matrix_norm(self.psi, 2))

    @abstractmethod
    def convex_part(self, z: Tensor) -> Tensor:
        """``g(z)`` of scores ``z`` (n, c), shape (n,)."""

    @abstractmethod
    def prediction(self, z: Tensor) -> Tensor:
        """``grad g(z)``, shape (n, c)."""

    @abstractmethod
    def curvature(self, z: Tensor) -> Tensor:
        """Hessian of g, shape (n, c, c); its eigenvalues lie in [0, 1]."""

    def offset(self, y: Tensor) -> Tensor:
        """The part of G that depends on the label alone, shape (n,); zero unless overridden."""
        return torch.zeros_like(y[:, 0])

    def scores(self, x: Tensor) -> Tensor:
        """``psi x`` of states ``x`` (n, d), shape (n, c)."""
        return x @ self.psi.mT

    def output(self, x: Tensor) -> Tensor:
        """What is predicted at states ``x`` (n, d), shape (n, c)."""
        return self.prediction(self.scores(x))

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """``G(x, y)`` of states (n, d) and labels (n, c), shape (n,)."""
        z = self.scores(x)
        return self.convex_part(z) - (y * z).sum(-1) + self.offset(y)

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """``grad_x G(x, y)``, shape (n, d)."""
        return (self.output(x) - y) @ self.psi

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of G in x, shape (n, d, d); the label does not enter."""
        return self.psi.mT @ self.curvature(self.scores(x)) @ self.psi


@dataclass(frozen=True)
class LogSumExpHead(ConvexHead):
    """Softmax and cross-entropy: ``G = logsumexp(psi x) - <y, psi x>``, labels of sum one.

    The Hessian of logsumexp is at most 1/2, so the constants of the theory are twice too large
    for this head.

    Example:
        >>> head = LogSumExpHead(torch.eye(2, dtype=torch.float64))
        >>> x, y = torch.zeros(1, 2).double(), torch.tensor([[1.0, 0.0]]).double()
        >>> head.value(x, y), head.gradient(x, y)
        (tensor([0.6931], dtype=torch.float64), tensor([[-0.5000,  0.5000]], dtype=torch.float64))
    """

    def convex_part(self, z: Tensor) -> Tensor:
        """``log sum exp z``."""
        return torch.logsumexp(z, -1)

    def prediction(self, z: Tensor) -> Tensor:
        """``softmax(z)``."""
        return torch.softmax(z, -1)

    def curvature(self, z: Tensor) -> Tensor:
        """``diag(p) - p p^T`` with ``p = softmax(z)``."""
        p = self.prediction(z)
        return torch.diag_embed(p) - p[:, :, None] * p[:, None, :]


@dataclass(frozen=True)
class QuadraticHead(ConvexHead):
    """Regression: ``G = |psi x - y|^2 / 2``."""

    def convex_part(self, z: Tensor) -> Tensor:
        """``|z|^2 / 2``."""
        return 0.5 * z.square().sum(-1)

    def prediction(self, z: Tensor) -> Tensor:
        """``z`` itself."""
        return z

    def curvature(self, z: Tensor) -> Tensor:
        """The identity."""
        return torch.eye(z.shape[1], dtype=z.dtype).expand(len(z), -1, -1)

    def offset(self, y: Tensor) -> Tensor:
        """``|y|^2 / 2``."""
        return 0.5 * y.square().sum(-1)
