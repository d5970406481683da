"""The certified radius: its functional, its concentration, and the ball."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.robustness.certificate import LearnedPath, certify, coefficients
from mfglab.robustness.circle import CircleLaw, circle_points
from mfglab.robustness.distances import w1_circle
from mfglab.robustness.dyadic import dyadic_bound, periodic_distances

LAW = CircleLaw(np.array([0.4, 0.6]), np.array([0.3, 0.65]), 0.0064)
TIMES = [float(s) for s in np.geomspace(0.1, 0.001, 61)]
CELLS = 128


def score_of(law, wrong=0.0):
    def score(s, x):
        out = np.empty_like(x)
        for level in np.unique(s):
            out[s == level] = law.heated(float(level)).score(x[s == level])
        return out + wrong * np.sin(2 * np.pi * x)

    return score


def points(n, seed):
    rng = np.random.default_rng(seed)
    return rng.choice(LAW.means, n, p=LAW.weights) + np.sqrt(LAW.variance) * rng.normal(size=n)


def true_coefficients():
    k = 2 * np.pi * np.arange(CELLS // 2 + 1)
    waves = np.exp(-1j * np.outer(k, LAW.means)) @ LAW.weights
    return waves * np.exp(-0.5 * k**2 * LAW.variance)


@pytest.fixture(scope="module")
def path():
    return LearnedPath.of(score_of(LAW, 0.5), TIMES, CELLS)


def test_the_error_of_the_true_score_is_zero_and_that_of_a_wrong_one_is_its_integral(path):
    exact = LearnedPath.of(score_of(LAW), TIMES, CELLS)
    assert exact.error(true_coefficients()) < 1e-12
    x = circle_points(CELLS)
    means = [LAW.heated(s).pdf(x) @ np.abs(0.5 * np.sin(2 * np.pi * x)) / CELLS for s in path.times]
    expected = 2 * np.trapezoid(means[::-1], path.times[::-1])
    assert path.error(true_coefficients(), weighted=False) == pytest.approx(expected, rel=1e-6)


def test_squared_error_of_a_known_error(path):
    x = circle_points(CELLS)
    means = [LAW.heated(s).pdf(x) @ (0.5 * np.sin(2 * np.pi * x)) ** 2 / CELLS for s in path.times]
    expected = np.trapezoid(means[::-1], path.times[::-1])
    assert path.squared_error(true_coefficients()) == pytest.approx(expected, rel=1e-6)


def test_the_influence_integrates_to_the_error(path):
    held = points(4000, 0)
    law = coefficients(held, CELLS)
    h = np.interp(np.remainder(held, 1), circle_points(CELLS), path.influence(law), period=1.0)
    assert h.mean() == pytest.approx(path.error(law), rel=1e-3)
    assert np.abs(h).max() <= path.worst_case()


def test_the_estimate_is_biased_upwards_and_one_point_moves_it_by_little(path):
    estimates = [path.error(coefficients(points(50, seed), CELLS)) for seed in range(20)]
    assert np.mean(estimates) > path.error(true_coefficients())
    held = points(50, 1)
    moved = np.append(held[1:], 0.05)
    change = path.error(coefficients(moved, CELLS)) - path.error(coefficients(held, CELLS))
    assert 0 < abs(change) <= 2 * path.worst_case() / 50


def test_the_true_law_lies_in_the_ball():
    x = circle_points(CELLS)
    truth = LAW.pdf(x) / CELLS
    found = certify(score_of(LAW, 1.0), points(5000, 2), TIMES, CELLS)
    assert w1_circle(found.path.masses, truth, 1 / CELLS) <= found.radius
    assert not found.vacuous
    f = np.abs(x - 0.5)  # Lipschitz constant 1 on the circle
    low, high = found.interval(float(f @ found.path.masses))
    assert low <= float(f @ truth) <= high


def test_a_longer_sample_and_less_confidence_make_a_smaller_ball():
    radii = [
        certify(score_of(LAW), points(n, 3), TIMES, CELLS, level).radius
        for n, level in ((500, 0.99), (500, 0.9), (5000, 0.9))
    ]
    assert radii == sorted(radii, reverse=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 1.0}, "level 1.0"),
        ({"held_out": np.zeros(1)}, "1 points"),
        ({"times": [0.1, 0.2]}, "must decrease"),
        ({"cells": 16}, "resolve the last time"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"held_out": points(50, 4), "times": TIMES, "cells": CELLS, "level": 0.95} | change
    with pytest.raises(ValueError, match=message):
        certify(score_of(LAW), **given)


def test_the_dyadic_bound_is_one_and_knows_two_far_points():
    rng = np.random.default_rng(5)
    x, y = rng.random((20, 1)), rng.random((20, 1))
    exact = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
    assert exact <= dyadic_bound(x, y, 6)
    far = dyadic_bound(np.array([[0.1, 0.1]]), np.array([[0.9, 0.9]]), 12)
    assert far == pytest.approx(np.sqrt(2), rel=1e-9)
    assert periodic_distances(np.array([[0.1]]), np.array([[0.9]]))[0, 0] == pytest.approx(0.2)
