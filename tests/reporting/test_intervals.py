from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfglab.reporting.intervals import (
    mean_interval,
    paired_interval,
    range_interval,
    ratio_interval,
    t_quantile,
)

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8)


def test_quantiles_are_those_of_the_tables():
    assert t_quantile(1) == pytest.approx(12.7062, abs=1e-4)
    assert t_quantile(2) == pytest.approx(4.30265, abs=1e-5)
    assert t_quantile(10**7) == pytest.approx(1.959964, abs=1e-5)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        t_quantile(0)


def test_interval_of_three_values_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)
    assert interval.estimate == 2.0
    assert interval.low == pytest.approx(2 - half, abs=1e-5)
    assert interval.high == pytest.approx(2 + half, abs=1e-5)
    assert interval.n == 3


def test_coverage_is_95_percent():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        interval = mean_interval(list(rng.normal(1.0, 2.0, size=3)))
        assert interval.low is not None
        assert interval.high is not None
        hits += interval.low <= 1.0 <= interval.high
    # standard error of the frequency: 0.0049
    assert abs(hits / 2000 - 0.95) < 0.02


def test_one_value_has_no_interval():
    interval = mean_interval([3.0])
    assert (interval.estimate, interval.low, interval.high, interval.n) == (3.0, None, None, 1)


@pytest.mark.parametrize(
    ("data", "word"), [([], "none"), ([1.0, math.nan], "nan"), ([math.inf], "inf")]
)
def test_useless_values_are_refused(data, word):
    with pytest.raises(ValueError, match=word):
        mean_interval(data)


@given(values, st.floats(-100, 100))
def test_pairing_removes_what_pairs_share(data, shift):
    interval = paired_interval([x + shift for x in data], data)
    assert interval.estimate == pytest.approx(shift, abs=1e-9)
    assert interval.low == pytest.approx(shift, abs=1e-6)
    assert interval.high == pytest.approx(shift, abs=1e-6)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6), st.floats(0.1, 10))
def test_ratio_of_multiples_is_the_factor(data, factor):
    interval = ratio_interval([factor * x for x in data], data)
    assert interval.estimate == pytest.approx(factor)
    assert interval.low == pytest.approx(factor)


def test_ratio_is_symmetric():
    a, b = [1.0, 2.0, 4.0], [2.0, 2.0, 3.0]
    forward, backward = ratio_interval(a, b), ratio_interval(b, a)
    assert backward.high is not None
    assert forward.estimate == pytest.approx(1 / backward.estimate)
    assert forward.low == pytest.approx(1 / backward.high)


def test_pairs_must_fit():
    with pytest.raises(ValueError, match="equal lengths, got 1 and 2"):
        paired_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="positive values, got -2"):
        ratio_interval([1.0, 1.0], [1.0, -2.0])


@given(values)
def test_range_encloses_the_values(data):
    interval = range_interval(data)
    assert (interval.low, interval.high) == (min(data), max(data))
