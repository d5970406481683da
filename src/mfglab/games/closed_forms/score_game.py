"""The score-based game for a Gaussian-mixture data law: value function, kernel and wrong prior."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from mfglab.games.densities import Density, GaussianMixture
from mfglab.games.dynamics import HeatFlow, NoisingProcess
from mfglab.games.optimality import SpaceTimeFunction, VelocityField, cole_hopf
from mfglab.games.times import as_time


def noised_log_density(target: GaussianMixture, process: NoisingProcess) -> SpaceTimeFunction:
    """``(s, x) -> log eta(x, s)`` with eta the law of the noised data, s of shape () or (n,).

    Component k of eta is ``N(a m_k, a^2 S_k + V I)``. All covariances share the eigenvectors of
    S_k, so one eigendecomposition serves every s, and the result is smooth in s and x.
    """
    eigenvalues, eigenvectors = torch.linalg.eigh(target.covariances)  # (K, d), (K, d, d)
    rotated_means = torch.einsum("kde,kd->ke", eigenvectors, target.means)
    log_weights = target.weights.log()

    def log_density(s: Tensor, x: Tensor) -> Tensor:
        s = as_time(s).reshape(-1, 1, 1)
        scale, variance = process.scale(s), process.variance(s)
        rotated = torch.einsum("kde,nd->nke", eigenvectors, x) - scale * rotated_means
        spread = scale.square() * eigenvalues + variance  # (n, K, d)
        exponent = rotated.square() / spread + spread.log() + math.log(2 * math.pi)
        return torch.logsumexp(log_weights - 0.5 * exponent.sum(-1), dim=-1)

    return log_density


def noised_score(target: GaussianMixture, process: NoisingProcess) -> VelocityField:
    """``(s, x) -> grad log eta(x, s)`` in closed form, s of shape () or (n,); result (n, d).

    The gradient of :func:`noised_log_density`, in the precision of the points.
    """
    eigenvalues, eigenvectors = torch.linalg.eigh(target.covariances)  # (K, d), (K, d, d)
    rotated_means = torch.einsum("kde,kd->ke", eigenvectors, target.means)
    log_weights = target.weights.log()

    def score(s: Tensor, x: Tensor) -> Tensor:
        s = as_time(s).to(x).reshape(-1, 1, 1)
        scale, variance = process.scale(s), process.variance(s)
        frames = eigenvectors.to(x)
        rotated = torch.einsum("kde,nd->nke", frames, x) - scale * rotated_means.to(x)
        spread = scale.square() * eigenvalues.to(x) + variance  # (n, K, d)
        exponent = (rotated.square() / spread + spread.log()).sum(-1)
        posterior = torch.softmax(log_weights.to(x) - 0.5 * exponent, dim=-1)
        return -torch.einsum("nk,nke,kde->nd", posterior, rotated / spread, frames)

    return score


def score_game_value(target: GaussianMixture, process: NoisingProcess) -> SpaceTimeFunction:
    """Value function ``U(t, x) = -log eta(x, T-t)`` of the score game (2304.13534)."""
    return cole_hopf(noised_log_density(target, process), process.horizon)


def wpo_value(target: GaussianMixture, beta: float, horizon: float) -> SpaceTimeFunction:
    """Value function ``U(t, x) = -beta^2 log eta(x, T-t)`` of the entropic proximal game.

    Source: 2402.06162, eqs. 16-17; eta solves the heat equation with diffusivity beta^2/2.
    """
    process = HeatFlow(beta, horizon)
    return cole_hopf(noised_log_density(target, process), horizon, beta**2)


def cross_entropy(start: Callable[[Tensor], Tensor], log_target: Tensor, grid: Tensor) -> Tensor:
    """``-int start log target`` on a uniform 1-D grid: the value of the score game.

    Args:
        start: Density of the start law, points (m, 1) to (m,).
        log_target: Log-density of the noised data law on the grid, shape (m,).
        grid: Grid points, shape (m,).
    """
    return -torch.trapezoid(start(grid[:, None]) * log_target, grid)


def wrong_prior_law(
    target: GaussianMixture, start: Density, process: NoisingProcess, grid: Tensor
) -> Tensor:
    """Density of the generated law when sampling starts from ``start`` instead of eta_T.

    ``rho_T(x) = pi(x) int G(x, y) start(y) / eta_T(y) dy`` with G(x, .) the noising kernel from
    x: the end law of the exact optimal control. It equals pi if and only if start = eta_T.
    The integral is a trapezoidal sum over ``grid``, so the grid has to cover both laws.

    Args:
        target: Data law pi in one dimension.
        start: The law used at t = 0.
        process: Noising process.
        grid: Uniform grid, shape (m,).

    Returns:
        Density on the grid, shape (m,).

    Raises:
        ValueError: The laws are not one-dimensional.
    """
    if target.dim != 1 or start.dim != 1:
        raise ValueError(
            f"the grid formula needs one-dimensional laws, got dimensions {target.dim} and "
            f"{start.dim}"
        )
    points = grid[:, None]
    scale = float(process.scale(process.horizon))
    variance = float(process.variance(process.horizon))
    noised = target.noised(scale, variance)
    log_ratio = start.log_prob(points) - noised.log_prob(points)
    exponent = (grid[None, :] - scale * grid[:, None]).square() / variance
    kernel = -0.5 * (exponent + math.log(2 * math.pi * variance))
    integral = torch.trapezoid(torch.exp(kernel + log_ratio), grid, dim=1)
    return target.log_prob(points).exp() * integral


def kernel_score(samples: Tensor, process: NoisingProcess, s: float, x: Tensor) -> Tensor:
    """Score of the noised empirical law of ``samples`` (N, d) at ``x`` (n, d); shape (n, d).

    The kernel formula of 2402.06162 (eqs. 19-23): a softmax-weighted pull towards the samples.
    As s tends to 0 all the weight goes to the nearest one, which is memorisation.
    """
    scale, variance = process.scale(s), process.variance(s)
    pull = scale * samples[None, :, :] - x[:, None, :]
    weight = torch.softmax(-pull.square().sum(-1) / (2 * variance), dim=1)
    return torch.einsum("nk,nkd->nd", weight, pull) / variance
