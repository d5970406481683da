"""How generative particles are run, and the correction of their tails."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
