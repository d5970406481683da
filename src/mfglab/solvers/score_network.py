"""The network of a score-based model: potential or vector field, with its exact derivatives."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfglab.games.costs import KineticMinusDivergence
from mfglab.games.dynamics import NoisingProcess
from mfglab.games.game import MeanFieldGame
from mfglab.games.optimality import ValueDerivatives
from mfglab.games.terminal import LinearCost
from mfglab.networks.blocks import blockwise
from mfglab.networks.jets import Jet, Motion, feature_jet, stack_jet
from mfglab.networks.members import stack, stacked
from mfglab.networks.mlp import ScoreFeatures, silu_stack
from mfglab.solvers.base import PointwiseSolver


@dataclass(frozen=True)
class ScoreDerivatives:
    """A score field at n points.

    Args:
        score: Shape (n, d).
        time: Its derivative in noising time, shape (n, d).
        divergence: Shape (n,).
    """

    score: Tensor
    time: Tensor
    divergence: Tensor


@dataclass(frozen=True)
class _Clock:
    # What the network reads of the process at times (n,), with rates in noising time.
    coefficient: Tensor  # c of the noising drift -c y
    sigma2: Tensor
    total: Tensor  # variance of the noised law for data of unit variance
    total_rate: Tensor
    noise: Tensor  # variance of the noise alone
    log_snr: Tensor
    snr_rate: Tensor


class TimeOffset(nn.Module):
    """Learnable function c(s) that is added to a potential: bumps in log signal-to-noise.

    The score does not see it, the HJB residual does. It starts as the normalising constant of the
    noised law of normal data, for which the potential's quadratic part has residual zero.

    Args:
        low: Least log signal-to-noise.
        high: Largest log signal-to-noise.
        bumps: Number of bumps.
    """

    def __init__(self, low: float, high: float, bumps: int = 16) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(bumps))
        self.register_buffer("centres", torch.linspace(low, high, bumps), persistent=False)
        self.centres: Tensor
        self.spacing = (high - low) / (bumps - 1)

    def forward(self, log_snr: Tensor) -> Tensor:
        """The learned part of c at ``log_snr`` (n,), shape (n,)."""
        return self._combined(torch.exp(-0.5 * self._scaled(log_snr).square()))

    def derivative(self, log_snr: Tensor) -> Tensor:
        """Derivative in log signal-to-noise, shape (n,)."""
        z = self._scaled(log_snr)
        return self._combined(-z / self.spacing * torch.exp(-0.5 * z.square()))

    def _combined(self, bumps: Tensor) -> Tensor:
        return blockwise(bumps, self.weight[..., None]).squeeze(-1)

    def _scaled(self, log_snr: Tensor) -> Tensor:
        return (log_snr[:, None] - self.centres.to(log_snr)) / self.spacing


@stack.register
def _stack_offset(first: TimeOffset, modules: Sequence[TimeOffset]) -> nn.Module:
    whole = copy.deepcopy(first)
    whole.weight = stacked([module.weight for module in modules])
    return whole


class ScoreNetwork(PointwiseSolver):
    """What is learned: ``psi ~ log eta`` with score ``grad psi``, or the score itself.

    Args:
        dim: Space dimension d.
        process: The noising process.
        potential: Learn ``psi`` instead of the score itself.
        width: Hidden width.
        depth: Hidden layers.
        frequencies: Fourier frequencies of the input features.
        s_min: Early-stopping time.
        offset: Add a learnable function of time to the potential (see :class:`TimeOffset`).
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        process: NoisingProcess,
        *,
        potential: bool,
        width: int,
        depth: int,
        frequencies: int,
        s_min: float,
        offset: bool = False,
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
        self.features = ScoreFeatures(dim, frequencies)
        self.net = silu_stack(self.features.size, width, depth, 1 if potential else dim, generator)
        # Log signal-to-noise at the horizon and at s_min.
        self.snr_range = float(process.log_snr(process.horizon)), float(process.log_snr(s_min))
        self.offset = TimeOffset(*self.snr_range) if offset and potential else None

    def psi(self, s: Tensor, x: Tensor) -> Tensor:
        """Learned ``log eta(s, x)`` up to a function of s; shape (n,). Potential models only."""
        self._require_potential()
        s = s.expand(x.shape[0])
        V, std = self._spread(s)
        net: Tensor = self.net(self._inputs(s, x)).squeeze(-1)
        psi = -0.5 * x.square().sum(-1) / V + net * (V.sqrt() / std)
        if self.offset is None:
            return psi
        added: Tensor = self.offset(self.process.log_snr(s))
        return psi + added - 0.5 * self.dim * V.log()

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """Value function of the game, ``U(t, x) = -psi(T - t, x)`` (Cole-Hopf)."""
        return -self.psi(self.process.horizon - t, x)

    def _require_potential(self) -> None:
        if not self.potential:
            raise ValueError("psi exists for parametrisation 'potential' only, this is 'vector'")

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

    # -- exact derivatives -------------------------------------------------------------------

    def psi_derivatives(
        self, s: Tensor, x: Tensor, directions: Tensor | None = None
    ) -> ValueDerivatives:
        """``psi``, its time derivative, gradient and Laplacian in one sweep.

        Args:
            s: Noising times, shape (n,).
            x: Points, shape (n, d).
            directions: Probes (k, n, d) divided by sqrt(k), for an unbiased estimate of the
                Laplacian at a cost free of d; the gradient then is left to automatic
                differentiation. All d coordinate directions, hence exact, by default.
        """
        self._require_potential()
        if directions is not None and not x.requires_grad:
            x = x.detach().requires_grad_()
        clock = self._clock(s)
        jet = self._jet(clock, x, directions)
        V, net = clock.total, jet.value.squeeze(-1)
        gain = (V / clock.noise).sqrt()
        gain_rate = 0.5 * gain * clock.sigma2 * (1 / V - 1 / clock.noise)
        squared = x.square().sum(-1)
        psi = -0.5 * squared / V + net * gain
        time = 0.5 * squared * clock.total_rate / V.square()
        time = time + jet.time.squeeze(-1) * gain + net * gain_rate
        if self.offset is not None:
            psi = psi + self.offset(clock.log_snr) - 0.5 * self.dim * V.log()
            time = time + self.offset.derivative(clock.log_snr) * clock.snr_rate
            time = time - 0.5 * self.dim * clock.total_rate / V
        curved = jet.second.squeeze(-1) * gain
        if directions is None:
            gradient = -x / V[:, None] + jet.directional.squeeze(-1).T * gain[:, None]
            return ValueDerivatives(psi, time, gradient, curved - self.dim / V)
        (gradient,) = torch.autograd.grad(psi.sum(), x, create_graph=True)
        return ValueDerivatives(psi, time, gradient, curved - directions.square().sum((0, 2)) / V)

    def score_derivatives(
        self, s: Tensor, x: Tensor, directions: Tensor | None = None
    ) -> ScoreDerivatives:
        """A vector model's score, its time derivative and its divergence in one sweep.

        Arguments as for :meth:`psi_derivatives`.
        """
        clock = self._clock(s)
        jet = self._jet(clock, x, directions)
        V, v = clock.total[:, None], clock.noise[:, None]
        std, v_rate = v.sqrt(), (clock.sigma2 - 2 * clock.coefficient * clock.noise)[:, None]
        score = -x / V + jet.value / std
        time = x * clock.total_rate[:, None] / V.square() + jet.time / std
        time = time - jet.value * v_rate / (2 * v * std)
        along = self._directions(x, directions)
        change = -along / V + jet.directional / std
        return ScoreDerivatives(score, time, (change * along).sum((0, 2)))

    def _jet(self, clock: _Clock, x: Tensor, directions: Tensor | None) -> Jet:
        root = clock.total.sqrt()[:, None]
        point = x / root
        motion = Motion(
            directions=self._directions(x, directions) / root,
            point_rate=-0.5 * point * (clock.total_rate / clock.total)[:, None],
            snr_rate=clock.snr_rate,
        )
        return stack_jet(self.net, feature_jet(self.features.omega, point, clock.log_snr, motion))

    def _directions(self, x: Tensor, directions: Tensor | None) -> Tensor:
        if directions is not None:
            return directions
        return torch.eye(self.dim, dtype=x.dtype, device=x.device)[:, None, :]

    # -- time --------------------------------------------------------------------------------

    def _clock(self, s: Tensor) -> _Clock:
        c, sigma2 = self.process.drift_coefficient(s), self.process.diffusion(s).square()
        scale, noise = self.process.scale(s), self.process.variance(s)
        total = scale.square() + noise
        return _Clock(
            coefficient=c,
            sigma2=sigma2,
            total=total,
            total_rate=sigma2 - 2 * c * total,  # a' = -c a and v' = sigma^2 - 2 c v
            noise=noise,
            log_snr=scale.log() - 0.5 * noise.log(),
            snr_rate=-0.5 * sigma2 / noise,
        )

    def start_std(self, like: Tensor) -> Tensor:
        """Deviation of the law that the reverse process starts from.

        That of data of unit variance, noised until the horizon, and not that of the noise alone.
        """
        V, _ = self._spread(torch.as_tensor(self.process.horizon).to(like))
        return V.sqrt()

    def _inputs(self, s: Tensor, x: Tensor) -> Tensor:
        V, _ = self._spread(s)
        out: Tensor = self.features(x / V.sqrt()[:, None], self.process.log_snr(s))
        return out

    def _spread(self, s: Tensor) -> tuple[Tensor, Tensor]:
        # Variance of the noised law for data of unit variance, and std of the noise.
        variance = self.process.variance(s)
        return self.process.scale(s).square() + variance, variance.sqrt()
