"""Does the HJB equation of the score game help to learn the score? A sweep of its weight."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mfglab.config import HjbScoreConfig
from mfglab.datasets.mixtures import mixture_2d, ring_mixture
from mfglab.experiments.score_fits import (
    COST_RATIO,
    ScoreFit,
    fit_scores,
    median_residual,
    reference_gap,
    score_error,
)
from mfglab.games.densities import GaussianMixture
from mfglab.solvers.regularisers import HjbResidual, IncrementMismatch, Regulariser, ScorePde
from mfglab.training.seeds import stream

Row = dict[str, float | str]

_RESIDUAL_POINTS = 256


@dataclass(frozen=True)
class Arm:
    """One way to train the potential.

    Args:
        name: ``plain``, a form, ``plain_time_<form>`` at the time of a form,
            ``early_time_residual``, the same stopped early, or ``residual_without_features``,
            whose net has no Fourier features.
        weight: Weight of the regulariser, 0 without.
        how: Settings of the training.
    """

    name: str
    weight: float
    how: ScoreFit


def regulariser(form: str, weight: float) -> Regulariser:
    """The regulariser of a form, squared and exact.

    Raises:
        ValueError: The form is unknown.
    """
    match form:
        case "residual":
            return HjbResidual(weight)
        case "residual_reference":
            return HjbResidual(weight, reference=1.0)
        case "increment":
            return IncrementMismatch(weight)
        case "score_pde":
            return ScorePde(weight)
        case _:
            raise ValueError(f"form must be one of {', '.join(COST_RATIO)}, got {form!r}")


def study_law(name: str) -> GaussianMixture:
    """The law of a study by name: ``ring`` or ``mixture_2d``."""
    laws = {"ring": ring_mixture(8, 1.6, 0.15), "mixture_2d": mixture_2d()}
    return laws[name].density()


def arms(config: HjbScoreConfig, n_train: int) -> Iterator[Arm]:
    """All arms at one number of training points."""
    sizes = (config.batch_size, config.learning_rate, config.width)
    yield Arm("plain", 0.0, ScoreFit(config.iterations, *sizes))
    for form, weights in config.weights.items():
        if form in config.equal_time:
            long = round(config.iterations * COST_RATIO[form])
            yield Arm(f"plain_time_{form}", 0.0, ScoreFit(long, *sizes))
        for weight in weights:
            penalty = regulariser(form, weight)
            yield Arm(form, weight, ScoreFit(config.iterations, *sizes, penalty))
    if n_train in config.without_features:
        how = ScoreFit(config.iterations, *sizes, HjbResidual(1.0), frequencies=0)
        yield Arm("residual_without_features", 1.0, how)
    if n_train in config.early_stopping:
        long = round(config.iterations * COST_RATIO["residual"])
        yield Arm("early_time_residual", 0.0, ScoreFit(long, *sizes, early_stopping=True))


def run_hjb_score(config: HjbScoreConfig, seeds: Sequence[int]) -> list[Row]:
    """Train all arms; one row an arm, weight, number of training points and seed.

    Arms of one seed share data, initial weights, batches and test points, so that their
    differences are paired.
    """
    law = study_law(config.law)
    cases: dict[Arm, list[tuple[int, int]]] = {}
    for n_train, seed in itertools.product(config.n_train, seeds):
        for arm in arms(config, n_train):
            cases.setdefault(arm, []).append((n_train, seed))
    rows: list[Row] = []
    for arm, chosen in cases.items():
        data = [law.sample(n, stream("hjb score data", n, seed)) for n, seed in chosen]
        models = fit_scores(data, arm.how, [seed for _, seed in chosen])
        for (n_train, seed), model in zip(chosen, models, strict=True):
            test = stream("hjb score test", seed)
            rows.append(
                {
                    "arm": arm.name,
                    "weight": arm.weight,
                    "n_train": n_train,
                    "seed": seed,
                    "iterations": arm.how.iterations,
                    "error": score_error(model, law, config.test_points, test),
                    "residual": median_residual(model, law, _RESIDUAL_POINTS, test),
                    "reference_gap": reference_gap(model, config.test_points, test),
                }
            )
    return rows
