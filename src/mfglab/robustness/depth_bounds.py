"""How far outputs move when inputs and labels do: stability of optimal flows in depth.

For the game ``E[G(X(T), y)] + (lambda/2) int |f|^2 dt`` of arXiv:2505.13499 with a convex head of
Lipschitz constant L (the spectral norm of its matrix; see
:mod:`mfglab.games.closed_forms.convex_heads`). Three bounds of ``|output_1 - output_2|``, with
``k = T L^2 / lambda``, ``dx`` the distance of the inputs and ``dy`` that of the labels:

    published      L / (1 - k) (dx + (T L/lambda) dy)            if k < 1, else nothing (Theorem 2)
    proximal       L (dx + (T L/lambda) dy)                      every lambda > 0
    cocoercive     L / sqrt(1 + k) dx + min(k / sqrt(1 + k), sqrt(k) / 2) dy     every lambda > 0

The second holds because ``X(0) -> X(T)`` is a proximal map, which is non-expansive, and a label
enters as a shift of ``X(0)`` by ``(T/lambda) psi^T y``. For the third let u be the difference of
outputs, A = psi psi^T and tau = T/lambda. As the output is a gradient with Hessian at most 1,
``|u|^2 <= <u, psi dX>``; with ``dX = dx - tau psi^T (u - dy)`` this is
``<u, (I + tau A) u> <= <u, psi dx + tau A dy>``, and singular values give the factors; for dx = 0
it is also ``|u|^2 + tau |u - dy/2|_A^2 <= tau |dy|_A^2 / 4``, hence the root.

``lambda`` is the weight of the paper's form; :func:`paper_weight` converts that of the released
code. Distances are numbers or arrays. The bounds are about optimal flows: a trained network is
compared with them, it is not covered by them.
"""

from __future__ import annotations

import math
from typing import TypeVar

from mfglab.robustness.schedule import Array
from mfglab.solvers.transport import Penalty, convert_weight

Distance = TypeVar("Distance", float, Array)


def paper_weight(weight: float, entries: int, tokens: int = 1) -> float:
    """Lambda of ``(lambda/2) |f|^2`` for ``weight`` of the penalty ``|f|^2 / entries``.

    Args:
        weight: lambda of the released code.
        entries: Entries of one hidden state, tokens times width.
        tokens: Tokens over which the terminal loss is averaged; the theory has their sum.

    Example:
        >>> paper_weight(1.0, entries=256 * 320, tokens=256)
        0.00625
    """
    return tokens * convert_weight(weight, Penalty.MEAN, Penalty.HALF_SUM, entries)


def strength(lipschitz: float, weight: float, horizon: float) -> float:
    """``k = T L^2 / lambda``; infinite for ``weight`` 0.

    Raises:
        ValueError: ``lipschitz`` or ``weight`` is negative, or ``horizon`` is not positive.
    """
    for name, value in {"lipschitz": lipschitz, "weight": weight}.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
    if not horizon > 0:
        raise ValueError(f"horizon must be positive, got {horizon!r}")
    return horizon * lipschitz**2 / weight if weight > 0 else math.inf


def published_factor(lipschitz: float, weight: float, horizon: float) -> float:
    """``(1 - T L^2/lambda)^{-1}`` of Theorem 2, infinite unless ``lambda > T L^2``."""
    k = strength(lipschitz, weight, horizon)
    return 1 / (1 - k) if k < 1 else math.inf


def proximal_state_bound(
    lipschitz: float, weight: float, horizon: float, inputs: Distance, labels: Distance
) -> Distance:
    """``|X_1(T) - X_2(T)| <= dx + (T L/lambda) dy``; infinite for ``weight`` 0."""
    if weight == 0:
        return _vacuous(inputs)
    strength(lipschitz, weight, horizon)  # checks the arguments
    return inputs + horizon * lipschitz / weight * labels


def published_bound(
    lipschitz: float, weight: float, horizon: float, inputs: Distance, labels: Distance
) -> Distance:
    """Theorem 2 for outputs; infinite (vacuous) unless ``lambda > T L^2``.

    Args:
        lipschitz: L of the head.
        weight: lambda.
        horizon: T.
        inputs: ``|X_1(0) - X_2(0)|``.
        labels: ``|y_1 - y_2|``.

    Example:
        >>> published_bound(1.0, 2.0, 1.0, 0.1, 0.0), published_bound(1.0, 0.5, 1.0, 0.1, 0.0)
        (0.2, inf)
    """
    factor = published_factor(lipschitz, weight, horizon)
    if math.isinf(factor):
        return _vacuous(inputs)
    return lipschitz * factor * proximal_state_bound(lipschitz, weight, horizon, inputs, labels)


def proximal_bound(
    lipschitz: float, weight: float, horizon: float, inputs: Distance, labels: Distance
) -> Distance:
    """The same without the factor, for every ``lambda > 0``; arguments as before."""
    return lipschitz * proximal_state_bound(lipschitz, weight, horizon, inputs, labels)


def cocoercive_bound(
    lipschitz: float, weight: float, horizon: float, inputs: Distance, labels: Distance
) -> Distance:
    """The sharpest of the three, for every ``lambda > 0``; arguments as before.

    A smaller lambda makes outputs depend less on inputs and more on the label.
    """
    k = strength(lipschitz, weight, horizon)
    if math.isinf(k):
        return _vacuous(inputs)
    root = math.sqrt(1 + k)
    return lipschitz / root * inputs + min(k / root, math.sqrt(k) / 2) * labels


def published_wasserstein_bound(
    lipschitz: float, weight: float, horizon: float, distance: float, norms: float = 1.0
) -> float:
    """Theorem 3: ``W_p`` of outputs, given W_p of the laws of inputs with the same labels.

    Args:
        lipschitz: L of the head.
        weight: lambda.
        horizon: T.
        distance: ``W_p`` of the inputs, for any p >= 1.
        norms: ``C^(p)``, 1 for Euclidean ground costs on both sides.
    """
    return norms * published_bound(lipschitz, weight, horizon, distance, 0.0)


def proximal_wasserstein_bound(
    lipschitz: float, weight: float, horizon: float, distance: float
) -> float:
    """``L W_p`` for every ``lambda > 0``: the optimal coupling is pushed forward; no factor."""
    return proximal_bound(lipschitz, weight, horizon, distance, 0.0)


def cocoercive_wasserstein_bound(
    lipschitz: float, weight: float, horizon: float, distance: float
) -> float:
    """``L / sqrt(1 + T L^2/lambda) W_p`` for every ``lambda > 0``."""
    return cocoercive_bound(lipschitz, weight, horizon, distance, 0.0)


def _vacuous(like: Distance) -> Distance:
    return like * 0.0 + math.inf
