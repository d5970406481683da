"""Proximal flows of a configuration, trained with every seed at once."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mfglab.config import ProximalConfig
from mfglab.solvers.adversarial import (
    AdversarialResult,
    AdversarialSettings,
    train_members_adversarially,
)
from mfglab.solvers.proximal import ProximalFlow
from mfglab.training.seeds import stream


def train_proximal_flows(
    data: Tensor,
    config: ProximalConfig,
    seeds: Sequence[int],
    *,
    iterations: int,
    batch_size: int,
    w1: bool = True,
    w2: bool = True,
    kind: type[ProximalFlow] = ProximalFlow,
) -> list[tuple[ProximalFlow, AdversarialResult]]:
    """Train a flow with each seed; initial weights, batches and noise depend on the seed alone.

    Args:
        data: Training points (n, d), float32.
        config: Nets, game, and how its two players are trained.
        seeds: Seeds.
        iterations: Steps of the flow.
        batch_size: Points of a step.
        w1: Bound the slope of the discriminator.
        w2: Charge the kinetic cost.
        kind: The flow, which decides where the kinetic cost is evaluated.
    """
    flows = [
        kind(
            data.shape[1],
            width=config.width,
            depth=config.depth,
            critic_width=config.critic_width,
            critic_depth=config.critic_depth,
            kinetic_weight=config.kinetic_weight,
            kinetic=w2,
            lipschitz=config.lipschitz if w1 else None,
            penalty=config.penalty,
            steps=config.steps,
            generator=stream("weights", seed),
        )
        for seed in seeds
    ]
    settings = AdversarialSettings(
        iterations=iterations,
        batch_size=batch_size,
        ascent_steps=config.ascent_steps,
        flow_rate=config.flow_rate,
        discriminator_rate=config.discriminator_rate,
    )
    noise = [stream("adversarial", seed) for seed in seeds]
    results = train_members_adversarially(flows, data, settings, noise, iterations)
    return list(zip(flows, results, strict=True))
