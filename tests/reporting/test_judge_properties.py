"""Whatever the numbers are, a stricter claim or weaker evidence never improves a verdict."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.reporting.claims import Claim
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.intervals import Interval
from mfglab.reporting.judge import Outcome, Range, judge

YES, NO, MAYBE, _ = Outcome
RANK = {NO: 0, MAYBE: 1, YES: 2}


def less_than_one(effect: float) -> Claim:
    return Claim.model_validate(
        {
            "id": "c",
            "source": {"paper": "P", "locator": "T"},
            "statement": "S.",
            "measurement": {"table": "runs.csv", "column": "x"},
            "comparison": {"kind": "less_than", "value": 1.0, "minimum_effect": effect},
            "profiles": ["default"],
        }
    )


numbers = st.floats(-10, 10)
intervals = st.tuples(numbers, st.floats(0, 5)).map(
    lambda pair: Interval(pair[0], pair[0] - pair[1], pair[0] + pair[1], 3)
)


@given(intervals, numbers, st.floats(0, 5))
def test_stricter_range_never_improves_the_verdict(interval, limit, step):
    for closed in (True, False):
        for wide, narrow in [
            (Range(high=limit, closed=closed), Range(high=limit - step, closed=closed)),
            (Range(low=limit, closed=closed), Range(low=limit + step, closed=closed)),
            (Range(limit - 2 * step, limit, closed), Range(limit - step, limit, closed)),
        ]:
            assert RANK[narrow.outcome(interval)] <= RANK[wide.outcome(interval)]


@given(intervals, numbers, st.floats(0, 5))
def test_moving_in_the_claimed_direction_never_worsens_the_verdict(interval, limit, step):
    low, high = interval.low, interval.high
    assert low is not None
    assert high is not None
    moved = Interval(interval.estimate - step, low - step, high - step, 3)
    for closed in (True, False):
        allowed = Range(high=limit, closed=closed)
        assert RANK[allowed.outcome(moved)] >= RANK[allowed.outcome(interval)]


@given(intervals, numbers, st.floats(0, 5), st.floats(0, 5))
def test_wider_interval_never_turns_the_verdict_round(interval, limit, width, more):
    low, high = interval.low, interval.high
    assert low is not None
    assert high is not None
    wider = Interval(interval.estimate, low - more, high + more, 3)
    allowed = Range(limit, limit + width)
    assert allowed.outcome(wider) in {allowed.outcome(interval), MAYBE}


@given(intervals, numbers)
def test_opposite_claims_are_never_both_reproduced(interval, limit):
    below = Range(high=limit, closed=False).outcome(interval)
    above = Range(low=limit, closed=False).outcome(interval)
    assert not (below is YES and above is not NO)
    assert not (above is YES and below is not NO)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=5), st.floats(0, 1))
def test_larger_minimum_effect_never_improves_a_judged_claim(values, effect):
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame({"seed": range(len(values)), "x": values})
        write_csv(frame, Path(folder) / "runs.csv")
        easy = judge(less_than_one(0.0), folder, "default").outcome
        hard = judge(less_than_one(effect), folder, "default").outcome
    assert RANK[hard] <= RANK[easy]
