"""Studies that train nothing: exact flows, exact value functions, exact identities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from mfglab.config import ClosedFormsConfig
from mfglab.datasets.mixtures import mixture_2d
from mfglab.games.closed_forms.gaussian_flows import WhiteningFlow, bures_wasserstein
from mfglab.games.closed_forms.score_game import score_game_value
from mfglab.games.costs import KineticMinusDivergence
from mfglab.games.densities import GaussianMixture, StandardNormal, standard_normal
from mfglab.games.dynamics import (
    NoisingProcess,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)
from mfglab.games.game import MeanFieldGame
from mfglab.games.optimality import hjb_residual
from mfglab.games.terminal import CrossEntropy
from mfglab.training.seeds import stream
from mfglab.trajectories.grids import geometric_grid
from mfglab.trajectories.integrate import Rates, integrate
from mfglab.trajectories.methods import RK4

Row = dict[str, float | str]

#: Covariance of the Gaussian that the exact flows whiten.
COVARIANCE = torch.tensor([[2.0, 0.8], [0.8, 0.5]], dtype=torch.float64)


@dataclass(frozen=True)
class ExactFlow:
    """One exact flow from N(0, S) to N(0, I).

    Args:
        angle: Rotation beside the optimal transport, radians.
        terminal: KL(rho_1 || N(0, I)), the whole objective of the plain flow, measured.
        kinetic: ``int E|v|^2/2 dt`` in closed form.
        kinetic_measured: The same, by integrating trajectories.
        optimum: ``W2^2 / 2``, the least kinetic cost of any exact flow.
    """

    angle: float
    terminal: float
    kinetic: float
    kinetic_measured: float
    optimum: float


def illposedness(config: ClosedFormsConfig, points: int = 4096, steps: int = 64) -> list[ExactFlow]:
    """Exact flows with equal loss at running cost 0 and different kinetic cost.

    Every angle gives a flow that reaches N(0, I) exactly, so that the plain continuous
    normalizing flow cannot tell them apart; only the optimal transport (angle 0) is optimal once
    motion costs. The terminal cost is measured through the integrator that also trains flows.
    """
    zero = torch.zeros(2, dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    optimum = 0.5 * bures_wasserstein(zero, COVARIANCE, zero, eye) ** 2
    x = torch.randn(points, 2, dtype=torch.float64, generator=stream("illposedness"))
    x = _with_moments(x, COVARIANCE)
    normal = StandardNormal(2)
    start = GaussianMixture(torch.ones(1).double(), zero[None], COVARIANCE[None]).log_prob(x)
    rows = []
    for angle in config.illposed_angles:
        flow = WhiteningFlow(COVARIANCE, angle)

        def rates(t: Tensor, y: Tensor, flow: WhiteningFlow = flow) -> Rates:
            matrix = flow.velocity_matrix(float(t))
            v = y @ matrix.mT
            divergence = matrix.trace().expand(len(y))
            return Rates(v, torch.stack([divergence, 0.5 * v.square().sum(1)], dim=1))

        run = integrate(rates, x, 0.0, 1.0, steps, RK4)
        assert run.costs is not None
        terminal = (start - run.costs[:, 0] - normal.log_prob(run.x)).mean()
        rows.append(
            ExactFlow(
                angle=angle,
                terminal=float(terminal),
                kinetic=flow.kinetic_energy(),
                kinetic_measured=float(run.costs[:, 1].mean()),
                optimum=optimum,
            )
        )
    return rows


def exact_hjb_residuals(points: int = 512, times: int = 9) -> list[Row]:
    """HJB residual of the Cole-Hopf value function of a Gaussian mixture, by process.

    The value function ``-log eta(T - t, x)`` is exact, so what is left is rounding.
    """
    target = mixture_2d().density()
    processes: dict[str, NoisingProcess] = {
        "ou": OrnsteinUhlenbeck(),
        "vp": VariancePreserving(),
        "ve": VarianceExploding(),
    }
    rows: list[Row] = []
    for name, process in processes.items():
        game = score_game(process)
        U = score_game_value(target, process)
        generator = stream("exact residuals", len(rows))
        worst = 0.0
        for t in torch.linspace(0.02, 0.98, times, dtype=torch.float64) * process.horizon:
            s = process.horizon - t
            law = target.noised(process.scale(s), process.variance(s))
            x = law.sample(points, generator)
            worst = max(worst, float(hjb_residual(game, U, t, x).abs().max()))
        rows.append({"process": name, "max_residual": worst})
    return rows


@dataclass(frozen=True)
class IdentityGap:
    """One simulation of the value identity.

    Args:
        objective: ``J(v)``, the mean cost of the control.
        optimum: ``J*``, the mean of the exact value function at the start.
        score_error: ``E int |v - v*|^2 / 2 dt``.
        gap: ``J(v) - J* - score_error``.
        standard_error: Standard error of ``gap``.
    """

    objective: float
    optimum: float
    score_error: float
    gap: float
    standard_error: float


def value_identity(config: ClosedFormsConfig) -> list[dict[str, float]]:
    """``J(v) = J* + E int |v - v*|^2 / 2 dt`` by simulation: suboptimality is the score error.

    Controls are multiples of the optimal one. Euler-Maruyama leaves a gap of first order in the
    step; it is simulated with n and 2n steps and extrapolated to step 0.
    """
    rows = []
    for k, multiple in enumerate(config.identity_controls):
        n, paths = config.identity_steps, config.identity_paths
        coarse = simulate_identity(multiple, n, paths, stream("value identity", k, 0))
        fine = simulate_identity(multiple, 2 * n, paths, stream("value identity", k, 1))
        rows.append(
            {
                "multiple": multiple,
                "objective": fine.objective,
                "optimum": fine.optimum,
                "score_error": fine.score_error,
                "gap_coarse": coarse.gap,
                "gap_fine": fine.gap,
                "gap": 2 * fine.gap - coarse.gap,
                "standard_error": math.hypot(2 * fine.standard_error, coarse.standard_error),
            }
        )
    return rows


def simulate_identity(
    multiple: float, steps: int, paths: int, generator: torch.Generator
) -> IdentityGap:
    """Both sides of the identity for the control ``multiple * v*`` in the planar mixture game.

    By Ito's formula the sides differ, path by path, by the martingale ``-int v* . dW``; it is
    added as a control variate, which leaves the error of the time discretisation.
    """
    target = mixture_2d().density()
    process = OrnsteinUhlenbeck()
    game = score_game(process)
    T = process.horizon
    # Short steps near t = T, where the law has the scale of the data and the control is stiff.
    grid = geometric_grid(0.0, T, steps, last=T * 1e-4)
    noised = [target.noised(process.scale(T - t), process.variance(T - t)) for t in grid]
    x = standard_normal(2).sample(paths, generator)
    optimum = -noised[0].log_prob(x)
    cost = torch.zeros(paths, dtype=torch.float64)
    error, martingale = torch.zeros_like(cost), torch.zeros_like(cost)
    for t, h, law in zip(grid[:-1], grid.diff(), noised[:-1], strict=True):
        sigma = game.dynamics.diffusion(t)
        best = sigma * law.score(x)
        v = multiple * best
        noise = h.sqrt() * torch.randn(x.shape, dtype=x.dtype, generator=generator)
        cost = cost + h * game.running_cost(t, x, v)
        error = error + h * 0.5 * (v - best).square().sum(1)
        martingale = martingale + (best * noise).sum(1)
        x = x + h * game.drift_of(t, x, v) + sigma * noise
    cost = cost + game.terminal.first_variation(x)
    gap = cost - optimum - error + martingale
    return IdentityGap(
        objective=float(cost.mean()),
        optimum=float(optimum.mean()),
        score_error=float(error.mean()),
        gap=float(gap.mean()),
        standard_error=float(gap.std() / paths**0.5),
    )


def score_game(process: NoisingProcess) -> MeanFieldGame:
    """The game of a score-based model of the planar mixture."""
    dynamics = process.as_dynamics()
    return MeanFieldGame(
        dynamics=dynamics,
        running=KineticMinusDivergence(dynamics),
        terminal=CrossEntropy(mixture_2d().density()),
        horizon=process.horizon,
    )


def rows_of(items: Sequence[ExactFlow]) -> list[dict[str, float]]:
    """Plain rows of a table."""
    return [asdict(item) for item in items]


def _with_moments(z: Tensor, covariance: Tensor) -> Tensor:
    # Exact mean 0 and covariance S: closed forms then hold without sampling error.
    z = z - z.mean(0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(z.mT @ z / len(z))).mT
    shaped: Tensor = z @ torch.linalg.cholesky(covariance).mT
    return shaped
