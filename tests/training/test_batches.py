"""Minibatches and the random streams behind them."""

from __future__ import annotations

import pytest
import torch

from mfglab.training.batches import Groups, RandomBatches, WholeBatch, group_size, loader
from mfglab.training.seeds import stream


def test_an_epoch_has_count_batches_of_rows_of_the_data():
    x = torch.arange(30.0).reshape(10, 3)
    batches = list(RandomBatches(x, batch_size=4, count=5, seed=0))
    assert len(batches) == 5
    rows = {tuple(row) for row in x.tolist()}
    for batch in batches:
        assert batch.shape == (4, 3)
        assert {tuple(row) for row in batch.tolist()} <= rows


def test_an_epoch_is_repeated_exactly_and_differs_from_the_next():
    data = RandomBatches(torch.randn(100, 2, generator=stream("x", 0)), 8, 3, seed=1)
    first, again = torch.stack(list(data)), torch.stack(list(data))
    assert torch.equal(first, again)
    data.set_epoch(1)
    assert not torch.equal(first, torch.stack(list(data)))
    data.set_epoch(0)
    assert torch.equal(first, torch.stack(list(data)))


def test_every_point_is_drawn_equally_often():
    data = RandomBatches(torch.arange(10)[:, None], 1000, 20, seed=0)
    counts = torch.bincount(torch.cat(list(data)).flatten(), minlength=10)
    # 20 000 draws over 10 points: standard deviation 42; five of them.
    assert (counts - 2000).abs().max() < 5 * 42.4


def test_loaders_pass_batches_through():
    x = torch.arange(6.0).reshape(3, 2)
    (whole,) = list(loader(WholeBatch(x)))
    assert torch.equal(whole, x)
    assert [b.shape for b in loader(RandomBatches(x, 4, 2, 0))] == [(4, 2), (4, 2)]


def test_groups_hold_the_same_batches_in_the_same_order():
    def batches():
        return RandomBatches(torch.randn(100, 2, generator=stream("x", 0)), 8, 6, seed=1)

    grouped = Groups(batches(), 3)
    for epoch in (0, 1):
        plain = batches()
        plain.set_epoch(epoch)
        grouped.set_epoch(epoch)
        groups = loader(grouped)
        assert len(groups) == 2
        parts = [list(group) for group in groups]
        assert [len(part) for part in parts] == [3, 3]
        assert torch.equal(
            torch.stack([batch for part in parts for batch in part]), torch.stack(list(plain))
        )
    with pytest.raises(ValueError, match="must divide 6 batches, got 4"):
        Groups(batches(), 4)


@pytest.mark.parametrize("val_every", [1, 7, 20, 50, 100])
@pytest.mark.parametrize("iterations", [100, 130, 1501])
def test_no_validation_and_no_end_lies_within_a_group(val_every: int, iterations: int):
    size = group_size(val_every, iterations)
    assert 1 <= size <= 25
    assert val_every % size == iterations % size == 0
    larger = range(size + 1, 26)
    assert not any(val_every % n == iterations % n == 0 for n in larger)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (("noise", 0), ("noise", 1)),
        (("noise", 0), ("batches", 0)),
        (("noise", 0, 1), ("noise", 1, 0)),
        (("noise", 1, 2), ("noise", 12)),
    ],
)
def test_streams_differ_in_purpose_and_key(a, b):
    first, second = (torch.rand(8, generator=stream(*key)) for key in (a, b))
    assert not (first == second).any()
    assert torch.equal(first, torch.rand(8, generator=stream(*a)))
