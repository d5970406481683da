"""Error against the number of training points, for models that know an equation and others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mfglab.config import DataEfficiencyConfig
from mfglab.datasets.law import Law
from mfglab.datasets.mixtures import MixtureBacked, mixture_2d, ring_mixture
from mfglab.datasets.toys import Moons
from mfglab.experiments.efficiency_arms import ARMS, Task
from mfglab.experiments.nonparametric import ParticleCloud
from mfglab.experiments.score_fits import score_error
from mfglab.metrics.wasserstein import half_squared_w2
from mfglab.solvers.base import Solver
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

Row = dict[str, float | str]

LAWS: Mapping[str, Callable[[], Law]] = {
    "mixture_2d": mixture_2d,
    "ring": lambda: ring_mixture(8, 1.6, 0.15),
    "moons": Moons,
}


def run_data_efficiency(config: DataEfficiencyConfig, seeds: Sequence[int]) -> list[Row]:
    """Train all arms at all sizes; one row an arm, law, number of training points and seed.

    Arms of one seed share training and test points; smaller training sets are parts of larger
    ones. ``w2_ratio`` is ``w2`` over the distance of the two halves of the test points.

    Raises:
        ValueError: An arm is unknown.
    """
    if unknown := [name for name in config.arms if name not in ARMS]:
        raise ValueError(f"arms must be among {', '.join(ARMS)}, got {unknown[0]!r}")
    rows: list[Row] = []
    n = config.test_points
    for name in config.laws:
        law = LAWS[name]()
        tests, floors, tasks = {}, {}, []
        for seed in seeds:
            pool = law.sample(max(config.n_train), stream(f"efficiency data {name}", seed))
            tests[seed] = law.sample(2 * n, stream(f"efficiency test {name}", seed))
            floors[seed] = sampled_w2(tests[seed][n:], tests[seed][:n])
            tasks += [Task(pool[:n_train], config, seed) for n_train in config.n_train]
        for arm in config.arms:
            for task, model in zip(tasks, ARMS[arm].train(tasks), strict=True):
                seed = task.seed
                found = measure(model, law, tests[seed], config, seed, ARMS[arm].likelihood)
                found["w2_ratio"] = found["w2"] / floors[seed]
                row: Row = {"arm": arm, "law": name, "n_train": len(task.x), "seed": seed}
                rows.append({**row, **found})
    return rows


def measure(
    model: Solver | ParticleCloud,
    law: Law,
    test: Tensor,
    config: DataEfficiencyConfig,
    seed: int,
    likelihood: bool,
) -> dict[str, float]:
    """Errors of one trained model; NaN where a quantity is not defined.

    ``w2`` is the distance of samples to one half of ``test``; ``nll_excess`` is over the exact
    density where the law has one.
    """
    model.double().eval()
    n = config.test_points
    x = test[: config.nll_points]
    with torch.no_grad():
        samples = model.sample(n, stream("efficiency samples", seed))
        nll = float("nan")
        if likelihood:
            assert isinstance(model, Solver)
            nll = -float(model.log_prob(x).mean())
    w2 = sampled_w2(samples, test[:n])
    error = excess = float("nan")
    if isinstance(law, MixtureBacked):
        excess = nll + float(law.log_prob(x).mean())
        if isinstance(model, ScoreModel):
            error = score_error(model, law.density(), n, stream("efficiency error", seed))
    return {
        "score_error": error,
        "nll": nll,
        "nll_excess": excess,
        "w2": w2,
    }


def sampled_w2(x: Tensor, y: Tensor) -> float:
    """Exact W2 between samples (n, d)."""
    return math.sqrt(2 * half_squared_w2(x.numpy(), y.numpy()))


def sample_factors(
    runs: pd.DataFrame,
    arms: Sequence[str] = ("hjb_sgm", "wpo", "gpa"),
    baselines: Sequence[str] = ("sgm", "sgm_time"),
    metrics: Sequence[str] = ("score_error", "w2"),
) -> pd.DataFrame:
    """By what factor more points a baseline needs for the error that an arm reaches.

    For each law, seed, metric and baseline a line ``log error = a + b log N`` is fitted to both.
    At the geometric mean N of the sizes the baseline has the error e; ``sample_factor`` is that N
    over the size at which the line of the arm reaches e. It is the horizontal distance of the
    curves, at equal error; a number is missing where the line of the arm does not fall.

    Returns:
        One row a law, metric, arm, baseline and seed, with ``sample_factor`` and both slopes.
    """
    rows: list[dict[str, object]] = []
    for (law, seed), group in runs.groupby(["law", "seed"], sort=True):
        curves = dict(list(group.groupby("arm", sort=True)))
        for metric, arm, baseline in itertools.product(metrics, arms, baselines):
            if baseline not in curves or arm not in curves:
                continue
            theirs, ours = (_line(curves[name], metric) for name in (baseline, arm))
            if theirs is None or ours is None:
                continue
            (slope, level), (own_slope, own_level) = theirs, ours
            shift = (own_level - level) / own_slope if own_slope < 0 else np.nan
            row: dict[str, object] = {"law": law, "metric": metric, "arm": arm}
            row |= {"baseline": baseline, "seed": seed, "sample_factor": float(np.exp(shift))}
            rows.append(row | {"slope": own_slope, "baseline_slope": slope})
    return pd.DataFrame(rows)


def _line(curve: pd.DataFrame, metric: str) -> tuple[float, float] | None:
    """Slope of log error in log N, and the log error at the geometric mean of N."""
    errors = curve[metric].to_numpy(dtype=float)
    if not (errors > 0).all():  # NaN included
        return None
    log_n = np.log(curve["n_train"].to_numpy(dtype=float))
    slope, intercept = np.polyfit(log_n - log_n.mean(), np.log(errors), 1)
    return float(slope), float(intercept)
