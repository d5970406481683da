"""Exact optimal transport between samples, against what is known without it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfglab.metrics import wasserstein
from mfglab.metrics.wasserstein import (
    half_squared_w2,
    sampling_floor,
    sliced_w2,
    transport_distances,
    w1_distance,
    w2_distance,
)

points = hnp.arrays(
    np.float64, st.just((6, 2)), elements=st.floats(-10, 10, allow_nan=False, width=32)
)


def sample(seed, n=200, d=2):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("shift", [np.array([3.0, -4.0]), np.array([1e-3, 0.0])])
def test_a_translation_costs_its_length(shift):
    x = sample(0)
    y = np.random.default_rng(1).permutation(x + shift)
    distances = transport_distances(x, y)
    assert distances.w1 == pytest.approx(np.linalg.norm(shift), rel=1e-9)
    assert distances.w2 == pytest.approx(np.linalg.norm(shift), rel=1e-9)


def test_far_from_the_origin_nothing_is_lost():
    x = sample(0) + 1e6
    distances = transport_distances(x, x[::-1] + np.array([1e-3, 0.0]))
    assert distances.w1 == pytest.approx(1e-3, rel=1e-5)
    assert distances.w2 == pytest.approx(1e-3, rel=1e-5)


def test_a_sample_has_no_distance_to_itself():
    x = sample(0)
    assert transport_distances(x, x[::-1]).w1 == 0.0
    assert transport_distances(x, x[::-1]).w2 == 0.0


def test_on_the_line_sorting_is_optimal():
    x, y = sample(0, 300, 1), np.random.default_rng(1).exponential(size=(300, 1))
    gap = np.sort(x, 0) - np.sort(y, 0)
    distances = transport_distances(x, y)
    assert distances.w1 == pytest.approx(np.abs(gap).mean(), rel=1e-9)
    assert distances.w2 == pytest.approx(np.sqrt(np.square(gap).mean()), rel=1e-9)


def test_two_points_by_hand():
    x = np.array([[0.0, 0.0], [10.0, 0.0]])
    y = np.array([[10.0, 1.0], [0.0, 3.0]])
    distances = transport_distances(x, y)
    assert distances.w1 == pytest.approx(2.0)  # (1 + 3) / 2
    assert distances.w2 == pytest.approx(np.sqrt(5.0))  # sqrt((1 + 9) / 2)


def test_an_affine_map_that_is_a_gradient_is_optimal():
    # y = A x + b with A symmetric positive definite is a convex gradient (Brenier), so the pairing
    # is optimal between the very samples and W2 needs no sampling error.
    x = sample(0)
    A, b = np.array([[1.5, 0.4], [0.4, 0.7]]), np.array([1.0, -2.0])
    y = x @ A + b
    expected = np.sqrt(np.square(x - y).sum(1).mean())
    shuffled = np.random.default_rng(3).permutation(y)
    assert transport_distances(x, shuffled).w2 == pytest.approx(expected, rel=1e-9)


def test_gaussians_agree_with_bures_within_sampling_error():
    # N(0, I) and N(m, diag(4, 1/4)): W2^2 = |m|^2 + (2 - 1)^2 + (1/2 - 1)^2.
    n, m = 1000, np.array([3.0, 1.0])
    exact = np.sqrt(10.0 + 1.0 + 0.25)
    x = sample(0, n)
    y = sample(1, n) * np.array([2.0, 0.5]) + m
    # Each empirical law is itself off by up to its own W2 to the truth: about sqrt(d log n / n)
    # times the spread; the triangle inequality gives the bound.
    floor = transport_distances(x, sample(2, n)).w2
    assert abs(transport_distances(x, y).w2 - exact) < 3 * floor
    assert floor < 0.25


# The solver takes costs below 1e-15 of the largest for none; W2 is the root of such a cost.
ROUNDING = {"w1": 1e-9, "w2": 1e-6}


@settings(max_examples=40, deadline=None)
@given(x=points, y=points, z=points)
def test_distances_are_metrics(x, y, z):
    xy, yx = transport_distances(x, y), transport_distances(y, x)
    xz, zy = transport_distances(x, z), transport_distances(z, y)
    for name, close in ROUNDING.items():
        forth, back = getattr(xy, name), getattr(yx, name)
        assert forth >= 0
        assert forth == pytest.approx(back, abs=close)
        assert forth <= getattr(xz, name) + getattr(zy, name) + close
        assert getattr(transport_distances(x, x), name) < close
    assert xy.w1 <= xy.w2 + 1e-9  # Jensen


@settings(max_examples=20, deadline=None)
@given(x=points, y=points, factor=st.floats(0.1, 10))
def test_distances_have_the_unit_of_the_data(x, y, factor):
    plain, scaled = transport_distances(x, y), transport_distances(factor * x, factor * y)
    assert scaled.w1 == pytest.approx(factor * plain.w1, abs=1e-9, rel=1e-7)
    assert scaled.w2 == pytest.approx(factor * plain.w2, abs=10 * ROUNDING["w2"], rel=1e-7)


@pytest.mark.parametrize("name", ["x", "y"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_not_finite_are_named_by_row(name, bad):
    samples = {"x": sample(0, 5), "y": sample(1, 5)}
    samples[name][3, 1] = bad
    with pytest.raises(ValueError, match=rf"{name}\[3\] is not finite: .*{bad}"):
        transport_distances(samples["x"], samples["y"])


@pytest.mark.parametrize(
    ("x", "y"),
    [((5, 2), (4, 2)), ((5, 2), (5, 3)), ((5,), (5,)), ((0, 2), (0, 2))],
)
def test_wrong_shapes_are_named(x, y):
    with pytest.raises(ValueError, match=r"one shape \(n, d\) with n >= 1, got \(.*\) and"):
        transport_distances(np.zeros(x), np.zeros(y))


def test_a_solver_that_gives_up_is_an_error(monkeypatch):
    def gives_up(a, b, cost, **kwargs):
        return 1.0, {"warning": "numItermax reached"}

    monkeypatch.setattr(wasserstein.ot, "emd2", gives_up)
    with pytest.raises(RuntimeError, match="did not converge on 5 points: numItermax"):
        transport_distances(sample(0, 5), sample(1, 5))


def test_the_floor_falls_with_the_sample_size():
    rng = np.random.default_rng(0)
    floors = [sampling_floor(lambda n: rng.normal(size=(n, 2)), n, 4) for n in (50, 200, 800)]
    for name in ("w1", "w2"):
        values = [getattr(floor, name) for floor in floors]
        assert values == sorted(values, reverse=True)
        assert values[0] > 1.5 * values[2]


def test_the_floor_is_the_mean_over_pairs_of_fresh_samples():
    draws = [sample(seed, 20) for seed in range(4)]
    queue = iter(draws)
    floor = sampling_floor(lambda n: next(queue), 20, 2)
    pairs = [transport_distances(*draws[:2]), transport_distances(*draws[2:])]
    assert floor.repeats == 2
    assert floor.w1 == pytest.approx(np.mean([pair.w1 for pair in pairs]))
    assert floor.w2 == pytest.approx(np.mean([pair.w2 for pair in pairs]))


def test_a_floor_needs_a_repeat():
    with pytest.raises(ValueError, match="repeats must be positive, got 0"):
        sampling_floor(lambda n: sample(0, n), 10, 0)


def test_sliced_w2_of_a_shift_is_its_mean_projection():
    x = sample(0, 400)
    shift = np.array([3.0, 4.0])
    # W2 along a direction u is |shift.u|; the mean of its square is |shift|^2 / d
    assert sliced_w2(x, x + shift, 4000, 0) == pytest.approx(5 / np.sqrt(2), rel=0.02)


def test_sliced_w2_is_a_lower_bound_and_takes_unequal_samples():
    x, y = sample(0, 200), 2 * sample(1, 200)
    assert sliced_w2(x, y, 200, 0) <= transport_distances(x, y).w2
    assert sliced_w2(x, y[:150], 50, 0) == sliced_w2(x, y[:150], 50, 0) > 0
    with pytest.raises(ValueError, match=r"x\[0\] is not finite"):
        sliced_w2(np.full((3, 2), np.inf), y, 5, 0)


def test_half_squared_w2_is_half_the_square():
    x, y = sample(0, 60, 3), sample(1, 60, 3) + 2
    assert half_squared_w2(x, y) == pytest.approx(0.5 * transport_distances(x, y).w2 ** 2)
    with pytest.raises(ValueError, match="one shape"):
        half_squared_w2(x, y[:5])


def test_one_distance_alone_is_the_one_of_both():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 60, 3)) + 1e3
    both = transport_distances(x, y)
    assert (w1_distance(x, y), w2_distance(x, y)) == (both.w1, both.w2)
    for distance in (w1_distance, w2_distance):
        with pytest.raises(ValueError, match="one shape"):
            distance(x, y[:-1])
        with pytest.raises(ValueError, match="finite"):
            distance(x, np.where(y > 1e3, np.nan, y))
