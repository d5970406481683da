"""OT-Flow: the kinetic continuous normalizing flow with a Hamilton-Jacobi-Bellman regulariser.

The value function is the network: ``U = Phi``, the velocity is the game's optimal feedback
``-grad Phi``, and the objective is
``E[|v|^2/2] + alpha_C KL + alpha_R E|d_t Phi - |grad Phi|^2/2|`` (arXiv:2006.00104;
the residual in L1, along the model's own trajectories). For ablations the residual can be squared,
and the kinetic cost can be left out of the objective while the feedback stays ``-grad Phi``.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mfglab.games.costs import Kinetic
from mfglab.games.densities import StandardNormal
from mfglab.games.dynamics import Deterministic
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import KullbackLeibler
from mfglab.networks.potential import PotentialNet
from mfglab.solvers.flow import FlowSolver, cost_columns
from mfglab.trajectories.integrate import Checkpointing, Field, Rates

RESIDUAL_FORMS = {"absolute": torch.abs, "squared": torch.square}


class OtFlow(FlowSolver):
    """Potential flow ``x' = -grad Phi(t, x)`` with exact trace.

    Args:
        dim: Space dimension d.
        width: Hidden width m of the potential net.
        depth: Layers of the potential net.
        rank: Rank of its quadratic part.
        kinetic_weight: Weight of ``|v|^2 / 2``.
        running_weight: Weight of the running cost in the objective; below 1 the feedback stays
            that of ``kinetic_weight``.
        hjb_weight: Weight ``alpha_R`` of the HJB residual; 0 leaves it out.
        hjb_form: How the residual is penalised, and what the third cost column holds.
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
        width: int = 32,
        depth: int = 2,
        rank: int = 10,
        kinetic_weight: float = 1.0,
        running_weight: float = 1.0,
        hjb_weight: float = 1.0,
        hjb_form: Literal["absolute", "squared"] = "absolute",
        terminal_weight: float = 1.0,
        steps: int = 8,
        steps_val: int = 12,
        checkpoint: Checkpointing = False,
        generator: torch.Generator | None = None,
    ) -> None:
        game = MeanFieldGame(
            dynamics=Deterministic(),
            running=Kinetic(kinetic_weight),
            terminal=KullbackLeibler(StandardNormal(dim), terminal_weight),
        )
        super().__init__(
            game,
            dim,
            steps=steps,
            steps_val=steps_val,
            hjb_weight=hjb_weight,
            running_weight=running_weight,
            checkpoint=checkpoint,
        )
        self.potential = PotentialNet(dim, width, depth, rank, generator)
        self.kinetic_weight = kinetic_weight
        self.residual_form = RESIDUAL_FORMS[hjb_form]

    @property
    def stackable(self) -> bool:
        """Whether the potential has the two layers whose derivatives are written by hand."""
        return len(self.potential.K) == 1

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """The learned value function ``U(t, x)``, shape (n,)."""
        out: Tensor = self.potential(t, x)
        return out

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """Optimal feedback ``-d_p H(grad Phi)`` of the game."""
        return self.game.optimal_velocity(t, x, self.potential.gradient(t, x))

    def rates(self, t: Tensor, x: Tensor) -> Rates:
        """Velocity, its exact divergence, the running cost and the HJB residual's size."""
        return self.field()(t, x)

    def field(self) -> Field:
        """:meth:`rates` with the network's weights arranged once for all evaluations."""
        derivatives, form = self.potential.derivative_field(), self.residual_form

        def rates(t: Tensor, x: Tensor) -> Rates:
            D = derivatives(t, x)
            best = self.game.feedback(t, x, D.gradient)
            residual = best.hamiltonian - D.time_derivative
            divergence = D.laplacian * (-1 / self.kinetic_weight)
            return Rates(best.velocity, cost_columns(divergence, best.running_cost, form(residual)))

        return rates
