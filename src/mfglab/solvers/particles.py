"""Generative particles: the gradient flow of a Lipschitz-regularised divergence (GPA).

Particles follow ``x' = -grad phi*(x)``, where phi* is the maximiser in the dual form of
``D_f^L(rho_t | target)`` (arXiv:2210.17230). This is the limit ``eps -> 0`` of the discounted game
``recipes.gradient_flow``: there ``U = e^(-t/eps) V`` with ``V -> dF/drho = phi*``, and the optimal
velocity ``-e^(t/eps) grad U`` is ``-grad phi*``. Its speed is at most L.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.games.divergences import FDivergence, LipschitzDivergence
from mfglab.games.game import MeanFieldGame
from mfglab.games.recipes import gradient_flow
from mfglab.networks.lipschitz import LipschitzNet
from mfglab.solvers.base import DivergedError


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
class TailCorrection:
    """Velocity that closes the gap of the radial tail means (CVaR) of particles and target.

    The penalty ``weight (CVaR_rho - CVaR_target)^2`` of the radius at probability ``level`` has a
    first variation that is flat inside the value-at-risk radius and linear beyond: particles out
    there move radially with speed ``2 weight / (1 - level) |gap|``. Euler steps h are stable only
    for ``2 weight h / (1 - level) < 2``.

    Raises:
        ValueError: A number out of range.
    """

    weight: float
    level: float

    def __post_init__(self) -> None:
        if not self.weight > 0 or not 0 < self.level < 1:
            raise ValueError(
                "a tail correction needs weight > 0 and level in (0, 1), got "
                f"{self.weight!r} and {self.level!r}"
            )

    def tail_mean(self, radius: Tensor) -> Tensor:
        """Mean of the largest ``1 - level`` of the radii (n,), at least of one; a scalar."""
        mean: Tensor = radius.topk(self._count(len(radius))).values.mean()
        return mean

    def velocity(self, x: Tensor, target_tail_mean: Tensor) -> Tensor:
        """The radial velocity of particles ``x`` (n, d), shape (n, d)."""
        radius = x.norm(dim=1)
        largest = radius.topk(self._count(len(radius)))
        gap = target_tail_mean - largest.values.mean()
        speed = torch.zeros_like(radius)
        speed[largest.indices] = 2 * self.weight / (1 - self.level) * gap
        outward: Tensor = x / radius.clamp(min=1e-12)[:, None]
        return speed[:, None] * outward

    def _count(self, n: int) -> int:
        return max(1, round((1 - self.level) * n))


@dataclass(frozen=True)
class ParticleSettings:
    """How the flow is run.

    Args:
        lipschitz: L, the bound on test functions and speeds; None for none.
        steps: Particle steps.
        step: Time step at the start.
        final_step: Time step at the end, reached geometrically; equal to ``step`` when None.
        heun: Heun's second-order step (two velocities of one discriminator) instead of Euler's.
        ascent_steps: Adam steps of the discriminator before each particle step.
        first_ascent_steps: The same before the first particle step.
        learning_rate: Step size of Adam.
        width: Hidden width of the discriminator.
        depth: Hidden layers of the discriminator.
        reset_adam: Start Adam anew at each particle step.
        shifted: Optimise the Legendre variable nu; False for nu = 0.
        bound: A coordinate above it, in modulus, counts as divergence.
        tail: Correction of the tails, if any.
    """

    lipschitz: float | None = 1.0
    steps: int = 500
    step: float = 0.5
    final_step: float | None = None
    heun: bool = False
    ascent_steps: int = 3
    first_ascent_steps: int = 100
    learning_rate: float = 5e-3
    width: int = 32
    depth: int = 3
    reset_adam: bool = False
    shifted: bool = True
    bound: float = 1e6
    tail: TailCorrection | None = None

    def step_at(self, k: int) -> float:
        """Time step number ``k`` of ``steps``, k = 0, 1, ..."""
        if self.final_step is None or self.steps == 1:
            return self.step
        fraction = k / (self.steps - 1)
        return float(self.step ** (1 - fraction) * self.final_step**fraction)


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
        self._adam = self._new_adam()
        tail = settings.tail
        self._target_tail = tail.tail_mean(target.norm(dim=1)) if tail else None

    def game(self, eps: float = 0.1, horizon: float = 1.0) -> MeanFieldGame:
        """The discounted game whose limit ``eps -> 0`` this flow follows."""
        return gradient_flow(self.functional, eps, horizon)

    def ascend(self, x: Tensor, steps: int) -> float:
        """Improve the discriminator on particles ``x`` (n, d); the last dual value.

        A value that is not finite ends the ascent before it can reach the weights.
        """
        if self.settings.reset_adam:
            self._adam = self._new_adam()
        value = x.new_zeros(())
        both = torch.cat([x, self.target])
        for _ in range(steps):
            self._adam.zero_grad()
            phi = self.discriminator(both)
            value = self.functional.divergence.dual_value(
                phi[: len(x)], phi[len(x) :], shifted=self.settings.shifted
            )
            if not bool(value.isfinite()):
                break
            (-value).backward()  # type: ignore[no-untyped-call]
            self.discriminator.restrain_gradients()
            self._adam.step()
            self.discriminator.project()
        # The steps above follow an estimate of the norms; the velocity must obey the bound.
        self.discriminator.project(exact=True)
        return float(value.detach())

    def velocity(self, x: Tensor) -> Tensor:
        """``-grad phi`` at ``x`` (n, d), shape (n, d)."""
        return -self.discriminator.gradient(x)

    def run(self, start: Tensor, watch: Callable[[int, Tensor], None] | None = None) -> ParticleRun:
        """Move particles from ``start`` (n, d); ``watch(k, x)`` is called after each step.

        Raises:
            ParticlesDivergedError: The dual value or a coordinate is not finite, or a coordinate
                exceeds ``settings.bound``.
        """
        settings, x, time = self.settings, start.clone(), 0.0
        trace = []
        for k in range(settings.steps):
            first = settings.first_ascent_steps if k == 0 else settings.ascent_steps
            value = self.ascend(x, first)
            if not math.isfinite(value):
                raise ParticlesDivergedError(k, settings.bound, x)
            h = settings.step_at(k)
            v = self.velocity(x)
            squares = v.square().sum(1)
            trace.append((time, value, float(squares.mean()), float(squares.max()) ** 0.5))
            moved = x + h * self._increment(x, v, h)
            if not float(moved.abs().amax()) <= settings.bound:  # NaN is not either
                raise ParticlesDivergedError(k, settings.bound, x)
            x, time = moved, time + h
            if watch is not None:
                watch(k, x)
        times, values, dissipation, speeds = torch.tensor(trace, dtype=torch.float64).T
        return ParticleRun(x, times, values, dissipation, speeds, self.discriminator)

    def _new_adam(self) -> torch.optim.Adam:
        # Kept by default: the few steps after a fresh start all have full size, however small the
        # gradient, so that the discriminator of a converged flow would never come to rest.
        parameters = self.discriminator.parameters()
        return torch.optim.Adam(parameters, lr=self.settings.learning_rate, fused=True)

    def _increment(self, x: Tensor, v: Tensor, h: float) -> Tensor:
        if self.settings.heun:
            v = 0.5 * (v + self.velocity(x + h * v))
        if self.settings.tail is None or self._target_tail is None:
            return v
        return v + self.settings.tail.velocity(x, self._target_tail)
