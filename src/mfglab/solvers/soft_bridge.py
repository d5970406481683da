"""Soft Schroedinger bridges on a grid of the line, by iterative proportional fitting.

One iteration fits the start law exactly and the end law softly: from ``phi = (pi/rho_T)^lambda``
and ``rho_T = h phi``, with h the law of Y before phi acts, follows
``phi = (pi / h)^(lambda / (1 + lambda))``. All in logarithms. For lambda = inf it is the Sinkhorn
algorithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GridBridge:
    """A bridge between laws on a grid.

    Attributes:
        end: Probabilities of the end law on the grid, shape (n,).
        coupling: Joint probabilities of start (rows) and end (columns), shape (n, n).
        iterations: Iterations taken.
    """

    end: Tensor
    coupling: Tensor
    iterations: int


def solve_soft_bridge(
    grid: Tensor,
    log_start: Tensor,
    log_target: Tensor,
    *,
    eps: float,
    weight: float,
    tolerance: float = 1e-12,
    limit: int = 10_000,
) -> GridBridge:
    """Iterate until the log-potential changes by less than ``tolerance``.

    Args:
        grid: Evenly spaced points, shape (n,).
        log_start: Log-density of the start law on the grid, up to a constant, shape (n,).
        log_target: The same for the target.
        eps: ``sigma^2 T``, the variance of a player without control; positive.
        weight: lambda, positive; ``math.inf`` for the hard constraint.
        tolerance: Largest change of ``log phi``.
        limit: Iterations at most.

    Raises:
        ValueError: ``eps`` or ``weight`` is not positive.
        RuntimeError: No convergence within ``limit`` iterations.
    """
    for name, value in {"eps": eps, "weight": weight}.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")
    log_start = torch.log_softmax(log_start, 0)
    log_target = torch.log_softmax(log_target, 0)
    kernel = torch.log_softmax(-(grid[:, None] - grid).square() / (2 * eps), dim=1)
    exponent = 1.0 if math.isinf(weight) else weight / (1 + weight)
    log_phi = torch.zeros_like(log_target)
    for iteration in range(1, limit + 1):
        given = log_start - torch.logsumexp(kernel + log_phi, dim=1)
        h = torch.logsumexp(given[:, None] + kernel, dim=0)
        update = exponent * (log_target - h)
        # Constants in phi cancel in the coupling.
        change = update - log_phi
        log_phi = update
        if float((change - change.mean()).abs().max()) < tolerance:
            coupling = (given[:, None] + kernel + log_phi).exp()
            coupling = coupling / coupling.sum()
            return GridBridge(coupling.sum(0), coupling, iteration)
    raise RuntimeError(f"the bridge did not converge within {limit} iterations")
