"""Minibatches as slices of one tensor: no Python per sample."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mfglab.solvers.base import BatchT
from mfglab.training.seeds import stream

ItemT = TypeVar("ItemT")


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


class Batches(IterableDataset[BatchT], ABC, Generic[BatchT]):
    """The batches of an epoch; epoch e always draws the same.

    Args:
        count: Batches an epoch.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    @abstractmethod
    def __iter__(self) -> Iterator[BatchT]: ...


class RandomBatches(Batches[BatchT], Generic[BatchT]):
    """An epoch of ``count`` batches drawn with replacement.

    Args:
        x: Training points (n, ...), or inputs and labels.
        batch_size: Points a batch.
        count: Batches an epoch.
        seed: Seed of the run.
    """

    def __init__(self, x: BatchT, batch_size: int, count: int, seed: int) -> None:
        super().__init__(count)
        self.x: BatchT = x
        self.batch_size = batch_size
        self.seed = seed

    def __iter__(self) -> Iterator[BatchT]:
        generator = stream("batches", self.seed, self.epoch)
        shape = (self.count, self.batch_size)
        index = torch.randint(count(self.x), shape, generator=generator)
        for row in index:
            yield rows(self.x, row)


class Groups(IterableDataset[Iterator[BatchT]], Generic[BatchT]):
    """The same batches in groups of equal size; each is an iterator that draws them when asked.

    What the training framework does around an item is done once a group.

    Args:
        batches: The batches; their count is a multiple of ``size``.
        size: Batches in a group.

    Raises:
        ValueError: The batches do not make whole groups.
    """

    def __init__(self, batches: Batches[BatchT], size: int) -> None:
        if len(batches) % size:
            raise ValueError(f"the group size must divide {len(batches)} batches, got {size!r}")
        self.batches: Batches[BatchT] = batches
        self.size = size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches) // self.size

    def __iter__(self) -> Iterator[Iterator[BatchT]]:
        batches: Iterator[BatchT] = iter(self.batches)
        for _ in range(len(self)):
            yield islice(batches, self.size)


def group_size(val_every: int, iterations: int, largest: int = 25) -> int:
    """The largest size up to ``largest`` of which validations and the end are whole multiples.

    Then no group is cut, and a run that ends between two validations ends there as it should.

    Example:
        >>> group_size(100, 1500), group_size(100, 130), group_size(10, 57)
        (25, 10, 1)
    """
    common = math.gcd(val_every, iterations)
    return max(size for size in range(1, largest + 1) if common % size == 0)


class WholeBatch(Dataset[BatchT], Generic[BatchT]):
    """A data set whose one item is everything: validation is one call."""

    def __init__(self, x: BatchT) -> None:
        self.x: BatchT = x

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> BatchT:
        return self.x


def loader(dataset: Dataset[ItemT]) -> DataLoader[ItemT]:
    """Wrap a data set that already yields batches."""
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size=None)
    return DataLoader(dataset, batch_size=None, shuffle=False)
