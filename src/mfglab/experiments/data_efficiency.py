"""Error against the number of training points, for models that know an equation and others."""

from __future__ import annotations

import itertools
import math
import time
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
    _require_known(config.arms)
    rows: list[Row] = []
    for name in config.laws:
        points = [_LawPoints(name, config, seed) for seed in seeds]
        drawn = [(each, n_train) for each in points for n_train in config.n_train]
        tasks = [Task(each.pool[:n_train], config, each.seed) for each, n_train in drawn]
        for arm in config.arms:
            models = ARMS[arm].train(tasks)
            for (each, n_train), model in zip(drawn, models, strict=True):
                row: Row = {"arm": arm, "law": name, "n_train": n_train, "seed": each.seed}
                rows.append({**row, **each.errors(model, ARMS[arm].likelihood)})
    return rows


def run_time_to_quality(config: DataEfficiencyConfig, seeds: Sequence[int]) -> list[Row]:
    """Train arms on the most points for shares of their training; one row a share and seed.

    Each share is a training of its own, with a learning rate that decays to its end: stopping a
    longer one early would compare schedules. ``cpu_seconds`` is the processor time of training,
    over the number of seeds, which are trained together; it is no result of the seed.

    Raises:
        ValueError: An arm is unknown.
    """
    _require_known(config.budget_arms)
    rows: list[Row] = []
    points = {name: [_LawPoints(name, config, seed) for seed in seeds] for name in config.laws}
    for name, arm, share in itertools.product(points, config.budget_arms, config.budgets):
        part = {
            "iterations": max(1, round(share * config.iterations)),
            "particle_steps": max(1, round(share * config.particle_steps)),
        }
        shorter = config.model_copy(update=part)
        tasks = [Task(each.pool, shorter, each.seed) for each in points[name]]
        start = time.process_time()
        models = ARMS[arm].train(tasks)
        seconds = (time.process_time() - start) / len(tasks)
        for each, model in zip(points[name], models, strict=True):
            row: Row = {"arm": arm, "law": name, "budget": share, "seed": each.seed}
            found = each.errors(model, ARMS[arm].likelihood)
            rows.append({**row, **found, "cpu_seconds": seconds})
    return rows


def time_to_quality(runs: pd.DataFrame, quality: float) -> pd.DataFrame:
    """The shortest training of each arm whose mean ``w2_ratio`` over seeds is at most ``quality``.

    Args:
        runs: Rows of :func:`run_time_to_quality`.
        quality: What counts as reached.

    Returns:
        One row a law and arm with ``budget``, ``w2_ratio`` and ``cpu_seconds``, missing where no
        share reaches it, and ``longest``, the seconds of the longest training.
    """
    means = runs.groupby(["law", "arm", "budget"])[["w2_ratio", "cpu_seconds"]].mean()
    rows = []
    for (law, arm), group in means.reset_index().groupby(["law", "arm"], sort=True):
        reached = group[group["w2_ratio"] <= quality]
        first = reached.iloc[0] if len(reached) else pd.Series(dtype=float)
        row = {"law": law, "arm": arm, "quality": quality}
        row |= {name: first.get(name, np.nan) for name in ("budget", "w2_ratio", "cpu_seconds")}
        rows.append(row | {"longest": group["cpu_seconds"].iloc[-1]})
    return pd.DataFrame(rows)


class _LawPoints:
    """Training and test points of a law and a seed, the same for all arms."""

    def __init__(self, name: str, config: DataEfficiencyConfig, seed: int) -> None:
        n = config.test_points
        self.law, self.config, self.seed = LAWS[name](), config, seed
        self.pool = self.law.sample(max(config.n_train), stream(f"efficiency data {name}", seed))
        self.test = self.law.sample(2 * n, stream(f"efficiency test {name}", seed))
        self.floor = sampled_w2(self.test[n:], self.test[:n])

    def errors(self, model: Solver | ParticleCloud, likelihood: bool) -> dict[str, float]:
        found = measure(model, self.law, self.test, self.config, self.seed, likelihood)
        return {**found, "w2_ratio": found["w2"] / self.floor}


def _require_known(arms: Sequence[str]) -> None:
    if unknown := [name for name in arms if name not in ARMS]:
        raise ValueError(f"arms must be among {', '.join(ARMS)}, got {unknown[0]!r}")


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
    baselines: Sequence[str] = ("sgm", "sgm_time", "sgm_joint"),
    metrics: Sequence[str] = ("score_error", "w2", "nll_excess"),
) -> pd.DataFrame:
    """By what factor more points a baseline needs for the error that an arm reaches.

    For each law, seed, metric and baseline a line ``log error = a + b log N`` is fitted to both.
    At the geometric mean N of the sizes the baseline has the error e; ``sample_factor`` is that N
    over the size at which the line of the arm reaches e. It is the horizontal distance of the
    curves, at equal error. A number is missing where the line of the arm does not fall, and where
    an error is not positive (an excess likelihood may be below zero by chance): to leave such a
    seed out would choose among seeds. Errors that are not defined have no row.

    Returns:
        One row a law, metric, arm, baseline and seed, with ``sample_factor`` and both slopes.
    """
    rows: list[dict[str, object]] = []
    for (law, seed), group in runs.groupby(["law", "seed"], sort=True):
        curves = dict(list(group.groupby("arm", sort=True)))
        for metric, arm, baseline in itertools.product(metrics, arms, baselines):
            if baseline not in curves or arm not in curves:
                continue
            if any(curves[name][metric].isna().all() for name in (baseline, arm)):
                continue
            (slope, level), (own_slope, own_level) = (
                _line(curves[name], metric) for name in (baseline, arm)
            )
            shift = (own_level - level) / own_slope if own_slope < 0 else np.nan
            row: dict[str, object] = {"law": law, "metric": metric, "arm": arm}
            row |= {"baseline": baseline, "seed": seed, "sample_factor": float(np.exp(shift))}
            rows.append(row | {"slope": own_slope, "baseline_slope": slope})
    return pd.DataFrame(rows)


def _line(curve: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Slope of log error in log N, and the log error at the geometric mean of N; NaN without."""
    errors = curve[metric].to_numpy(dtype=float)
    if not (errors > 0).all():
        return math.nan, math.nan
    log_n = np.log(curve["n_train"].to_numpy(dtype=float))
    slope, intercept = np.polyfit(log_n - log_n.mean(), np.log(errors), 1)
    return float(slope), float(intercept)
