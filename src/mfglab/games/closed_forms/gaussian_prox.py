"""Wasserstein proximals of Gaussian laws: the kinetic and the entropic game in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AffineTransport:
    """Straight-line transport of N(mean0, std0^2) to N(mean1, std1^2) in one dimension.

    Attributes:
        mean0: Mean at t = 0.
        std0: Standard deviation at t = 0.
        mean1: Mean at t = T.
        std1: Standard deviation at t = T.
        horizon: T.
    """

    mean0: float
    std0: float
    mean1: float
    std1: float
    horizon: float

    def end(self, x0: Tensor) -> Tensor:
        """End point of the path from ``x0``, the monotone affine map."""
        return self.mean1 + self.std1 / self.std0 * (x0 - self.mean0)

    def path(self, t: float, x0: Tensor) -> Tensor:
        """Position at time t, ``x0 + (t/T) (end - x0)``."""
        return torch.lerp(x0, self.end(x0), t / self.horizon)

    def velocity(self, t: float, x: Tensor) -> Tensor:
        """Velocity at position ``x`` and time t; constant along each path."""
        mean = self.mean0 + t / self.horizon * (self.mean1 - self.mean0)
        std = self.std0 + t / self.horizon * (self.std1 - self.std0)
        rate = (self.std1 - self.std0) / self.horizon
        return (self.mean1 - self.mean0) / self.horizon + rate / std * (x - mean)

    def kinetic_energy(self) -> float:
        """``int_0^T E|v|^2/2 dt = W2^2 / (2T)``."""
        square = (self.mean1 - self.mean0) ** 2 + (self.std1 - self.std0) ** 2
        return square / (2 * self.horizon)


def kl_prox_gaussian(alpha: float, horizon: float, mean: float, std: float) -> AffineTransport:
    """Solution of the OT-Flow game ``alpha KL(rho_T | N(0,1)) + int E|v|^2/2`` from N(mean, std^2).

    The mean becomes ``mean / (1 + alpha T)``; the standard deviation is the positive root of
    ``(alpha + 1/T) s^2 - (std/T) s - alpha = 0``.

    Args:
        alpha: Weight of the divergence, positive.
        horizon: T.
        mean: Mean of the start law.
        std: Its standard deviation, positive.

    Raises:
        ValueError: ``alpha``, ``horizon`` or ``std`` is not positive.
    """
    for name, value in {"alpha": alpha, "horizon": horizon, "std": std}.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")
    a, b = alpha + 1 / horizon, std / horizon
    end_std = (b + math.sqrt(b * b + 4 * a * alpha)) / (2 * a)
    return AffineTransport(mean, std, mean / (1 + alpha * horizon), end_std, horizon)


def cross_entropy_prox(x: Tensor, horizon: float) -> Tensor:
    """End point of the noiseless game with terminal cost ``-E log N(0, I)``: ``x / (1 + T)``.

    Without noise nothing supplies the entropy that turns cross-entropy into a divergence, and the
    law collapses towards the mode as T grows.
    """
    return x / (1 + horizon)


@dataclass(frozen=True)
class Gaussian:
    """A normal law.

    Attributes:
        mean: Shape (d,).
        covariance: Shape (d, d).
    """

    mean: Tensor
    covariance: Tensor


def entropic_prox_gaussian(start: Gaussian, target: Gaussian, tau: float) -> Gaussian:
    """End law of the entropic Wasserstein proximal of cross-entropy (2402.06162, eq. 15).

    The game is ``dX = v dt + beta dW``, running cost ``|v|^2/2``, terminal cost
    ``-beta^2 E log target``, with ``tau = beta^2 T``. With ``C = (S^-1 + I/tau)^-1`` the end law
    is ``N( C (S^-1 m + a/tau), C + C A C / tau^2 )`` for target N(m, S) and start N(a, A). It is
    the target itself if ``A = S + tau I`` and ``a = m``.

    Raises:
        ValueError: ``tau`` is not positive.
    """
    if not tau > 0:
        raise ValueError(f"tau = beta^2 T must be positive, got {tau!r}")
    eye = torch.eye(target.mean.shape[0], dtype=target.mean.dtype)
    precision = torch.linalg.inv(target.covariance)
    C = torch.linalg.inv(precision + eye / tau)
    mean = C @ (precision @ target.mean + start.mean / tau)
    return Gaussian(mean, C + C @ start.covariance @ C / tau**2)
