"""Generators without a trained flow or score, for studies that compare all families.

Kernels (WPO) and particles (GPA) are made of the training points alone, without further data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mfglab.experiments.score_fits import fit_quietly
from mfglab.games.closed_forms.kernel_density import select_variance
from mfglab.games.divergences import KL
from mfglab.solvers.particle_settings import ParticleSettings
from mfglab.solvers.particles import ParticleFlow, ParticlesDivergedError, run_flows
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.seeds import stream

#: Variances of round kernels that validation points choose from, in units of the data variance.
CANDIDATES = (1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 7e-3, 0.012, 0.02, 0.035, 0.06, 0.1, 0.2, 0.4)
#: Particles move by the gradient flow of KL with Lipschitz constant 1, as in the study ``gpa``.
PARTICLES = ParticleSettings(
    lipschitz=1.0, step=0.5, final_step=0.05, ascent_steps=3, learning_rate=1e-3
)


def fit_kernels(
    data: Sequence[Tensor],
    seeds: Sequence[int],
    *,
    iterations: int = 300,
    batch_size: int = 64,
    centres: int = 1000,
) -> list[KernelScoreModel]:
    """Kernels at four fifths of the points, chosen on the last fifth.

    Precisions are trained by the likelihood of the centres, each without its own kernel; training
    starts from the round kernels that are best on validation points.

    Args:
        data: Training points (n, d) of each model, at least 10. Those with as many points are
            trained together.
        seeds: Seed of weights and batches of each.
        iterations: Optimiser steps.
        batch_size: Points a step.
        centres: Kernels at most.

    Raises:
        ValueError: There are fewer than 10 points.
    """
    models, trains, vals = [], [], []
    for x, seed in zip(data, seeds, strict=True):
        if len(x) < 10:
            raise ValueError(f"kernels need at least 10 points, got {len(x)}")
        order = torch.randperm(len(x), generator=stream("kernel split", seed))
        cut = len(x) // 5
        val, train = x[order[:cut]].double(), x[order[cut:][:centres]].double()
        model = KernelScoreModel(
            x.shape[1],
            centres=len(train),
            score_weight=0.0,
            likelihood_weight=1.0,
            leave_one_out=True,
            generator=stream("kernel weights", seed),
        )
        model.place(train.float())
        scale = float(train.var(0).mean())
        model.net.start_round(1 / select_variance(train, val, [scale * c for c in CANDIDATES]))
        models.append(model)
        trains.append(train.float())
        vals.append(val.float())
    settings = {"iterations": iterations, "batch_size": batch_size, "learning_rate": 1e-3}
    settings |= {"val_every": max(1, iterations // 10)}
    for shape in dict.fromkeys(x.shape for x in data):
        alike = [k for k, x in enumerate(data) if x.shape == shape]
        fit_quietly(
            [models[k] for k in alike],
            [trains[k] for k in alike],
            [vals[k] for k in alike],
            settings,
            [seeds[k] for k in alike],
        )
    return models


class ParticleCloud(nn.Module):
    """Final particles of a gradient flow as a generator: samples are drawn among them.

    Args:
        particles: Positions (m, d).
    """

    def __init__(self, particles: Tensor) -> None:
        super().__init__()
        self.register_buffer("particles", particles)
        self.particles: Tensor

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` particles, shape (n, d): without repetition as far as there are enough."""
        m = len(self.particles)
        rounds = [torch.randperm(m, generator=generator) for _ in range(-(-n // m))]
        return self.particles[torch.cat(rounds)[:n]]


def fit_particles(
    data: Sequence[Tensor], seeds: Sequence[int], count: int, steps: int
) -> list[ParticleCloud]:
    """Particles that start from a Gaussian with the moments of the data and flow towards them.

    Args:
        data: Training points (n_k, d) of each cloud.
        seeds: Seed of start and discriminator of each.
        count: Particles of each.
        steps: Steps of the flow.

    Raises:
        ParticlesDivergedError: A coordinate is not finite or out of bounds.
    """
    settings, flows, starts = replace(PARTICLES, steps=steps), [], []
    for x, seed in zip(data, seeds, strict=True):
        z = torch.randn(count, x.shape[1], generator=stream("particle start", seed, count))
        starts.append(x.mean(0).float() + x.std(0).float() * z)
        critic = stream("particle critic", seed)
        flows.append(ParticleFlow(KL(), x.float(), settings, generator=critic))
    clouds = []
    for outcome in run_flows(flows, starts):
        if isinstance(outcome, ParticlesDivergedError):
            raise outcome
        clouds.append(ParticleCloud(outcome.particles.double()))
    return clouds
