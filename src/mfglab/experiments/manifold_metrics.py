"""What is measured on a model of data that lie on a plane.

The data lie on the plane, so any coupling of samples x and data y splits as
``|x - y|^2 = |x - Px|^2 + |Px - y|^2``: the squared Wasserstein-2 distance is the mean square
distance from the plane plus the distance in the plane, which is computed exactly there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.datasets.embedding import EmbeddedLaw
from mfglab.metrics.wasserstein import half_squared_w2
from mfglab.networks.potential import PotentialNet
from mfglab.solvers.base import Solver
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.proximal import ProximalFlow
from mfglab.solvers.score import ScoreModel
from mfglab.trajectories.diagnostics import kinetic_energy, speed_variation, straightness
from mfglab.trajectories.integrate import Trajectory

Array = NDArray[np.float64]

#: What stands for a number that is infinite or not defined because particles ran away: claims need
#: finite numbers, and no working model comes near it.
FAILED = 1e6


@dataclass(frozen=True)
class Reference:
    """Test points and what they allow at best.

    Args:
        plane: Test points in plane coordinates, (n, 2).
        points: The same in ambient coordinates, (n, D).
        noise: Start points of all flows, (n, D).
        floor: ``W2^2 / 2`` between two samples of the law.
        kinetic_optimum: ``W2^2 / 2`` between N(0, I) and the law, the least energy of a flow.
    """

    plane: Tensor
    points: Tensor
    noise: Tensor
    floor: float
    kinetic_optimum: float

    @classmethod
    def of(cls, law: EmbeddedLaw, test: Tensor, second: Tensor, noise: Tensor) -> Reference:
        """Measure the floor and the optimum; the part across the plane is known exactly."""
        plane = law.coordinates(test)
        across = law.dim - law.base.dim  # E|z|^2 of the noise in those directions
        within = half_squared_w2(law.coordinates(noise).numpy(), plane.numpy())
        floor = half_squared_w2(plane.numpy(), law.coordinates(second).numpy())
        return cls(plane, test, noise, floor, within + 0.5 * across)


@dataclass(frozen=True)
class ManifoldMetrics:
    """One trained arm. NaN where a quantity is not defined, ``FAILED`` where particles ran away.

    Args:
        w2_half: ``W2^2 / 2`` of samples to test points in R^D, at the training step dt.
        w2_half_plane: Its part in the plane.
        off_manifold: Root mean square distance of samples from the plane.
        floor: ``W2^2 / 2`` between two samples of the law.
        refinement_gap: Largest relative change of ``w2_half`` when dt is refined.
        refinement_gap_plane: The same for ``w2_half_plane``.
        w2_half_fine: ``w2_half`` at the finest step.
        off_manifold_middle: ``off_manifold`` at the first refinement.
        off_manifold_fine: ``off_manifold`` at the finest step.
        w2_half_middle: ``w2_half`` at the first refinement of dt.
        kinetic: ``int E|x'|^2/2 dt`` at the finest step (flows on [0, 1]).
        kinetic_optimum: Least energy of a flow from N(0, I) to the law.
        kinetic_ratio: ``kinetic / kinetic_optimum``.
        charged_ratio: The energy that training charged, at the training step, over the optimum; a
            number below one with samples at the data is the energy of no flow (proximal flows).
        straightness: Mean displacement over path length at the finest step.
        speed_variation: Mean relative deviation of the speed along a path, at the finest step.
        slope_mean: Mean of ``|grad D|`` over samples and test points (proximal flows).
        slope_max: Its maximum.
        hjb: Mean over time of the standard deviation over particles of the HJB residual
            ``d_t Phi - |grad Phi|^2/2``, ``v = -grad Phi``; unit of |v|^2. Taking the deviation
            removes a drift of Phi in time, which moves nothing.
        hjb_flipped: The same with a plus: the sign in the paper's released code.
        hjb_sign_ratio: ``hjb / hjb_flipped``; small for a value function, one for a potential whose
            time derivative is unrelated to its gradient, or absent.
        nll: Negative log-likelihood of test points, nats. The law has no density: a low number is
            no merit, a number without bound is what breaks maximum likelihood.
    """

    w2_half: float
    w2_half_plane: float
    off_manifold: float
    floor: float
    refinement_gap: float
    refinement_gap_plane: float
    w2_half_middle: float
    w2_half_fine: float
    off_manifold_middle: float
    off_manifold_fine: float
    kinetic: float
    kinetic_optimum: float
    kinetic_ratio: float
    charged_ratio: float
    straightness: float
    speed_variation: float
    slope_mean: float
    slope_max: float
    hjb: float
    hjb_flipped: float
    hjb_sign_ratio: float
    nll: float

    def row(self) -> dict[str, float]:
        """Plain numbers by name."""
        return asdict(self)

    @property
    def lost(self) -> bool:
        """Whether samples are farther from the data than the noise they started from."""
        return not self.w2_half < self.kinetic_optimum


class Generator(Protocol):
    """A model that can draw the paths of its samples."""

    def generate(self, z: Tensor, steps: int | None = None) -> Trajectory:
        """Paths from noise ``z`` to samples."""


@dataclass(frozen=True)
class _Fit:
    total: float
    plane: float
    off: float


def measure(
    solver: Solver, law: EmbeddedLaw, reference: Reference, refinements: Sequence[int]
) -> tuple[ManifoldMetrics, Tensor]:
    """Metrics of a trained model, converted to float64 in place, and its samples in the plane."""
    solver.double().eval()
    with torch.no_grad():
        runs = [_generate(solver, reference.noise, solver.default_steps * k) for k in refinements]
        fits = [_compare(run.x, law, reference) for run in runs]
        fine = runs[-1]
        slopes = _slopes(solver, torch.cat([runs[0].x, reference.points]))
        hjb = _spread_of_residual(solver, runs[0])  # at the times that training saw
        charged = _charged(solver, runs[0])
        nll = _clean(-solver.log_prob(reference.points).mean())
    assert fine.path is not None
    moves = not isinstance(solver, ScoreModel)  # its clock is no time of a control problem
    kinetic = _clean(kinetic_energy(fine.times, fine.path).mean()) if moves else math.nan
    variation = _clean(speed_variation(fine.times, fine.path).mean()) if moves else math.nan
    metrics = ManifoldMetrics(
        w2_half=fits[0].total,
        w2_half_plane=fits[0].plane,
        off_manifold=fits[0].off,
        floor=reference.floor,
        refinement_gap=max(abs(fit.total / fits[0].total - 1) for fit in fits[1:]),
        refinement_gap_plane=max(abs(fit.plane / fits[0].plane - 1) for fit in fits[1:]),
        w2_half_middle=fits[1].total,
        w2_half_fine=fits[-1].total,
        off_manifold_middle=fits[1].off,
        off_manifold_fine=fits[-1].off,
        kinetic=kinetic,
        kinetic_optimum=reference.kinetic_optimum,
        kinetic_ratio=kinetic / reference.kinetic_optimum,
        charged_ratio=charged / reference.kinetic_optimum,
        straightness=_clean(straightness(fine.path).mean(), failed=0.0),
        speed_variation=variation,
        slope_mean=slopes[0],
        slope_max=slopes[1],
        hjb=hjb[0],
        hjb_flipped=hjb[1],
        hjb_sign_ratio=hjb[0] / hjb[1],
        nll=nll,
    )
    return metrics, law.coordinates(runs[0].x)


def _generate(solver: Generator | Solver, noise: Tensor, steps: int) -> Trajectory:
    assert isinstance(solver, ProximalFlow | OtFlow | ScoreModel)
    return solver.generate(noise, steps)


def _compare(x: Tensor, law: EmbeddedLaw, reference: Reference) -> _Fit:
    # Beyond FAILED a sample is lost; the network simplex would also lose its digits there.
    if not bool((x.abs() < FAILED).all()):
        return _Fit(FAILED, FAILED, FAILED)
    off = law.off_manifold_distance(x).square().mean()
    plane = half_squared_w2(law.coordinates(x).numpy(), reference.plane.numpy())
    return _Fit(plane + 0.5 * float(off), plane, float(off.sqrt()))


def _clean(value: Tensor, failed: float = FAILED) -> float:
    number = float(value)
    return number if abs(number) < FAILED else failed


def _slopes(solver: Solver, x: Tensor) -> tuple[float, float]:
    if not isinstance(solver, ProximalFlow):
        return math.nan, math.nan
    slopes = solver.discriminator.gradient(x).norm(dim=1)
    return _clean(slopes.mean()), _clean(slopes.max())


def _charged(solver: Solver, run: Trajectory) -> float:
    if not isinstance(solver, ProximalFlow):
        return math.nan
    return _clean(solver.running_cost(run).mean() / solver.kinetic_weight)


@singledispatch
def _potential(solver: Solver) -> PotentialNet | None:
    return None


@_potential.register
def _(solver: ProximalFlow) -> PotentialNet:
    return solver.potential


@_potential.register
def _(solver: OtFlow) -> PotentialNet:
    return solver.potential


def _spread_of_residual(solver: Solver, run: Trajectory) -> tuple[float, float]:
    potential = _potential(solver)
    if potential is None:
        return math.nan, math.nan
    assert run.path is not None
    spreads = []
    for t, x in zip(run.times[:-1], run.path[:-1], strict=True):
        D = potential.derivatives(t, x)
        energy = 0.5 * D.gradient.square().sum(-1)
        both = torch.stack([D.time_derivative - energy, D.time_derivative + energy])
        spreads.append(both.std(dim=1))
    right, flipped = torch.stack(spreads).mean(0)
    return _clean(right), _clean(flipped)
