"""Mixtures in any dimension: growth factor of the exact reversal, and couplings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import NoisingProcess


@dataclass(frozen=True)
class MixtureReversal:
    """Exact reversal of noising for a Gaussian mixture with any covariances.

    Args:
        law: Law of the data, float64.
        process: Noising.
        eps: Time at which the reversal stops.
    """

    law: GaussianMixture
    process: NoisingProcess
    eps: float

    def noised(self, s: float) -> GaussianMixture:
        """Law of ``Y_s``."""
        return self.law.noised(self.process.scale(s), self.process.variance(s))

    def growth(self, s: float, x: Tensor) -> Tensor:
        """Bound g of ``|grad phi|`` for ``phi(s, x) = E[psi(Y_eps) | Y_s = x]``, psi 1-Lipschitz.

        ``grad phi = (al/tau^2) Cov(psi, Y_eps | x)``, so ``g = (al/tau^2) sqrt(Var psi
        lambda_max(C))`` with the posterior covariance C. ``Var psi`` is at most ``tr C``, and at
        most ``sum r_k lambda_max(P_k)`` (Poincare, in a component) plus the variance of its
        component means, which differ by at most the coupled distance of two components. With
        ``Q = (tau^2 + al^2 S)^-1`` all is divided by tau^2 before anything vanishes.

        Args:
            s: Noising time, at least ``eps``.
            x: Points, shape (n, d).

        Returns:
            Shape (n,).
        """
        al = float(self.process.transition_scale(self.eps, s))
        tau2 = max(float(self.process.transition_variance(self.eps, s)), 0.0)
        early = self.noised(self.eps)
        eye = torch.eye(x.shape[1], dtype=x.dtype)
        Q = torch.linalg.inv(tau2 * eye + al**2 * early.covariances)  # (K, d, d)
        inner = Q @ early.covariances  # posterior covariance of a component over tau^2
        values, vectors = torch.linalg.eigh(0.5 * (inner + inner.mT))
        root = (vectors * values.clamp_min(0).sqrt()[:, None, :]) @ vectors.mT
        r = torch.softmax(self.noised(s).component_log_prob(x), dim=1)  # (n, K)
        offset = early.means - x[:, None, :] / al
        means = tau2**0.5 * torch.einsum("kij,nkj->nki", Q, offset)  # over tau, up to a shift
        means = means - torch.einsum("nk,nki->ni", r, means)[:, None]
        spread = torch.einsum("nk,nki,nkj->nij", r, means, means)
        covariance = spread + torch.einsum("nk,kij->nij", r, inner)
        shape = root.flatten(1)
        shape_spread = r @ shape.square().sum(1) - (r @ shape).square().sum(1)
        trace = torch.diagonal(spread, dim1=1, dim2=2).sum(1)
        variance = r @ values[:, -1] + trace + shape_spread.clamp_min(0)
        variance = torch.minimum(variance, torch.diagonal(covariance, dim1=1, dim2=2).sum(1))
        out: Tensor = al * (variance * torch.linalg.eigvalsh(covariance)[:, -1]).sqrt()
        return out

    def early_stopping(self) -> float:
        """``W1(pi, p_eps)`` is at most this: every component is moved by a linear map."""
        a = float(self.process.scale(self.eps))
        shift = (1 - a) ** 2 * self.law.means.square().sum(1)
        change = _root(self.noised(self.eps).covariances) - _root(self.law.covariances)
        return float((self.law.weights @ (shift + change.square().sum((1, 2)))).sqrt())

    def reference_cost(self, std: float, n: int, generator: torch.Generator) -> Tensor:
        """``g(T, X + u (Y - X)) |Y - X|`` for a coupling of N(0, std^2) and ``p_T``, shape (n,).

        Its mean bounds ``int phi(T) d(q - p_T)``: along the segment from X to Y the function
        changes by at most ``|Y - X|`` times the mean of g, and u is uniform. Both ends use one
        normal draw.
        """
        T = self.process.horizon
        far = self.noised(T)
        index = torch.multinomial(far.weights, n, replacement=True, generator=generator)
        z = torch.randn(n, far.dim, dtype=far.means.dtype, generator=generator)
        u = torch.rand(n, 1, dtype=z.dtype, generator=generator)
        x = std * z
        y = far.means[index] + torch.einsum("nij,nj->ni", _root(far.covariances)[index], z)
        gap: Tensor = (y - x).norm(dim=1)
        return gap * self.growth(T, x + u * (y - x))


def _root(matrices: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrices)
    out: Tensor = (vectors * values.clamp_min(0).sqrt()[:, None, :]) @ vectors.mT
    return out
