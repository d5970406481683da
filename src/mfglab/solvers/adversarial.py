"""Alternating training of proximal flows and their discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.networks.members import NotStackableError, keep_members, member_state, stack
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
    (result,) = train_members_adversarially([solver], data, settings, [generator], log_every)
    return result


def train_members_adversarially(
    solvers: Sequence[ProximalFlow],
    data: Tensor,
    settings: AdversarialSettings,
    generators: Sequence[torch.Generator],
    log_every: int = 50,
) -> list[AdversarialResult]:
    """:func:`train_adversarially` for flows that differ in weights and noise, all at once.

    Each goes as by itself, up to rounding; one that diverges leaves the others alone.

    Args:
        solvers: The flows; of one shape and with the same settings.
        data: Training points (n, d) of all.
        settings: Optimisation settings.
        generators: Source of batches, noise and penalty points of each.
        log_every: Iterations between rows of the histories.

    Raises:
        ValueError: The flows differ in their settings.
    """
    for k, solver in enumerate(solvers):
        if solver.settings != solvers[0].settings:  # they would be ignored
            raise ValueError(f"flow {k} has other settings than flow 0")
    try:
        players = _StackedPlayers(solvers, data, settings, generators)
    except NotStackableError:  # a deeper potential
        return [
            train_adversarially(solver, data, settings, generator, log_every)
            for solver, generator in zip(solvers, generators, strict=True)
        ]
    for k in range(settings.iterations):
        terms = players.play(k)
        if not players.members:
            break
        if k % log_every == 0 or k == settings.iterations - 1:
            for row, member in enumerate(players.members):
                values = {name: float(value[row]) for name, value in terms.items()}
                players.results[member].history.append({"iteration": k, **values})
    players.write_back()
    return players.results


class _StackedPlayers:
    # M stacked flows and their optimisers. Row r of everything belongs to solver members[r].
    def __init__(
        self,
        solvers: Sequence[ProximalFlow],
        data: Tensor,
        settings: AdversarialSettings,
        generators: Sequence[torch.Generator],
    ) -> None:
        # One flow is played as it is: products of stacks of one matrix take longer.
        whole = solvers[0] if len(solvers) == 1 else stack(solvers[0], solvers)
        assert isinstance(whole, ProximalFlow)
        self.whole, self.solvers, self.data, self.settings = whole, solvers, data, settings
        self.generators = list(generators)
        self.members = list(range(len(solvers)))
        self.results = [AdversarialResult([], None) for _ in solvers]
        self.flow = _Player(whole.potential, settings.flow_rate, settings)
        self.critic = _Player(whole.discriminator, settings.discriminator_rate, settings)

    def play(self, k: int) -> dict[str, Tensor]:
        """One iteration of both players; the terms of their losses, (M,) each."""
        n, ascents, whole = self.settings.batch_size, self.settings.ascent_steps, self.whole
        terms: dict[str, Tensor] = {}
        noise = [whole.source.sample(n * ascents, g) for g in self.generators]
        with torch.no_grad():
            z = torch.stack(noise).to(self.data)
            generated = whole.transport(z.flatten(0, 1)).view_as(z)
        for step in range(ascents):
            rows = [torch.randint(len(self.data), (n,), generator=g) for g in self.generators]
            # each draws its data first and then the points of its penalty
            u = torch.stack([torch.rand(n, generator=g) for g in self.generators]).to(self.data)
            batch = generated[:, step * n : (step + 1) * n]
            loss = whole.discriminator_loss(batch, self.data[torch.stack(rows)], u)
            terms |= loss.terms
            kept = self._step(self.critic, loss.total, k)
            if kept is not None:
                generated = generated[kept]
                terms = {name: value[kept] for name, value in terms.items()}
            if not self.members:
                return terms
        z = torch.stack([whole.source.sample(n, g) for g in self.generators]).to(self.data)
        losses = whole.point_losses(z.flatten(0, 1))
        for name, value in losses.terms.items():
            terms[name] = value.detach().view(len(z), -1).mean(1)
        kept = self._step(self.flow, losses.total.view(len(z), -1).mean(1), k)
        if not self.members:
            return terms
        self.critic.decay()
        self.flow.decay()
        return terms if kept is None else {name: value[kept] for name, value in terms.items()}

    def write_back(self) -> None:
        """Give the solvers that are left their weights."""
        if len(self.solvers) == 1:
            return
        for row, member in enumerate(self.members):
            self.solvers[member].load_state_dict(member_state(self.whole, row))

    def _step(self, player: _Player, losses: Tensor, k: int) -> Tensor | None:
        # Members without a finite step end here, with the weights they have: then which rows stay.
        finite = player.differentiate(losses)
        lost = not bool(finite.all())
        if lost:
            gradients = [weight.grad for weight in player.weights]
            self.write_back()
            for row in (~finite).nonzero()[:, 0].tolist():
                member = self.members[row]
                history = self.results[member].history
                self.results[member] = AdversarialResult(history, k)
            rows = finite.nonzero()[:, 0].tolist()
            self.members = [self.members[row] for row in rows]
            self.generators = [self.generators[row] for row in rows]
            if not self.members:
                player.adam.zero_grad()
                return finite
            keep_members(self.whole, [self.flow.adam, self.critic.adam], torch.tensor(rows))
            for weight, gradient in zip(player.weights, gradients, strict=True):
                weight.grad = None if gradient is None else gradient[finite]
        player.adam.step()
        return finite if lost else None


class _Player:
    # One network, its Adam and its decay.
    def __init__(self, net: torch.nn.Module, rate: float, settings: AdversarialSettings) -> None:
        betas = (settings.beta1, settings.beta2)
        self.adam = torch.optim.Adam(net.parameters(), rate, betas, fused=True)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.adam, settings.iterations)

    @property
    def weights(self) -> list[Tensor]:
        weights: list[Tensor] = self.adam.param_groups[0]["params"]
        return weights

    def differentiate(self, losses: Tensor) -> Tensor:
        """Set the gradients of the losses (M,); whether loss and gradient are finite, (M,)."""
        # the gradient of the sum in the weights of a member is that of its own loss
        self.adam.zero_grad()
        # Not `weight.grad = torch.autograd.grad(...)`: the fused Adam reads the memory of a
        # gradient in the order of its weight, which only accumulation sees to.
        losses.sum().backward(inputs=self.weights)  # type: ignore[no-untyped-call]
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        rows = torch.cat([g.reshape(len(losses), -1) for g in gradients], 1)
        return torch.isfinite(losses.detach() + torch.linalg.vector_norm(rows, dim=1))

    def decay(self) -> None:
        self.schedule.step()
