"""Mixtures of Gaussian kernels given by their precisions: the terminal laws of 2402.06162.

``pi(x) = sum_i w_i N(x; Z_i, Gamma_i^-1)``. In terms of the posterior weights ``q_i(x)`` and the
pulls ``v_i = Gamma_i (x - Z_i)``,

    grad log pi = -sum_i q_i v_i,    Lap pi / pi = sum_i q_i (|v_i|^2 - tr Gamma_i),

and implicit score matching at the terminal time (eqs. 27, 30) is the mean of
``2 Lap pi / pi - |grad log pi|^2``. Linear noising turns the mixture into another one (Prop. 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.densities import GaussianMixture


@dataclass(frozen=True)
class KernelTerms:
    """A kernel density and its derivatives at n points.

    Attributes:
        log_prob: ``log pi``, shape (n,).
        score: ``grad log pi``, shape (n, d).
        laplacian_ratio: ``Lap pi / pi``, shape (n,).
    """

    log_prob: Tensor
    score: Tensor
    laplacian_ratio: Tensor

    @property
    def implicit_score_matching(self) -> Tensor:
        """``2 Lap pi / pi - |grad log pi|^2 = |s|^2 + 2 div s`` of the score s, shape (n,)."""
        return 2 * self.laplacian_ratio - self.score.square().sum(-1)


@dataclass(frozen=True)
class KernelMixture:
    """``sum_i w_i N(Z_i, Gamma_i^-1)``, differentiable in all three arrays.

    With a first axis of length M in all of them it is M mixtures, and so are the points and the
    results of :meth:`terms`, :meth:`log_prob` and :meth:`score`, as in (M, n, d).

    Args:
        log_weights: ``log w``, shape (K,), normalised.
        centres: ``Z``, shape (K, d).
        precisions: ``Gamma``, shape (K, d, d), symmetric positive definite.

    Raises:
        ValueError: A shape does not fit.
    """

    log_weights: Tensor
    centres: Tensor
    precisions: Tensor

    def __post_init__(self) -> None:
        *members, K, d = self.centres.shape
        weights, precisions = (*members, K), (*members, K, d, d)
        if self.log_weights.shape != weights or self.precisions.shape != precisions:
            raise ValueError(
                f"{K} kernels in dimension {d} need weights {weights} and precisions {precisions}, "
                f"got {tuple(self.log_weights.shape)} and {tuple(self.precisions.shape)}"
            )

    @classmethod
    def isotropic(cls, centres: Tensor, variance: float) -> KernelMixture:
        """Equal round kernels: the law of ``centres`` noised up to ``variance`` (eq. 23).

        As the variance ``beta^2 eps`` of early stopping tends to 0 its samples are the centres.

        Raises:
            ValueError: ``variance`` is not positive.
        """
        if not variance > 0:
            raise ValueError(f"the variance of a kernel must be positive, got {variance!r}")
        K, d = centres.shape
        eye = torch.eye(d).to(centres)
        return cls(_uniform(centres), centres, (eye / variance).expand(K, d, d))

    @property
    def dim(self) -> int:
        """Dimension d."""
        return int(self.centres.shape[-1])

    def double(self) -> KernelMixture:
        """The same mixture in float64, without history; weights normalised again."""
        log_weights = torch.log_softmax(self.log_weights.detach().double(), 0)
        precisions = self.precisions.detach().double()
        return KernelMixture(
            log_weights, self.centres.detach().double(), 0.5 * (precisions + precisions.mT)
        )

    def terms(self, x: Tensor, *, leave_one_out: bool = False) -> KernelTerms:
        """Density, score and Laplacian at ``x`` (n, d) in closed form.

        Args:
            x: Points.
            leave_one_out: Leave out, at each point, the kernels that are centred there.
        """
        pull, log_components = self._components(x, leave_one_out)
        q = torch.softmax(log_components, dim=-1)
        trace = torch.diagonal(self.precisions, dim1=-2, dim2=-1).sum(-1)
        curvature = pull.square().sum(-2) - trace[..., None, :]
        return KernelTerms(
            log_prob=torch.logsumexp(log_components, dim=-1),
            score=-(pull @ q[..., None]).squeeze(-1),
            laplacian_ratio=(q * curvature).sum(-1),
        )

    def log_prob(self, x: Tensor, *, leave_one_out: bool = False) -> Tensor:
        """Log-density of points ``x`` (n, d), shape (n,), in nats."""
        return torch.logsumexp(self._components(x, leave_one_out)[1], dim=-1)

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density, shape (n, d)."""
        pull, log_components = self._components(x, False)
        return -(pull @ torch.softmax(log_components, dim=-1)[..., None]).squeeze(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d): pick a kernel, then draw one Gaussian (Rem. 4.3)."""
        return self.gaussian_mixture().sample(n, generator)

    def noised(self, scale: float | Tensor, variance: float | Tensor) -> KernelMixture:
        """Law of ``scale * X + sqrt(variance) * Z``: precisions ``(a^2 Gamma^-1 + V I)^-1``."""
        eye = torch.eye(self.dim).to(self.centres)
        spread = scale**2 * torch.linalg.inv(self.precisions) + variance * eye
        precisions = torch.linalg.inv(spread)
        return KernelMixture(
            self.log_weights, scale * self.centres, 0.5 * (precisions + precisions.mT)
        )

    def gaussian_mixture(self) -> GaussianMixture:
        """The same law by its covariances, in float64."""
        own = self.double()
        covariances = torch.linalg.inv(own.precisions)
        return GaussianMixture(
            own.log_weights.exp(), own.centres, 0.5 * (covariances + covariances.mT)
        )

    def _components(self, x: Tensor, leave_one_out: bool) -> tuple[Tensor, Tensor]:
        # Pulls (n, d, K), kernels last and contiguous: one matrix product makes all of them.
        d = self.dim
        joined = self.precisions.transpose(-3, -1).flatten(-2)
        anchored = (self.precisions @ self.centres[..., None]).squeeze(-1).mT.flatten(-2)
        if x.ndim == 2:
            pull = torch.addmm(anchored, x, joined, beta=-1)
        else:
            pull = torch.baddbmm(anchored[:, None], x, joined, beta=-1)
        pull = pull.view(*x.shape, -1)
        gap = x[..., None] - self.centres.mT[..., None, :, :]
        constant = self.log_weights + 0.5 * self._log_det() - 0.5 * d * math.log(2 * math.pi)
        log_components = constant[..., None, :] - 0.5 * (pull * gap).sum(-2)
        if leave_one_out:
            own = (gap == 0).all(-2)
            log_components = log_components.masked_fill(own, -torch.inf)
            rest = torch.log1p(-(own * self.log_weights.exp()[..., None, :]).sum(-1))
            log_components = log_components - rest[..., None]
        return pull, log_components

    def _log_det(self) -> Tensor:
        # In two dimensions the gradient of a Cholesky factor takes four times as long.
        log_det: Tensor = torch.linalg.slogdet(self.precisions).logabsdet
        return log_det


def select_variance(centres: Tensor, validation: Tensor, variances: Sequence[float]) -> float:
    """The early-stopping variance whose round kernels are likeliest on validation points.

    Args:
        centres: Training points (N, d).
        validation: Points (n, d) that are no centres.
        variances: Candidates, at least one.

    Raises:
        ValueError: There is no candidate.
    """
    if not variances:
        raise ValueError("no variance to choose from")
    likelihoods = [
        float(KernelMixture.isotropic(centres, v).log_prob(validation).mean()) for v in variances
    ]
    return variances[max(range(len(variances)), key=likelihoods.__getitem__)]


def _uniform(centres: Tensor) -> Tensor:
    return torch.full_like(centres[:, 0], -math.log(len(centres)))
