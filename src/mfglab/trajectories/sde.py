"""Integrators of noisy players: Euler-Maruyama, and an exponential one for score-based sampling.

Noise comes from the explicit generator alone, one draw of the shape of the points per step, in
the order of the steps, so a seed fixes the Brownian path.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mfglab.games.dynamics import NoisingProcess
from mfglab.trajectories.integrate import Trajectory

Drift = Callable[[Tensor, Tensor], Tensor]
"""Maps a scalar time tensor and points (n, ...) to velocities (n, ...)."""


def _noise(x: Tensor, generator: torch.Generator) -> Tensor:
    # Drawn on the generator's device, so that one seed means one path on every device.
    draw = torch.randn(x.shape, dtype=x.dtype, device=generator.device, generator=generator)
    return draw.to(x.device)


def _result(x: Tensor, times: Tensor, path: list[Tensor] | None) -> Trajectory:
    stacked = None if path is None else torch.stack(path)
    return Trajectory(x, None, times, stacked, evaluations=len(times) - 1)


def _check_monotone(times: Tensor, direction: int, clock: str) -> None:
    if times.ndim != 1 or len(times) < 2:
        raise ValueError(f"a time grid needs shape (steps + 1,), got {tuple(times.shape)}")
    if bool((direction * times.diff() <= 0).any()):
        word = "increase" if direction > 0 else "decrease"
        raise ValueError(f"{clock} must strictly {word}, got {times.tolist()}")


def integrate_sde(
    drift: Drift,
    diffusion: Callable[[Tensor], Tensor],
    x0: Tensor,
    times: Tensor,
    generator: torch.Generator,
    *,
    keep_path: bool = False,
) -> Trajectory:
    """Euler-Maruyama for ``dX = drift(t, X) dt + diffusion(t) dW`` on any increasing grid.

    Strong order 1 and weak order 1, since the noise is additive.

    Args:
        drift: Full drift.
        diffusion: Noise level, a scalar tensor at a scalar time.
        x0: Start points, shape (n, ...).
        times: Grid, shape (steps + 1,), strictly increasing.
        generator: Source of the noise.
        keep_path: Store the points of the whole grid.

    Raises:
        ValueError: The grid does not increase.
    """
    _check_monotone(times, 1, "times")
    x = x0
    path = [x0] if keep_path else None
    instants = times.to(x0).unbind()
    for t, h in zip(instants[:-1], times.diff().tolist(), strict=True):
        x = x + h * drift(t, x) + diffusion(t) * h**0.5 * _noise(x, generator)
        if path is not None:
            path.append(x)
    return _result(x, times, path)


def exponential_ou(
    process: NoisingProcess,
    score: Drift,
    x0: Tensor,
    noising_times: Tensor,
    generator: torch.Generator,
    *,
    data_variance: float = 1.0,
    keep_path: bool = False,
) -> Trajectory:
    """Exponential integrator for the reverse SDE of a linear noising process.

    On the noising clock the reverse SDE ``dX = [c X + sigma^2 score] dt + sigma dW`` is linear
    apart from the score. The score is split into that of Gaussian data of variance
    ``data_variance``, ``-x / W`` with ``W(s) = a^2 data_variance + V``, and a remainder. The
    linear part, noise included, is integrated exactly. Of the remainder, the estimated data mean
    ``m = (x + W score) / a`` is frozen during the step, which then is the exact Gaussian
    transition

        X' = a' m + k (X - a m) + sqrt(W' - k^2 W) Z,     k = (a / a') W' / W

    (dash: end of the step). For data N(m, data_variance I) every step is exact, however long;
    ``data_variance = 0`` freezes the denoised point, as ancestral sampling does.

    Args:
        process: Noising process.
        score: ``(s, x) -> grad log eta(x, s)`` with s a scalar tensor on the noising clock.
        x0: Start points at ``noising_times[0]``, shape (n, d).
        noising_times: Grid of s, shape (steps + 1,), strictly decreasing, usually from T to a
            small positive number or 0.
        generator: Source of the noise.
        data_variance: Variance of one coordinate of the data, non-negative.
        keep_path: Store the points of the whole grid.

    Returns:
        Points at the last noising time; ``times`` is the noising grid.

    Raises:
        ValueError: The grid does not decrease, or ``data_variance`` is negative.
    """
    _check_monotone(noising_times, -1, "noising times")
    if not data_variance >= 0:
        raise ValueError(f"data_variance must not be negative, got {data_variance!r}")
    s = noising_times.detach().cpu().double()
    scale = process.scale(s)
    variance = process.variance(s)
    spread = scale.square() * data_variance + variance
    keep = scale[:-1] / scale[1:] * spread[1:] / spread[:-1]
    # W' - k^2 W = (W'/W) added, with the variance that noising adds from s' to s.
    added = variance[:-1] - (scale[:-1] / scale[1:]).square() * variance[1:]
    noise = (spread[1:] / spread[:-1] * added).clamp_min(0).sqrt()
    shift = scale[1:] - keep * scale[:-1]
    x = x0
    path = [x0] if keep_path else None
    coefficients = torch.stack(
        [spread[:-1] / scale[:-1], 1 / scale[:-1], keep, shift, noise], dim=1
    ).tolist()
    for instant, (gain, inverse, k, pull, std) in zip(
        noising_times[:-1].to(x0).unbind(), coefficients, strict=True
    ):
        mean = inverse * x + gain * score(instant, x)
        x = k * x + pull * mean + std * _noise(x, generator)
        if path is not None:
            path.append(x)
    return _result(x, noising_times, path)
