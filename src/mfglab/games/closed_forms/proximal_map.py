"""The OT-Transformer's optimal flow in closed form: a proximal map (2505.13499, Section 3, App. F).

One player is a hidden state with label y. Its game ``inf G(X(T), y) + (lambda/2) int |f|^2 dt``
with ``dX = f dt`` and G convex in X has, by Hopf and Lax, the value function

    Phi(t, x) = min_X  G(X, y) + lambda |X - x|^2 / (2 (T - t)),

the Moreau envelope of G. So ``X(T) = argmin_X G(X, y) + (lambda / 2T) |X - X(0)|^2``, the way
there is straight, and the velocity ``-(1/lambda) grad G(X(T), y)`` is constant. Velocities depend
on y: the theory is about the flow for each label.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.closed_forms.convex_heads import ConvexHead
from mfglab.games.game import MeanFieldGame
from mfglab.games.recipes import transformer

_ARMIJO = 1e-4
_HALVINGS = 60


@dataclass(frozen=True)
class ProximalPoint:
    """Result of :func:`proximal_point`.

    Attributes:
        x: Minimisers, shape (n, d).
        residual: ``|X - x + tau grad G(X, y)|`` of each, shape (n,).
        iterations: Newton steps taken.
    """

    x: Tensor
    residual: Tensor
    iterations: int


def proximal_point(
    head: ConvexHead,
    x: Tensor,
    y: Tensor,
    tau: float | Tensor,
    *,
    tolerance: float = 1e-13,
    limit: int = 100,
) -> ProximalPoint:
    """``argmin_X tau G(X, y) + |X - x|^2 / 2`` by damped Newton steps, all rows at once.

    The objective is strongly convex, so Newton steps with backtracking converge from anywhere.

    Args:
        head: The loss.
        x: Points, shape (n, d), float64.
        y: Labels, shape (n, c).
        tau: ``T / lambda``, not negative; a number or one for each row, shape (n,).
        tolerance: Largest residual over ``(1 + |x|) (1 + tau L^2)``, the scale of its rounding.
        limit: Newton steps at most.

    Raises:
        ValueError: Shapes or precision do not fit, or ``tau`` is negative or infinite.
        RuntimeError: No convergence within ``limit`` steps.
    """
    step = torch.as_tensor(tau, dtype=torch.float64).expand(len(x))
    _check(head, x, y, step)
    scale = (1 + x.norm(dim=1)) * (1 + step * head.lipschitz**2)
    X, polished = x, False
    for iteration in range(limit + 1):
        residual = X - x + step[:, None] * head.gradient(X, y)
        size = residual.norm(dim=1)
        converged = bool((size <= tolerance * scale).all())
        # Newton steps converge quadratically: one more than needed leaves rounding alone.
        if polished or iteration == limit:
            break
        polished = converged
        hessian = torch.eye(x.shape[1], dtype=x.dtype) + step[:, None, None] * head.hessian(X)
        move = -torch.linalg.solve(hessian, residual)
        X = X + move if converged else _damped(head, x, y, step, X, move, residual)
    if not converged:
        raise RuntimeError(
            f"the proximal map did not converge within {limit} Newton steps: relative residual "
            f"{float((size / scale).max()):.3g}, wanted {tolerance:.3g}"
        )
    return ProximalPoint(X, size, iteration)


def _damped(
    head: ConvexHead, x: Tensor, y: Tensor, tau: Tensor, X: Tensor, move: Tensor, slope: Tensor
) -> Tensor:
    """``X`` plus the largest of ``move, move/2, ...`` that lowers the objective enough, by row."""

    def objective(point: Tensor) -> Tensor:
        return tau * head.value(point, y) + 0.5 * (point - x).square().sum(1)

    start, descent = objective(X), (slope * move).sum(1)
    # Differences below the rounding of the objective do not decide.
    slack = 1e-14 * (1 + start.abs())
    share = torch.ones_like(start)
    for _ in range(_HALVINGS):
        failed = objective(X + share[:, None] * move) > start + _ARMIJO * share * descent + slack
        if not bool(failed.any()):
            break
        share = torch.where(failed, share / 2, share)
    return X + share[:, None] * move


def _check(head: ConvexHead, x: Tensor, y: Tensor, tau: Tensor) -> None:
    c, d = head.psi.shape
    if x.dtype != torch.float64 or x.shape[1:] != (d,) or y.shape != (len(x), c):
        raise ValueError(
            f"a head (c, d) = ({c}, {d}) needs float64 states (n, {d}) and labels (n, {c}), got "
            f"{x.dtype} {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if not bool(((tau >= 0) & torch.isfinite(tau)).all()):
        raise ValueError(f"tau = T / lambda must be finite and not negative, got {tau.tolist()}")


@dataclass(frozen=True)
class ProximalGame:
    """The game of one label, solved.

    Args:
        head: Loss at the end.
        weight: lambda, positive.
        horizon: T, positive.

    Raises:
        ValueError: ``weight`` or ``horizon`` is not positive.

    Example:
        A regression head with psi = 1: ``X(T) = (X(0) + tau y) / (1 + tau)``, tau = T / lambda.

        >>> from mfglab.games.closed_forms.convex_heads import QuadraticHead
        >>> game = ProximalGame(QuadraticHead(torch.eye(1).double()), weight=0.5)
        >>> x, y = torch.tensor([[3.0]]).double(), torch.zeros(1, 1).double()
        >>> game.end(x, y).item(), game.velocity(x, y).item(), game.strength
        (1.0, -2.0, 2.0)
    """

    head: ConvexHead
    weight: float
    horizon: float = 1.0

    def __post_init__(self) -> None:
        for name, value in {"weight": self.weight, "horizon": self.horizon}.items():
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be positive and finite, got {value!r}")

    @property
    def strength(self) -> float:
        """``T L^2 / lambda``: Theorem 2 needs it below 1."""
        return self.horizon * self.head.lipschitz**2 / self.weight

    def end(self, x: Tensor, y: Tensor) -> Tensor:
        """``X(T)`` of ``X(0) = x`` (n, d) with labels (n, c), shape (n, d)."""
        return proximal_point(self.head, x, y, self.horizon / self.weight).x

    def velocity(self, x: Tensor, y: Tensor) -> Tensor:
        """``-(1/lambda) grad G(X(T), y)`` of players from ``x``, at all times (Prop. 1)."""
        return -self.head.gradient(self.end(x, y), y) / self.weight

    def path(self, x: Tensor, y: Tensor, times: Tensor) -> Tensor:
        """Positions ``X(0) + t velocity`` at ``times`` (m,), shape (m, n, d)."""
        return x + times[:, None, None] * self.velocity(x, y)

    def game(self, y: Tensor) -> MeanFieldGame:
        """The game of the players with one label ``y`` (c,), for residuals and Hamiltonian."""
        return transformer(
            lambda x: self.head.value(x, y.expand(len(x), -1)), self.weight, self.horizon
        )

    def value(self, y: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """``Phi(t, x)`` for one label ``y`` (c,): times (n,), states (n, d), values (n,).

        First and second derivatives by automatic differentiation are exact for t < T: the
        minimiser is given the first derivatives of its implicit equation by one Newton step
        with a graph, and those of higher order meet a gradient that vanishes.

        Raises:
            ValueError: (on call) a time lies outside [0, T].
        """

        def phi(t: Tensor, x: Tensor) -> Tensor:
            rest = self.horizon - t.expand(len(x))
            if not bool(((rest >= 0) & (rest <= self.horizon)).all()):
                raise ValueError(f"times must lie in [0, {self.horizon:g}], got {t.tolist()}")
            labels = y.expand(len(x), -1)
            tau = rest / self.weight
            with torch.no_grad():
                X = proximal_point(self.head, x, labels, tau).x
                curvature = tau[:, None, None] * self.head.hessian(X)
            residual = X - x + tau[:, None] * self.head.gradient(X, labels)
            X = X - torch.linalg.solve(torch.eye(x.shape[1]).to(x) + curvature, residual)
            length = (X - x).square().sum(1)
            moving = rest > 0
            kinetic = self.weight * length / (2 * torch.where(moving, rest, 1.0))
            return self.head.value(X, labels) + torch.where(moving, kinetic, 0.0)

        return phi
