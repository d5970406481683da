"""Distances to the training set: copies, fresh points, outliers."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.metrics.memorisation import nearest, nearest_points, outlier_rate


def test_distances_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    x, training = rng.normal(size=(50, 3)), rng.normal(size=(20, 3))
    brute = np.linalg.norm(x[:, None] - training, axis=2)
    found = nearest(x, training)
    assert found.distance == pytest.approx(brute.min(1))
    assert (found.index == brute.argmin(1)).all()


def test_copies_and_fresh_points():
    rng = np.random.default_rng(1)
    training, test, fresh = (rng.normal(size=(n, 2)) for n in (300, 4000, 4000))
    copies = nearest_points(training, test, training)
    assert (copies.ratio, copies.copied) == (0.0, 1.0)
    other = nearest_points(fresh, test, training)
    assert other.ratio == pytest.approx(1.0, abs=0.06)
    assert other.copied == pytest.approx(0.05, abs=0.02)
    scaled = nearest_points(10 * fresh, 10 * test, 10 * training)
    assert scaled.ratio == pytest.approx(other.ratio)


def test_held_out_points_must_be_held_out():
    training = np.random.default_rng(2).normal(size=(10, 2))
    with pytest.raises(ValueError, match="held-out points are training points"):
        nearest_points(training, training, training)
    with pytest.raises(ValueError, match=r"x\[0\] is not finite"):
        nearest_points(np.array([[np.nan, 0.0]]), training, training)


def test_outliers_lie_outside_the_stretched_box():
    data = np.array([[0.0, 0.0], [2.0, 4.0]])
    points = np.array([[1.0, 2.0], [2.49, 2.0], [2.51, 2.0], [1.0, -1.01], [9.0, 9.0]])
    assert outlier_rate(points, data) == pytest.approx(3 / 5)
