"""The unbiased MMD: zero mean under the null, and its value between Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfglab.metrics.mmd import mmd_squared


def expected_kernel(mean, variance, d, h):
    """``E exp(-|D|^2 / h^2)`` for D ~ N(mean, variance I) in dimension d."""
    spread = 1 + 2 * variance / h**2
    return spread ** (-d / 2) * np.exp(-np.square(mean).sum() / (h**2 * spread))


def estimates(repeats, n, h, mean, std):
    rng = np.random.default_rng(0)
    d = len(mean)
    return np.array(
        [
            mmd_squared(rng.normal(size=(n, d)), mean + std * rng.normal(size=(n, d)), h)
            for _ in range(repeats)
        ]
    )


def test_under_the_null_the_mean_is_zero():
    values = estimates(400, 20, 1.0, np.zeros(2), 1.0)
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean()) < 4 * error
    assert (values < 0).any()  # unbiased, so it must be
    assert error < 0.002  # the biased estimate is off by 2 (1 - E k) / n = 0.08


@pytest.mark.parametrize("h", [0.7, 2.0])
@pytest.mark.parametrize(
    ("mean", "std"), [(np.array([1.0, 0.5]), 1.0), (np.zeros(2), 2.0), (np.array([0.5]), 0.5)]
)
def test_between_gaussians_it_has_the_closed_form(mean, std, h):
    d = len(mean)
    exact = (
        expected_kernel(np.zeros(d), 2.0, d, h)
        + expected_kernel(np.zeros(d), 2 * std**2, d, h)
        - 2 * expected_kernel(mean, 1 + std**2, d, h)
    )
    values = estimates(100, 100, h, mean, std)
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - exact) < 4 * error
    assert error < 0.1 * exact


def test_two_points_by_hand():
    x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    k = lambda r: np.exp(-(r**2) / 4.0)  # noqa: E731
    expected = k(1) + k(2) - 2 * (k(0) + k(2) + k(1) + k(1)) / 4
    assert mmd_squared(x, y, 2.0) == pytest.approx(expected)


@given(seed=st.integers(0, 1000), n=st.integers(2, 8), m=st.integers(2, 8))
def test_it_is_symmetric_and_knows_no_order(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    assert mmd_squared(x, y) == pytest.approx(mmd_squared(y, x), abs=1e-12)
    assert mmd_squared(x, y) == pytest.approx(mmd_squared(x[::-1], y), abs=1e-12)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan])
def test_a_bandwidth_must_be_positive(bandwidth):
    with pytest.raises(ValueError, match=f"bandwidth must be positive, got {bandwidth}"):
        mmd_squared(np.zeros((3, 1)), np.zeros((3, 1)), bandwidth)


@pytest.mark.parametrize(("x", "y"), [((1, 2), (3, 2)), ((3, 2), (3, 1)), ((3,), (3,))])
def test_wrong_shapes_are_named(x, y):
    with pytest.raises(ValueError, match=r"at least 2 points .* got shapes \("):
        mmd_squared(np.zeros(x), np.zeros(y))


def test_values_not_finite_are_named_by_row():
    y = np.zeros((4, 2))
    y[2, 0] = np.nan
    with pytest.raises(ValueError, match=r"y\[2\] is not finite: \[nan, 0.0\]"):
        mmd_squared(np.zeros((3, 2)), y)
