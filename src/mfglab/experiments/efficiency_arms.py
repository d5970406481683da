"""The models whose error is compared by number of training points, listed in ``ARMS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from mfglab.config import DataEfficiencyConfig
from mfglab.experiments.nonparametric import ParticleCloud, fit_kernels, fit_particles
from mfglab.experiments.score_fits import COST_RATIO, ScoreFit, fit_quietly, fit_score
from mfglab.solvers.base import Solver
from mfglab.solvers.nonlinear_score import NonlinearScoreModel
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.regularisers import HjbResidual
from mfglab.training.seeds import stream

#: CPU time of one OT-Flow step over that of one step of plain score matching: 4 Runge-Kutta steps,
#: batch 128, one thread, measured once.
_OTFLOW_COST = 3.1


@dataclass(frozen=True)
class Task:
    """What an arm is given.

    Args:
        x: Training points (n, d), float64.
        config: Settings of the study.
        seed: Seed of weights, batches and noise.
    """

    x: Tensor
    config: DataEfficiencyConfig
    seed: int

    def score_fit(self) -> ScoreFit:
        """Plain denoising score matching."""
        config = self.config
        return ScoreFit(config.iterations, config.batch_size, config.score_rate, config.width)


@dataclass(frozen=True)
class Arm:
    """A model of the comparison.

    Args:
        train: Returns the trained model, which has :meth:`Solver.sample`.
        likelihood: Whether :meth:`Solver.log_prob` is defined.
    """

    train: Callable[[Task], Solver | ParticleCloud]
    likelihood: bool = True


def train_sgm(task: Task) -> Solver:
    """Plain denoising score matching."""
    return fit_score(task.x, task.score_fit(), task.seed)


def train_sgm_time(task: Task) -> Solver:
    """Plain denoising score matching for the time of the regularised model."""
    long = round(task.config.iterations * COST_RATIO["residual"])
    return fit_score(task.x, replace(task.score_fit(), iterations=long), task.seed)


def train_hjb_sgm(task: Task) -> Solver:
    """Score matching with the HJB residual as regulariser."""
    how = replace(task.score_fit(), regulariser=HjbResidual(task.config.hjb_weight))
    return fit_score(task.x, how, task.seed)


def train_otflow(task: Task) -> Solver:
    """OT-Flow with the settings of its toy problems, for the time of the regularised model."""
    config = task.config
    iterations = max(1, round(config.iterations * COST_RATIO["residual"] / _OTFLOW_COST))
    model = OtFlow(
        task.x.shape[1],
        terminal_weight=8.0,
        hjb_weight=1.0,
        steps=4,
        steps_val=12,
        generator=stream("weights", task.seed),
    )
    settings = {"iterations": iterations, "batch_size": config.batch_size, "learning_rate": 0.05}
    settings |= {"val_every": iterations}
    points = task.x.float()
    fit_quietly(model, points, points[: config.batch_size], settings, task.seed)
    return model


def train_ndsm(task: Task) -> Solver:
    """Score matching with nonlinear noising, as many steps as `sgm`; its paths cost extra."""
    config = task.config
    points = task.x.float()
    model = NonlinearScoreModel(
        points.shape[1],
        components=min(8, len(points) // 5),
        width=config.width,
        generator=stream("weights", task.seed),
    )
    settings = {
        "iterations": config.iterations,
        "batch_size": max(1, config.batch_size // model.pairs),
        "learning_rate": config.score_rate,
        "val_every": config.iterations,
        "gradient_clip": 1.0,
    }
    fit_quietly(model, points, points[: config.batch_size], settings, task.seed)
    return model


def train_wpo(task: Task) -> Solver:
    """Kernels of learned precision around the training points."""
    config = task.config
    return fit_kernels(task.x, task.seed, iterations=max(20, config.iterations // 3), batch_size=64)


def train_gpa(task: Task) -> ParticleCloud:
    """As many particles as test points, whatever the number of training points."""
    config = task.config
    return fit_particles(task.x, task.seed, config.test_points, config.particle_steps)


#: The models of the study by name. A new one is one entry here and a name in `arms`.
ARMS: Mapping[str, Arm] = {
    "sgm": Arm(train_sgm),
    "sgm_time": Arm(train_sgm_time),
    "hjb_sgm": Arm(train_hjb_sgm),
    "otflow": Arm(train_otflow),
    "ndsm": Arm(train_ndsm),
    "wpo": Arm(train_wpo),
    "gpa": Arm(train_gpa, likelihood=False),
}
