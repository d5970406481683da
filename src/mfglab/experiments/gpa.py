"""Generative particles on a mixture of four Gaussians: what the Lipschitz constraint does."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import GpaConfig, ParticleTraining
from mfglab.datasets.mixtures import MixtureLaw
from mfglab.games.densities import GaussianMixture
from mfglab.games.divergences import KL
from mfglab.metrics.memorisation import nearest_points
from mfglab.metrics.wasserstein import w2_distance
from mfglab.solvers.particle_settings import ParticleSettings
from mfglab.solvers.particles import Outcome, ParticleFlow, ParticleRun, run_flows
from mfglab.training.seeds import stream

Points = NDArray[np.float64]

#: Share of the steps, at the end, over which the final kinetic energy is averaged.
LAST = 0.1
#: Factor of the learning rate of the fast discriminator.
FAST = 5.0


@dataclass(frozen=True)
class GpaRow:
    """One run; NaN where a diverged run has no number.

    Args:
        lipschitz: L, or "none".
        discriminator: "warm": one Adam throughout; "reset": Adam started anew at each particle
            step; "fast": warm, with five times the learning rate.
        multiple: Particles over training points, M / N.
        seed: Seed.
        diverged: 1 if the particles left every bound, else 0.
        w2_train: Exact W2 to the training points.
        w2_reached: The same, at the last bounded state of a diverged run: a lower bound there.
        w2_fresh: Exact W2 to as many fresh points.
        w2_fresh_ratio: ``w2_fresh`` over the W2 of two fresh samples of that size.
        nearest_ratio: Distance to the nearest training point, over that of fresh points.
        kinetic_energy: ``mean |v|^2 / 2``, over the last tenth of the steps.
        max_speed: Largest speed of any particle at any step.
        speed_bound: L; infinite without constraint.
        divergence: Last estimate of the divergence.
    """

    lipschitz: str
    discriminator: str
    multiple: int
    seed: int
    diverged: int
    w2_train: float
    w2_reached: float
    w2_fresh: float
    w2_fresh_ratio: float
    nearest_ratio: float
    kinetic_energy: float
    max_speed: float
    speed_bound: float
    divergence: float

    def row(self) -> dict[str, float | str]:
        """Plain numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class GpaResult:
    """Rows of the table and arrays of the figure (first seed).

    Args:
        rows: One a run.
        arrays: ``train``, and final particles by arm.
    """

    rows: list[GpaRow]
    arrays: dict[str, Points]


@dataclass(frozen=True)
class _Arm:
    lipschitz: float | None
    multiple: int
    discriminator: str = "warm"

    @property
    def label(self) -> str:
        return "none" if self.lipschitz is None else f"{self.lipschitz:g}"


def four_gaussians() -> MixtureLaw:
    """Equal Gaussians of standard deviation 1/2 at the corners of the square [0, 4]^2."""
    means = torch.tensor([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]], dtype=torch.float64)
    return MixtureLaw(GaussianMixture.isotropic(means, 0.5))


def gpa_study(config: GpaConfig, seeds: list[int]) -> GpaResult:
    """All arms and seeds.

    Controls for M = N, with L = 1 and without constraint: Adam started anew at each particle step,
    as in the released code, and a faster discriminator.
    """
    arms = [_Arm(L, m) for m in config.multiples for L in config.lipschitz]
    arms += [_Arm(L, config.multiples[0], kind) for kind in ("reset", "fast") for L in (None, 1.0)]
    law = four_gaussians()
    train = {seed: law.sample(config.points, stream("gpa train", seed)) for seed in seeds}
    runs = [(seed, arm) for seed in seeds for arm in arms]
    flows = [_flow(config, arm, train[seed], seed) for seed, arm in runs]
    starts = [_start(config, arm, seed) for seed, arm in runs]
    rows, arrays = [], {"train": train[seeds[0]].numpy()}
    for (seed, arm), outcome in zip(runs, run_flows(flows, starts), strict=True):
        rows.append(_measure(arm, seed, outcome, train[seed].numpy()))
        if seed == seeds[0] and arm.discriminator == "warm":
            particles = outcome.particles.double().numpy()
            arrays[f"particles_{arm.label}_{arm.multiple}"] = particles
    return GpaResult(rows, arrays)


def settings_of(
    training: ParticleTraining, lipschitz: float | None, **more: object
) -> ParticleSettings:
    """Settings of one arm."""
    return ParticleSettings(lipschitz=lipschitz, **training.model_dump(), **more)  # type: ignore[arg-type]


def _start(config: GpaConfig, arm: _Arm, seed: int) -> Tensor:
    n = config.points * arm.multiple
    return 0.5 * torch.randn(n, 2, generator=stream("gpa start", seed, arm.multiple))


def _flow(config: GpaConfig, arm: _Arm, train: Tensor, seed: int) -> ParticleFlow:
    training = config.training
    if arm.discriminator == "fast":
        rate = FAST * training.learning_rate
        training = training.model_copy(update={"learning_rate": rate})
    reset = arm.discriminator == "reset"
    settings = settings_of(training, arm.lipschitz, reset_adam=reset)
    generator = stream("gpa discriminator", seed)
    return ParticleFlow(KL(), train.float(), settings, generator=generator)


def _measure(arm: _Arm, seed: int, outcome: Outcome, train: Points) -> GpaRow:
    run = outcome if isinstance(outcome, ParticleRun) else None
    particles = outcome.particles.double().numpy()
    law, n = four_gaussians(), len(particles)
    # Each training point counts as often as there are particles to it: exact W2 of equal sizes.
    reached = w2_distance(particles, np.tile(train, (arm.multiple, 1)))
    fresh, other = (
        law.sample(n, stream(f"gpa {name}", seed, arm.multiple)).numpy()
        for name in ("fresh", "floor")
    )
    to_fresh = w2_distance(particles, fresh) if run else math.nan
    last = max(1, round(LAST * len(run.times))) if run else 1
    return GpaRow(
        lipschitz=arm.label,
        discriminator=arm.discriminator,
        multiple=arm.multiple,
        seed=seed,
        diverged=int(run is None),
        w2_train=reached if run else math.nan,
        w2_reached=reached,
        w2_fresh=to_fresh,
        w2_fresh_ratio=to_fresh / w2_distance(fresh, other),
        nearest_ratio=nearest_points(particles, fresh, train).ratio if run else math.nan,
        kinetic_energy=float(run.kinetic_energy[-last:].mean()) if run else math.nan,
        max_speed=float(run.max_speed.max()) if run else math.nan,
        speed_bound=math.inf if arm.lipschitz is None else arm.lipschitz,
        divergence=float(run.divergence[-1]) if run else math.nan,
    )
