"""Score-based model: the game with linear terminal cost, solved by denoising score matching.

The value function of the game is ``U(t, x) = -log eta(T - t, x)`` with the noised density ``eta``
(Cole-Hopf); its optimal control is ``sigma grad log eta`` (arXiv:2304.13534). Learning
the score is therefore learning ``-grad U``. With ``parametrisation = "potential"`` the network is
``psi ~ log eta`` itself, up to a function of time, and the HJB residual can be evaluated.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mfglab.games.costs import KineticMinusDivergence
from mfglab.games.dynamics import NoisingProcess
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import LinearCost
from mfglab.networks.mlp import ScoreFeatures, silu_stack
from mfglab.solvers.base import Loss, Solver
from mfglab.trajectories.divergence import velocity_and_divergence
from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import RK4
from mfglab.trajectories.sde import exponential_ou


class ScoreModel(Solver):
    """Denoising score matching with exact noising kernels.

    Noising runs in ``s`` from 0 to T: ``Y_s = a(s) Y_0 + sqrt(v(s)) Z``.

    Args:
        dim: Space dimension d.
        process: The noising process.
        potential: Learn ``psi`` with score ``grad psi`` instead of the score itself.
        width: Hidden width.
        depth: Hidden layers.
        frequencies: Fourier frequencies of the input features.
        s_min: Early-stopping time; the reverse process ends there.
        steps: Steps of the reverse SDE.
        ode_steps: Runge-Kutta 4 steps of the probability flow.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        process: NoisingProcess,
        *,
        potential: bool = True,
        width: int = 128,
        depth: int = 3,
        frequencies: int = 3,
        s_min: float = 1e-3,
        steps: int = 200,
        ode_steps: int = 50,
        generator: torch.Generator | None = None,
    ) -> None:
        dynamics = process.as_dynamics()
        game = MeanFieldGame(
            dynamics=dynamics,
            running=KineticMinusDivergence(dynamics),
            terminal=LinearCost(self._learned_terminal),
            horizon=process.horizon,
        )
        super().__init__(game, dim)
        self.process = process
        self.potential = potential
        self.s_min = s_min
        self.steps = steps
        self.ode_steps = ode_steps
        self.features = ScoreFeatures(dim, frequencies)
        self.net = silu_stack(self.features.size, width, depth, 1 if potential else dim, generator)
        grid = torch.logspace(math.log10(s_min), math.log10(process.horizon), 513)
        self.register_buffer("s_table", grid, persistent=False)
        self.register_buffer("snr_table", self._log_snr(grid), persistent=False)
        self.s_table: Tensor
        self.snr_table: Tensor

    # -- network -----------------------------------------------------------------------------

    def psi(self, s: Tensor, x: Tensor) -> Tensor:
        """Learned ``log eta(s, x)`` up to a function of s; shape (n,). Potential models only."""
        if not self.potential:
            raise ValueError("psi exists for parametrisation 'potential' only, this is 'vector'")
        s = s.expand(x.shape[0])
        V, std = self._spread(s)
        net: Tensor = self.net(self._inputs(s, x)).squeeze(-1)
        return -0.5 * x.square().sum(-1) / V + net * (V.sqrt() / std)

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """Value function of the game, ``U(t, x) = -psi(T - t, x)`` (Cole-Hopf)."""
        return -self.psi(self.process.horizon - t, x)

    def _learned_terminal(self, x: Tensor) -> Tensor:
        # -log pi of the game's linear terminal cost: the law of the data is known only as learned.
        return -self.psi(torch.as_tensor(self.s_min).to(x), x)

    def score(self, s: Tensor, x: Tensor) -> Tensor:
        """Learned score of the noised law at noising time ``s`` (scalar or (n,)), shape (n, d).

        Differentiable with respect to the weights and, where gradients are on, with respect to
        ``x``.
        """
        s = s.expand(x.shape[0])
        if self.potential:
            keep = torch.is_grad_enabled()
            with torch.enable_grad():
                point = x if x.requires_grad else x.detach().requires_grad_()
                gradient: Tensor = torch.autograd.grad(
                    self.psi(s, point).sum(), point, create_graph=keep
                )[0]
            return gradient
        V, std = self._spread(s)
        noise: Tensor = self.net(self._inputs(s, x))
        return -x / V[:, None] + noise / std[:, None]

    def _inputs(self, s: Tensor, x: Tensor) -> Tensor:
        V, _ = self._spread(s)
        out: Tensor = self.features(x / V.sqrt()[:, None], self._log_snr(s))
        return out

    def _spread(self, s: Tensor) -> tuple[Tensor, Tensor]:
        # Variance of the noised law for data of unit variance, and std of the noise.
        variance = self.process.variance(s)
        return self.process.scale(s).square() + variance, variance.sqrt()

    def _log_snr(self, s: Tensor) -> Tensor:
        return self.process.scale(s).log() - 0.5 * self.process.variance(s).log()

    # -- training ----------------------------------------------------------------------------

    def draw_times(self, u: Tensor) -> Tensor:
        """Noising times at which log signal-to-noise is uniform, from ``u`` (n,) in [0, 1].

        ``u = 0`` is the horizon, ``u = 1`` is ``s_min``.
        """
        snr = self.snr_table.flip(0)  # increasing
        target = snr[0] + u * (snr[-1] - snr[0])
        right = torch.searchsorted(snr, target).clamp(1, len(snr) - 1)
        left = right - 1
        weight = (target - snr[left]) / (snr[right] - snr[left])
        log_s = self.s_table.flip(0).log()
        s = torch.lerp(log_s[left], log_s[right], weight).exp()
        for _ in range(2):  # Newton: the kinks of the table would spoil the order of the flow
            s = s + (target - self._log_snr(s)) * self._snr_clock(s)
        return s.clamp(self.s_min, self.process.horizon)

    def _snr_clock(self, s: Tensor) -> Tensor:
        # ds / d log snr = -2 v / sigma^2, from a' = -c a and v' = sigma^2 - 2 c v.
        return -2 * self.process.variance(s) / self.process.diffusion(s).square()

    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        """Denoising score matching weighted by the noise variance v(s)."""
        u = torch.rand(x.shape[0], generator=generator).to(x)
        z = torch.randn(x.shape, generator=generator).to(x)
        total = self.denoising_loss(x, u, z)
        return Loss(total, {"dsm": total.detach()})

    def denoising_loss(self, x: Tensor, u: Tensor, z: Tensor) -> Tensor:
        """``E v(s) |s_theta(s, y) - grad log p(y | x)|^2 / d`` for given uniforms and noise."""
        s = self.draw_times(u)
        std = self.process.variance(s).sqrt()[:, None]
        y = self.process.scale(s)[:, None] * x + std * z
        return (std * self.score(s, y) + z).square().mean()

    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The same loss with stratified times: far less noise than a random draw."""
        n = x.shape[0]
        order = torch.randperm(n, generator=generator).to(x.device)
        u = ((order + 0.5) / n).to(x)
        z = torch.randn(x.shape, generator=generator).to(x)
        return self.denoising_loss(x, u, z)

    # -- generation --------------------------------------------------------------------------

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Reverse SDE from the reference law down to ``s_min``, exact in the linear part."""
        return exponential_ou(
            self.process,
            self.score,
            self._reference(n, generator),
            self.reverse_grid(steps or self.steps),
            generator,
        ).x

    def sample_ode(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Probability-flow ODE from the reference law down to ``s_min``."""
        return self._flow(self._reference(n, generator), False, steps, with_divergence=False).x

    def generate(self, z: Tensor, steps: int | None = None) -> Trajectory:
        """Path of the probability flow from standard normal noise ``z`` (n, d) to the data."""
        start = z * self._reference_std(z)
        return self._flow(start, False, steps, with_divergence=False, keep_path=True)

    def reverse_grid(self, steps: int) -> Tensor:
        """Noising times T = s_0 > ... > s_steps = s_min, uniform in log signal-to-noise."""
        u = torch.linspace(0, 1, steps + 1).to(self.s_table)
        return self.draw_times(u)

    def _reference(self, n: int, generator: torch.Generator) -> Tensor:
        parameter = next(self.parameters())
        z = torch.randn(n, self.dim, generator=generator).to(parameter)
        return z * self._reference_std(parameter)

    def _reference_std(self, like: Tensor) -> Tensor:
        horizon = torch.as_tensor(self.process.horizon).to(like)
        V, _ = self._spread(horizon)
        return V.sqrt()

    # -- probability flow --------------------------------------------------------------------

    def flow_velocity(self, s: Tensor, x: Tensor) -> Tensor:
        """Velocity of the probability flow in noising time: ``-c(s) x - sigma(s)^2 score / 2``."""
        c = self.process.drift_coefficient(s)
        half = 0.5 * self.process.diffusion(s).square()
        return -c * x - half * self.score(s, x)

    def _flow(
        self,
        x: Tensor,
        forward: bool,
        steps: int | None,
        *,
        with_divergence: bool,
        keep_path: bool = False,
    ) -> Trajectory:
        # The clock r in [0, 1] is log signal-to-noise: stiffness near s_min is spread evenly.
        span = self.snr_table[0] - self.snr_table[-1]

        def field(r: Tensor, y: Tensor) -> Rates:
            s = self.draw_times(r.to(y).reshape(1))[0]
            ds_dr = span * self._snr_clock(s)
            if not with_divergence:
                return Rates(self.flow_velocity(s, y) * ds_dr)
            out = velocity_and_divergence(lambda p: self.flow_velocity(s, p), y)
            return Rates(out.velocity * ds_dr, (out.divergence * ds_dr)[:, None])

        start, end = (1.0, 0.0) if forward else (0.0, 1.0)
        steps = steps or self.ode_steps
        return integrate(field, x, start, end, steps, RK4, keep_path=keep_path)

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Probability flow from the data (s = s_min) to the reference law."""
        return self._flow(x, True, steps, with_divergence=False, keep_path=True)

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Instantaneous change of variables along the probability flow; exact divergence."""
        run = self._flow(x, True, steps, with_divergence=True)
        assert run.costs is not None
        std = self._reference_std(x)
        log_norm = self.dim * (std.log() + 0.5 * math.log(2 * math.pi))
        return -0.5 * (run.x / std).square().sum(-1) - log_norm + run.costs[:, 0]

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Probability flow there and back."""
        there = self._flow(x, True, steps, with_divergence=False)
        return self._flow(there.x, False, steps, with_divergence=False).x

    @property
    def evaluations_per_step(self) -> int:
        """Stages of the Runge-Kutta method."""
        return RK4.stages

    @property
    def default_steps(self) -> int:
        """Steps of the probability flow."""
        return self.ode_steps
