"""Minibatches and the random streams behind them."""

from __future__ import annotations

import pytest
import torch

from mfglab.training.batches import RandomBatches, WholeBatch, loader
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
