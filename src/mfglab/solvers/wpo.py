"""Kernel score model: the Wasserstein-proximal game with a terminal law that cannot memorise.

The score game is the entropic Wasserstein proximal of the cross-entropy with the data law
(arXiv:2402.06162). Putting the empirical law in its place makes the samples those of the training
set. Here the terminal law is ``pi(x) = sum_i w_i N(x; Z_i, Gamma(Z_i)^-1)`` with a learned local
precision. The value function ``U(t, x) = -beta^2 log eta(T - t, x)`` is then closed form, eta
being a mixture at all times (Prop. 4.1), and only the terminal condition is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mfglab.games.closed_forms.kernel_density import KernelMixture
from mfglab.games.closed_forms.score_game import noised_log_density
from mfglab.games.costs import Kinetic
from mfglab.games.dynamics import ControlledDiffusion, HeatFlow, NoisingProcess
from mfglab.games.game import MeanFieldGame
from mfglab.games.optimality import cole_hopf
from mfglab.games.terminal import LinearCost
from mfglab.networks.members import stack
from mfglab.networks.precision import PrecisionNet
from mfglab.solvers.base import PointLosses, PointwiseSolver
from mfglab.trajectories.integrate import Rates, Trajectory, integrate
from mfglab.trajectories.methods import RK4
from mfglab.trajectories.sde import exponential_ou


class KernelScoreModel(PointwiseSolver):
    """Kernels of learned precision around a subset of the data; trained at the terminal time.

    The objective is ``score_weight * E[2 Lap pi / pi - |grad log pi|^2] - likelihood_weight *
    E log pi`` over points that are no centres. (1, 0) is the published one.

    Args:
        dim: Space dimension d.
        centres: Number K of kernels.
        leave_one_out: Train on the centres themselves, each without its own kernel. Otherwise
            centres and training points are disjoint: a kernel centred at a training point would
            earn ``-2 tr Gamma`` without bound.
        width: Hidden width of the precision net.
        depth: Hidden layers of the precision net.
        floor: Least eigenvalue of a precision.
        learn_weights: Learn the weights of the kernels; otherwise they are 1/K.
        score_weight: Weight of implicit score matching.
        likelihood_weight: Weight of the negative log-likelihood.
        beta: Noise level of the game.
        horizon: Horizon T of the game.
        s_min: Noising time at which geometric grids begin.
        steps: Steps of the reverse SDE.
        ode_steps: Runge-Kutta 4 steps of the probability flow.
        generator: Source of the initial weights.

    Raises:
        ValueError: Neither part of the objective has a positive weight.
    """

    def __init__(
        self,
        dim: int,
        *,
        centres: int = 1000,
        leave_one_out: bool = False,
        width: int = 64,
        depth: int = 5,
        floor: float = 0.01,
        learn_weights: bool = False,
        score_weight: float = 1.0,
        likelihood_weight: float = 0.0,
        beta: float = 1.0,
        horizon: float = 100.0,
        s_min: float = 1e-4,
        steps: int = 100,
        ode_steps: int = 50,
        generator: torch.Generator | None = None,
    ) -> None:
        if score_weight <= 0 and likelihood_weight <= 0:
            raise ValueError(
                "score_weight or likelihood_weight must be positive, got "
                f"{score_weight} and {likelihood_weight}"
            )
        terminal = LinearCost(self._surprise, beta**2)
        super().__init__(
            MeanFieldGame(ControlledDiffusion(beta), Kinetic(), terminal, horizon=horizon), dim
        )
        self.leave_one_out = leave_one_out
        self.score_weight = score_weight
        self.likelihood_weight = likelihood_weight
        self.beta = beta
        self.s_min = s_min
        self.steps = steps
        self.ode_steps = ode_steps
        self.net = PrecisionNet(
            dim, width, depth, floor, weighted=learn_weights, generator=generator
        )
        self.register_buffer("centres", torch.full((centres, dim), torch.nan))
        self.centres: Tensor

    # -- centres -----------------------------------------------------------------------------

    def prepare(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Take the centres from the training points ``x`` (n, d) at random; return the rest.

        At random, because data sets may come sorted: the first points of some spirals are one arm.
        With ``leave_one_out`` all points are returned. Centres that are there already stay.

        Raises:
            ValueError: There are too few points.
        """
        if self.placed:
            if not self.leave_one_out:
                self._refuse_centres(x)
            return x
        K = len(self.centres)
        least = K if self.leave_one_out else K + 1
        if len(x) < least:
            raise ValueError(f"{K} centres need at least {least} training points, got {len(x)}")
        order = torch.randperm(len(x), generator=generator)
        self.place(x[order[:K]])
        return x if self.leave_one_out else x[order[K:]]

    @property
    def placed(self) -> bool:
        """Whether the kernels have centres."""
        return not bool(torch.isnan(self.centres.flatten()[0]))

    def place(self, centres: Tensor) -> None:
        """Put the kernels at ``centres``, shape (K, d).

        Raises:
            ValueError: The shape is another one.
        """
        if centres.shape != self.centres.shape:
            raise ValueError(
                f"centres must have shape {tuple(self.centres.shape)}, got {tuple(centres.shape)}"
            )
        self.centres.copy_(centres)

    def kernels(self) -> KernelMixture:
        """The terminal law, differentiable with respect to the weights of the network.

        Raises:
            ValueError: The centres have not been placed.
        """
        if not self.placed:
            raise ValueError("the kernels have no centres yet; call prepare or place first")
        out = self.net(self.centres)
        return KernelMixture(out.log_weights, self.centres, out.precisions)

    # -- training ----------------------------------------------------------------------------

    @property
    def stackable(self) -> bool:
        """Yes, with as many kernels."""
        return True

    def training_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> PointLosses:
        """The objective at each training point.

        Raises:
            ValueError: A point is a centre, and centres are not left out at their own points.
        """
        x = self._own(x)
        if not self.leave_one_out:
            self._refuse_centres(x)
        return self._objective(x)

    def validation_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """The objective at each validation point, which is no centre."""
        return self._objective(self._own(x)).total

    def _own(self, x: Tensor) -> Tensor:
        # Points as the kernels take them: (n, d), of stacked models (M, n, d).
        return x[0] if self.centres.ndim == 2 else x

    def _objective(self, x: Tensor) -> PointLosses:
        kernels = self.kernels()
        terms: dict[str, Tensor] = {}
        if self.score_weight > 0:
            at = kernels.terms(x, leave_one_out=self.leave_one_out)
            log_prob = at.log_prob
            terms["ism"] = at.implicit_score_matching.flatten()
        else:
            log_prob = kernels.log_prob(x, leave_one_out=self.leave_one_out)
        terms["nll"] = -log_prob.flatten()
        # Terms without weight are left out: they would be differentiated for nothing.
        weights = {"ism": self.score_weight, "nll": self.likelihood_weight}
        parts = [weights[name] * value for name, value in terms.items() if weights[name] > 0]
        total = sum(parts[1:], parts[0])
        return PointLosses(total, terms)

    def _refuse_centres(self, x: Tensor) -> None:
        # Points (n, d), or those of all members; the first coordinate tells nearly all apart.
        first = x[..., 0].contiguous()
        known = self.centres[..., 0].flatten().sort().values
        nearest = known[torch.searchsorted(known, first).clamp_(max=len(known) - 1)]
        if not bool((nearest == first).any()):
            return
        same = x[..., :1] == self.centres[..., None, :, 0]
        *member, point, centre = same.nonzero(as_tuple=True)
        points, centres = x[(*member, point)], self.centres[(*member, centre)]
        hit = (points == centres).all(1).nonzero()
        if len(hit):
            row = int(hit[0])
            raise ValueError(
                f"training point {int(point[row])} is centre {int(centre[row])}, "
                f"{points[row].tolist()}: score matching is then unbounded below; keep them "
                "disjoint or set leave_one_out"
            )

    # -- the game ----------------------------------------------------------------------------

    @property
    def process(self) -> HeatFlow:
        """Noising of the game: ``eta_s = (beta^2 / 2) Lap eta``."""
        return HeatFlow(self.beta, self.game.horizon)

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """Value function ``U(t, x) = -beta^2 log eta(T - t, x)``, shape (n,); float64."""
        density = noised_log_density(self.kernels().gaussian_mixture(), self.process)
        return cole_hopf(density, self.game.horizon, self.beta**2)(t, x)

    def _surprise(self, x: Tensor) -> Tensor:
        return -self.log_prob(x)

    # -- generation --------------------------------------------------------------------------

    def sample(self, n: int, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """Draw from the mixture itself: no simulation, so ``steps`` has no effect."""
        return self.kernels().sample(n, generator).to(self.centres)

    def sample_sde(
        self,
        n: int,
        generator: torch.Generator,
        steps: int | None = None,
        process: NoisingProcess | None = None,
    ) -> Tensor:
        """Draw by the reverse SDE with the closed-form score, down to noising time 0.

        It starts from the normal law that has mean and covariance of the noised mixture.

        Args:
            n: Number of points.
            generator: Source of the noise.
            steps: Steps of the integrator.
            process: Another noising than that of the game.
        """
        process = process or self.process
        law = self.kernels().double()
        start = _matching_normal(law.noised(*_kernel_of(process, process.horizon)))
        grid = self.s_min * (process.horizon / self.s_min) ** torch.linspace(
            1, 0, steps or self.steps, dtype=torch.float64
        )
        grid = torch.cat([grid, grid.new_zeros(1)])

        def score(s: Tensor, x: Tensor) -> Tensor:
            return law.noised(*_kernel_of(process, s)).score(x)

        x = start.sample(n, generator)
        return exponential_ou(process, score, x, grid, generator).x.to(self.centres)

    # -- likelihood and probability flow -----------------------------------------------------

    def log_prob(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Exact log-density of the mixture; ``steps`` has no effect."""
        return self.kernels().double().log_prob(x.double()).to(x)

    def trajectories(self, x: Tensor, steps: int | None = None) -> Trajectory:
        """Probability flow ``dx/ds = -(beta^2/2) grad log eta`` from s_min to T, path kept."""
        return self._flow(x, True, steps, keep_path=True)

    def reconstruct(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Probability flow there and back."""
        there = self._flow(x, True, steps, keep_path=False)
        return self._flow(there.x, False, steps, keep_path=False).x

    def _flow(self, x: Tensor, forward: bool, steps: int | None, *, keep_path: bool) -> Trajectory:
        law, process = self.kernels().double(), self.process
        span = math.log(self.game.horizon / self.s_min)

        def field(r: Tensor, y: Tensor) -> Rates:  # clock r = log(s / s_min) / span
            s = self.s_min * torch.exp(span * r.double())
            velocity = -0.5 * self.beta**2 * law.noised(*_kernel_of(process, s)).score(y)
            return Rates(velocity * s * span)

        start, end = (0.0, 1.0) if forward else (1.0, 0.0)
        run = integrate(
            field, x.double(), start, end, steps or self.ode_steps, RK4, keep_path=keep_path
        )
        path = None if run.path is None else run.path.to(x)
        return replace(run, x=run.x.to(x), path=path)

    @property
    def evaluations_per_step(self) -> int:
        """None: the score is a closed form."""
        return 0

    @property
    def default_steps(self) -> int:
        """Steps of the probability flow."""
        return self.ode_steps


def _kernel_of(process: NoisingProcess, s: float | Tensor) -> tuple[Tensor, Tensor]:
    return process.scale(s), process.variance(s)


def _matching_normal(law: KernelMixture) -> KernelMixture:
    # The normal law with the mean and the covariance of a mixture.
    w = law.log_weights.exp()
    mean = w @ law.centres
    gap = law.centres - mean
    within = torch.einsum("k,kab->ab", w, torch.linalg.inv(law.precisions))
    covariance = within + gap.T @ (w[:, None] * gap)
    precision = torch.linalg.inv(covariance)[None]
    return KernelMixture(torch.zeros_like(w[:1]), mean[None], 0.5 * (precision + precision.mT))


@stack.register
def _stack_kernels(first: KernelScoreModel, modules: Sequence[KernelScoreModel]) -> nn.Module:
    whole = stack.dispatch(nn.Module)(first, modules)
    assert isinstance(whole, KernelScoreModel)
    whole.centres = torch.stack([module.centres for module in modules])
    return whole
