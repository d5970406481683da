"""Contaminated samples: how many points move, and where to."""

from __future__ import annotations

import pytest
import torch

from mfglab.datasets.contamination import (
    BOX,
    CONTAMINATIONS,
    cluster_outliers,
    feature_noise,
    uniform_outliers,
)


def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def x():
    return 5.0 + torch.rand(1000, 2, dtype=torch.float64, generator=torch.Generator())


@pytest.mark.parametrize("kind", [uniform_outliers, cluster_outliers])
def test_a_share_is_replaced_and_the_rest_stays(kind, x):
    out = kind(x, 0.1, rng())
    assert out.shape == x.shape
    assert torch.equal(out[100:], x[100:])
    assert not (out[:100] == x[:100]).any()


def test_uniform_outliers_fill_the_box(x):
    out = uniform_outliers(x, 1.0, rng())
    low, high = x.min(0).values, x.max(0).values
    half = (high - low) / 2
    reach = (out - (low + high) / 2).abs().max(0).values / half
    assert (reach <= BOX).all()
    assert (reach > 0.99 * BOX).all()
    assert (out.mean(0) - (low + high) / 2).abs().max() < 0.15


def test_the_cluster_is_far_and_narrow(x):
    out = cluster_outliers(x, 0.5, rng())[:500]
    assert out[:, 0].min() > x[:, 0].max() + 0.5
    assert out.std(0).tolist() == pytest.approx([0.05, 0.05], rel=0.15)
    assert out[:, 1].mean().item() == pytest.approx(5.5, abs=0.02)


def test_noise_is_relative_to_each_coordinate():
    x = torch.randn(20_000, 2, dtype=torch.float64, generator=rng()) * torch.tensor([1.0, 10.0])
    added = feature_noise(x, 0.2, torch.Generator().manual_seed(1)) - x
    assert added.std(0).tolist() == pytest.approx([0.2, 2.0], rel=0.05)


@pytest.mark.parametrize("kind", sorted(CONTAMINATIONS))
def test_level_zero_changes_nothing_and_a_level_above_one_is_refused(kind, x):
    assert torch.equal(CONTAMINATIONS[kind](x, 0.0, rng()), x)
    with pytest.raises(ValueError, match=r"1\.5"):
        CONTAMINATIONS[kind](x, 1.5, rng())
