"""Densities that a game needs in closed form: standard normal and Gaussian mixtures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Density(Protocol):
    """A law on R^d with a density that can be evaluated and sampled."""

    @property
    def dim(self) -> int:
        """Dimension d."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points ``x`` of shape (n, d); returns shape (n,), in nats."""
        ...

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density, shape (n, d)."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d)."""
        ...


@dataclass(frozen=True)
class GaussianMixture:
    """Mixture ``sum_k w_k N(m_k, S_k)`` with exact density and score.

    Args:
        weights: Mixture weights ``w``, shape (K,); positive, summing to one.
        means: Component means ``m``, shape (K, d).
        covariances: Component covariances ``S``, shape (K, d, d), symmetric positive definite.

    Raises:
        ValueError: A shape does not fit, the weights are no probability vector, or a covariance
            is not positive definite.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def __post_init__(self) -> None:
        K, d = self.means.shape
        if self.weights.shape != (K,) or self.covariances.shape != (K, d, d):
            raise ValueError(
                f"mixture of {K} components in dimension {d} needs weights ({K},) and covariances "
                f"({K}, {d}, {d}), got {tuple(self.weights.shape)} and "
                f"{tuple(self.covariances.shape)}"
            )
        total = float(self.weights.sum())
        if bool((self.weights <= 0).any()) or abs(total - 1.0) > 1e-6:
            raise ValueError(f"mixture weights must be positive and sum to 1, got sum {total!r}")
        _, info = torch.linalg.cholesky_ex(self.covariances)
        if bool((info > 0).any()):
            bad = int(info.gt(0).nonzero()[0])
            raise ValueError(f"covariance of component {bad} is not positive definite")

    @classmethod
    def isotropic(
        cls, means: Tensor, std: float | Tensor, weights: Tensor | None = None
    ) -> GaussianMixture:
        """Mixture of round Gaussians: ``std`` is a number or one number per component."""
        K, d = means.shape
        variance = torch.as_tensor(std, dtype=means.dtype).square().expand(K)
        covariances = variance[:, None, None] * torch.eye(d, dtype=means.dtype)
        if weights is None:
            weights = torch.full((K,), 1.0 / K, dtype=means.dtype)
        return cls(weights, means, covariances)

    @property
    def dim(self) -> int:
        """Dimension d."""
        return int(self.means.shape[1])

    def component_log_prob(self, x: Tensor) -> Tensor:
        """``log w_k + log N(x; m_k, S_k)`` for each point and component, shape (n, K)."""
        chol = torch.linalg.cholesky(self.covariances)
        residual = x[:, None, :] - self.means  # (n, K, d)
        white = torch.linalg.solve_triangular(
            chol, residual.permute(1, 2, 0), upper=False
        )  # (K, d, n)
        log_det = torch.diagonal(chol, dim1=-2, dim2=-1).log().sum(-1)
        constant = self.weights.log() - log_det - 0.5 * self.dim * math.log(2 * math.pi)
        log_prob: Tensor = constant - 0.5 * white.square().sum(1).T
        return log_prob

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points ``x`` (n, d), shape (n,), in nats."""
        return torch.logsumexp(self.component_log_prob(x), dim=-1)

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density, shape (n, d)."""
        posterior = torch.softmax(self.component_log_prob(x), dim=-1)  # (n, K)
        pull = torch.linalg.solve(
            self.covariances, (self.means - x[:, None, :]).permute(1, 2, 0)
        )  # (K, d, n)
        return torch.einsum("nk,kdn->nd", posterior, pull)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d)."""
        index = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, dtype=self.means.dtype, generator=generator)
        chol = torch.linalg.cholesky(self.covariances)
        return self.means[index] + torch.einsum("nij,nj->ni", chol[index], noise)

    def noised(self, scale: float | Tensor, variance: float | Tensor) -> GaussianMixture:
        """Law of ``scale * X + sqrt(variance) * Z`` for X of this law: again a mixture.

        This is the marginal of every linear noising process (OU, VP, VE), hence the exact
        solution of the Cole-Hopf-transformed HJB equation with this terminal law.
        """
        eye = torch.eye(self.dim, dtype=self.means.dtype)
        return GaussianMixture(
            self.weights, scale * self.means, scale**2 * self.covariances + variance * eye
        )


def standard_normal(dim: int, dtype: torch.dtype = torch.float64) -> GaussianMixture:
    """The reference law N(0, I) in dimension ``dim``."""
    return GaussianMixture.isotropic(torch.zeros(1, dim, dtype=dtype), 1.0)


@dataclass(frozen=True)
class StandardNormal:
    """N(0, I) in dimension ``dim``, evaluated on the device and in the precision of the points.

    Args:
        dim: Dimension d.
    """

    dim: int

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points ``x`` (n, d), shape (n,), in nats."""
        return -0.5 * x.square().sum(-1) - 0.5 * self.dim * math.log(2 * math.pi)

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density, ``-x``."""
        return -x

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d), in torch's default precision."""
        return torch.randn(n, self.dim, generator=generator)
