"""The discounted game with quadratic energy ``F = lam |x|^2 / 2``: from game to gradient flow.

Players minimise ``int_0^T e^{-t/eps} (|v|^2/2 + F/eps) dt + e^{-T/eps} F(x_T)``. Optimal paths
solve ``eps x'' = x' + lam x`` with ``x'(T) = -lam x(T)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def discounted_rate(lam: float, eps: float) -> float:
    """Rate r of the optimal path ``x0 e^{r t}`` on an infinite horizon.

    ``r = (1 - sqrt(1 + 4 eps lam)) / (2 eps) = -lam + eps lam^2 + O(eps^2)``: the gradient flow
    at first order. Evaluated in the form without cancellation.

    Args:
        lam: Curvature of the energy, 1/time.
        eps: Discount time, positive.

    Raises:
        ValueError: ``eps`` is not positive or ``1 + 4 eps lam`` is negative.
    """
    if not eps > 0:
        raise ValueError(f"discount time eps must be positive, got {eps!r}")
    if 1 + 4 * eps * lam < 0:
        raise ValueError(f"1 + 4 eps lam must not be negative, got {1 + 4 * eps * lam!r}")
    return -2 * lam / (1 + math.sqrt(1 + 4 * eps * lam))


@dataclass(frozen=True)
class DiscountedPath:
    """``x(t) = slow e^{r t} + fast e^{q (t - T)}`` with r < 0 < q.

    Attributes:
        slow_rate: r, the rate on an infinite horizon.
        fast_rate: q, the rate of the boundary layer at t = T.
        slow: Amplitude of the slow part.
        fast: Amplitude of the boundary layer.
        horizon: T.
    """

    slow_rate: float
    fast_rate: float
    slow: float
    fast: float
    horizon: float

    def position(self, t: Tensor) -> Tensor:
        """x(t)."""
        layer = torch.exp(self.fast_rate * (t - self.horizon))
        return self.slow * torch.exp(self.slow_rate * t) + self.fast * layer

    def velocity(self, t: Tensor) -> Tensor:
        """x'(t)."""
        layer = self.fast * self.fast_rate * torch.exp(self.fast_rate * (t - self.horizon))
        return self.slow * self.slow_rate * torch.exp(self.slow_rate * t) + layer


def discounted_path(x0: float, lam: float, eps: float, horizon: float) -> DiscountedPath:
    """Optimal path from ``x0`` of the discounted game on [0, horizon].

    Raises:
        ValueError: As :func:`discounted_rate`.
    """
    r = discounted_rate(lam, eps)
    q = (1 + math.sqrt(1 + 4 * eps * lam)) / (2 * eps)
    # x(0) = slow + fast e^{-qT} = x0;  x'(T) + lam x(T) = slow e^{rT}(r+lam) + fast (q+lam) = 0.
    ratio = -math.exp(r * horizon) * (r + lam) / (q + lam)
    slow = x0 / (1 + ratio * math.exp(-q * horizon))
    return DiscountedPath(r, q, slow, slow * ratio, horizon)
