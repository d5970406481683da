"""One setting of an arm varied, each value trained anew."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfglab.config import DepthRunConfig, SweepConfig, TransformerEvaluationConfig, merge
from mfglab.config.transformers import change
from mfglab.datasets.tasks.base import Task
from mfglab.experiments.transformers.build import build_network
from mfglab.experiments.transformers.hardness import Row, as_row
from mfglab.experiments.transformers.hidden import hidden_motion
from mfglab.experiments.transformers.quality import parameters, quality
from mfglab.experiments.transformers.train import train_arm
from mfglab.solvers.base import DivergedError
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.training.seeds import stream


def sweep_rows(
    task: Task,
    arms: Mapping[str, DepthRunConfig],
    sweep: SweepConfig,
    evaluation: TransformerEvaluationConfig,
    seeds: Sequence[int],
    work: Path,
    device: str = "cpu",
) -> list[Row]:
    """Train and measure: a row for each arm, value, seed, and best or final weights.

    A run whose loss is not finite has NaN for its results, and ``diverged`` 1.
    """
    rows: list[Row] = []
    for arm, (place, value) in itertools.product(sweep.arms, enumerate(sweep.values)):
        tree = merge(arms[arm].model_dump(mode="json"), change(sweep.key, value))
        run = DepthRunConfig.model_validate(tree)
        for seed in seeds:
            key: Row = {"arm": arm, "place": float(place), "value": str(value), "seed": float(seed)}
            folder = work / f"{arm}.{place}.{seed}"
            try:
                result = train_arm(task, run, seed, folder, device)
            except DivergedError:
                rows += [key | {"checkpoint": name, "diverged": 1.0} for name in ("best", "final")]
                continue
            final = build_network(run.network, run.depth, task, stream("weights", seed))
            final.load_state_dict({k.removeprefix("network."): v for k, v in result.final.items()})
            for name, network in (("best", result.solver.network), ("final", final)):
                measured = _measured(network.eval(), task, evaluation, seed)
                rows.append(key | {"checkpoint": name, "diverged": 0.0} | measured)
    return rows


def _measured(
    network: DepthTransformer, task: Task, evaluation: TransformerEvaluationConfig, seed: int
) -> Row:
    few = task.test[: evaluation.observed]
    motion = hidden_motion(network, few.inputs, stream("motion", seed), stretched=4)
    test = quality(network, task.test)
    return (
        as_row(test)
        | {"error": 1 - test.accuracy, "val_loss": quality(network, task.val).loss}
        | {"parameters": float(parameters(network))}
        | as_row(motion)
    )
