"""Minibatches as slices of one tensor: no Python per sample."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mfglab.training.seeds import stream


class RandomBatches(IterableDataset[Tensor]):
    """An epoch of ``count`` batches drawn with replacement; epoch e always draws the same.

    Args:
        x: Training points (n, ...).
        batch_size: Points a batch.
        count: Batches an epoch.
        seed: Seed of the run.
    """

    def __init__(self, x: Tensor, batch_size: int, count: int, seed: int) -> None:
        self.x = x
        self.batch_size = batch_size
        self.count = count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Tensor]:
        generator = stream("batches", self.seed, self.epoch)
        shape = (self.count, self.batch_size)
        index = torch.randint(len(self.x), shape, generator=generator).to(self.x.device)
        for row in index:
            yield self.x[row]


class WholeBatch(Dataset[Tensor]):
    """A data set whose one item is everything: validation is one call."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Tensor:
        return self.x


def loader(dataset: Dataset[Tensor]) -> DataLoader[Tensor]:
    """Wrap a data set that already yields batches."""
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size=None)
    return DataLoader(dataset, batch_size=None, shuffle=False)
