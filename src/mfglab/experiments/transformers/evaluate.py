"""What is measured of the trained arms of a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.config import TransformerEvaluationConfig
from mfglab.datasets.tasks.base import Task
from mfglab.experiments.transformers.hardness import (
    Hardness,
    Row,
    as_row,
    corruption,
    finite,
    hardness_rows,
)
from mfglab.experiments.transformers.hidden import hidden_motion, projected_paths
from mfglab.experiments.transformers.optimum import optimality, stretch
from mfglab.experiments.transformers.quality import (
    flops_per_iteration,
    parameters,
    quality,
    quality_of,
)
from mfglab.experiments.transformers.seen import training_data
from mfglab.experiments.transformers.trained import TrainedArm
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.training.seeds import stream

#: Examples, of those that the arm saw, on which the fit to the training data is measured.
_TRAIN_EXAMPLES = 500
#: Adaptive steps after which depth is given up as stiff.
_STIFF = 100
#: Inputs whose ways are drawn, of two or more classes.
_DRAWN = 40


def metric_rows(arm: TrainedArm, task: Task, seeds: Sequence[int]) -> list[Row]:
    """Quality on clean data, of the best and of the final weights: two rows a seed.

    A seed whose training diverged has rows without results, and ``diverged`` 1.
    """
    rows: list[Row] = [
        {"arm": arm.name, "seed": float(seed), "checkpoint": checkpoint, "diverged": 1.0}
        for seed in seeds
        if seed not in arm.pairs
        for checkpoint in ("best", "final")
    ]
    batch = task.train[: arm.run.training.batch_size]
    for seed, pair in arm.pairs.items():
        seen = training_data(task, arm.run, seed)
        order = torch.randperm(len(seen), generator=stream("train examples", 0))
        seen = seen[order[:_TRAIN_EXAMPLES]]
        cost = flops_per_iteration(pair.best, batch.inputs, batch.labels)
        for checkpoint, network in (("best", pair.best), ("final", pair.final)):
            test, train = quality(network, task.test), quality(network, seen)
            key: Row = {"arm": arm.name, "seed": float(seed), "checkpoint": checkpoint}
            rows.append(
                key
                | as_row(test)
                | {
                    "diverged": 0.0,
                    "error": 1 - test.accuracy,
                    "val_loss": quality(network, task.val).loss,
                    "train_loss": train.loss,
                    "train_accuracy": train.accuracy,
                    "gap": test.loss - train.loss,
                    "parameters": float(parameters(network)),
                    "flops": float(cost),
                    "best_step": float(pair.best_step),
                    "steps": float(pair.steps),
                }
            )
    return rows


def robustness_rows(
    arm: TrainedArm,
    task: Task,
    hardness: Hardness,
    evaluation: TransformerEvaluationConfig,
) -> list[Row]:
    """Quality of the final weights on harder data, as in the paper's Table 3."""
    rows: list[Row] = []
    for seed, pair in arm.pairs.items():
        found = hardness_rows(pair.final, task, hardness, evaluation, seed)
        key: Row = {"arm": arm.name, "seed": float(seed)}
        rows += [key | row for row in found]
    return rows


def transfer_rows(
    arm: TrainedArm, task: Task, evaluation: TransformerEvaluationConfig
) -> list[Row]:
    """Quality of the final weights run with other numbers of steps, and with adaptive steps.

    ``change`` is the loss minus that with the steps of training; NaN where states explode.
    """
    rows: list[Row] = []
    test = task.test[: evaluation.examples]
    for seed, pair in arm.pairs.items():
        network = pair.final
        base = quality_of(network, test.inputs, test.labels)
        key: Row = {"arm": arm.name, "seed": float(seed)}
        for steps in evaluation.transfer_steps:
            found = quality_of(network, test.inputs, test.labels, steps)
            rows.append(
                key
                | {
                    "mode": "fixed",
                    "steps": float(steps),
                    "tolerance": 0.0,
                    "evaluations": float(steps * _stages(network)),
                    "loss": finite(found.loss),
                    "accuracy": found.accuracy,
                    "change": finite(found.loss - base.loss),
                }
            )
        rows += [key | row for row in _adaptive_rows(network, task, evaluation)]
    return rows


def motion_rows(arm: TrainedArm, task: Task, evaluation: TransformerEvaluationConfig) -> list[Row]:
    """How hidden states move, and how far they are from the optimum: one row a seed."""
    rows: list[Row] = []
    test = task.test[: evaluation.observed]
    for seed, pair in arm.pairs.items():
        network = pair.final
        row: Row = {"arm": arm.name, "seed": float(seed), "weight": arm.run.weight}
        row |= as_row(hidden_motion(network, test.inputs, stream("motion", seed), stretched=8))
        row |= as_row(optimality(network, test, arm.run.weight))
        name, level = _TYPICAL[task.kind]
        changed = corruption(name, level, task)(test.inputs, stream("typical change", seed))
        grown = as_row(stretch(network, test.inputs, changed))
        row |= {f"stretch_{key}": value for key, value in grown.items()}
        rows.append(row)
    return rows


def drawn_paths(arm: TrainedArm, task: Task) -> dict[str, NDArray[np.generic]]:
    """Hidden paths of the first seed, in the plane of largest spread."""
    network = next(iter(arm.pairs.values())).final
    few = task.test[:_DRAWN]
    labels = few.labels if few.labels.ndim == 1 else few.labels[:, -1]
    return projected_paths(network, few.inputs, labels.tolist())


#: A corruption of each form of inputs with which laws of hidden states are compared.
_TYPICAL = {
    "text": ("replace_characters", 0.05),
    "images": ("gaussian", 0.1),
    "clouds": ("jitter", 0.05),
    "sentences": ("replace_words", 0.1),
}


def _stages(network: DepthTransformer) -> int:
    depth = network.depth
    return depth.method.stages * (len(depth.blocks) if depth.per_block else 1)


def _adaptive_rows(
    network: DepthTransformer, task: Task, evaluation: TransformerEvaluationConfig
) -> Iterator[Row]:
    test = task.test[: evaluation.observed]
    base = quality_of(network, test.inputs, test.labels)
    with torch.no_grad():
        state, context = network.encode(test.inputs)
    for tolerance in evaluation.tolerances:
        row: Row = {"mode": "adaptive", "steps": 0.0, "tolerance": tolerance}
        try:
            run = network.depth.adaptive(
                state, rtol=tolerance, atol=tolerance, max_steps=_STIFF, **context
            )
        except FloatingPointError:
            yield row  # without results: the states explode when depth is resolved
            continue
        with torch.no_grad():
            logits = network.decode(run.x, **context)
        assert run.trajectory is not None  # adaptive runs always have one
        flat = logits.double().flatten(0, -2)
        loss = finite(float(torch.nn.functional.cross_entropy(flat, test.labels.flatten())))
        hits = logits.argmax(-1) == test.labels
        yield row | {
            "evaluations": float(run.trajectory.evaluations),
            "loss": loss,
            "accuracy": float(hits.double().mean()),
            "change": loss - base.loss,
        }
