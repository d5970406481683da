"""Gaussian mixtures that a group of orthogonal maps leaves unchanged."""

from __future__ import annotations

import torch
from torch import Tensor

from mfglab.datasets.mixtures import MixtureLaw
from mfglab.games.densities import GaussianMixture


def orbit_mixture(mean: Tensor, covariance: Tensor, group: Tensor) -> MixtureLaw:
    """Equal mixture of the images of one Gaussian under every element of a group.

    Args:
        mean: Mean of the first component, float64 of shape (d,).
        covariance: Its covariance, shape (d, d).
        group: Orthogonal matrices, shape (G, d, d).
    """
    spread = group @ covariance @ group.mT
    weights = torch.full((len(group),), 1 / len(group), dtype=mean.dtype)
    return MixtureLaw(GaussianMixture(weights, group @ mean, 0.5 * (spread + spread.mT)))


def turning_mixture(group: Tensor, radius: float = 2.0) -> MixtureLaw:
    """Images of a Gaussian that is elongated askew to the radius: turning, not mirror, symmetry.

    Its mean lies on the first axis; the deviations are 0.35 and 0.12 in the plane of the first two
    coordinates, turned by 60 degrees, and 0.5 in every other coordinate.

    Args:
        group: Rotations of that plane, float64 of shape (G, d, d).
        radius: Distance of the means from the origin.
    """
    dim = group.shape[-1]
    angle = torch.tensor(torch.pi / 3, dtype=group.dtype)
    turn = torch.eye(dim, dtype=group.dtype)
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[1, 0], turn[0, 1] = angle.sin(), -angle.sin()
    std = torch.full((dim,), 0.5, dtype=group.dtype)
    std[:2] = torch.tensor([0.35, 0.12], dtype=group.dtype)
    mean = torch.zeros(dim, dtype=group.dtype)
    mean[0] = radius
    return orbit_mixture(mean, turn @ torch.diag(std.square()) @ turn.mT, group)
