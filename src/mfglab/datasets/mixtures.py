"""Gaussian mixtures as laws: exact density, score and samples in any dimension."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.datasets.law import DensityLaw, normal, uniform
from mfglab.games.densities import GaussianMixture


class MixtureBacked(DensityLaw):
    """A law that is a Gaussian mixture; a leaf class says which."""

    @abstractmethod
    def density(self) -> GaussianMixture:
        """The mixture."""

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self.density().dim

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats of points ``x`` (n, d), shape (n,)."""
        return self.density().log_prob(x)

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density in closed form, shape (n, d)."""
        return self.density().score(x)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d)."""
        return self.density().sample(n, generator)


@dataclass(frozen=True)
class MixtureLaw(MixtureBacked):
    """A given Gaussian mixture as a law.

    Args:
        mixture: The mixture; its tensors must be float64.

    Raises:
        ValueError: The mixture is not float64.
    """

    mixture: GaussianMixture

    def __post_init__(self) -> None:
        if self.mixture.means.dtype != torch.float64:
            raise ValueError(f"a law samples float64, got a mixture of {self.mixture.means.dtype}")

    def density(self) -> GaussianMixture:
        """The mixture given."""
        return self.mixture


def mixture_1d() -> MixtureLaw:
    """A fixed law on the line: three unequal components, two of them overlapping."""
    means = torch.tensor([[-2.0], [0.5], [3.0]], dtype=torch.float64)
    std = torch.tensor([0.5, 0.7, 0.9], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    return MixtureLaw(GaussianMixture.isotropic(means, std, weights))


def mixture_2d() -> MixtureLaw:
    """A fixed law on the plane: five anisotropic components of unequal weight."""
    weights = torch.tensor([0.30, 0.25, 0.20, 0.15, 0.10], dtype=torch.float64)
    means = torch.tensor(
        [[-3.0, -1.5], [2.5, -2.0], [0.0, 0.5], [3.0, 2.5], [-2.5, 3.0]], dtype=torch.float64
    )
    stds = torch.tensor(
        [[1.0, 0.35], [0.4, 0.9], [0.7, 0.5], [1.1, 0.3], [0.5, 0.5]], dtype=torch.float64
    )
    angle = torch.tensor([0.4, -0.3, 0.9, 2.2, 0.0], dtype=torch.float64)
    rows = [torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)]
    rotation = torch.stack(rows, dim=1)  # (5, 2, 2)
    return MixtureLaw(GaussianMixture(weights, means, _covariance(rotation, stds)))


def ring_mixture(n_components: int, radius: float, std: float) -> MixtureLaw:
    """Equal round Gaussians, evenly spaced on a circle around the origin of the plane.

    The law is unchanged by a rotation of ``2 pi / n_components``.

    Raises:
        ValueError: Fewer than one component, or a radius or deviation out of range.
    """
    if n_components < 1 or radius < 0 or std <= 0:
        raise ValueError(
            "a ring needs n_components >= 1, radius >= 0 and std > 0, got "
            f"{n_components}, {radius} and {std}"
        )
    angle = 2.0 * math.pi / n_components * torch.arange(n_components, dtype=torch.float64)
    means = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    return MixtureLaw(GaussianMixture.isotropic(means, std))


def random_mixture(dim: int, n_components: int, seed: int, separation: float = 6.0) -> MixtureLaw:
    """A law in dimension ``dim`` whose components are drawn from a seed and well separated.

    Standard deviations along the principal axes lie in [0.5, 1], so the distance of two means,
    at least ``separation``, is at least that many standard deviations in every direction. The
    weights of any two components differ by a factor of at most 3.

    Args:
        dim: Dimension d.
        n_components: Number of components.
        seed: Fixes means, covariances and weights.
        separation: Smallest distance of two means.

    Raises:
        ValueError: A number out of range.
    """
    if dim < 1 or n_components < 1 or separation < 0:
        raise ValueError(
            "a mixture needs dim >= 1, n_components >= 1 and separation >= 0, got "
            f"{dim}, {n_components} and {separation}"
        )
    generator = torch.Generator().manual_seed(seed)
    means = _separated_means(dim, n_components, separation, generator)
    weights = uniform(n_components, generator, 0.5, 1.5)
    stds = uniform(n_components * dim, generator, 0.5, 1.0).reshape(n_components, dim)
    frames = normal(n_components * dim, dim, generator).reshape(n_components, dim, dim)
    rotation, _ = torch.linalg.qr(frames)
    covariances = _covariance(rotation, stds)
    return MixtureLaw(GaussianMixture(weights / weights.sum(), means, covariances))


def _separated_means(
    dim: int, n_components: int, separation: float, generator: torch.Generator
) -> Tensor:
    """Normal candidates, kept when far enough from those before; shape (n_components, dim)."""
    # A candidate has expected norm about `separation`; the cloud grows with each refusal, so the
    # search ends however many components are wanted in however few dimensions.
    spread = max(separation, 1.0) / math.sqrt(dim)
    kept = spread * normal(1, dim, generator)
    while kept.shape[0] < n_components:
        candidate = spread * normal(1, dim, generator)
        if float(torch.cdist(candidate, kept).min()) >= separation:
            kept = torch.cat([kept, candidate])
        else:
            spread *= 1.05
    return kept


def _covariance(rotation: Tensor, stds: Tensor) -> Tensor:
    """``R diag(stds^2) R^T`` for each component, exactly symmetric; shape (K, d, d)."""
    half = rotation * stds[:, None, :]
    product = half @ half.mT
    return 0.5 * (product + product.mT)
