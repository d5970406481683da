"""W1+W2 proximal flow: noise to data, kinetic running cost, Lipschitz-regularised KL at the end.

The game (arXiv:2407.11901) starts from N(0, I) at t = 0 and minimises

    D_KL^L(rho_T | pi) + lambda int_0^T E|v|^2/2 dt,
    D_KL^L(rho | pi) = sup over |grad D| <= L of  E_rho D - log E_pi e^D.

The Lipschitz bound (W1 proximal) keeps the terminal cost finite and its first variation ``D*``
defined when pi lies on a manifold; the kinetic cost (W2 proximal) singles out one flow. Optimality:

    -d_t U + |grad U|^2 / (2 lambda) = 0,   U_T = D*,   v = -grad U / lambda,

straight paths with ``|v| <= L / lambda``. The potential net is ``Phi = U / lambda``, so ``v`` is of
order one whatever ``lambda`` is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mfglab.games.densities import StandardNormal
from mfglab.games.divergences import KL
from mfglab.games.recipes import w1w2_proximal
from mfglab.networks.discriminator import Discriminator
from mfglab.networks.members import stack
from mfglab.networks.potential import PotentialNet
from mfglab.solvers.base import Loss, PointLosses, Solver
from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import EULER, RungeKutta

RUNNING, HJB = 0, 1


def donsker_varadhan(generated: Tensor, data: Tensor) -> Tensor:
    """``E_rho D - log E_pi e^D`` from values of D at samples (..., n) and (..., m), shape (...).

    Its supremum over all D is KL(rho | pi), over L-Lipschitz ones the regularised divergence.
    """
    return generated.mean(-1) - KL().best_shift(data)


def lipschitz_excess(gradient: Tensor, bound: float) -> Tensor:
    """One-sided penalty ``E (|grad D|^2 / L^2 - 1)_+`` from gradients (..., n, d), shape (...)."""
    return (gradient.square().sum(-1) / bound**2 - 1).clamp_min(0).mean(-1)


class ProximalFlow(Solver):
    """Potential flow from N(0, I) to the data, with the discriminator of its terminal cost.

    The four arms of the paper's ablation are ``kinetic`` on or off (W2) times ``lipschitz`` a bound
    or None (W1). Without ``kinetic`` the velocity is still ``-grad Phi``, but motion costs nothing.

    Args:
        dim: Space dimension d.
        width: Hidden width of the potential net.
        depth: Layers of the potential net.
        rank: Rank of its quadratic part.
        critic_width: Hidden width of the discriminator.
        critic_depth: Hidden layers of the discriminator.
        kinetic_weight: Weight ``lambda`` of the kinetic cost.
        kinetic: Whether motion is charged (W2).
        lipschitz: Bound L on the discriminator (W1), or None.
        penalty: Weight of the one-sided gradient penalty that enforces L.
        hjb_weight: Weight of ``E int |HJB residual| dt``; 0 leaves it out.
        steps: Integration steps in training.
        method: Runge-Kutta method; the paper uses Euler.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        *,
        width: int = 32,
        depth: int = 2,
        rank: int = 10,
        critic_width: int = 48,
        critic_depth: int = 3,
        kinetic_weight: float = 0.05,
        kinetic: bool = True,
        lipschitz: float | None = 1.0,
        penalty: float = 10.0,
        hjb_weight: float = 0.0,
        steps: int = 5,
        method: RungeKutta = EULER,
        generator: torch.Generator | None = None,
    ) -> None:
        potential = PotentialNet(dim, width, depth, rank, generator)
        discriminator = Discriminator(dim, critic_width, critic_depth, generator)
        super().__init__(w1w2_proximal(discriminator, kinetic_weight), dim)
        self.potential = potential
        self.discriminator = discriminator
        self.kinetic_weight = kinetic_weight
        self.kinetic = kinetic
        self.lipschitz = lipschitz
        self.penalty = penalty
        self.hjb_weight = hjb_weight
        self.steps = steps
        self.method = method
        self.source = StandardNormal(dim)

    @property
    def settings(self) -> tuple[object, ...]:
        """What flows that are trained together have in common."""
        costs = (self.kinetic_weight, self.kinetic, self.lipschitz, self.penalty, self.hjb_weight)
        return (type(self), self.dim, *costs, self.steps, self.method)

    # -- the flow ----------------------------------------------------------------------------

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """The learned value function ``U(t, x) = lambda Phi``, shape (n,)."""
        out: Tensor = self.kinetic_weight * self.potential(t, x)
        return out

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """Optimal feedback ``-grad U / lambda = -grad Phi`` of the game."""
        return -self.potential.gradient(t, x)

    def hjb_residual(self, t: Tensor, x: Tensor) -> Tensor:
        """``-d_t U + |grad U|^2 / (2 lambda)`` in closed form, shape (n,)."""
        D = self.potential.derivatives(t, x)
        H = self.game.hamiltonian(t, x, self.kinetic_weight * D.gradient)
        return H - self.kinetic_weight * D.time_derivative

    def rates(self, t: Tensor, x: Tensor) -> Rates:
        """Velocity and cost rates: running cost of the game and, if weighted, |HJB residual|."""
        if self.hjb_weight == 0:
            v = self.velocity(t, x)
            return Rates(v, self.game.running_cost(t, x, v)[:, None])
        D = self.potential.derivatives(t, x)
        best = self.game.feedback(t, x, self.kinetic_weight * D.gradient)
        residual = best.hamiltonian - self.kinetic_weight * D.time_derivative
        return Rates(best.velocity, torch.stack([best.running_cost, residual.abs()], dim=1))

    def generate(self, z: Tensor, steps: int | None = None) -> Trajectory:
        """Paths and running costs from noise ``z`` (n, d) at t = 0 to t = T, path kept."""
        return self._flow(z, steps, forward=True, keep_path=True)

    def transport(self, z: Tensor, steps: int | None = None) -> Tensor:
        """Where the flow takes noise ``z`` (n, d) until T, shape (n, d); no cost is computed."""
        n = steps or self.steps
        return integrate(self._motion, z, 0.0, self.game.horizon, n, self.method).x

    def _motion(self, t: Tensor, x: Tensor) -> Rates:
        return Rates(self.velocity(t, x))

    # -- the two players ---------------------------------------------------------------------

    def objective(self, z: Tensor) -> Loss:
        """Cost of the flow from ``z`` against the present discriminator."""
        return self.point_losses(z).mean()

    def point_losses(self, z: Tensor) -> PointLosses:
        """What each point of ``z`` (n, d) adds to :meth:`objective`."""
        run = self.generate(z)
        assert run.costs is not None  # rates() always returns costs
        total = terminal = self.game.terminal.first_variation(run.x)
        running = self.running_cost(run)
        if self.kinetic:
            total = total + running
        terms = {"terminal": terminal, "running": running}
        if self.hjb_weight:
            terms["hjb"] = hjb = run.costs[:, HJB]
            total = total + self.hjb_weight * hjb
        return PointLosses(total, terms)

    def running_cost(self, run: Trajectory) -> Tensor:
        """Running cost of each trajectory (n,), accumulated on its path."""
        assert run.costs is not None
        return run.costs[:, RUNNING]

    def discriminator_loss(self, generated: Tensor, x: Tensor, u: Tensor) -> Loss:
        """Negative dual objective plus the penalty on segments between the samples.

        Args:
            generated: Points of the flow at T, shape (n, d); treated as constants. Of M stacked
                flows, here and below, (M, n, d), and the losses have shape (M,).
            x: Data, shape (n, d).
            u: Positions on the segments in [0, 1], shape (n,).
        """
        generated, n = generated.detach(), generated.shape[-2]
        both = torch.cat([generated, x], -2)
        values = self.discriminator(both.flatten(0, -2)).view(both.shape[:-1])
        dual = donsker_varadhan(values[..., :n], values[..., n:])
        terms = {"dual": dual.detach()}
        total = -dual
        if self.lipschitz is not None:
            between = torch.lerp(x, generated, u[..., None])
            slopes = self.discriminator.gradient(between.flatten(0, -2)).view_as(between)
            excess = lipschitz_excess(slopes, self.lipschitz)
            total = total + self.penalty * excess
            terms["excess"] = excess.detach()
        return Loss(total, terms)

    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        """Cost of the flow from as many noise points as ``x`` has rows; see :meth:`objective`."""
        return self.objective(self.source.sample(len(x), generator).to(x))

    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Dual objective plus charged running cost on data ``x``: the value of the game."""
        loss = self.loss(x, generator)
        target = donsker_varadhan(loss.terms["terminal"][None], self.discriminator(x))
        return target + loss.total - loss.terms["terminal"]

    # -- generation and likelihood -----------------------------------------------------------

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Integrate N(0, I) forward from t = 0 to t = T."""
        parameter = next(self.parameters())
        return self.transport(self.source.sample(n, generator).to(parameter), steps)

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Backward paths from data ``x`` to the normal law; costs have the sign of dt."""
        return self._flow(x, steps, forward=False, keep_path=True)

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Data to noise and back, with the same number of steps."""
        return self._flow(self._flow(x, steps, forward=False).x, steps, forward=True).x

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Log-density of the flow's end law, by change of variables back to t = 0.

        The end law has a density for every finite net; data on a manifold have none, and the
        likelihood of the model then says nothing about its fit.
        """

        def field(t: Tensor, y: Tensor) -> Rates:
            D = self.potential.derivatives(t, y)
            return Rates(-D.gradient, -D.laplacian[:, None])

        run = integrate(field, x, self.game.horizon, 0.0, steps or self.steps, self.method)
        assert run.costs is not None
        return self.source.log_prob(run.x) + run.costs[:, 0]

    def _flow(
        self, x: Tensor, steps: int | None, *, forward: bool, keep_path: bool = False
    ) -> Trajectory:
        start, end = (0.0, self.game.horizon) if forward else (self.game.horizon, 0.0)
        n = steps or self.steps
        return integrate(self.rates, x, start, end, n, self.method, keep_path=keep_path)

    @property
    def evaluations_per_step(self) -> int:
        """Stages of the Runge-Kutta method."""
        return self.method.stages

    @property
    def default_steps(self) -> int:
        """Training steps."""
        return self.steps


class OffPathProximalFlow(ProximalFlow):
    """Control: the running cost as the paper's released code evaluates it.

    There each Euler step first moves the particles and then charges ``|v|^2/2`` at their new
    places, held constant, with the time before the step. What is charged is not the energy of any
    path, and its minimiser need not be a transport with straight lines.
    """

    def running_cost(self, run: Trajectory) -> Tensor:
        """``sum_i h lambda |v(t_i, x_(i+1))|^2 / 2`` with ``x_(i+1)`` held constant, (n,)."""
        assert run.path is not None
        h = self.game.horizon / (len(run.times) - 1)
        total = torch.zeros_like(run.x[:, 0])
        for t, x in zip(run.times.to(run.x)[:-1], run.path[1:].detach(), strict=True):
            total = total + h * self.game.running_cost(t, x, self.velocity(t, x))
        return total


@stack.register
def _stack_proximal(first: ProximalFlow, modules: Sequence[ProximalFlow]) -> nn.Module:
    whole = stack.dispatch(nn.Module)(first, modules)
    assert isinstance(whole, ProximalFlow)
    whole.game = w1w2_proximal(whole.discriminator, whole.kinetic_weight)
    return whole
