"""Score-based model: the game with linear terminal cost, solved by score matching.

The value function of the game is ``U(t, x) = -log eta(T - t, x)`` with the noised density ``eta``
(Cole-Hopf); its optimal control is ``sigma grad log eta`` (arXiv:2304.13534). Learning
the score is therefore learning ``-grad U``. With ``parametrisation = "potential"`` the network is
``psi ~ log eta`` itself, up to a function of time, and the HJB residual can be evaluated and
penalised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mfglab.games.dynamics import NoisingProcess
from mfglab.solvers.base import PointLosses
from mfglab.solvers.objectives import Denoising, NoisedPoints, Objective
from mfglab.solvers.regularisers import Regulariser
from mfglab.solvers.score_network import ScoreNetwork
from mfglab.trajectories.divergence import velocity_and_divergence
from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import RK4
from mfglab.trajectories.sde import exponential_ou


class ScoreModel(ScoreNetwork):
    """Score matching with exact noising kernels.

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
        objective: What the score is matched to.
        regulariser: Penalty of an equation that the exact score solves.
        generator: Source of the initial weights.

    Raises:
        ValueError: The regulariser needs a potential and the model has none.
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
        objective: Objective | None = None,
        regulariser: Regulariser | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        if regulariser is not None and regulariser.needs_potential and not potential:
            raise ValueError(
                f"{type(regulariser).__name__} needs parametrisation 'potential', got 'vector'"
            )
        super().__init__(
            dim,
            process,
            potential=potential,
            width=width,
            depth=depth,
            frequencies=frequencies,
            s_min=s_min,
            offset=regulariser is not None,
            generator=generator,
        )
        self.steps = steps
        self.ode_steps = ode_steps
        self.objective = objective or Denoising()
        self.regulariser = regulariser

    # -- training ----------------------------------------------------------------------------

    def draw_times(self, u: Tensor) -> Tensor:
        """Noising times at which log signal-to-noise is uniform, from ``u`` (n,) in [0, 1].

        ``u = 0`` is the horizon, ``u = 1`` is ``s_min``.
        """
        low, high = self.snr_range
        s = self.process.time_of(low + u * (high - low))
        return s.clamp(self.s_min, self.process.horizon)

    def _snr_clock(self, s: Tensor) -> Tensor:
        # ds / d log snr = -2 v / sigma^2, from a' = -c a and v' = sigma^2 - 2 c v.
        return -2 * self.process.variance(s) / self.process.diffusion(s).square()

    @property
    def stackable(self) -> bool:
        """Whether this is no sub-class: those evaluate the network at points of their own."""
        return type(self) is ScoreModel

    def training_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> PointLosses:
        """The objective at noised points, and the regulariser at the same points."""
        noise = zip(*map(self.draw, x, generators), strict=True)
        points = self.noised(x.flatten(0, 1), *map(torch.cat, noise))
        return self.point_losses(points, generators)

    def draw(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What noises data ``x`` (n, d) in training: uniforms (n,) and normal numbers (n, d)."""
        u = torch.rand(x.shape[0], generator=generator).to(x)
        return u, torch.randn(x.shape, generator=generator).to(x)

    def point_losses(
        self, points: NoisedPoints, generators: Sequence[torch.Generator]
    ) -> PointLosses:
        """What each point adds to the loss; generators are for regularisers that draw."""
        name = self.objective.name
        if self.regulariser is None:
            matched = self.matching_losses(points)
            return PointLosses(matched, {name: matched})
        found = self.regulariser.penalty(self, points, generators)
        matched = self.matching_losses(points, found.score, found.divergence)
        total = torch.add(matched, found.pointwise, alpha=self.regulariser.weight)
        return PointLosses(total, {name: matched, self.regulariser.name: found.pointwise})

    def noised(self, x: Tensor, u: Tensor, z: Tensor) -> NoisedPoints:
        """Data ``x`` (n, d) noised at the times of the uniforms ``u`` (n,) by the noise ``z``."""
        s = self.draw_times(u)
        std = self.process.variance(s).sqrt()[:, None]
        return NoisedPoints(s, std, z, self.process.scale(s)[:, None] * x + std * z)

    def matching_losses(
        self, points: NoisedPoints, score: Tensor | None = None, divergence: Tensor | None = None
    ) -> Tensor:
        """The objective at each point; score and divergence are evaluated unless given."""
        if self.objective.needs_divergence and divergence is None:
            score, divergence = self.score_and_divergence(points.s, points.y)
        if score is None:
            score = self.score(points.s, points.y)
        return self.objective.pointwise(points, score, divergence)

    def score_and_divergence(self, s: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score (n, d) and its exact divergence (n,).

        In one sweep of hand-written derivatives, a third to a half of the time of automatic ones;
        a sub-class with another ``score`` or ``psi`` is differentiated automatically.

        Args:
            s: Noising time, a scalar or of shape (n,).
            x: Points (n, d).
        """
        kind = type(self)
        if kind.score is not ScoreNetwork.score or kind.psi is not ScoreNetwork.psi:
            out = velocity_and_divergence(lambda point: self.score(s, point), x)
            return out.velocity, out.divergence
        s = s.expand(x.shape[0])
        if self.potential:
            D = self.psi_derivatives(s, x)
            return D.gradient, D.laplacian
        S = self.score_derivatives(s, x)
        return S.score, S.divergence

    def denoising_loss(self, x: Tensor, u: Tensor, z: Tensor) -> Tensor:
        """``E v(s) |s_theta(s, y) - grad log p(y | x)|^2 / d`` for given uniforms and noise."""
        points = self.noised(x, u, z)
        return Denoising().value(points, self.score(points.s, points.y), None)

    def validation_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """The objective alone with stratified times: far less noise than a random draw."""
        noise = zip(*map(self.draw_stratified, x, generators), strict=True)
        return self.matching_losses(self.noised(x.flatten(0, 1), *map(torch.cat, noise)))

    def draw_stratified(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What noises data ``x`` (n, d) in validation, as :meth:`draw` gives it."""
        n = x.shape[0]
        order = torch.randperm(n, generator=generator).to(x.device)
        return ((order + 0.5) / n).to(x), torch.randn(x.shape, generator=generator).to(x)

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
        start = z * self.start_std(z)
        return self._flow(start, False, steps, with_divergence=False, keep_path=True)

    def reverse_grid(self, steps: int) -> Tensor:
        """Noising times T = s_0 > ... > s_steps = s_min, uniform in log signal-to-noise."""
        u = torch.linspace(0, 1, steps + 1).to(next(self.parameters()))
        return self.draw_times(u)

    def _reference(self, n: int, generator: torch.Generator) -> Tensor:
        parameter = next(self.parameters())
        z = torch.randn(n, self.dim, generator=generator).to(parameter)
        return z * self.start_std(parameter)

    # -- probability flow --------------------------------------------------------------------

    def flow_velocity(self, s: Tensor, x: Tensor) -> Tensor:
        """Velocity of the probability flow in noising time: ``-c(s) x - sigma(s)^2 score / 2``."""
        c = self.process.drift_coefficient(s)
        half = 0.5 * self.process.diffusion(s).square()
        return -c * x - half * self.score(s, x)

    def _flow_with_divergence(self, s: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        c = self.process.drift_coefficient(s)
        half = 0.5 * self.process.diffusion(s).square()
        score, divergence = self.score_and_divergence(s, x)
        return -c * x - half * score, -c * self.dim - half * divergence

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
        low, high = self.snr_range

        def field(r: Tensor, y: Tensor) -> Rates:
            s = self.draw_times(r.to(y).reshape(1))[0]
            ds_dr = (high - low) * self._snr_clock(s)
            if not with_divergence:
                return Rates(self.flow_velocity(s, y) * ds_dr)
            velocity, divergence = self._flow_with_divergence(s, y)
            return Rates(velocity * ds_dr, (divergence * ds_dr)[:, None])

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
        std = self.start_std(x)
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
