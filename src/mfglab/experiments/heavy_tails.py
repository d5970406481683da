"""Heavy tails: which divergence lets particles follow a Student law (arXiv:2405.13962)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import HeavyTailsConfig
from mfglab.datasets.heavy_tails import StudentT
from mfglab.experiments.gpa import settings_of
from mfglab.games.divergences import KL, Alpha, FDivergence
from mfglab.metrics.tails import empirical_survival, tail_errors
from mfglab.solvers.particle_settings import TailCorrection
from mfglab.solvers.particles import Outcome, ParticleFlow, ParticlesDivergedError, run_flows
from mfglab.training.seeds import stream

Array = NDArray[np.float64]

#: Arms that move no particle: where the flow starts, and as many fresh points of the target.
GAUSSIAN, SAMPLE = "gaussian", "sample"
#: Name of the law of the times between keystrokes.
KEYSTROKES = "keystrokes"
#: Quantile of the training radii that is the unit of the time steps.
SCALE = 0.99


class ObservedLine:
    """Observed numbers on the line: half to train on, the other half in place of the exact law.

    The unit is the median size of the training half.

    Args:
        name: Name of the data.
        values: The numbers, shape (n,), in any unit.
        generator: Splits them at random.

    Raises:
        ValueError: Fewer than 4 numbers, one that is not finite, or half of them are zero.

    Example:
        >>> law = ObservedLine("delays", np.arange(1.0, 9.0), torch.Generator().manual_seed(0))
        >>> law.sample(4, torch.Generator().manual_seed(0)).shape
        torch.Size([4, 1])
    """

    dim = 1

    def __init__(self, name: str, values: Array, generator: torch.Generator) -> None:
        if values.ndim != 1 or len(values) < 4 or not np.isfinite(values).all():
            raise ValueError(
                f"{name} needs at least 4 finite numbers, got an array {values.shape} with "
                f"{int((~np.isfinite(values)).sum())} that are not finite"
            )
        self.name = name
        order = torch.randperm(len(values), generator=generator).numpy()
        half = len(values) // 2
        train, held_out = values[order[:half]], values[order[half:]]
        scale = float(np.median(np.abs(train)))
        if scale == 0:
            raise ValueError(f"half of the numbers of {name} are zero: they have no scale")
        self.train: Array = train / scale
        self._radii: Array = np.abs(held_out) / scale

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw from the training half without putting back, shape (n, 1), or (half, 1) if less."""
        order = torch.randperm(len(self.train), generator=generator)[:n]
        return torch.from_numpy(self.train)[order, None]

    def radial_survival(self, radius: Array) -> Array:
        """Fraction of the held-out half above ``radius`` in size."""
        return empirical_survival(self._radii, radius)

    def radial_quantile(self, probability: Array) -> Array:
        """Quantiles of the sizes of the held-out half."""
        out: Array = np.quantile(self._radii, probability)
        return out


TailLaw = StudentT | ObservedLine


@dataclass(frozen=True)
class TailRow:
    """One run; NaN where a diverged run has no number.

    Args:
        arm: Divergence and constraint, or one of the two references.
        law: Name of the target.
        seed: Seed.
        diverged: 1 if the particles left every bound, else 0.
        ccdf_error: Mean absolute error of ``P(|X| > r)``, see ``TailErrors``.
        log_tail_error: Mean absolute error of its logarithm in the tail.
        ccdf_error_reached: The same at the last bounded state of a diverged run.
        log_tail_error_reached: The same.
        largest_radius: Largest ``|x|``.
        kinetic_energy: ``mean |v|^2 / 2`` at the end.
        max_speed: Largest ``|grad phi|`` of any particle at any step.
        speed_bound: L; infinite without constraint.
    """

    arm: str
    law: str
    seed: int
    diverged: int
    ccdf_error: float
    log_tail_error: float
    ccdf_error_reached: float
    log_tail_error_reached: float
    largest_radius: float
    kinetic_energy: float = math.nan
    max_speed: float = math.nan
    speed_bound: float = math.inf

    def row(self) -> dict[str, float | str]:
        """Plain numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class TailResult:
    """Rows of the table and arrays of the figure (first seed).

    Args:
        rows: One a run.
        arrays: Radii and complementary distribution functions, by arm and law.
    """

    rows: list[TailRow]
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Arm:
    """One way to run the particles."""

    name: str
    divergence: FDivergence
    lipschitz: float | None
    tail: TailCorrection | None = None


@dataclass(frozen=True)
class _Reached:
    points: Tensor
    diverged: int = 0
    kinetic_energy: float = math.nan
    max_speed: float = math.nan


def arms_of(config: HeavyTailsConfig) -> list[Arm]:
    """KL and alpha with and without constraint, and KL with constraint and corrected tail."""
    L, alpha = config.lipschitz, Alpha(config.alpha)
    tail = TailCorrection(config.cvar_weight, config.cvar_level)
    return [
        Arm("kl_lipschitz", KL(), L),
        Arm("kl_free", KL(), None),
        Arm("alpha_lipschitz", alpha, L),
        Arm("alpha_free", alpha, None),
        Arm("kl_lipschitz_cvar", KL(), L, tail),
    ]


def laws_of(config: HeavyTailsConfig, seed: int, strokes: Array | None) -> list[TailLaw]:
    """The targets of a seed: Student laws, and ``strokes`` (n,) split anew for each seed."""
    laws: list[TailLaw] = [StudentT(dof) for dof in config.dofs]
    if strokes is not None:
        laws.append(ObservedLine(KEYSTROKES, strokes, stream("tails keystrokes", seed)))
    return laws


def heavy_tails_study(
    config: HeavyTailsConfig, seeds: list[int], strokes: Array | None = None
) -> TailResult:
    """All laws, arms and seeds; within a seed all arms share data, start and initial weights.

    Args:
        config: Sizes.
        seeds: Seeds.
        strokes: Times between keystrokes, shape (n,); None leaves that target out.
    """
    cases = [
        Case.make(config, law, seed) for seed in seeds for law in laws_of(config, seed, strokes)
    ]
    arms = arms_of(config)
    flows = [case.flow(config, arm) for case in cases for arm in arms]
    outcomes = iter(run_flows(flows, [case.start for case in cases for _ in arms]))
    rows: list[TailRow] = []
    arrays: dict[str, Array] = {}
    for case in cases:
        law, seed = case.law, case.seed
        top = float(law.radial_quantile(np.array([1 - 0.2 / config.points]))[0])
        grid = np.geomspace(0.1, top, 200)
        if seed == seeds[0]:
            exact = law.radial_survival(grid)
            arrays |= {f"radius_{law.name}": grid, f"exact_{law.name}": exact}
        fresh = law.sample(config.points, stream("tails fresh", seed, _key(law)))
        found = {GAUSSIAN: _Reached(case.start), SAMPLE: _Reached(fresh)}
        found |= {arm.name: _reached(next(outcomes)) for arm in arms}
        bounds = {arm.name: arm.lipschitz for arm in arms}
        for name, outcome in found.items():
            bound = bounds.get(name)
            radii = outcome.points.double().norm(dim=1).numpy()
            rows.append(_row(name, law, seed, radii, outcome, math.inf if bound is None else bound))
            if seed == seeds[0]:
                arrays[f"{name}_{law.name}"] = empirical_survival(radii, grid)
    return TailResult(rows, arrays)


@dataclass(frozen=True)
class Case:
    """What the arms of one law and seed share.

    Args:
        law: The target.
        seed: Seed.
        target: Points of it (n, d).
        start: Particles at the start (n, d).
    """

    law: TailLaw
    seed: int
    target: Tensor
    start: Tensor

    @classmethod
    def make(cls, config: HeavyTailsConfig, law: TailLaw, seed: int) -> Case:
        """Draw the points."""
        target = law.sample(config.points, stream("tails train", seed, _key(law))).float()
        start = torch.randn(len(target), law.dim, generator=stream("tails start", seed))
        return cls(law, seed, target, start)

    def flow(self, config: HeavyTailsConfig, arm: Arm) -> ParticleFlow:
        """The flow of an arm."""
        # Speeds are bounded by L, so the time to reach the tail is proportional to its radius.
        scale = float(self.target.norm(dim=1).quantile(SCALE))
        steps = config.training.model_dump(include={"step", "final_step"})
        training = config.training.model_copy(update={k: scale * h for k, h in steps.items()})
        settings = settings_of(training, arm.lipschitz, tail=arm.tail)
        generator = stream("tails discriminator", self.seed)
        return ParticleFlow(arm.divergence, self.target, settings, generator=generator)


def _reached(outcome: Outcome) -> _Reached:
    if isinstance(outcome, ParticlesDivergedError):
        return _Reached(outcome.particles, diverged=1)
    energy, speed = float(outcome.kinetic_energy[-1]), float(outcome.max_speed.max())
    return _Reached(outcome.particles, 0, energy, speed)


def _key(law: TailLaw) -> int:
    """A number of its own for each law, so that they do not share random numbers."""
    return round(1000 * law.dof) if isinstance(law, StudentT) else 0


def _row(
    name: str, law: TailLaw, seed: int, radii: Array, outcome: _Reached, bound: float
) -> TailRow:
    errors = tail_errors(radii, law.radial_survival, law.radial_quantile)
    kept = math.nan if outcome.diverged else 1.0
    return TailRow(
        arm=name,
        law=law.name,
        seed=seed,
        diverged=outcome.diverged,
        ccdf_error=kept * errors.ccdf,
        log_tail_error=kept * errors.log_ccdf,
        ccdf_error_reached=errors.ccdf,
        log_tail_error_reached=errors.log_ccdf,
        largest_radius=kept * float(radii.max()),
        kinetic_energy=outcome.kinetic_energy,
        max_speed=outcome.max_speed,
        speed_bound=bound,
    )
