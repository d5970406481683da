"""Precision and recall."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.metrics.coverage import precision_recall


def normal(n, d=3, seed=0, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


def test_two_samples_of_one_law_cover_each_other():
    result = precision_recall(normal(400), normal(400, seed=1))
    assert result.precision > 0.8
    assert result.recall > 0.8


def test_a_law_far_away_covers_nothing():
    result = precision_recall(normal(200), normal(200, seed=1, shift=50.0))
    assert (result.precision, result.recall) == (0.0, 0.0)


def test_half_of_the_modes_keeps_precision_and_loses_recall():
    data = np.concatenate([normal(200), normal(200, seed=1, shift=20.0)])
    result = precision_recall(data, normal(200, seed=2))
    assert result.precision > 0.8
    assert 0.35 < result.recall < 0.55


def test_balls_reach_the_kth_neighbour_and_no_further():
    data = np.array([[0.0], [1.0], [3.0]])  # radii 1, 1, 2 for k = 1
    assert precision_recall(data, np.array([[2.0], [5.0]]), k=1).precision == 1.0
    assert precision_recall(data, np.array([[2.0], [5.1]]), k=1).precision == 0.5


@pytest.mark.parametrize(
    ("data", "generated", "message"),
    [
        (normal(3), normal(50), r"data needs shape .* got \(3, 3\)"),
        (normal(50), normal(50, d=2), "got 3 and 2"),
        (normal(50), np.full((50, 3), np.nan), r"generated\[0\] is not finite"),
    ],
)
def test_bad_samples_are_refused(data, generated, message):
    with pytest.raises(ValueError, match=message):
        precision_recall(data, generated)
