"""Residuals of the optimality system of a game, by automatic differentiation.

Value functions are called as ``U(t, x)`` with times of shape (n,) and points (n, d) and return
shape (n,); log-densities likewise. All residuals have shape (n,), one number per point, and all
of them vanish at the solution. Laplacians and divergences are exact: d backward passes, each over
the whole batch. With ``create_graph=True`` a residual can be differentiated again and serve as a
regulariser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.game import MeanFieldGame
from mfglab.games.interactions import NoInteraction, Population
from mfglab.games.times import Time, as_time

SpaceTimeFunction = Callable[[Tensor, Tensor], Tensor]
"""Maps times (n,) and points (n, d) to numbers (n,)."""
VelocityField = Callable[[Tensor, Tensor], Tensor]
"""Maps times (n,) and points (n, d) to velocities (n, d)."""


@dataclass(frozen=True)
class ValueDerivatives:
    """A function U(t, x) and its derivatives at n points.

    Attributes:
        value: U, shape (n,).
        time: dU/dt, shape (n,).
        gradient: grad U, shape (n, d).
        laplacian: Lap U, shape (n,).
    """

    value: Tensor
    time: Tensor
    gradient: Tensor
    laplacian: Tensor


def _variables(t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
    # Points of a trajectory keep their history; anything else becomes a leaf of its own.
    t = as_time(t)
    t = t.to(x) if not t.requires_grad else t
    t = t.expand(x.shape[0])
    t = t if t.requires_grad else t.detach().clone().requires_grad_()
    return t, x if x.requires_grad else x.detach().requires_grad_()


def _gradient(y: Tensor, inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    if not y.requires_grad:  # y is constant, for instance the gradient of a linear function
        return tuple(torch.zeros_like(v) for v in inputs)
    return torch.autograd.grad(
        y.sum(), inputs, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )


def divergence(field: Tensor, x: Tensor, create_graph: bool = False) -> Tensor:
    """Divergence in ``x`` of ``field`` (n, d), a differentiable function of ``x``; shape (n,)."""
    total = torch.zeros_like(x[:, 0])
    for i in range(x.shape[1]):
        total = total + _gradient(field[:, i], (x,), create_graph)[0][:, i]
    return total


def value_and_derivatives(
    U: SpaceTimeFunction, t: Time, x: Tensor, create_graph: bool = False
) -> ValueDerivatives:
    """Evaluate U and its first derivatives and Laplacian at times ``t`` and points ``x``.

    Args:
        U: The function, applied row by row.
        t: Times, shape () or (n,), on the clock of U.
        x: Points, shape (n, d).
        create_graph: Keep the graph so that the result can be differentiated again.
    """
    with torch.enable_grad():
        t, x = _variables(t, x)
        value = U(t, x)
        time, gradient = _gradient(value, (t, x), create_graph=True)
        laplacian = divergence(gradient, x, create_graph)
    if not create_graph:
        value, time, gradient = value.detach(), time.detach(), gradient.detach()
        laplacian = laplacian.detach()
    return ValueDerivatives(value, time, gradient, laplacian)


def hjb_residual(
    game: MeanFieldGame,
    U: SpaceTimeFunction,
    t: Time,
    x: Tensor,
    rho: SpaceTimeFunction | None = None,
    create_graph: bool = False,
) -> Tensor:
    """``-d_t U + H(t, x, grad U) - sigma^2/2 Lap U - dI/drho``, shape (n,).

    Args:
        game: The game.
        U: Candidate value function.
        t: Times, shape () or (n,), in [0, T].
        x: Points, shape (n, d).
        rho: Log-density ``(t, x) -> log rho_t(x)`` of the population; needed when the game has
            an interaction that depends on it.
        create_graph: Keep the graph so that the residual can be differentiated again.
    """
    t = as_time(t)
    d = value_and_derivatives(U, t, x, create_graph)
    viscosity = 0.5 * game.dynamics.diffusion(t).square()
    residual = game.hamiltonian(t, x, d.gradient) - d.time - viscosity * d.laplacian
    if isinstance(game.interaction, NoInteraction):
        return residual
    if rho is None:
        population = Population(x)
    else:
        density = value_and_derivatives(rho, t, x, create_graph)
        population = Population(x, density.value, density.gradient, density.laplacian)
    return residual - game.interaction.first_variation(t, population)


def terminal_residual(
    game: MeanFieldGame, U: SpaceTimeFunction, x: Tensor, log_rho: Tensor | None = None
) -> Tensor:
    """``U(T, x) - dM/drho`` at points ``x`` (n, d) of log-density ``log_rho`` (n,); shape (n,).

    Functions U that differ by a constant give the same velocities; where only those matter,
    subtract the mean of the residual.
    """
    t = torch.full_like(x[:, 0], game.horizon)
    return U(t, x) - game.terminal.first_variation(x, log_rho)


def optimal_drift(
    game: MeanFieldGame, U: SpaceTimeFunction, create_graph: bool = True
) -> VelocityField:
    """The field ``f + g v*`` that players follow under the value function U."""

    def drift(t: Tensor, x: Tensor) -> Tensor:
        with torch.enable_grad():
            t, x = _variables(t, x)
            (gradient,) = _gradient(U(t, x), (x,), create_graph)
        return game.drift_of(t, x, game.optimal_velocity(t, x, gradient))

    return drift


def fokker_planck_residual(
    game: MeanFieldGame,
    drift: VelocityField,
    log_rho: SpaceTimeFunction,
    t: Time,
    x: Tensor,
    create_graph: bool = False,
) -> Tensor:
    """Fokker-Planck equation divided by rho, for players that move with ``drift``; shape (n,).

    ``d_t log rho + div b + b.grad log rho - sigma^2/2 (Lap log rho + |grad log rho|^2)`` with b
    the full drift ``f + g v``, for example :func:`optimal_drift` of a value function.

    Args:
        game: The game; only its diffusion is used.
        drift: Field ``(t, x) -> b(t, x)``, differentiable in x.
        log_rho: Log-density of the population.
        t: Times, shape () or (n,), in [0, T].
        x: Points, shape (n, d).
        create_graph: Keep the graph so that the residual can be differentiated again.
    """
    d = value_and_derivatives(log_rho, t, x, create_graph)
    with torch.enable_grad():
        times, points = _variables(t, x)
        b = drift(times, points)
        div_b = divergence(b, points, create_graph)
    if not create_graph:
        b, div_b = b.detach(), div_b.detach()
    viscosity = 0.5 * game.dynamics.diffusion(as_time(t)).square()
    spread = d.laplacian + d.gradient.square().sum(-1)
    return d.time + div_b + (b * d.gradient).sum(-1) - viscosity * spread


def cole_hopf(
    log_density: SpaceTimeFunction, horizon: float, beta2: float = 1.0
) -> SpaceTimeFunction:
    """Value function ``U(t, x) = -beta2 log eta(x, T - t)`` of a noised density eta.

    Args:
        log_density: ``(s, x) -> log eta(x, s)`` on the noising clock.
        horizon: T.
        beta2: 1 for dynamics ``f + sigma v`` with cost |v|^2/2; the noise level ``beta^2`` for
            ``dX = v dt + beta dW`` with the same cost (2402.06162).
    """

    def value(t: Tensor, x: Tensor) -> Tensor:
        return -beta2 * log_density(horizon - t, x)

    return value
