"""Mixtures of Gaussian kernels given by their precisions: the terminal laws of 2402.06162.

``pi(x) = sum_i w_i N(x; Z_i, Gamma_i^-1)``. In terms of the posterior weights ``q_i(x)`` and the
pulls ``v_i = Gamma_i (x - Z_i)``,

    grad log pi = -sum_i q_i v_i,    Lap pi / pi = sum_i q_i (|v_i|^2 - tr Gamma_i),

and implicit score matching at the terminal time (eqs. 27, 30) is the mean of
``2 Lap pi / pi - |grad log pi|^2``. Linear noising turns the mixture into another one (Prop. 4.1).

Everything on the right is a quadratic polynomial of x for each kernel, and evaluated as such: the
pulls would be an array of points x kernels x d.
"""

from __future__ import annotations

import functools
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
        at = _Polynomials(self, x)
        log_components = self._log_components(at, leave_one_out)
        q = at.posterior(log_components)
        # log sum_i exp(l_i) = l_k - log q_k for any k: no exponential is taken again.
        largest = log_components.max(-1, keepdim=True)
        log_prob = largest.values - q.gather(-1, largest.indices).log().to(x)
        return KernelTerms(log_prob.squeeze(-1), *at.score_and_laplacian(q))

    def log_prob(self, x: Tensor, *, leave_one_out: bool = False) -> Tensor:
        """Log-density of points ``x`` (n, d), shape (n,), in nats."""
        return torch.logsumexp(self._log_components(_Polynomials(self, x), leave_one_out), dim=-1)

    def score(self, x: Tensor) -> Tensor:
        """Gradient of the log-density, shape (n, d)."""
        at = _Polynomials(self, x)
        return at.score(at.posterior(self._log_components(at, False)))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, d): pick a kernel, then draw one Gaussian (Rem. 4.3)."""
        return self.gaussian_mixture().sample(n, generator)

    def noised(self, scale: float | Tensor, variance: float | Tensor) -> KernelMixture:
        """Law of ``scale * X + sqrt(variance) * Z``: precisions ``(a^2 Gamma^-1 + V I)^-1``.

        They have the eigenvectors of Gamma, so that one eigendecomposition serves all noise levels.
        Differentiable in scale and variance, and not in the mixture's own arrays.
        """
        eigenvalues, frames = self._spectrum
        noised = eigenvalues / (scale**2 + variance * eigenvalues)
        root = frames * noised.sqrt()[..., None, :]
        centres = scale * self.centres.detach()
        return KernelMixture(self.log_weights.detach(), centres, root @ root.mT)

    @functools.cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        # Eigenvalues (K, d) and eigenvectors (K, d, d) of the precisions.
        eigenvalues, frames = torch.linalg.eigh(self.precisions.detach())
        return eigenvalues, frames

    def gaussian_mixture(self) -> GaussianMixture:
        """The same law by its covariances, in float64."""
        own = self.double()
        covariances = torch.linalg.inv(own.precisions)
        return GaussianMixture(
            own.log_weights.exp(), own.centres, 0.5 * (covariances + covariances.mT)
        )

    def _log_components(self, at: _Polynomials, leave_one_out: bool) -> Tensor:
        # log (w_i N(x; Z_i, Gamma_i^-1)), shape (n, K).
        log_components = at.log_components()
        if not leave_one_out:
            return log_components
        own = (at.x[..., None, :] == self.centres[..., None, :, :]).all(-1)
        rest = torch.log1p(-(own * self.log_weights.exp()[..., None, :]).sum(-1))
        return log_components.masked_fill(own, -torch.inf) - rest[..., None]


class _Polynomials:
    """A mixture at n points by the monomials of these.

    With ``phi(x) = (x x^T, x, 1)`` the log-densities of all kernels at all points are one matrix
    product. So are the posterior means of the coefficients, from which score and Laplacian follow:
    no other array of points x kernels is made. The terms of a polynomial cancel where a kernel is
    narrow; they are therefore float64, and the results have the precision of the points.

    Args:
        law: The mixture.
        x: Points (n, d).
    """

    def __init__(self, law: KernelMixture, x: Tensor) -> None:
        self.law, self.x = law, x
        centres = law.centres.double()
        origin = centres.mean(-2, keepdim=True)
        self.Gamma, self.Z, self.y = law.precisions.double(), centres - origin, x.double() - origin
        self.GammaZ = _product(self.Gamma, self.Z)
        squares = self.y[..., :, None] * self.y[..., None, :]
        self.phi = torch.cat([squares.flatten(-2), self.y, torch.ones_like(x[..., :1])], -1)

    def log_components(self) -> Tensor:
        """``log w_i + log N(x; Z_i, Gamma_i^-1)``, shape (n, K)."""
        # In two dimensions the gradient of a Cholesky factor takes four times as long.
        log_det = torch.linalg.slogdet(self.Gamma).logabsdet
        height = self.law.log_weights + 0.5 * log_det - 0.5 * self.law.dim * math.log(2 * math.pi)
        constant = height - 0.5 * (self.Z * self.GammaZ).sum(-1)
        coefficients = _coefficients(-0.5 * self.Gamma, self.GammaZ, constant)
        return (self.phi @ coefficients.mT).to(self.x)

    def posterior(self, log_components: Tensor) -> Tensor:
        """Weights of the kernels at each point, shape (n, K); float64."""
        return torch.softmax(log_components, dim=-1).double()

    def score(self, q: Tensor) -> Tensor:
        """``sum_i q_i Gamma_i (Z_i - x)``, shape (n, d)."""
        return self._score(q @ self._linear())

    def score_and_laplacian(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """The score (n, d), and ``sum_i q_i (|v_i|^2 - tr Gamma_i)``, shape (n,)."""
        trace = torch.diagonal(self.Gamma, dim1=-2, dim2=-1).sum(-1)
        constant = self.GammaZ.square().sum(-1) - trace
        slope = -2 * _product(self.Gamma, self.GammaZ)
        curvature = _coefficients(self.Gamma @ self.Gamma, slope, constant)
        linear = self._linear()
        means = q @ torch.cat([linear, curvature], -1)
        own, rest = torch.split(means, [linear.shape[-1], curvature.shape[-1]], -1)
        return self._score(own), (self.phi * rest).sum(-1).to(self.x)

    def _linear(self) -> Tensor:
        return torch.cat([self.Gamma.flatten(-2), self.GammaZ], -1)

    def _score(self, means: Tensor) -> Tensor:
        d = self.law.dim
        Gamma, GammaZ = torch.split(means, [d * d, d], -1)
        return (GammaZ - _product(Gamma.view(*self.y.shape, d), self.y)).to(self.x)


def _product(matrices: Tensor, vectors: Tensor) -> Tensor:
    return (matrices @ vectors[..., None]).squeeze(-1)


def _coefficients(quadratic: Tensor, linear: Tensor, constant: Tensor) -> Tensor:
    # Of K polynomials in the order of the monomials, shape (K, d^2 + d + 1).
    return torch.cat([quadratic.flatten(-2), linear, constant[..., None]], -1)


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
