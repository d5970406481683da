"""Boltzmann generator: a flow from N(0, I) to ``e^{-V}/Z`` that is given the energy and no data.

The game runs in the generating direction. Its terminal cost ``alpha E[log rho_T + V]`` is the
relative entropy ``KL(rho_T | e^{-V}/Z)`` less the unknown log Z; the flow carries
``log rho_T = log rho_0 - int div v dt`` along. As in OT-Flow the value function is the network and
the velocity its feedback. With kinetic cost the end law is the Wasserstein-2 proximal of the
relative entropy at N(0, I); importance weights lead from it to the target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mfglab.games.recipes import boltzmann_generator
from mfglab.games.terminal import PointFunction
from mfglab.solvers.flow import LOG_DET
from mfglab.solvers.otflow import OtFlow
from mfglab.trajectories.integrate import Trajectory, integrate
from mfglab.trajectories.methods import RK4


@dataclass(frozen=True)
class Reweighted:
    """Samples of a generator with their importance weights.

    Attributes:
        x: Samples, shape (n, d).
        log_weights: ``-V(x) - log rho_T(x)``, shape (n,).
    """

    x: Tensor
    log_weights: Tensor

    @property
    def log_partition(self) -> float:
        """Estimate of log Z, the logarithm of the mean weight."""
        return float(torch.logsumexp(self.log_weights, 0)) - math.log(len(self.x))

    @property
    def effective_share(self) -> float:
        """Effective sample size ``(sum w)^2 / sum w^2`` over n, in (0, 1].

        It sees only where the generator goes: a mode that is never visited leaves it near 1.
        """
        twice = torch.logsumexp(2 * self.log_weights, 0)
        log_share = 2 * torch.logsumexp(self.log_weights, 0) - twice - math.log(len(self.x))
        return float(log_share.exp())


class BoltzmannGenerator(OtFlow):
    """Potential flow trained by reverse relative entropy; what it is trained on are base samples.

    Args:
        dim: Space dimension d.
        energy: V, points (n, d) to (n,).
        kinetic_weight: Weight of ``|v|^2 / 2``.
        terminal_weight: alpha, weight of the terminal cost.
        settings: As for :class:`~mfglab.solvers.otflow.OtFlow`.
    """

    def __init__(
        self,
        dim: int,
        energy: PointFunction,
        *,
        kinetic_weight: float = 1.0,
        terminal_weight: float = 10.0,
        **settings: Any,
    ) -> None:
        super().__init__(dim, kinetic_weight=kinetic_weight, **settings)
        self.energy = energy
        self.game = boltzmann_generator(energy, kinetic_weight, alpha=terminal_weight)

    def start_log_density(self, x: Tensor) -> Tensor:
        """``log N(x; 0, I)``: the start law is known."""
        return self.reference.log_prob(x)

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Integrate N(0, I) forward."""
        return self._forward(self._base(n, generator), steps)

    def reweighted(
        self, n: int, generator: torch.Generator, steps: int | None = None
    ) -> Reweighted:
        """Samples with importance weights; log Z and effective sample size follow."""
        z = self._base(n, generator)
        run = integrate(self.field(), z, 0.0, self.game.horizon, steps or self.steps_val, RK4)
        assert run.costs is not None
        log_rho = self.start_log_density(z) - run.costs[:, LOG_DET]
        return Reweighted(run.x, -self.energy(run.x) - log_rho)

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Change of variables back to the base: ``log N(x(0)) + l``, l with signed time."""
        run = integrate(self.field(), x, self.game.horizon, 0.0, steps or self.steps_val, RK4)
        assert run.costs is not None
        return self.start_log_density(run.x) + run.costs[:, LOG_DET]

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Path of points ``x`` of the target back to the base law."""
        steps = steps or self.steps_val
        return integrate(self.field(), x, self.game.horizon, 0.0, steps, RK4, keep_path=True)

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Back to the base, then forward."""
        return self._forward(self._backward(x, steps), steps)

    def _base(self, n: int, generator: torch.Generator) -> Tensor:
        return self.reference.sample(n, generator).to(next(self.parameters()))

    def _forward(self, z: Tensor, steps: int | None) -> Tensor:
        steps = steps or self.steps_val
        return integrate(self._velocity_only, z, 0.0, self.game.horizon, steps, RK4).x
