"""Noising by the Langevin dynamics of a reference mixture, as dynamics of the generating clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import Dynamics
from mfglab.games.times import Time, as_time


@dataclass(frozen=True)
class ReversedLangevin(Dynamics):
    """``dX = (f + sigma v) dt + sigma dW`` with ``f = -(sigma^2/2) grad log q``.

    Noising is ``dY = (sigma^2/2) grad log q ds + sigma dW``, which leaves the reference q
    invariant (arXiv:2405.15625). For normal q it is the Ornstein-Uhlenbeck process.

    Args:
        reference: The mixture q.
        sigma: Noise level.

    Raises:
        ValueError: ``sigma`` is not positive.
    """

    reference: GaussianMixture
    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"sigma must be positive, got {self.sigma!r}")

    def drift(self, t: Time, x: Tensor) -> Tensor:
        """``-(sigma^2/2) grad log q``, shape (n, d)."""
        return -0.5 * self.sigma**2 * self.reference.score(x)

    def drift_divergence(self, t: Time, x: Tensor) -> Tensor:
        """``-(sigma^2/2) Lap log q``, shape (n,)."""
        return -0.5 * self.sigma**2 * mixture_laplacian(self.reference, x)

    def gain(self, t: Time) -> Tensor:
        """``sigma``, shape of ``t``."""
        return torch.full_like(as_time(t), self.sigma)

    def diffusion(self, t: Time) -> Tensor:
        """``sigma``, shape of ``t``."""
        return torch.full_like(as_time(t), self.sigma)


def score_function(mixture: GaussianMixture) -> Callable[[Tensor], Tensor]:
    """The score of a mixture with its covariances inverted once, for many evaluations."""
    precision = torch.linalg.inv(mixture.covariances)
    level = mixture.weights.log() + 0.5 * torch.logdet(precision)

    def score(x: Tensor) -> Tensor:
        gap = mixture.means - x[:, None, :]  # (n, K, d)
        pull = torch.einsum("kde,nke->nkd", precision, gap)
        posterior = torch.softmax(level - 0.5 * (gap * pull).sum(-1), dim=-1)
        return torch.einsum("nk,nkd->nd", posterior, pull)

    return score


def mixture_laplacian(mixture: GaussianMixture, x: Tensor) -> Tensor:
    """Laplacian of the log-density of a mixture at ``x`` (n, d), in closed form; shape (n,).

    With posterior weights w_k and component scores g_k it is
    ``sum_k w_k (|g_k|^2 - tr S_k^-1) - |sum_k w_k g_k|^2``.
    """
    posterior = torch.softmax(mixture.component_log_prob(x), dim=-1)  # (n, K)
    precision = torch.linalg.inv(mixture.covariances)
    pull = torch.einsum("kde,nke->nkd", precision, mixture.means - x[:, None, :])
    trace = torch.diagonal(precision, dim1=-2, dim2=-1).sum(-1)
    inner = (posterior * (pull.square().sum(-1) - trace)).sum(-1)
    score = torch.einsum("nk,nkd->nd", posterior, pull)
    return inner - score.square().sum(-1)
