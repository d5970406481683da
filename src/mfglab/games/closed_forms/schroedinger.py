"""Schroedinger bridges between Gaussians whose end law is attracted to a target, in closed form.

The game is ``dX = sigma (v dt + dW)`` from N(m0, S0), running cost ``|v|^2/2`` and terminal cost
``lambda KL(rho_T | N(m1, S1))``. By Girsanov's theorem the running cost is the relative entropy of
the controlled paths to Brownian ones, so only the coupling of the two ends counts:

    inf over rho_T   KL( coupling | rho_0 x N(., eps I) ) + lambda KL(rho_T | pi),  eps = sigma^2 T.

The optimal coupling is ``rho_0(x) G(x, y) phi(y) / (G phi)(x)`` with ``phi = (pi/rho_T)^lambda`` up
to a constant, so that Y given x is normal with a precision P that solves a quadratic equation. As
lambda grows the end law tends to the target and the coupling to the Schroedinger bridge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.closed_forms.gaussian_prox import Gaussian
from mfglab.games.times import Time, as_time


@dataclass(frozen=True)
class GaussianBridge:
    """Optimal coupling of a Gaussian soft bridge.

    Attributes:
        start: Law of X at t = 0.
        end: Law of Y at t = T.
        precision: P, the precision of Y given x, shape (d, d).
        shift: b, so that the mean of Y given x is ``P^-1 (x / eps + b)``, shape (d,).
        eps: ``sigma^2 T``.
    """

    start: Gaussian
    end: Gaussian
    precision: Tensor
    shift: Tensor
    eps: float

    def cross_covariance(self) -> Tensor:
        """``Cov(X, Y)``, shape (d, d)."""
        cross: Tensor = self.start.covariance @ torch.linalg.inv(self.precision) / self.eps
        return cross

    def marginal(self, share: float) -> Gaussian:
        """Law at time ``share * T``: Brownian bridges between coupled ends.

        Args:
            share: Between 0 and 1.
        """
        u, v = 1 - share, share
        cross = self.cross_covariance()
        mean = u * self.start.mean + v * self.end.mean
        covariance = (
            u * u * self.start.covariance
            + v * v * self.end.covariance
            + u * v * (cross + cross.mT)
            + u * v * self.eps * torch.eye(len(mean), dtype=mean.dtype)
        )
        return Gaussian(mean, covariance)

    def log_potential(self, share: Time, x: Tensor) -> Tensor:
        """``log phi(share * T, x)`` up to a constant in x and t, shape (n,).

        Minus this is the value function of the game; phi solves the backward heat equation with
        end value ``exp(-y.a y/2 + b.y)``, ``a = P - I/eps``.

        Args:
            share: Between 0 and 1, a number or of shape (n,).
            x: Points (n, d).
        """
        eye = torch.eye(x.shape[1], dtype=x.dtype)
        a, axes = torch.linalg.eigh(self.precision - eye / self.eps)
        y, b = x @ axes, self.shift @ axes
        left = (1 - as_time(share).to(x).reshape(-1, 1)) * self.eps  # variance still to come
        spread = 1 + left * a
        exponent = (y * b + 0.5 * (left * b.square() - a * y.square())) / spread
        log_phi: Tensor = (exponent - 0.5 * spread.log()).sum(-1)
        return log_phi


def soft_bridge_gaussian(
    start: Gaussian, target: Gaussian, eps: float, weight: float
) -> GaussianBridge:
    """Solution of the soft bridge; ``weight = math.inf`` is the Schroedinger bridge itself.

    With ``B = S0/eps^2``, ``A = I/eps + lambda S1^-1`` and ``M = P + B`` the consistency of rho_T
    and phi is ``(1 + lambda) M + lambda B M^-1 B = A + (1 + 2 lambda) B``. In
    ``N = B^-1/2 M B^-1/2`` all terms commute, and each eigenvalue solves a quadratic equation;
    P > 0 selects the larger root. The mean is
    ``(I/eps + lambda S1^-1)^-1 (m0/eps + lambda S1^-1 m1)``.

    Args:
        start: Law of the players at t = 0, positive definite covariance.
        target: Law that attracts the end law, positive definite covariance.
        eps: ``sigma^2 T``, positive.
        weight: lambda, positive.

    Raises:
        ValueError: ``eps`` or ``weight`` is not positive.
    """
    for name, value in {"eps": eps, "weight": weight}.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")
    eye = torch.eye(len(start.mean), dtype=start.mean.dtype)
    # Everything is divided by 1 + lambda, which makes lambda = inf an ordinary case.
    share = 1.0 if math.isinf(weight) else weight / (1 + weight)
    rest = 1 - share
    target_precision = torch.linalg.inv(target.covariance)
    A = rest * eye / eps + share * target_precision
    root, inverse_root = _roots(start.covariance / eps**2)
    K = inverse_root @ A @ inverse_root + (1 + share) * eye
    k, vectors = torch.linalg.eigh(0.5 * (K + K.mT))
    n = 0.5 * (k + (k.square() - 4 * share).sqrt())
    M = root @ (vectors * n) @ vectors.mT @ root
    P = M - start.covariance / eps**2
    inverse = torch.linalg.inv(P)
    covariance = inverse + inverse @ start.covariance @ inverse / eps**2
    pull = rest * start.mean / eps + share * target_precision @ target.mean
    mean = torch.linalg.solve(A, pull)
    shift = P @ mean - start.mean / eps
    end = Gaussian(mean, 0.5 * (covariance + covariance.mT))
    return GaussianBridge(start, end, P, shift, eps)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(matrix)
    root = (vectors * values.sqrt()) @ vectors.mT
    inverse_root = (vectors * values.rsqrt()) @ vectors.mT
    return root, inverse_root
