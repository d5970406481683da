"""A law placed isometrically on an affine subspace of a larger space: data on a manifold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.datasets.law import Law, normal


@dataclass(frozen=True)
class EmbeddedLaw(Law):
    """Law of ``origin + Q Z`` for ``Z`` of a base law and ``Q`` with orthonormal columns.

    Distances among points are those of the base law. The law lives on a subspace of dimension
    d < D, hence has no density on R^D: the setting in which a likelihood is infinite and a
    bounded divergence or a proximal step is needed.

    Args:
        base: Law on R^d.
        basis: ``Q``, float64 of shape (D, d), orthonormal columns.
        origin: A point of the subspace orthogonal to it, float64 of shape (D,).

    Raises:
        ValueError: Shapes that do not fit, columns that are not orthonormal, or an origin that
            is not orthogonal to them.
    """

    base: Law
    basis: Tensor
    origin: Tensor

    def __post_init__(self) -> None:
        D, d = self.basis.shape
        if d != self.base.dim or self.origin.shape != (D,):
            raise ValueError(
                f"a law of dimension {self.base.dim} needs a basis (D, {self.base.dim}) and an "
                f"origin (D,), got {tuple(self.basis.shape)} and {tuple(self.origin.shape)}"
            )
        eye = torch.eye(d, dtype=self.basis.dtype)
        gap = float((self.basis.mT @ self.basis - eye).abs().max())
        if not gap < 1e-10:
            raise ValueError(f"the basis is not orthonormal: |Q^T Q - I| is {gap:.3g}")
        tilt = float((self.basis.mT @ self.origin).abs().max())
        if not tilt < 1e-10 * max(1.0, float(self.origin.norm())):
            raise ValueError(f"the origin is not orthogonal to the basis: |Q^T o| is {tilt:.3g}")

    @classmethod
    def random(cls, base: Law, ambient_dim: int, seed: int, offset: float = 0.0) -> EmbeddedLaw:
        """A uniformly random subspace of R^D that depends on the seed alone.

        Args:
            base: Law on R^d.
            ambient_dim: D, at least d; larger than d when ``offset`` is not zero.
            seed: Fixes the subspace; the same subspace for every offset.
            offset: Distance of the subspace from the origin.

        Raises:
            ValueError: ``ambient_dim`` is too small.
        """
        d = base.dim
        smallest = d if offset == 0 else d + 1
        if ambient_dim < smallest:
            raise ValueError(
                f"a law of dimension {d} at offset {offset} needs ambient_dim >= {smallest}, "
                f"got {ambient_dim}"
            )
        generator = torch.Generator().manual_seed(seed)
        gaussian = normal(ambient_dim, min(d + 1, ambient_dim), generator)
        q, r = torch.linalg.qr(gaussian)
        # The factorisation leaves the signs to the library; this choice makes it unique.
        q = q * torch.diagonal(r).sign()
        origin = offset * q[:, d] if ambient_dim > d else torch.zeros_like(q[:, 0])
        return cls(base, q[:, :d].contiguous(), origin.contiguous())

    @property
    def dim(self) -> int:
        """Ambient dimension D."""
        return int(self.basis.shape[0])

    def embed(self, z: Tensor) -> Tensor:
        """Points ``z`` (n, d) of the base space as points of the subspace, shape (n, D)."""
        return self.origin + z @ self.basis.mT

    def coordinates(self, x: Tensor) -> Tensor:
        """Coordinates (n, d) of the nearest point of the subspace for each ``x`` (n, D)."""
        # The origin is orthogonal to the basis and drops out.
        return x @ self.basis

    def project(self, x: Tensor) -> Tensor:
        """Nearest point of the subspace for each ``x`` (n, D), shape (n, D)."""
        return self.embed(self.coordinates(x))

    def off_manifold_distance(self, x: Tensor) -> Tensor:
        """Euclidean distance of each ``x`` (n, D) to the subspace, shape (n,)."""
        out: Tensor = torch.linalg.vector_norm(x - self.project(x), dim=1)
        return out

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, float64 of shape (n, D)."""
        return self.embed(self.base.sample(n, generator))
