"""The models whose error is compared by number of training points, listed in ``ARMS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from mfglab.config import DataEfficiencyConfig
from mfglab.experiments.nonparametric import ParticleCloud, fit_kernels, fit_particles
from mfglab.experiments.score_fits import COST_RATIO, ScoreFit, fit_quietly, fit_scores
from mfglab.solvers.base import Solver
from mfglab.solvers.nonlinear_score import NonlinearScoreModel
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.regularisers import HjbResidual
from mfglab.training.seeds import stream

#: CPU time of one OT-Flow step over that of one step of plain score matching: 4 Runge-Kutta steps,
#: batch 128, one thread, measured once.
_OTFLOW_COST = 3.1
#: CPU time of training with the HJB residual over that of plain training as ``COST_RATIO``, but
#: with ten seeds trained together, which saves overhead: 3.2 and 3.7 on two laws, measured once.
_JOINT_COST = 3.7


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
        train: Returns the trained model of each task, which has :meth:`Solver.sample`. The tasks
            have the same settings.
        likelihood: Whether :meth:`Solver.log_prob` is defined.
    """

    train: Callable[[Sequence[Task]], Sequence[Solver | ParticleCloud]]
    likelihood: bool = True


def train_sgm(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Plain denoising score matching."""
    return _fit_scores(tasks, tasks[0].score_fit())


def train_sgm_time(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Plain denoising score matching for the time of the regularised model."""
    long = round(tasks[0].config.iterations * COST_RATIO["residual"])
    return _fit_scores(tasks, replace(tasks[0].score_fit(), iterations=long))


def train_sgm_joint(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Plain denoising score matching for the time of the regularised model, seeds together."""
    long = round(tasks[0].config.iterations * _JOINT_COST)
    return _fit_scores(tasks, replace(tasks[0].score_fit(), iterations=long))


def train_hjb_sgm(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Score matching with the HJB residual as regulariser."""
    penalty = HjbResidual(tasks[0].config.hjb_weight)
    return _fit_scores(tasks, replace(tasks[0].score_fit(), regulariser=penalty))


def _fit_scores(tasks: Sequence[Task], how: ScoreFit) -> Sequence[Solver]:
    return fit_scores([task.x for task in tasks], how, [task.seed for task in tasks])


def train_otflow(tasks: Sequence[Task]) -> Sequence[Solver]:
    """OT-Flow with the settings of its toy problems, for the time of the regularised model."""
    config = tasks[0].config
    iterations = max(1, round(config.iterations * COST_RATIO["residual"] / _OTFLOW_COST))
    models = [
        OtFlow(
            task.x.shape[1],
            terminal_weight=8.0,
            hjb_weight=1.0,
            steps=4,
            steps_val=12,
            generator=stream("weights", task.seed),
        )
        for task in tasks
    ]
    settings = {"iterations": iterations, "batch_size": config.batch_size, "learning_rate": 0.05}
    _fit_to_the_end(models, tasks, settings)
    return models


def train_ndsm(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Score matching with nonlinear noising, as many steps as `sgm`; its paths cost extra."""
    config = tasks[0].config
    models = [
        NonlinearScoreModel(
            task.x.shape[1],
            components=min(8, len(task.x) // 5),
            width=config.width,
            generator=stream("weights", task.seed),
        )
        for task in tasks
    ]
    settings = {
        "iterations": config.iterations,
        "batch_size": max(1, config.batch_size // models[0].pairs),
        "learning_rate": config.score_rate,
        "gradient_clip": 1.0,
    }
    _fit_to_the_end(models, tasks, settings)
    return models


def _fit_to_the_end(
    models: Sequence[Solver], tasks: Sequence[Task], settings: Mapping[str, Any]
) -> None:
    # The last weights are kept; validation is one look at the end, by which nothing is chosen.
    points = [task.x.float() for task in tasks]
    few = min(tasks[0].config.batch_size, *map(len, points))
    last = {**settings, "val_every": settings["iterations"]}
    fit_quietly(models, points, [x[:few] for x in points], last, [task.seed for task in tasks])


def train_wpo(tasks: Sequence[Task]) -> Sequence[Solver]:
    """Kernels of learned precision around the training points."""
    iterations = max(20, tasks[0].config.iterations // 3)
    data, seeds = [task.x for task in tasks], [task.seed for task in tasks]
    return fit_kernels(data, seeds, iterations=iterations, batch_size=64)


def train_gpa(tasks: Sequence[Task]) -> Sequence[ParticleCloud]:
    """As many particles as test points, whatever the number of training points."""
    config = tasks[0].config
    data, seeds = [task.x for task in tasks], [task.seed for task in tasks]
    return fit_particles(data, seeds, config.test_points, config.particle_steps)


#: The models of the study by name. A new one is one entry here and a name in `arms`.
ARMS: Mapping[str, Arm] = {
    "sgm": Arm(train_sgm),
    "sgm_time": Arm(train_sgm_time),
    "sgm_joint": Arm(train_sgm_joint),
    "hjb_sgm": Arm(train_hjb_sgm),
    "otflow": Arm(train_otflow),
    "ndsm": Arm(train_ndsm),
    "wpo": Arm(train_wpo),
    "gpa": Arm(train_gpa, likelihood=False),
}
