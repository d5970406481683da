"""Alternating training of a proximal flow and its discriminator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.solvers.proximal import ProximalFlow


@dataclass(frozen=True)
class AdversarialSettings:
    """How the two players are trained against each other.

    Args:
        iterations: Steps of the flow.
        batch_size: Points of each law in a step.
        ascent_steps: Steps of the discriminator before each step of the flow.
        flow_rate: Initial learning rate of the flow; cosine decay to 0.
        discriminator_rate: Initial learning rate of the discriminator; cosine decay to 0.
        beta1: First-moment decay of both Adam optimisers.
        beta2: Second-moment decay.
    """

    iterations: int = 500
    batch_size: int = 200
    ascent_steps: int = 2
    flow_rate: float = 5e-3
    discriminator_rate: float = 2e-3
    beta1: float = 0.5
    beta2: float = 0.9


@dataclass(frozen=True)
class AdversarialResult:
    """What adversarial training left.

    Args:
        history: Terms of both losses by iteration, every ``log_every`` iterations.
        diverged_at: Iteration whose loss or gradient was not finite, or None. The weights are
            those before it.
    """

    history: list[dict[str, float]]
    diverged_at: int | None


def train_adversarially(
    solver: ProximalFlow,
    data: Tensor,
    settings: AdversarialSettings,
    generator: torch.Generator,
    log_every: int = 50,
) -> AdversarialResult:
    """Alternate ascent of the discriminator and descent of the flow; ``solver`` changes in place.

    Divergence is a result, not an error: training stops before weights become infinite.

    Args:
        solver: The flow and its discriminator.
        data: Training points (n, d), of the precision of the solver.
        settings: Optimisation settings.
        generator: Source of batches, noise and penalty points.
        log_every: Iterations between rows of the history.
    """
    flow = _Player(solver.potential, settings.flow_rate, settings)
    critic = _Player(solver.discriminator, settings.discriminator_rate, settings)
    n = settings.batch_size
    history: list[dict[str, float]] = []
    for k in range(settings.iterations):
        terms: dict[str, Tensor] = {}
        with torch.no_grad():
            z = solver.source.sample(n * settings.ascent_steps, generator).to(data)
            generated = solver.generate(z).x.chunk(settings.ascent_steps)
        for batch in generated:
            x = data[torch.randint(len(data), (n,), generator=generator)]
            u = torch.rand(n, generator=generator).to(data)
            loss = solver.discriminator_loss(batch, x, u)
            terms |= loss.terms
            if not critic.step(loss.total):
                return AdversarialResult(history, k)
        loss = solver.loss(x, generator)
        terms |= loss.terms
        if not flow.step(loss.total):
            return AdversarialResult(history, k)
        critic.decay()
        flow.decay()
        if k % log_every == 0 or k == settings.iterations - 1:
            history.append({"iteration": k, **{name: float(v) for name, v in terms.items()}})
    return AdversarialResult(history, None)


class _Player:
    # One network, its Adam and its decay; a step is refused when it is not finite.
    def __init__(self, net: torch.nn.Module, rate: float, settings: AdversarialSettings) -> None:
        self.weights = list(net.parameters())
        self.adam = torch.optim.Adam(
            self.weights, rate, (settings.beta1, settings.beta2), fused=True
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.adam, settings.iterations)

    def step(self, loss: Tensor) -> bool:
        gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        present = [g for g in gradients if g is not None]
        size = torch.stack([g.square().sum() for g in present]).sum()
        if not bool(torch.isfinite(loss.detach() + size)):
            return False
        for weight, g in zip(self.weights, gradients, strict=True):
            weight.grad = g
        self.adam.step()
        return True

    def decay(self) -> None:
        self.schedule.step()
