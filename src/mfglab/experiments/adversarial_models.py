"""Proximal flows and particles beside the other generative models: same data, same measures.

Both are trained against a discriminator by loops of their own, not by the one of the models that
minimise a loss; nothing is chosen on validation data, the last state counts.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.config import AdversarialConfig, EvaluationConfig
from mfglab.datasets.splits import Splits
from mfglab.experiments.evaluate import (
    INVERSE_STEPS,
    Points,
    RunMetrics,
    path_metrics,
    reconstruction_error,
    reference_sample,
    sample_metrics,
    single_precision,
    terminal_gap,
)
from mfglab.experiments.floor import transport_size
from mfglab.experiments.nonparametric import ParticleCloud, fit_particles
from mfglab.experiments.proximal_training import train_proximal_flows
from mfglab.experiments.train import peak_memory
from mfglab.solvers.proximal import ProximalFlow
from mfglab.training.seeds import stream
from mfglab.trajectories.diagnostics import continuity_residual
from mfglab.trajectories.methods import RK4

Row = dict[str, float | str]
Model = ProximalFlow | ParticleCloud
Trained = list[tuple[Model, int]]
"""Models, and the step at which each has the weights that are measured."""

Train = Callable[[Splits, AdversarialConfig, EvaluationConfig, Sequence[int]], Trained]


@dataclass(frozen=True)
class AdversarialModels:
    """What the two models are like on all laws.

    Args:
        metrics: One row a model, data set and seed. A proximal flow whose training ceased to be
            finite is measured where it last was, at ``best_step``.
        times: Training times, with the same keys.
        samples: The samples that were measured, (n, d) in single precision, by
            ``<model>/<data set>/<seed>``.
    """

    metrics: list[Row]
    times: list[Row]
    samples: dict[str, NDArray[np.float32]]


def adversarial_models(
    splits: Mapping[str, Splits],
    config: AdversarialConfig,
    evaluation: EvaluationConfig,
    seeds: Sequence[int],
    without_density: Sequence[str] = (),
) -> AdversarialModels:
    """Train and measure both models on every data set with every seed.

    Args:
        splits: Data sets by name.
        config: Sizes and settings.
        evaluation: What is measured, as for the other generative models.
        seeds: Seeds of weights, batches and noise.
        without_density: Data sets without a likelihood.

    Raises:
        ParticlesDivergedError: Particles have left all bounds.
    """
    out = AdversarialModels([], [], {})
    for dataset, data in splits.items():
        test = np.asarray(data.test, dtype=np.float64)
        likelihood = dataset not in without_density
        for name, train in MODELS.items():
            start = time.perf_counter()
            trained = train(data, config, evaluation, seeds)
            seconds = round((time.perf_counter() - start) / len(seeds), 3)
            for seed, (model, steps) in zip(seeds, trained, strict=True):
                key: Row = {"model": name, "dataset": dataset, "seed": seed}
                print("measuring", key, flush=True)
                samples = draw(model, len(test), evaluation, seed)
                found = measure(
                    model, samples, test, config, evaluation, seed, likelihood=likelihood
                )
                out.metrics.append(key | found.row() | {"best_step": steps})
                spent: Row = {"seconds": seconds, "steps": steps, "peak_mb": peak_memory()}
                out.times.append(key | spent)
                out.samples[f"{name}/{dataset}/{seed}"] = samples.numpy()
    return out


def draw(model: Model, n_test: int, evaluation: EvaluationConfig, seed: int) -> Tensor:
    """Samples (n, d) in single precision, as many as are compared with ``n_test`` test points."""
    n = transport_size(evaluation, n_test) * evaluation.floor_repeats
    noise = stream("samples", evaluation.seed, seed)
    with torch.no_grad():
        return single_precision(model).sample(n, noise).float()


def measure(
    model: Model,
    samples: Tensor,
    test: Points,
    config: AdversarialConfig,
    evaluation: EvaluationConfig,
    seed: int,
    *,
    likelihood: bool = True,
) -> RunMetrics:
    """What is defined for a model, by the measures of the other generative models.

    Samples of the proximal flow take the Euler steps of its training. Its paths, from noise to
    data, are drawn finely like those of the other flows. Likelihood and terminal gap belong to the
    flow in continuous time, by as many Runge-Kutta 4 steps. An evaluation of particles is a step of
    all.
    """
    with torch.no_grad():
        common = sample_metrics(samples.double().numpy(), test, evaluation)
        nan = float("nan")
        if isinstance(model, ParticleCloud):
            return RunMetrics(
                **common,
                nll=nan,
                inverse_error=nan,
                evaluations=config.particle_steps,
                parameters=model.particles.numel(),
            )
        model.double().eval()
        start = stream("proximal paths", evaluation.seed, seed)
        z = model.source.sample(evaluation.path_points, start).double()
        fine = max(evaluation.step_sweep)
        run = model.generate(z, fine)
        assert run.path is not None
        times = torch.as_tensor(run.times, dtype=z.dtype)
        # Of the potential Phi = U / lambda, as for OT-Flow; centred, because a discriminator, and
        # with it Phi, is known but for a number.
        residuals = torch.stack(
            [model.hjb_residual(t, x) for t, x in zip(times, run.path, strict=True)]
        )
        spread = (residuals - residuals.mean(1, keepdim=True)).abs().mean(1)
        x = torch.from_numpy(test[: evaluation.nll_points])
        ends = torch.from_numpy(test[: transport_size(evaluation, len(test))])
        continuous = copy.copy(model)
        continuous.method = RK4
        return RunMetrics(
            **common,
            **path_metrics(run),
            nll=-float(continuous.log_prob(x, fine).mean()) if likelihood else nan,
            inverse_error=reconstruction_error(model, x, INVERSE_STEPS),
            terminal_gap=terminal_gap(
                model,
                continuous.trajectories(ends, fine).x.numpy(),
                stream("terminal gap", evaluation.seed, seed),
            ),
            hjb_residual=float(torch.trapezoid(spread, times)) / model.kinetic_weight,
            fp_residual=float(continuity_residual(model.generate(z))),
            evaluations=model.default_steps * model.evaluations_per_step,
            parameters=sum(p.numel() for p in model.potential.parameters()),
        )


@reference_sample.register
def _(solver: ProximalFlow, n: int, generator: torch.Generator) -> Tensor:
    return solver.source.sample(n, generator).double()


def _proximal_flows(
    data: Splits, config: AdversarialConfig, evaluation: EvaluationConfig, seeds: Sequence[int]
) -> Trained:
    points = torch.from_numpy(data.train).float()
    trained = train_proximal_flows(
        points,
        config.proximal,
        seeds,
        iterations=config.iterations,
        batch_size=config.batch_size,
    )
    return [
        (flow, config.iterations if result.diverged_at is None else result.diverged_at)
        for flow, result in trained
    ]


def _particles(
    data: Splits, config: AdversarialConfig, evaluation: EvaluationConfig, seeds: Sequence[int]
) -> Trained:
    points = torch.from_numpy(np.asarray(data.train[: config.particle_data], dtype=np.float64))
    count = transport_size(evaluation, len(data.test))
    clouds = fit_particles([points] * len(seeds), seeds, count, config.particle_steps)
    return [(cloud, config.particle_steps) for cloud in clouds]


#: How models are trained, by the name that their rows have.
MODELS: Mapping[str, Train] = MappingProxyType(
    {"proximal": _proximal_flows, "particles": _particles}
)
