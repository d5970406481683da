"""Minibatches as slices of one tensor: no Python per sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mfglab.solvers.base import BatchT
from mfglab.training.seeds import stream


def rows(x: BatchT, index: Tensor | slice) -> BatchT:
    """Rows of points, or of inputs and labels alike."""
    if isinstance(x, Tensor):
        return x[index]
    return x[0][index], x[1][index]


def count(x: BatchT) -> int:
    """Number of rows."""
    return len(x if isinstance(x, Tensor) else x[0])


def moved(x: BatchT, device: torch.device) -> BatchT:
    """The same data on a device."""
    if isinstance(x, Tensor):
        return x.to(device)
    return x[0].to(device), x[1].to(device)


class RandomBatches(IterableDataset[BatchT], Generic[BatchT]):
    """An epoch of ``count`` batches drawn with replacement; epoch e always draws the same.

    Args:
        x: Training points (n, ...), or inputs and labels.
        batch_size: Points a batch.
        count: Batches an epoch.
        seed: Seed of the run.
    """

    def __init__(self, x: BatchT, batch_size: int, count: int, seed: int) -> None:
        self.x: BatchT = x
        self.batch_size = batch_size
        self.count = count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[BatchT]:
        generator = stream("batches", self.seed, self.epoch)
        shape = (self.count, self.batch_size)
        index = torch.randint(count(self.x), shape, generator=generator)
        for row in index:
            yield rows(self.x, row)


class WholeBatch(Dataset[BatchT], Generic[BatchT]):
    """A data set whose one item is everything: validation is one call."""

    def __init__(self, x: BatchT) -> None:
        self.x: BatchT = x

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> BatchT:
        return self.x


def loader(dataset: Dataset[BatchT]) -> DataLoader[BatchT]:
    """Wrap a data set that already yields batches."""
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size=None)
    return DataLoader(dataset, batch_size=None, shuffle=False)
