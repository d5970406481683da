"""Deterministic flows from the data law at t = 0 to the normal law at t = T = 1."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mfglab.games.densities import StandardNormal
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import MeanCost
from mfglab.solvers.base import Loss, PointLosses, PointwiseSolver
from mfglab.trajectories.integrate import Checkpointing, Field, Rates, Trajectory, integrate
from mfglab.trajectories.methods import RK4

LOG_DET, RUNNING, HJB = 0, 1, 2


def cost_columns(log_det: Tensor, running: Tensor, hjb: Tensor, *more: Tensor) -> Tensor:
    """Cost rates, each (n,), as columns; shape (n, 3 and more), stored column by column."""
    return torch.stack([log_det, running, hjb, *more]).t()


class FlowSolver(PointwiseSolver):
    """A normalizing flow as a mean-field game with terminal cost KL(rho_T || N(0, I)).

    The accumulated costs have three columns: log-determinant, running cost of the game, and the
    modulus of the Hamilton-Jacobi-Bellman residual (zero where the model has no potential). A
    sub-class that penalises something else adds a column and an entry of ``regularisers``.

    Along a trajectory ``log rho_T(x(T)) = log rho_0(x) - l`` with the accumulated divergence
    ``l``; the unknown ``log rho_0`` is a constant of the objective, so the terminal cost of the
    game, evaluated with ``log_rho = -l``, is ``alpha_C`` times the negative log-likelihood.

    Args:
        game: The game; its terminal cost is the Kullback-Leibler divergence to the normal law.
        dim: Space dimension d.
        steps: Runge-Kutta 4 steps in training.
        steps_val: Runge-Kutta 4 steps in validation and testing.
        hjb_weight: Weight ``alpha_R`` of the HJB residual.
        running_weight: Weight of the running cost in the objective; 1 is the game.
        checkpoint: Recompute steps in the backward pass, see :func:`integrate`.
    """

    def __init__(
        self,
        game: MeanFieldGame,
        dim: int,
        *,
        steps: int,
        steps_val: int,
        hjb_weight: float = 0.0,
        running_weight: float = 1.0,
        checkpoint: Checkpointing = False,
    ) -> None:
        super().__init__(game, dim)
        self.reference = StandardNormal(dim)
        self.steps = steps
        self.steps_val = steps_val
        self.running_weight = running_weight
        self.hjb_weight = hjb_weight
        self.regularisers: dict[str, tuple[int, float]] = {"hjb": (HJB, hjb_weight)}
        self.checkpoint = checkpoint

    @abstractmethod
    def rates(self, t: Tensor, x: Tensor) -> Rates:
        """Velocity and cost rates (log-determinant, running, HJB) at ``x`` (n, d)."""

    def field(self) -> Field:
        """:meth:`rates` for one integration; override to share work between its evaluations."""
        return self.rates

    @abstractmethod
    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """Velocity alone, shape (n, d)."""

    def start_log_density(self, x: Tensor) -> Tensor:
        """``log rho_0`` at ``x`` (n, d), up to a constant of the objective: unknown for data."""
        return torch.zeros_like(x[:, 0])

    def point_losses(self, x: Tensor, steps: int) -> PointLosses:
        """What each point adds to :meth:`objective`."""
        # Stored by columns, as the networks work, points and velocities add without striding.
        x = x.t().contiguous().t()
        run = integrate(
            self.field(), x, 0.0, self.game.horizon, steps, RK4, checkpoint=self.checkpoint
        )
        assert run.costs is not None  # rates() always returns costs
        cost = run.costs.t()
        terminal = self.game.terminal
        assert isinstance(terminal, MeanCost)
        terms = {
            "terminal": terminal.pointwise(run.x, self.start_log_density(x) - cost[LOG_DET]),
            "running": cost[RUNNING],
        }
        total = torch.add(terms["terminal"], cost[RUNNING], alpha=self.running_weight)
        for name, (column, weight) in self.regularisers.items():
            terms[name] = cost[column]
            if weight > 0:
                total = torch.add(total, cost[column], alpha=weight)
        return PointLosses(total, terms)

    def objective(self, x: Tensor, steps: int) -> Loss:
        """Game value plus regularisers, with that of HJB the objective of arXiv:2006.00104."""
        return self.point_losses(x, steps).mean()

    def training_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> PointLosses:
        """Objective at the training discretisation; draws no noise."""
        return self.point_losses(x.flatten(0, 1), self.steps)

    def validation_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Objective at the validation discretisation."""
        return self.point_losses(x.flatten(0, 1), self.steps_val).total

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Path and costs of data ``x`` on its way to the normal law."""
        return integrate(
            self.field(), x, 0.0, self.game.horizon, steps or self.steps_val, RK4, keep_path=True
        )

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Change of variables: ``log N(x(T)) + l``."""
        run = integrate(self.field(), x, 0.0, self.game.horizon, steps or self.steps_val, RK4)
        assert run.costs is not None
        return self.reference.log_prob(run.x) + run.costs[:, LOG_DET]

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Integrate N(0, I) backwards from t = T to t = 0."""
        parameter = next(self.parameters())
        return self._backward(self.reference.sample(n, generator).to(parameter), steps)

    def generate(self, z: Tensor, steps: int | None = None) -> Trajectory:
        """Path of noise ``z`` (n, d) from t = T back to the data at t = 0, as in sampling."""
        n = steps or self.steps_val
        return integrate(self._velocity_only, z, self.game.horizon, 0.0, n, RK4, keep_path=True)

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Forward, then backward, with the same number of steps."""
        forward = integrate(
            self._velocity_only, x, 0.0, self.game.horizon, steps or self.steps_val, RK4
        )
        return self._backward(forward.x, steps)

    def _backward(self, z: Tensor, steps: int | None) -> Tensor:
        return integrate(
            self._velocity_only, z, self.game.horizon, 0.0, steps or self.steps_val, RK4
        ).x

    def _velocity_only(self, t: Tensor, x: Tensor) -> Rates:
        return Rates(self.velocity(t, x), None)

    @property
    def evaluations_per_step(self) -> int:
        """Stages of the Runge-Kutta method."""
        return RK4.stages

    @property
    def default_steps(self) -> int:
        """Validation steps."""
        return self.steps_val
