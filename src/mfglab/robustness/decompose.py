"""Where the error of a score model comes from: Version A of the bound for a trained network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import NoisingProcess
from mfglab.metrics.wasserstein import w1_distance
from mfglab.robustness.mixture import MixtureReversal

#: ``(s, x) -> score`` with s a scalar tensor and x of shape (n, d).
Score = Callable[[Tensor, Tensor], Tensor]


#: Terms of the bound, in the order in which they are stacked.
PARTS = ("early", "reference", "score", "steps", "unsplit")


@dataclass(frozen=True)
class Part:
    """One term of the bound.

    Attributes:
        value: The term, unit of the data.
        standard_error: Its Monte-Carlo error.
    """

    value: float
    standard_error: float = 0.0


@dataclass(frozen=True)
class Decomposition:
    """``W1(generated, data) <= early + reference + score + steps``.

    Attributes:
        early: Early stopping.
        reference: Start in N(0, std^2) instead of the noised law.
        score: Error of the score along the generated paths.
        steps: Discretisation, without conditional expectation: order one half in the step.
        unsplit: Score and steps together, never more than their sum.
        samples: Generated points, shape (n, d).
    """

    early: Part
    reference: Part
    score: Part
    steps: Part
    unsplit: Part
    samples: Tensor

    @property
    def bound(self) -> float:
        """The smaller of the split and the unsplit sum."""
        rest = min(self.score.value + self.steps.value, self.unsplit.value)
        return self.early.value + self.reference.value + rest

    @property
    def standard_error(self) -> float:
        """Of the bound, as if its parts were dependent."""
        parts = (self.reference, self.score, self.steps)
        return sum(part.standard_error for part in parts)


def decompose(
    score: Score,
    process: NoisingProcess,
    law: GaussianMixture,
    times: Tensor,
    particles: int,
    generator: torch.Generator,
    data_variance: float = 1.0,
) -> Decomposition:
    """Sample with a learned score and say which error costs how much.

    The sampler is the exponential integrator of :mod:`mfglab.trajectories.sde`; inside a step its
    score is ``(a m - X)/W`` with the denoised mean m frozen. Every integral over a step is
    evaluated at one uniformly random time inside it, common to all particles: unbiased, but the
    standard errors know only the particles. Repeat with another generator for the whole error.

    Args:
        score: The network; called in the default precision.
        process: Noising schedule.
        law: Law of the data, a mixture in float64. For data without known law: a narrow Gaussian
            about each point, ``GaussianMixture.isotropic(points, std)``.
        times: Decreasing noising times, shape (steps + 1,), from the horizon to early stopping.
        particles: Number of generated points n.
        generator: Source of all noise.
        data_variance: Of the integrator.

    Raises:
        ValueError: Times do not decrease, or do not start at the horizon.
    """
    s = times.detach().double()
    if bool((s.diff() >= 0).any()) or abs(float(s[0]) - process.horizon) > 1e-3 * process.horizon:
        raise ValueError(
            f"times must decrease from the horizon {process.horizon}, got {times.tolist()}"
        )
    reversal = MixtureReversal(law, process, float(s[-1]))
    frozen = _Frozen(process, data_variance)
    std = float(frozen.spread(s[0]).sqrt())
    x = std * torch.randn(particles, law.dim, dtype=torch.float64, generator=generator)
    costs = torch.zeros(3, particles, dtype=torch.float64)
    for start, end in itertools.pairwise(s):
        mean = frozen.mean(start, x, _call(score, start, x))
        u = torch.rand((), dtype=torch.float64, generator=generator)
        middle = end + u * (start - end)
        x = frozen.move(start, middle, x, mean, generator)
        costs += (start - end) * _rates(score, reversal, frozen, middle, x, mean)
        x = frozen.move(middle, end, x, mean, generator)
    wrong, discrete, both = (_part(cost) for cost in costs)
    return Decomposition(
        early=Part(reversal.early_stopping()),
        reference=_part(reversal.reference_cost(std, particles, generator)),
        score=wrong,
        steps=discrete,
        unsplit=both,
        samples=x,
    )


def decomposition_row(
    score: Score,
    process: NoisingProcess,
    law: GaussianMixture,
    times: Tensor,
    particles: int,
    noise: Sequence[tuple[torch.Generator, torch.Generator]],
) -> dict[str, float]:
    """A row of the table of decompositions: measured distance beside the bound and its parts.

    Args:
        score: As for :func:`decompose`, like the next three.
        process: Noising schedule.
        law: Law of the data.
        times: Decreasing noising times.
        particles: Number of generated points of a batch, and of each fresh sample.
        noise: Generators of sampler and fresh points, a pair for each of at least two independent
            batches; their spread is the standard error, that of the time quadrature included.

    Returns:
        ``w1`` between generated and fresh points, ``w1_floor`` between two fresh samples,
        ``bound``, ``standard_error`` of their difference, ``part_<name>`` for each of ``PARTS``.

    Raises:
        ValueError: Fewer than two batches, or as for :func:`decompose`.
    """
    if len(noise) < 2:
        raise ValueError(f"a standard error needs at least two batches, got {len(noise)}")
    batches, distances, floors = [], [], []
    for sampler, fresh in noise:
        found = decompose(score, process, law, times, particles, sampler)
        first, second = (law.sample(particles, fresh) for _ in range(2))
        distances.append(w1_distance(found.samples.numpy(), first.numpy()))
        floors.append(w1_distance(second.numpy(), first.numpy()))
        batches.append(found)
    w1, w1_error = _mean(distances)
    bound, bound_error = _mean([found.bound for found in batches])
    row = {"w1": w1, "w1_floor": _mean(floors)[0], "bound": bound}
    row["standard_error"] = math.hypot(w1_error, bound_error)
    values = {name: [getattr(found, name).value for found in batches] for name in PARTS}
    return row | {f"part_{name}": _mean(value)[0] for name, value in values.items()}


def _mean(values: list[float]) -> tuple[float, float]:
    data = np.array(values)
    return float(data.mean()), float(data.std(ddof=1) / math.sqrt(len(data)))


@dataclass(frozen=True)
class _Frozen:
    # The linear SDE inside a step: dX = (c X + sigma^2 (a m - X)/W) dt + sigma dW.
    process: NoisingProcess
    data_variance: float

    def spread(self, s: Tensor) -> Tensor:
        return self.process.scale(s).square() * self.data_variance + self.process.variance(s)

    def mean(self, s: Tensor, x: Tensor, score: Tensor) -> Tensor:
        return (x + self.spread(s) * score) / self.process.scale(s)

    def score(self, s: Tensor, x: Tensor, mean: Tensor) -> Tensor:
        return (self.process.scale(s) * mean - x) / self.spread(s)

    def move(
        self, s: Tensor, end: Tensor, x: Tensor, mean: Tensor, generator: torch.Generator
    ) -> Tensor:
        a, b = self.process.scale(s), self.process.scale(end)
        W, V = self.spread(s), self.spread(end)
        keep = a / b * V / W
        added = self.process.variance(s) - (a / b).square() * self.process.variance(end)
        noise = (V / W * added).clamp_min(0).sqrt()
        z = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        return b * mean + keep * (x - a * mean) + noise * z


def _rates(
    score: Score, reversal: MixtureReversal, frozen: _Frozen, s: Tensor, x: Tensor, mean: Tensor
) -> Tensor:
    # Integrands at time s: score, steps, unsplit; shape (3, n).
    learned, used = _call(score, s, x), frozen.score(s, x, mean)
    true = reversal.noised(float(s)).score(x)
    weight = reversal.growth(float(s), x) * reversal.process.diffusion(s).square()
    gaps = (learned - true, used - learned, used - true)
    return weight * torch.stack([gap.norm(dim=1) for gap in gaps])


def _call(score: Score, s: Tensor, x: Tensor) -> Tensor:
    dtype = torch.get_default_dtype()
    return score(s.to(dtype), x.to(dtype)).detach().double()


def _part(costs: Tensor) -> Part:
    return Part(float(costs.mean()), float(costs.std() / len(costs) ** 0.5))
