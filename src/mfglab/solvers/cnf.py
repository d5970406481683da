"""Continuous normalizing flow with a free velocity field: the baseline without an optimality law.

With running cost 0 the game is ill-posed: its Hamiltonian is infinite unless the momentum
vanishes, and every flow that reaches the normal law is optimal (arXiv:2304.13534).
A positive ``kinetic_weight`` gives the kinetic part of RNODE (arXiv:2002.02798), a positive
``jacobian_weight`` its smoothness part, which is no running cost of a game: it depends on grad v.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mfglab.games.costs import Kinetic, NoCost
from mfglab.games.densities import StandardNormal
from mfglab.games.dynamics import Deterministic
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import KullbackLeibler
from mfglab.networks.mlp import VelocityNet
from mfglab.solvers.flow import FlowSolver, cost_columns
from mfglab.trajectories.integrate import Checkpointing, Rates

JACOBIAN = 3


class Cnf(FlowSolver):
    """Plain continuous normalizing flow.

    Args:
        dim: Space dimension d.
        width: Hidden width of the velocity net.
        depth: Hidden layers of the velocity net.
        kinetic_weight: Weight of ``|v|^2 / 2``; 0 is the plain flow.
        jacobian_weight: Weight of ``|grad v|_F^2`` (exact, no probe); 0 leaves it out.
        terminal_weight: Weight ``alpha_C`` of the terminal cost.
        steps: Runge-Kutta 4 steps in training.
        steps_val: Runge-Kutta 4 steps in validation and testing.
        checkpoint: Recompute steps in the backward pass, see :func:`integrate`.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        *,
        width: int = 64,
        depth: int = 2,
        kinetic_weight: float = 0.0,
        jacobian_weight: float = 0.0,
        terminal_weight: float = 1.0,
        steps: int = 8,
        steps_val: int = 12,
        checkpoint: Checkpointing = False,
        generator: torch.Generator | None = None,
    ) -> None:
        game = MeanFieldGame(
            dynamics=Deterministic(),
            running=Kinetic(kinetic_weight) if kinetic_weight > 0 else NoCost(),
            terminal=KullbackLeibler(StandardNormal(dim), terminal_weight),
        )
        super().__init__(game, dim, steps=steps, steps_val=steps_val, checkpoint=checkpoint)
        self.jacobian_weight = jacobian_weight
        if jacobian_weight > 0:
            self.regularisers["jacobian"] = (JACOBIAN, jacobian_weight)
        self.net = VelocityNet(dim, width, depth, generator)

    @property
    def stackable(self) -> bool:
        """Yes."""
        return True

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """The network's output."""
        out: Tensor = self.net(t, x)
        return out

    def rates(self, t: Tensor, x: Tensor) -> Rates:
        """Velocity, exact divergence and the running cost of the game; no HJB residual."""
        if self.jacobian_weight > 0:
            return self._rates_with_jacobian(t, x)
        out = self.net.with_divergence(t, x)
        running = self.game.running.value(t, x, out.velocity)
        costs = cost_columns(out.divergence, running, torch.zeros_like(running))
        return Rates(out.velocity, costs)

    def _rates_with_jacobian(self, t: Tensor, x: Tensor) -> Rates:
        out = self.net.with_jacobian(t, x)
        running = self.game.running.value(t, x, out.velocity)
        divergence = out.jacobian.diagonal(dim1=1, dim2=2).sum(-1)
        square = out.jacobian.square().sum((1, 2))
        costs = cost_columns(divergence, running, torch.zeros_like(running), square)
        return Rates(out.velocity, costs)
