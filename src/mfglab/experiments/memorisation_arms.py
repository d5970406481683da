"""The generators that the memorisation study compares: one function each, listed in ``ARMS``.

A further generator is one more function and one more entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mfglab.config import MemorisationConfig, TrainingConfig
from mfglab.datasets.law import Law
from mfglab.experiments.nonparametric import fit_particles
from mfglab.games.closed_forms.kernel_density import KernelMixture, select_variance
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.metrics.wasserstein import w2_distance
from mfglab.solvers.base import stacked
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.fit import FitResult, fit_all
from mfglab.training.seeds import stream

#: The score model ends here, at noise far below the distances of training points.
SCORE_S_MIN = 1e-4


@dataclass(frozen=True)
class Problem:
    """One law, one draw of its points; all float64.

    Args:
        dataset: Name of the law.
        seed: Seed of the draw and of every arm.
        train: The training set (N, d): what may be memorised, and the centres of all kernels.
        matching: Further points on which precisions of kernels are trained.
        val: Validation points.
        test: Held-out points.
    """

    dataset: str
    seed: int
    train: Tensor
    matching: Tensor
    val: Tensor
    test: Tensor
    _floors: dict[int, float] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def draw(cls, dataset: str, law: Law, config: MemorisationConfig, seed: int) -> Problem:
        """Independent samples of a law; training sets of one seed differ by law."""
        planar = dataset in config.datasets
        n_train = config.n_train if planar else config.n_train_composed
        sizes = (n_train, config.n_matching, config.n_val, config.n_test)
        generators = [stream(f"memorisation {dataset}", seed, part) for part in range(len(sizes))]
        return cls(
            dataset, seed, *(law.sample(n, g) for n, g in zip(sizes, generators, strict=True))
        )

    def floor(self, n: int) -> float:
        """W2 between two disjoint samples of ``n`` test points: the same for all arms."""
        if n not in self._floors:
            self._floors[n] = w2_distance(*self.test[: 2 * n].view(2, n, -1).numpy())
        return self._floors[n]


@dataclass(frozen=True)
class Outcome:
    """What an arm made of a problem under one setting.

    Args:
        samples: Generated points (n, d).
        nll: Mean negative log-likelihood of held-out points, nats.
        setting: What tells outcomes of one arm apart; ``-`` for the only one.
        variance: Variance of round kernels, where there are such.
        step: Training step, where training is followed.
        law: The generated law, where it is a kernel mixture.
        more: Further columns.
    """

    samples: Tensor
    nll: float
    setting: str = "-"
    variance: float = math.nan
    step: float = math.nan
    law: KernelMixture | None = None
    more: dict[str, float] = field(default_factory=dict)


Found = Iterator[tuple[Problem, Outcome]]
Arm = Callable[[Sequence[Problem], MemorisationConfig, Path], Found]
"""From problems of one size, the sizes and a folder for unfinished training to outcomes."""


def one_by_one(one: Callable[[Problem, MemorisationConfig, Path], Iterator[Outcome]]) -> Arm:
    """The arm that takes one problem after the other."""

    def arm(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
        for problem in problems:
            for outcome in one(problem, config, work):
                yield problem, outcome

    arm.__doc__ = one.__doc__
    return arm


@one_by_one
def empirical(problem: Problem, config: MemorisationConfig, work: Path) -> Iterator[Outcome]:
    """The score game played for the training points themselves, stopped early (eq. 23)."""
    for i, variance in enumerate(config.empirical_variances):
        law = KernelMixture.isotropic(problem.train, variance)
        yield kernel_outcome(law, problem, config, i, setting=f"{variance:g}", variance=variance)


@one_by_one
def isotropic(problem: Problem, config: MemorisationConfig, work: Path) -> Iterator[Outcome]:
    """The same, stopped where validation data are likeliest."""
    variance = select_variance(problem.train, problem.val, config.candidate_variances)
    law = KernelMixture.isotropic(problem.train, variance)
    yield kernel_outcome(law, problem, config, 20, variance=variance)


def score(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
    """Denoising score matching on the training sets alone, followed over training; all together.

    The loop is written out because it must not keep the weights that are best on validation data.
    """
    models = [
        ScoreModel(
            problem.train.shape[1],
            OrnsteinUhlenbeck(),
            potential=False,
            width=config.score_width,
            frequencies=config.score_frequencies,
            s_min=SCORE_S_MIN,
            steps=config.sde_steps,
            ode_steps=20,
            generator=stream("memorisation weights", problem.seed),
        )
        for problem in problems
    ]
    whole, last = stacked(models), config.score_checkpoints[-1]
    train = [problem.train.float() for problem in problems]
    adam = torch.optim.Adam(whole.parameters(), lr=config.score_learning_rate, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, last)
    noise = [stream("memorisation noise", problem.seed) for problem in problems]
    size = (config.score_batch_size,)
    for step in range(1, last + 1):
        batch = [
            x[torch.randint(len(x), size, generator=g)] for x, g in zip(train, noise, strict=True)
        ]
        # the gradient of the sum in the weights of a model is that of its own mean
        losses = whole.training_losses(torch.stack(batch), noise).total.view(len(models), -1)
        total = losses.mean(1).sum()
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the score models' loss is {total.item()} at step {step}")
        adam.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        adam.step()
        decay.step()
        if step in config.score_checkpoints:
            for k, (problem, model) in enumerate(zip(problems, models, strict=True)):
                model.load_state_dict(whole.member_state(k))
                yield problem, _score_outcome(model, problem, config, step)


def _score_outcome(
    model: ScoreModel, problem: Problem, config: MemorisationConfig, step: int
) -> Outcome:
    with torch.no_grad():
        samples = model.sample(config.n_samples, stream("memorisation", problem.seed, step))
        nll = -model.log_prob(problem.test[: config.nll_points].float()).mean()
    return Outcome(samples.double(), float(nll), setting=f"step {step:04d}", step=step)


def published(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
    """The published kernels: score matching on further points, equal weights, floor 0.01."""
    return _learned([_kernels(problem) for problem in problems], problems, config, work, 30)


def robust(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
    """The same kernels trained by the likelihood of those points, which sees each one's mass."""
    models = [_kernels(problem, score_weight=0.0, likelihood_weight=1.0) for problem in problems]
    return _learned(models, problems, config, work, 40)


def leave_one_out(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
    """Trained by the likelihood of the training points, each without its own kernel.

    Few points are overfitted early: training is short and slow and starts from the validated round
    kernels. (Found on validation data of other draws.)
    """
    models = []
    for problem in problems:
        model = _kernels(problem, score_weight=0.0, likelihood_weight=1.0, leave_one_out=True)
        start = select_variance(problem.train, problem.val, config.candidate_variances)
        model.net.start_round(1 / start)
        models.append(model)
    return _learned(models, problems, config, work, 50)


def particles(problems: Sequence[Problem], config: MemorisationConfig, work: Path) -> Found:
    """Particles of the gradient flow to the training set: as many as points, and three times."""
    data, seeds = [problem.train for problem in problems], [problem.seed for problem in problems]
    for multiple in (1, 3):
        clouds = fit_particles(data, seeds, multiple * len(data[0]), config.particle_steps)
        for problem, cloud in zip(problems, clouds, strict=True):
            yield problem, Outcome(cloud.particles, math.nan, setting=f"M = {multiple} N")


#: Arms by name. Each gets its own rows of the table and its own entry in the figure.
ARMS: dict[str, Arm] = {
    "empirical": empirical,
    "isotropic": isotropic,
    "score": score,
    "wpo": published,
    "wpo_robust": robust,
    "wpo_leave_one_out": leave_one_out,
    "gpa": particles,
}
#: Arms that are compared in more than two dimensions.
KERNEL_ARMS: dict[str, Arm] = {name: ARMS[name] for name in ("isotropic", "wpo", "wpo_robust")}


def kernel_outcome(
    law: KernelMixture,
    problem: Problem,
    config: MemorisationConfig,
    key: int,
    *,
    setting: str = "-",
    variance: float = math.nan,
    more: dict[str, float] | None = None,
) -> Outcome:
    """Samples and likelihood of a kernel mixture.

    Args:
        law: The mixture.
        problem: What it was made for.
        config: Sizes.
        key: Tells the noise of the arms apart.
        setting: See :class:`Outcome`.
        variance: See :class:`Outcome`.
        more: See :class:`Outcome`.
    """
    samples = law.sample(config.n_samples, stream("memorisation samples", problem.seed, key))
    nll = -float(law.log_prob(problem.test).mean())
    return Outcome(samples, nll, setting, variance, law=law, more=more or {})


def _kernels(
    problem: Problem,
    *,
    score_weight: float = 1.0,
    likelihood_weight: float = 0.0,
    leave_one_out: bool = False,
) -> KernelScoreModel:
    N, d = problem.train.shape
    model = KernelScoreModel(
        d,
        centres=N,
        score_weight=score_weight,
        likelihood_weight=likelihood_weight,
        leave_one_out=leave_one_out,
        generator=stream("memorisation kernels", problem.seed),
    )
    model.place(problem.train.float())
    return model


def _learned(
    models: Sequence[KernelScoreModel],
    problems: Sequence[Problem],
    config: MemorisationConfig,
    work: Path,
    key: int,
) -> Found:
    model, planar = models[0], problems[0].dataset in config.datasets
    iterations = config.kernel_iterations if planar else config.kernel_iterations_composed
    rate = config.kernel_learning_rate
    if model.leave_one_out:
        iterations, rate = max(iterations // 2, config.kernel_validations), rate / 5
    settings = {
        "iterations": iterations,
        "batch_size": config.batch_size,
        "learning_rate": rate,
        "val_every": iterations // config.kernel_validations,
    }
    points = [p.train if model.leave_one_out else p.matching for p in problems]
    results = fit_all(
        models,
        [x.float() for x in points],
        [problem.val.float() for problem in problems],
        TrainingConfig.model_validate(settings),
        seeds=[problem.seed for problem in problems],
        folder=work / f"{problems[0].dataset}.{key}",
        progress=False,
    )
    for problem, result in zip(problems, results, strict=True):
        yield problem, _learned_outcome(result, problem, config, key)


def _learned_outcome(
    result: FitResult[KernelScoreModel], problem: Problem, config: MemorisationConfig, key: int
) -> Outcome:
    model = result.solver
    with torch.no_grad():
        law = model.kernels().double()
        matching = law.terms(problem.test).implicit_score_matching.mean()
    eigenvalues = torch.linalg.eigvalsh(law.precisions)
    more = {
        "score_matching": float(matching),
        "at_floor": float((eigenvalues[:, 0] < 10 * model.net.floor).double().mean()),
        "anisotropy": float((eigenvalues[:, -1] / eigenvalues[:, 0]).median()),
        "best_step": float(result.best_step),
    }
    if problem.dataset in config.datasets and model.score_weight > 0:
        more["w2_sde_ratio"] = sde_gap(model, law, problem, config)
    return kernel_outcome(law, problem, config, key, more=more)


def sde_gap(
    model: KernelScoreModel, law: KernelMixture, problem: Problem, config: MemorisationConfig
) -> float:
    """W2 between reverse SDE and direct samples, over W2 between two direct samples."""
    n = config.transport_points
    streams = [stream("memorisation sde", problem.seed, i) for i in range(3)]
    with torch.no_grad():
        simulated = model.sample_sde(n, streams[0], config.sde_steps).double().numpy()
    first, second = (law.sample(n, g).numpy() for g in streams[1:])
    return w2_distance(simulated, first) / w2_distance(first, second)
