"""Harder test data: corrupted, attacked, from another law."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mfglab.config import TransformerEvaluationConfig
from mfglab.datasets.tasks.base import Examples, Task
from mfglab.experiments.transformers.hidden import HiddenMotion
from mfglab.experiments.transformers.optimum import Optimality, Stretch
from mfglab.experiments.transformers.quality import Quality, quality_of
from mfglab.robustness.attacks import Fgsm, Pgd
from mfglab.robustness.corruptions import (
    Blur,
    GaussianNoise,
    Occlusion,
    PointDropout,
    Rotation,
    TokenReplacement,
    UniformNoise,
    WordDropout,
    WordReplacement,
)
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.training.seeds import stream

Row = dict[str, float | str]
Corruption = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Hardness:
    """What test inputs are changed by.

    Args:
        corruptions: Levels by name of a corruption.
        attacks: Radii of attacks.
    """

    corruptions: Mapping[str, Sequence[float]]
    attacks: Sequence[float]


@dataclass(frozen=True)
class HardData:
    """Changed test inputs.

    Args:
        kind: corruption, attack or shifted.
        name: Of the corruption, attack or test set.
        level: Its strength; 0 for a test set.
        inputs: Changed inputs.
        labels: Labels of the unchanged ones.
    """

    kind: str
    name: str
    level: float
    inputs: Tensor
    labels: Tensor


def as_row(result: Quality | HiddenMotion | Optimality | Stretch) -> Row:
    """The fields of a result by name; what is not finite is NaN, a gap in tables."""
    row: Row = {field.name: finite(getattr(result, field.name)) for field in fields(result)}
    return row


def finite(value: float) -> float:
    """The value, or NaN where a network without norm left the range of numbers."""
    return float(value) if math.isfinite(value) else math.nan


def corruption(name: str, level: float, task: Task) -> Corruption:
    """A corruption of the configuration, in the units of a task's inputs.

    Raises:
        KeyError: There is no such corruption.
        ValueError: It needs synonyms and the task has none.
    """
    if name == "synonyms" and task.synonyms is None:
        raise ValueError("corruption synonyms: the data set has no synonyms; expected no levels")
    vocabulary = len(task.vocabulary)
    scale = value_range(task)
    makers: Mapping[str, Callable[[], Corruption]] = {
        "replace_characters": lambda: TokenReplacement(level, vocabulary),
        "drop_words": lambda: WordDropout(level),
        "replace_words": lambda: WordReplacement(level, vocabulary),
        "synonyms": lambda: WordReplacement(level, vocabulary, task.synonyms),
        "drop_points": lambda: PointDropout(level),
        "jitter": lambda: GaussianNoise(level, scale),
        "gaussian": lambda: GaussianNoise(level, scale),
        "uniform": lambda: UniformNoise(level, scale),
        "blur": lambda: Blur(level),
        "occlusion": lambda: Occlusion(level),
        "rotation": lambda: Rotation(level),
    }
    return makers[name]()


def value_range(task: Task) -> float:
    """What a level of 1 is in the units of the inputs: the range of pixels; 1 for clouds."""
    if task.kind != "images":
        return 1.0
    return float(task.train.inputs.max() - task.train.inputs.min())


def corrupted(
    task: Task, hardness: Hardness, evaluation: TransformerEvaluationConfig, seed: int
) -> Iterator[HardData]:
    """Corrupted and shifted test data; those of one seed are the same for every arm."""
    test = task.test[: evaluation.examples]
    for name, levels in sorted(hardness.corruptions.items()):
        for level in levels:
            noise = stream(f"corruption {name} {level!r}", seed)
            inputs = corruption(name, level, task)(test.inputs, noise)
            yield HardData("corruption", name, level, inputs, test.labels)
    for name, other in task.shifted.items():
        part = other[: evaluation.examples]
        yield HardData("shifted", name, 0.0, part.inputs, part.labels)


def hardness_rows(
    network: DepthTransformer,
    task: Task,
    hardness: Hardness,
    evaluation: TransformerEvaluationConfig,
    seed: int,
) -> list[Row]:
    """Quality on corrupted, shifted and attacked test data, beside that on clean data.

    ``loss_rise`` and ``accuracy_drop`` compare with the same clean examples; for a shifted set,
    which has examples of its own, with the first clean ones. ``kept`` is the share of the correct
    clean predictions of an attack that stay correct: comparable for unequal clean accuracies.
    """
    test = task.test[: evaluation.examples]
    clean = quality_of(network, test.inputs, test.labels)
    rows: list[Row] = [
        {"kind": "clean", "name": "clean", "level": 0.0, "loss": clean.loss,
         "accuracy": clean.accuracy, "loss_rise": 0.0, "accuracy_drop": 0.0}
    ]  # fmt: skip
    for data in corrupted(task, hardness, evaluation, seed):
        found = quality_of(network, data.inputs, data.labels)
        rows.append(
            {
                "kind": data.kind,
                "name": data.name,
                "level": data.level,
                "loss": found.loss,
                "accuracy": found.accuracy,
                "loss_rise": found.loss - clean.loss,
                "accuracy_drop": clean.accuracy - found.accuracy,
            }
        )
    return rows + _attack_rows(network, task, hardness.attacks, evaluation)


def _attack_rows(
    network: DepthTransformer,
    task: Task,
    radii: Sequence[float],
    evaluation: TransformerEvaluationConfig,
) -> list[Row]:
    test = task.test[: evaluation.attacked]
    inputs, forward, scale = _attacked_input(network, task, test)
    with torch.no_grad():
        clean = forward(inputs)
    before = clean.argmax(-1) == test.labels
    rows: list[Row] = []
    for radius in radii:
        size = radius * scale
        for name, attack in (("fgsm", Fgsm(size)), ("pgd", Pgd(size, evaluation.attack_steps))):
            with torch.no_grad():
                after = forward(attack(forward, inputs, test.labels))
            hits = after.argmax(-1) == test.labels
            losses = [_cross_entropy(logits, test.labels) for logits in (clean, after)]
            rows.append(
                {
                    "kind": "attack",
                    "name": name,
                    "level": radius,
                    "loss": losses[1],
                    "accuracy": float(hits.double().mean()),
                    "loss_rise": losses[1] - losses[0],
                    "accuracy_drop": float(before.double().mean() - hits.double().mean()),
                    "kept": float((hits & before).sum() / before.sum().clamp(min=1)),
                }
            )
    return rows


def _attacked_input(
    network: DepthTransformer, task: Task, test: Examples
) -> tuple[Tensor, Callable[[Tensor], Tensor], float]:
    """What is attacked, the function of it, and the size of a radius of 1."""
    if not task.vocabulary:
        return test.inputs, lambda x: network(x).logits, value_range(task)
    with torch.no_grad():
        state, context = network.encode(test.inputs)
    # Tokens cannot be moved a little; their embedded state can.
    deviation = float(state.std())
    return state, lambda x: network.decode(network.depth(x, **context).x, **context), deviation


def _cross_entropy(logits: Tensor, labels: Tensor) -> float:
    flat = logits.double().flatten(0, -2)
    return float(torch.nn.functional.cross_entropy(flat, labels.flatten()))
