"""Nonlinear denoising score matching: noising by the Langevin dynamics of a fitted mixture.

Noising towards a Gaussian forgets the modes of the data; noising by the Langevin dynamics of a
reference mixture q that is fitted to the data keeps them (arXiv:2405.15625). What has to be learned
is how the noised law differs from q. Transition densities over a long time are unknown; those of
one Euler-Maruyama step are Gaussian, and the score of the noised chain is the conditional mean of
theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mfglab.games.costs import KineticMinusDivergence
from mfglab.games.densities import GaussianMixture
from mfglab.games.game import MeanFieldGame
from mfglab.games.langevin import ReversedLangevin, score_function
from mfglab.games.terminal import LinearCost
from mfglab.networks.mlp import ScoreFeatures, silu_stack
from mfglab.solvers.base import Loss, Solver
from mfglab.trajectories.divergence import velocity_and_divergence
from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import RK4


class NonlinearScoreModel(Solver):
    """The score of the noised law as ``grad log q`` plus a network.

    Before training :meth:`adapt` fits q, with a fixed number of components, to the data.

    Args:
        dim: Space dimension d.
        components: Components of the reference q.
        width: Hidden width.
        depth: Hidden layers.
        frequencies: Fourier frequencies of the input features.
        horizon: Noising time T.
        steps: Euler-Maruyama steps of noising, and of the reverse process.
        ode_steps: Runge-Kutta 4 steps of the probability flow.
        pairs: Steps of each noising path that enter a loss.
        control_variate: Subtract from the network's value that at the mean of the step, which
            leaves the expected loss unchanged and removes its variance of order 1/h.
        generator: Source of the initial weights.
    """

    sigma = 2**0.5

    def __init__(
        self,
        dim: int,
        *,
        components: int = 8,
        width: int = 64,
        depth: int = 3,
        frequencies: int = 2,
        horizon: float = 0.5,
        steps: int = 50,
        ode_steps: int = 25,
        pairs: int = 4,
        control_variate: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        if not 1 <= pairs <= steps:
            raise ValueError(f"pairs must lie between 1 and steps = {steps}, got {pairs}")
        mixture = GaussianMixture.isotropic(torch.zeros(components, dim), 1.0)
        super().__init__(self._game_of(mixture, horizon), dim)
        self.steps, self.ode_steps = steps, ode_steps
        self.pairs, self.control_variate = pairs, control_variate
        self.features = ScoreFeatures(dim, frequencies)
        self.net = silu_stack(self.features.size, width, depth, dim, generator)
        self.register_buffer("weights", mixture.weights)
        self.register_buffer("means", mixture.means)
        self.register_buffer("covariances", mixture.covariances)
        self.weights: Tensor
        self.means: Tensor
        self.covariances: Tensor

    def _game_of(self, reference: GaussianMixture, horizon: float) -> MeanFieldGame:
        dynamics = ReversedLangevin(reference, self.sigma)
        terminal = LinearCost(self._learned_terminal)
        return MeanFieldGame(dynamics, KineticMinusDivergence(dynamics), terminal, horizon=horizon)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> NonlinearScoreModel:
        # A change of precision or device makes new arrays of the reference, which the game reads;
        # `adapt` and loaded weights change them in place.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.game = self._game_of(self.reference, self.game.horizon)
        return self

    @property
    def reference(self) -> GaussianMixture:
        """The fitted mixture q."""
        return GaussianMixture(self.weights, self.means, self.covariances)

    def prepare(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Fit q to data ``x`` (n, d) by expectation maximisation, with at most n components used.

        Raises:
            ValueError: There are fewer points than components.
        """
        from sklearn.mixture import GaussianMixture as Fit  # imported late: it takes a second

        if len(x) < len(self.weights):
            raise ValueError(
                f"a reference of {len(self.weights)} components needs as many points, got {len(x)}"
            )
        fit = Fit(len(self.weights), reg_covar=1e-3, random_state=0).fit(x.double().cpu().numpy())
        covariances = 0.5 * (fit.covariances_ + fit.covariances_.transpose(0, 2, 1))
        self.weights.copy_(torch.from_numpy(fit.weights_))
        self.means.copy_(torch.from_numpy(fit.means_))
        self.covariances.copy_(torch.from_numpy(covariances))
        return x

    def _learned_terminal(self, x: Tensor) -> Tensor:
        return -self.log_prob(x)

    # -- network -----------------------------------------------------------------------------

    def correction(self, s: Tensor, x: Tensor) -> Tensor:
        """``score - grad log q`` at noising times ``s`` (scalar or (n,)), shape (n, d)."""
        clock = 4 * (2 * s.expand(x.shape[0]) / self.game.horizon - 1)
        out: Tensor = self.net(self.features(x, clock))
        return out

    def score(self, s: Tensor, x: Tensor) -> Tensor:
        """Learned score of the noised law, shape (n, d)."""
        return self.reference.score(x) + self.correction(s, x)

    # -- training ----------------------------------------------------------------------------

    def noising_path(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Euler-Maruyama chain from data ``x`` (n, d).

        Returns:
            Means of the steps and the noise added to them, both (steps, n, d): the chain is
            ``means + sigma sqrt(h) noise``.
        """
        h = self.game.horizon / self.steps
        reference_score = score_function(self.reference)
        noise = torch.randn((self.steps, *x.shape), generator=generator).to(x)
        means = []
        with torch.no_grad():
            for z in noise:
                mean = x + 0.5 * self.sigma**2 * h * reference_score(x)
                x = mean + self.sigma * h**0.5 * z
                means.append(mean)
        return torch.stack(means), noise

    def loss(self, x: Tensor, generator: torch.Generator) -> Loss:
        """One-step denoising score matching, without its constant; may be negative."""
        return self._matching(x, generator, self.pairs)

    def _matching(self, x: Tensor, generator: torch.Generator, pairs: int) -> Loss:
        means, noise = self.noising_path(x, generator)
        n = len(x)
        step = torch.rand((self.steps, n), generator=generator).argsort(0)[:pairs].to(x.device)
        column = torch.arange(n, device=x.device).expand(pairs, n)
        mean, z = means[step, column].flatten(0, 1), noise[step, column].flatten(0, 1)
        s = (step.flatten() + 1).to(x) * (self.game.horizon / self.steps)
        total = self.one_step_loss(s, mean, z)
        return Loss(total, {"ndsm": total.detach()})

    def one_step_loss(self, s: Tensor, mean: Tensor, z: Tensor) -> Tensor:
        """``E[|c|^2 + 2 c.grad log q + 2 c.z / (sigma sqrt h)] / d`` with c the correction.

        This is ``|grad log q + c - grad log p|^2`` for the Gaussian step ``p`` up to what the
        network does not move. The last term has variance of order 1/h. The control variate
        replaces c in it by ``c(y) - c(mean)``: the mean of a step is independent of its noise.

        Args:
            s: Noising times after the step, shape (n,).
            mean: Means of the step, shape (n, d).
            z: Standard normal noise of the step, shape (n, d).
        """
        std = self.sigma * (self.game.horizon / self.steps) ** 0.5
        y = mean + std * z
        if self.control_variate:
            both = self.correction(s.repeat(2), torch.cat([y, mean]))
            c, still = both.chunk(2)
            linear = c - still
        else:
            c = linear = self.correction(s, y)
        parts = c.square() + 2 * c * self.reference.score(y) + 2 * linear * z / std
        total: Tensor = parts.mean()
        return total

    def validation_loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The same loss with all steps of each path."""
        return self._matching(x, generator, self.steps).total

    # -- generation --------------------------------------------------------------------------

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Reverse SDE from q down to one step before the data."""
        x = self._start(n, generator)
        reference_score, steps = score_function(self.reference), steps or self.steps
        h = self.game.horizon / steps
        for k in range(steps, 0, -1):
            s = torch.full((n,), k * h).to(x)
            # reverse drift -(sigma^2/2) grad log q + sigma^2 score
            drift = 0.5 * self.sigma**2 * (reference_score(x) + 2 * self.correction(s, x))
            noise = torch.randn(x.shape, generator=generator).to(x)
            x = x + h * drift + self.sigma * h**0.5 * noise
        return x

    def _start(self, n: int, generator: torch.Generator) -> Tensor:
        index = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, generator=generator).to(self.means)
        chol = torch.linalg.cholesky(self.covariances)
        return self.means[index] + torch.einsum("nij,nj->ni", chol[index], noise)

    # -- probability flow --------------------------------------------------------------------

    def flow_velocity(self, s: Tensor, x: Tensor) -> Tensor:
        """``-(sigma^2/2) (score - grad log q)``: only the difference to q moves the flow."""
        return -0.5 * self.sigma**2 * self.correction(s, x)

    def _flow(
        self, x: Tensor, forward: bool, steps: int | None, divergence: bool, keep: bool = False
    ) -> Trajectory:
        def field(s: Tensor, y: Tensor) -> Rates:
            s = s.to(y)
            if not divergence:
                return Rates(self.flow_velocity(s, y))
            out = velocity_and_divergence(lambda p: self.flow_velocity(s, p), y)
            return Rates(out.velocity, out.divergence[:, None])

        first = self.game.horizon / self.steps  # the chain's first law
        start, end = (first, self.game.horizon) if forward else (self.game.horizon, first)
        return integrate(field, x, start, end, steps or self.ode_steps, RK4, keep_path=keep)

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Probability flow from the data to q."""
        return self._flow(x, True, steps, divergence=False, keep=True)

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Instantaneous change of variables along the probability flow to q."""
        run = self._flow(x, True, steps, divergence=True)
        assert run.costs is not None
        return self.reference.log_prob(run.x) + run.costs[:, 0]

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Probability flow there and back."""
        there = self._flow(x, True, steps, divergence=False)
        return self._flow(there.x, False, steps, divergence=False).x

    @property
    def evaluations_per_step(self) -> int:
        """Stages of the Runge-Kutta method."""
        return RK4.stages

    @property
    def default_steps(self) -> int:
        """Steps of the probability flow."""
        return self.ode_steps
