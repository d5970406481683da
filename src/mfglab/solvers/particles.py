"""Generative particles: the gradient flow of a Lipschitz-regularised divergence (GPA).

Particles follow ``x' = -grad phi*(x)``, where phi* is the maximiser in the dual form of
``D_f^L(rho_t | target)`` (arXiv:2210.17230). This is the limit ``eps -> 0`` of the discounted game
``recipes.gradient_flow``: there ``U = e^(-t/eps) V`` with ``V -> dF/drho = phi*``, and the optimal
velocity ``-e^(t/eps) grad U`` is ``-grad phi*``. Its speed is at most L.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from mfglab.games.divergences import FDivergence, LipschitzDivergence
from mfglab.games.game import MeanFieldGame
from mfglab.games.recipes import gradient_flow
from mfglab.networks.lipschitz import LipschitzNet
from mfglab.networks.members import keep_members, stack
from mfglab.solvers.base import DivergedError
from mfglab.solvers.particle_settings import ParticleSettings


class ParticlesDivergedError(DivergedError):
    """Particles left every reasonable region, or there is no number for the divergence.

    Args:
        step: The particle step at which it was noticed.
        bound: The radius that was exceeded.
        particles: The last positions within it, shape (n, d).
    """

    def __init__(self, step: int, bound: float, particles: Tensor) -> None:
        super().__init__(
            f"the particles diverged at step {step}: the divergence or a coordinate is not finite, "
            f"or a coordinate is above {bound:g}"
        )
        self.step = step
        self.particles = particles


@dataclass(frozen=True)
class ParticleRun:
    """Where the particles went.

    Args:
        particles: Final positions, shape (n, d).
        times: Time before each step, shape (steps,).
        divergence: Estimate of ``D_f^L(rho_t | target)``, shape (steps,).
        dissipation: ``mean |grad phi|^2``: twice the kinetic energy, a Lipschitz-regularised Fisher
            information, and the rate at which the divergence falls; shape (steps,).
        max_speed: Largest ``|grad phi|`` over the particles, shape (steps,).
        discriminator: The last test function.
    """

    particles: Tensor
    times: Tensor
    divergence: Tensor
    dissipation: Tensor
    max_speed: Tensor
    discriminator: LipschitzNet

    @property
    def kinetic_energy(self) -> Tensor:
        """``mean |v|^2 / 2``, shape (steps,)."""
        return 0.5 * self.dissipation


class ParticleFlow:
    """The gradient flow of ``D_f^L(. | target)`` by particles, with one warm discriminator.

    Args:
        divergence: The f-divergence.
        target: Target points, shape (m, d).
        settings: How it is run.
        generator: Source of the discriminator's initial weights.

    Example:
        >>> from mfglab.games.divergences import KL
        >>> noise = torch.Generator().manual_seed(0)
        >>> target = torch.randn(200, 2, generator=noise)
        >>> flow = ParticleFlow(KL(), target, ParticleSettings(steps=60), generator=noise)
        >>> run = flow.run(3 + 0.5 * torch.randn(200, 2, generator=noise))
        >>> bool(run.max_speed.max() <= 1), bool(run.particles.mean().abs() < 0.3)
        (True, True)
    """

    def __init__(
        self,
        divergence: FDivergence,
        target: Tensor,
        settings: ParticleSettings,
        *,
        generator: torch.Generator,
    ) -> None:
        self.settings = settings
        self.target = target
        net = LipschitzNet(
            target.shape[1], settings.width, settings.depth, settings.lipschitz, generator
        )
        self.discriminator = net.to(target)
        self.functional = LipschitzDivergence(
            divergence, self.discriminator, target, settings.shifted
        )
        tail = settings.tail
        self._target_tail = tail.tail_mean(target.norm(dim=1)) if tail else None

    @cached_property
    def _alone(self) -> _StackedFlows:
        return _StackedFlows([self])

    def game(self, eps: float = 0.1, horizon: float = 1.0) -> MeanFieldGame:
        """The discounted game whose limit ``eps -> 0`` this flow follows."""
        return gradient_flow(self.functional, eps, horizon)

    def ascend(self, x: Tensor, steps: int) -> float:
        """Improve the discriminator on particles ``x`` (n, d); the last dual value.

        A value that is not finite ends the ascent before it can reach the weights.
        """
        return float(self._alone.ascend(x[None], steps))

    def velocity(self, x: Tensor) -> Tensor:
        """``-grad phi`` at ``x`` (n, d), shape (n, d)."""
        return -self.discriminator.gradient(x)

    def tail_velocity(self, x: Tensor) -> Tensor | None:
        """What the correction of the tail adds to the velocity at ``x`` (n, d), if there is one."""
        if self.settings.tail is None or self._target_tail is None:
            return None
        return self.settings.tail.velocity(x, self._target_tail)

    def run(self, start: Tensor, watch: Callable[[int, Tensor], None] | None = None) -> ParticleRun:
        """Move particles from ``start`` (n, d); ``watch(k, x)`` is called after each step.

        Raises:
            ParticlesDivergedError: The dual value or a coordinate is not finite, or a coordinate
                exceeds ``settings.bound``.
        """
        each = None if watch is None else lambda k, x: watch(k, x[0])
        (outcome,) = self._alone.run(start[None], each)
        if isinstance(outcome, ParticlesDivergedError):
            del self._alone  # no flow is left in it
            raise outcome
        return outcome


Outcome = ParticleRun | ParticlesDivergedError


def run_flows(flows: Sequence[ParticleFlow], starts: Sequence[Tensor]) -> list[Outcome]:
    """Run any flows; those of one shape together.

    A small discriminator spends its time between kernels, not in them. Flows of equal sizes are
    therefore run as stacked arrays, each with its own target, start, weights, bound L, time steps
    and tail. One that diverges leaves the others alone. Up to rounding each goes as by itself.

    Args:
        flows: The flows, each once; their optimisers start anew.
        starts: Where the particles of each start, (n, d).

    Returns:
        What became of each flow, in their order.
    """
    groups: dict[Any, list[int]] = {}
    for k, (flow, start) in enumerate(zip(flows, starts, strict=True)):
        alike = replace(flow.settings, lipschitz=None, step=1.0, final_step=None, tail=None)
        shapes = (start.shape, flow.target.shape, start.dtype, start.device)
        groups.setdefault((alike, flow.functional.divergence, *shapes), []).append(k)
    outcomes: dict[int, Outcome] = {}
    for members in groups.values():
        together = _StackedFlows([flows[k] for k in members])
        found = together.run(torch.stack([starts[k] for k in members]))
        outcomes |= zip(members, found, strict=True)
    return [outcomes[k] for k in range(len(flows))]


class _StackedFlows:
    """M flows of one shape, of which those that diverge are taken out.

    Args:
        flows: The flows. They agree in all settings but L, time steps and tail.
    """

    def __init__(self, flows: Sequence[ParticleFlow]) -> None:
        self.flows = list(flows)
        self.members = list(range(len(flows)))  # of the flows still running, by their rows
        self.settings = flows[0].settings
        self.divergence = flows[0].functional.divergence
        nets = [flow.discriminator for flow in flows]
        # One net is used as it is: products of stacks of one matrix take longer.
        self.net = nets[0] if len(nets) == 1 else cast(LipschitzNet, stack(nets[0], nets))
        self.target = torch.stack([flow.target for flow in flows])
        self._adam = self._new_adam()

    def ascend(self, x: Tensor, steps: int) -> Tensor:
        """Improve the discriminators on particles ``x`` (M, n, d); the last dual values (M,).

        A value that is not finite ends the ascent before it can reach the weights.
        """
        self._start_ascent()
        values, _ = self._climb(x, steps)
        self.net.project(exact=True)
        return values

    def run(
        self, start: Tensor, watch: Callable[[int, Tensor], None] | None = None
    ) -> list[Outcome]:
        """Move particles from ``start`` (M, n, d); what became of each flow.

        Args:
            start: Positions at time 0.
            watch: Called after each step with its number and the positions of flows still running.
        """
        settings, outcomes = self.settings, dict[int, Outcome]()
        x, trace = start.clone(), list[Tensor]()
        for k in range(settings.steps):
            self._start_ascent()
            left = settings.first_ascent_steps if k == 0 else settings.ascent_steps
            values, left = self._climb(x, left)
            while not bool((finite := values.isfinite()).all()):
                outcomes |= self._diverged(k, x, ~finite)
                x, trace = x[finite], [row[:, finite] for row in trace]
                if not self.members:
                    return [outcomes[member] for member in sorted(outcomes)]
                values, left = self._climb(x, left)
            # The ascent follows an estimate of the norms; the velocity must obey the bound.
            self.net.project(exact=True)
            h = x.new_tensor([flow.settings.step_at(k) for flow in self.flows])[:, None, None]
            v = self.velocity(x)
            squares = v.square().sum(2)
            trace.append(torch.stack([values, squares.mean(1), squares.amax(1)]))
            moved = x + h * self._increment(x, v, h)
            within = moved.abs().amax((1, 2)) <= settings.bound  # NaN is not
            if not bool(within.all()):
                outcomes |= self._diverged(k, x, ~within)
                moved, trace = moved[within], [row[:, within] for row in trace]
                if not self.members:
                    return [outcomes[member] for member in sorted(outcomes)]
            x = moved
            if watch is not None:
                watch(k, x)
        self._write_back()
        numbers = torch.stack(trace).double()
        for row, (member, flow) in enumerate(zip(self.members, self.flows, strict=True)):
            outcomes[member] = _finished(flow, x[row], numbers[..., row])
        return [outcomes[member] for member in sorted(outcomes)]

    def velocity(self, x: Tensor) -> Tensor:
        """``-grad phi`` at ``x`` (M, n, d), each by its own discriminator."""
        return -self.net.gradient(x.flatten(0, 1)).view_as(x)

    def _start_ascent(self) -> None:
        if self.settings.reset_adam:
            self._adam = self._new_adam()

    def _climb(self, x: Tensor, steps: int) -> tuple[Tensor, int]:
        # The last dual values, and how many steps were left when one of them was not finite.
        values, n = x.new_zeros(len(x)), x.shape[1]
        both = torch.cat([x, self.target], 1).flatten(0, 1)
        for left in range(steps, 0, -1):
            self._adam.zero_grad()
            phi = self.net(both).view(len(x), -1)
            values = self.divergence.dual_value(
                phi[:, :n], phi[:, n:], shifted=self.settings.shifted
            )
            if not bool(values.isfinite().all()):
                return values.detach(), left
            (-values.sum()).backward()  # type: ignore[no-untyped-call]
            self.net.restrain_gradients()
            self._adam.step()
            self.net.project()
        return values.detach(), 0

    def _new_adam(self) -> torch.optim.Adam:
        # Kept by default: the few steps after a fresh start all have full size, however small the
        # gradient, so that the discriminator of a converged flow would never come to rest.
        rate = self.settings.learning_rate
        return torch.optim.Adam(self.net.parameters(), lr=rate, fused=True)

    def _diverged(self, k: int, x: Tensor, bad: Tensor) -> dict[int, Outcome]:
        # Those flows end here, with the weights they have.
        self._write_back()
        errors: dict[int, Outcome] = {
            self.members[row]: ParticlesDivergedError(k, self.settings.bound, x[row].clone())
            for row in bad.nonzero()[:, 0].tolist()
        }
        kept = (~bad).nonzero()[:, 0]
        self.flows = [self.flows[row] for row in kept.tolist()]
        self.members = [self.members[row] for row in kept.tolist()]
        self.target = self.target[kept]
        if self.members:
            keep_members(self.net, [self._adam], kept)
        return errors

    @torch.no_grad()
    def _write_back(self) -> None:
        # Weights and vectors of the power iteration to the discriminators of the flows.
        own = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        for row, flow in enumerate(self.flows):
            net = flow.discriminator
            if net is not self.net:
                for name, value in [*net.named_parameters(), *net.named_buffers()]:
                    value.copy_(own[name][row])

    def _increment(self, x: Tensor, v: Tensor, h: Tensor) -> Tensor:
        if self.settings.heun:
            v = 0.5 * (v + self.velocity(x + h * v))
        corrections = [flow.tail_velocity(y) for flow, y in zip(self.flows, x, strict=True)]
        for row, correction in enumerate(corrections):
            if correction is not None:
                v[row] += correction
        return v


def _finished(flow: ParticleFlow, x: Tensor, trace: Tensor) -> ParticleRun:
    steps = [flow.settings.step_at(k) for k in range(len(trace))]
    times = torch.tensor([0.0, *itertools.accumulate(steps[:-1])], dtype=torch.float64)
    values, dissipation, squares = trace.T
    return ParticleRun(x, times, values, dissipation, squares.sqrt(), flow.discriminator)
