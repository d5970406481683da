"""Errors of radial tails, and memorisation."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.datasets.heavy_tails import StudentT
from mfglab.metrics.tails import empirical_survival, tail_errors

LAW = StudentT(1.0)


def errors(radii):
    return tail_errors(radii, LAW.radial_survival, LAW.radial_quantile)


def test_the_empirical_function_counts_radii_strictly_above():
    at = np.array([0.5, 1.0, 2.5, 9.0])
    np.testing.assert_allclose(
        empirical_survival(np.array([3.0, 1.0, 2.0]), at), [1, 2 / 3, 1 / 3, 0]
    )


def test_exact_quantiles_have_no_error_and_shrunk_ones_a_known_one():
    p = (np.arange(100_000) + 0.5) / 100_000
    exact = errors(LAW.radial_quantile(p))
    assert exact.ccdf < 1e-5
    assert exact.log_ccdf < 5e-3
    # Far out P(|X| > r) is 1 / r: half the radius, half the tail.
    half = errors(LAW.radial_quantile(p) / 2)
    assert half.log_ccdf == pytest.approx(np.log(2), abs=0.01)


def test_beyond_the_largest_radius_the_tail_counts_as_half_a_point():
    radii = np.full(100, 1.0)
    exceedance = np.geomspace(0.05, 0.001, 20)
    expected = np.abs(np.log(0.005 / exceedance)).mean()
    assert errors(radii).log_ccdf == pytest.approx(expected)


def test_radii_must_be_finite():
    with pytest.raises(ValueError, match="need finite radii"):
        errors(np.array([1.0, np.nan]))
