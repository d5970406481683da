"""What an arm sees of the training data."""

from __future__ import annotations

import torch

from mfglab.config import DepthRunConfig
from mfglab.datasets.tasks.base import Examples, Task
from mfglab.robustness.corruptions import label_noise
from mfglab.training.seeds import stream


def training_data(task: Task, run: DepthRunConfig, seed: int) -> Examples:
    """The part of the training data that an arm sees, with its label noise.

    Shares are nested: a smaller one is contained in a larger one of the same seed. Of a text it
    is the beginning, because windows drawn anywhere would cover all of it.
    """
    train = task.train
    kept = max(1, round(run.fraction * len(train)))
    if kept < len(train):
        # Windows of a text drawn anywhere would cover all of it.
        order = torch.randperm(len(train), generator=stream("subset", seed))
        train = train[:kept] if train.overlapping else train[order[:kept]]
    if run.label_noise > 0:
        noise = stream("label noise", seed)
        labels = label_noise(train.labels, run.label_noise, task.classes, noise)
        train = Examples(train.inputs, labels)
    return train
