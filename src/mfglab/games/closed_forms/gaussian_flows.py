"""Exact flows between Gaussians: Bures distance, and two flows that a plain CNF cannot tell apart.

Both flows below carry N(0, S) to N(0, I) in unit time, so their normalising-flow losses agree.
The second one turns while it travels: only the kinetic energy sees the difference, which is why
a flow without running cost is not unique.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def _spd_power(matrix: Tensor, power: float) -> Tensor:
    eigenvalues, eigenvectors = torch.linalg.eigh(matrix)
    result: Tensor = (eigenvectors * eigenvalues.clamp_min(0).pow(power)) @ eigenvectors.mT
    return result


def bures_wasserstein(mean0: Tensor, cov0: Tensor, mean1: Tensor, cov1: Tensor) -> float:
    """W2 distance between N(mean0, cov0) and N(mean1, cov1), in the units of x.

    ``W2^2 = |m0 - m1|^2 + tr(S0 + S1 - 2 (S0^{1/2} S1 S0^{1/2})^{1/2})``.

    Args:
        mean0: Shape (d,).
        cov0: Shape (d, d), symmetric positive semidefinite.
        mean1: Shape (d,).
        cov1: Shape (d, d), symmetric positive semidefinite.
    """
    root = _spd_power(cov0, 0.5)
    cross = torch.linalg.eigvalsh(root @ cov1 @ root).clamp_min(0).sqrt().sum()
    square = (mean0 - mean1).square().sum() + cov0.trace() + cov1.trace() - 2 * cross
    return math.sqrt(max(float(square), 0.0))


@dataclass(frozen=True)
class WhiteningFlow:
    """Flow ``x -> R(angle t) ((1-t) I + t S^{-1/2}) x`` from N(0, S) to N(0, I) on [0, 1].

    With ``angle = 0`` it is the optimal transport. R turns the plane of the first two axes; the
    end law is round, so every angle gives the same end law.

    Args:
        covariance: S, shape (d, d), symmetric positive definite, d >= 2.
        angle: Total rotation in radians.

    Raises:
        ValueError: The covariance is not a square matrix of size at least 2.
    """

    covariance: Tensor
    angle: float = 0.0

    def __post_init__(self) -> None:
        shape = tuple(self.covariance.shape)
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
            raise ValueError(f"covariance must be (d, d) with d >= 2, got shape {shape}")

    def _eye(self) -> Tensor:
        return torch.eye(self.covariance.shape[0], dtype=self.covariance.dtype)

    def _generator(self) -> Tensor:
        J = torch.zeros_like(self.covariance)
        J[0, 1], J[1, 0] = -1.0, 1.0
        return J

    def _rotation(self, t: float) -> Tensor:
        rotation: Tensor = torch.linalg.matrix_exp(self.angle * t * self._generator())
        return rotation

    def _stretch(self, t: float) -> Tensor:
        return (1 - t) * self._eye() + t * _spd_power(self.covariance, -0.5)

    def position(self, t: float, x0: Tensor) -> Tensor:
        """Position at time t of the particles that start at ``x0`` (n, d)."""
        return x0 @ (self._rotation(t) @ self._stretch(t)).mT

    def velocity(self, t: float, x: Tensor) -> Tensor:
        """Velocity field at time t and positions ``x`` (n, d)."""
        return x @ self.velocity_matrix(t).mT

    def velocity_matrix(self, t: float) -> Tensor:
        """Matrix B(t) of the linear velocity field ``v(t, x) = B(t) x``, shape (d, d)."""
        rotation = self._rotation(t)
        change = _spd_power(self.covariance, -0.5) - self._eye()
        stretch = change @ torch.linalg.inv(self._stretch(t))
        matrix: Tensor = self.angle * self._generator() + rotation @ stretch @ rotation.mT
        return matrix

    def kinetic_energy(self) -> float:
        """``int_0^1 E|v|^2/2 dt``, exact.

        ``tr((I - S^{1/2})^2)/2`` for the transport, plus ``angle^2/6`` times the trace of
        ``S + S^{1/2} + I`` over the plane of rotation; the mixed term vanishes because the
        stretch is symmetric and the generator of rotations antisymmetric.
        """
        root = _spd_power(self.covariance, 0.5)
        transport = 0.5 * (self._eye() - root).square().sum()
        plane = (self.covariance + root + self._eye())[:2, :2].trace()
        return float(transport + self.angle**2 / 6 * plane)
