"""The published bound (14)-(15) of arXiv:2405.15754 in its most favourable reading."""

from __future__ import annotations

import math

import numpy as np

from mfglab.robustness.certificate import Complex, LearnedPath


def published_bound(
    path: LearnedPath, sample: Complex, sampling: float, far: float, omega: float | None = None
) -> float:
    """(14) with (15), all unknown constants 1 and the rate of contraction exact.

    ``sqrt(eps) + R^(3/2) (1 + sqrt|s'|) [R exp(-w T/R^2) d1(pi, unif) + sqrt(e')]`` with
    ``sqrt(e') = sqrt(J) + sqrt(((1 + |log delta|)/sqrt(eps) + T |s|_C2) d1(pi^N, pi))``. The paper
    gives no value of its constants, so that this is no bound but its size.

    Args:
        path: The learned sampler.
        sample: Coefficients of the training sample.
        sampling: ``d1(pi^N, pi)``.
        far: ``d1(pi, uniform)``.
        omega: w, by default ``4 pi^2``.
    """
    length, n = path.length, path.score.shape[1]
    horizon, eps = float(path.times[0]), float(path.times[-1])
    k = 2 * np.pi / length * np.arange(n // 2 + 1)
    transformed = np.fft.rfft(path.score, axis=1)
    sizes = [
        float(np.abs(np.fft.irfft((1j * k) ** order * transformed, n, axis=1)).max())
        for order in range(3)
    ]
    objective = path.squared_error(sample)
    delta = float(path.density(sample)[-1].min())
    excess = (1 + abs(math.log(delta))) / math.sqrt(eps) + horizon * max(sizes)
    root = math.sqrt(objective) + math.sqrt(excess * sampling)
    rate = 4 * math.pi * math.pi if omega is None else omega
    reference = length * math.exp(-rate * horizon / length**2) * far
    growth = length * math.sqrt(length) * (1 + math.sqrt(sizes[1]))
    return math.sqrt(eps) + growth * (reference + root)
