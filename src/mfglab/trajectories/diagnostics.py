"""How straight, how fast and how entangled a bundle of trajectories is.

A path is a tensor of shape (steps + 1, n, ...) on times (steps + 1,). Whatever follows the first
two axes is one vector: a path of token states (steps + 1, n, tokens, width) is measured in
R^(tokens * width). Norms are Euclidean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfglab.trajectories.integrate import Trajectory


def _flat(path: Tensor) -> Tensor:
    if path.ndim < 3 or path.shape[0] < 2:
        raise ValueError(
            f"a path needs shape (steps + 1, n, ...) with at least one step, got "
            f"{tuple(path.shape)}"
        )
    return path.flatten(2)


def _segments(path: Tensor) -> Tensor:
    """Lengths of the segments, shape (steps, n)."""
    lengths: Tensor = torch.linalg.vector_norm(_flat(path).diff(dim=0), dim=-1)
    return lengths


def _durations(times: Tensor, path: Tensor) -> Tensor:
    if times.shape != path.shape[:1]:
        raise ValueError(f"{path.shape[0]} points of a path need as many times, got {len(times)}")
    return times.diff().abs().to(path)[:, None]


def kinetic_energy(times: Tensor, path: Tensor) -> Tensor:
    """``int |x'|^2/2 dt`` of the polygon through the points, per trajectory, shape (n,)."""
    return (_segments(path).square() / (2 * _durations(times, path))).sum(0)


def least_kinetic_energy(path: Tensor) -> Tensor:
    """Mean kinetic energy of the bundle in the clock on [0, 1] that makes it least; a scalar.

    One clock for all trajectories: ``(int (E|x'|^2)^(1/2) dr)^2 / 2``, half the squared length of
    the curve of laws as these particles follow it. It does not depend on the clock r of the path,
    and is at least ``W2^2 / 2`` between the two ends.

    Example:
        >>> slow_start = torch.tensor([0.0, 0.1, 1.0])[:, None, None].expand(3, 5, 2)
        >>> round(float(least_kinetic_energy(slow_start)), 6)
        1.0
    """
    length: Tensor = _segments(path).square().mean(1).sqrt().sum()
    return length.square() / 2


def path_length(path: Tensor) -> Tensor:
    """Length of each trajectory, shape (n,)."""
    return _segments(path).sum(0)


def straightness(path: Tensor) -> Tensor:
    """Displacement over path length, in [0, 1], shape (n,); 1 for a point that does not move."""
    flat = _flat(path)
    length = path_length(path)
    displacement = (flat[-1] - flat[0]).norm(dim=-1)
    moving = length > 0
    ratio = displacement / torch.where(moving, length, 1.0)
    return torch.where(moving, ratio.clamp_max(1.0), 1.0)


def speed_variation(times: Tensor, path: Tensor) -> Tensor:
    """Standard deviation over mean of the speed, in time, shape (n,); 0 for a point at rest."""
    durations = _durations(times, path)
    weights = durations / durations.sum()
    speed = _segments(path) / durations
    mean = (weights * speed).sum(0)
    std = (weights * (speed - mean).square()).sum(0).sqrt()
    return torch.where(mean > 0, std / torch.where(mean > 0, mean, 1.0), 0.0)


def continuity_residual(run: Trajectory) -> Tensor:
    """What a discrete law leaves of the continuity equation of its own field, relative; a scalar.

    Between its nodes a trajectory is the cubic Hermite curve X with the field's slopes at the
    nodes; rho is the law of X. For every test function phi, as d/dt E phi(X) = E[grad phi . X'],

        <d_t rho + div(rho v), phi> = int E[grad phi(X) . (X' - v(t, X))] dt.

    So the residual, in the norm dual to ``(int E|grad phi|^2 dt)^(1/2)`` (that of L2 in time and
    H^-1(rho) in space), is at most ``(int E|X' - v|^2 dt)^(1/2)``. Returned is this bound over
    ``(int E|v|^2 dt)^(1/2)``: zero for straight lines at constant speed, O(h^3) for steps h of a
    method of order three or more where the field is smooth. Integrals over a step are four-point
    Gauss sums. For the probability flow of a diffusion, ``v = f - (g^2/2) s`` with the score s in
    the place of ``grad log rho``, it is the residual of the Fokker-Planck equation.

    Args:
        run: A trajectory with path and field.

    Raises:
        ValueError: The trajectory has no path or no field.

    Example:
        >>> from mfglab.trajectories.integrate import Rates, integrate
        >>> x = torch.ones(1, 1, dtype=torch.float64)
        >>> runs = [integrate(lambda t, x: Rates(-x), x, 0, 1, k, keep_path=True) for k in (2, 4)]
        >>> [f"{continuity_residual(run).item():.1e}" for run in runs]
        ['1.0e-03', '9.8e-05']
    """
    path, field = run.path, run.field
    if path is None or field is None:
        raise ValueError("the trajectory needs its path and its field, see integrate(keep_path=)")
    times = run.times.to(path)
    slopes = [field(t, x).velocity for t, x in zip(times, path, strict=True)]
    abscissas, weights = np.polynomial.legendre.leggauss(4)
    defect = size = path.new_zeros(())
    for k, h in enumerate(times.diff()):
        chord, v0, v1 = (path[k + 1] - path[k]) / h, slopes[k], slopes[k + 1]
        for u, weight in zip((abscissas + 1) / 2, h.abs() * torch.tensor(weights / 2), strict=True):
            bend = u**2 * (3 - 2 * u) * chord + u * (1 - u) ** 2 * v0 - u**2 * (1 - u) * v1
            slope = 6 * u * (1 - u) * chord + (1 - u) * (1 - 3 * u) * v0 - u * (2 - 3 * u) * v1
            v = field(times[k] + u * h, path[k] + h * bend).velocity
            defect = defect + weight * (slope - v).square().sum()
            size = size + weight * v.square().sum()
    return (defect / torch.where(size > 0, size, 1.0)).sqrt()


@dataclass(frozen=True)
class Crossing:
    """How often pairs of trajectories exchange places.

    Attributes:
        monotonicity_violation: Fraction of pairs with ``d0.d1 < 0``, where d0 and d1 are the
            differences of the two points at the start and at the end. Zero for the gradient of a
            convex function, hence for every optimal transport.
        near_collision: Fraction of pairs whose straight chords, travelled at the same time, come
            closer than ``tolerance`` times the smaller of |d0| and |d1|. For d0.d1 >= 0 the ratio
            is at least 1/sqrt(2), so below that tolerance only exchanging pairs count.
        pairs: Number of pairs.
    """

    monotonicity_violation: float
    near_collision: float
    pairs: int


def crossing(start: Tensor, end: Tensor, tolerance: float = 0.1) -> Crossing:
    """Compare all pairs of start and end points, each of shape (n, ...).

    On the chords the difference is ``(1-u) d0 + u d1``, u in [0, 1]; its smallest squared norm is
    a quadratic minimisation in ``|d0|^2, d0.d1, |d1|^2`` alone. Pairs that coincide at one end
    count as collisions if they differ at the other.

    Raises:
        ValueError: Shapes differ or there are fewer than two points.
    """
    if start.shape != end.shape or start.shape[0] < 2:
        raise ValueError(
            f"start and end need one shape (n, ...) with n >= 2, got {tuple(start.shape)} and "
            f"{tuple(end.shape)}"
        )
    x, y = start.detach().flatten(1).double(), end.detach().flatten(1).double()
    x, y = x - x.mean(0), y - y.mean(0)
    i, j = torch.triu_indices(len(x), len(x), offset=1, device=x.device)

    def gram(p: Tensor, q: Tensor) -> Tensor:
        inner = p @ q.T
        own = inner.diagonal()
        return (own[:, None] + own[None, :] - inner - inner.T)[i, j]

    a, b, c = gram(x, x).clamp_min(0), gram(x, y), gram(y, y).clamp_min(0)
    change = (a - 2 * b + c).clamp_min(0)
    u = torch.where(change > 0, (a - b) / torch.where(change > 0, change, 1.0), 0.0).clamp(0, 1)
    gap = ((1 - u).square() * a + 2 * u * (1 - u) * b + u.square() * c).clamp_min(0)
    collide = (gap < tolerance**2 * torch.minimum(a, c)) | ((torch.minimum(a, c) == 0) & (a != c))
    return Crossing(float((b < 0).double().mean()), float(collide.double().mean()), len(i))
