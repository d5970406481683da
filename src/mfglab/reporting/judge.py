"""Verdicts: each claim against the measurements of a run, with a 95 % interval.

The rule is the same for every comparison. A claim names an allowed range of some quantity (mean,
difference, ratio, slope, excess over a bound). If the whole interval of the quantity lies in the
range the claim is reproduced, if the whole interval lies outside it is not reproduced, otherwise
the run cannot tell. Fewer than two independent values of a random quantity cannot tell either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from mfglab.reporting import measurements as take
from mfglab.reporting.claims import (
    BoundHolds,
    Claim,
    ClaimError,
    EqualWithin,
    GreaterThan,
    LessThan,
    PairedDifference,
    PairedRatio,
    SlopeWithin,
)
from mfglab.reporting.csvio import TableError, read_csv
from mfglab.reporting.intervals import Interval


class Outcome(StrEnum):
    """The four verdicts."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Verdict:
    """Judgement of one claim.

    Attributes:
        claim: Claim id.
        outcome: The verdict.
        estimate: Estimated quantity; None when the claim was not run.
        low: Lower end of the interval, None without interval.
        high: Upper end of the interval, None without interval.
        n: Number of independent values (rows for a bound).
        explanation: One sentence.
    """

    claim: str
    outcome: Outcome
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    explanation: str


@dataclass(frozen=True)
class Range:
    """Allowed values of a quantity; open ends are strict inequalities.

    Attributes:
        low: Smallest allowed value.
        high: Largest allowed value.
        closed: Whether the ends themselves are allowed.
    """

    low: float = -math.inf
    high: float = math.inf
    closed: bool = True

    def __contains__(self, value: float) -> bool:
        if self.closed:
            return self.low <= value <= self.high
        return self.low < value < self.high

    def outcome(self, interval: Interval) -> Outcome:
        """Whether the whole interval lies inside, the whole outside, or neither."""
        low, high = interval.low, interval.high
        if low is None or high is None:
            return Outcome.INCONCLUSIVE
        if low in self and high in self:
            return Outcome.REPRODUCED
        below = high < self.low or (not self.closed and high == self.low)
        above = low > self.high or (not self.closed and low == self.high)
        return Outcome.NOT_REPRODUCED if below or above else Outcome.INCONCLUSIVE


def judge_claims(claims: Sequence[Claim], tables: str | Path, profile: str) -> list[Verdict]:
    """Judge all claims, in order.

    Args:
        claims: From :func:`mfglab.reporting.claims.load_claims`.
        tables: Folder with the CSV tables of the run.
        profile: Profile of the run.

    Raises:
        ClaimError: A table or column does not exist.
    """
    return [judge(claim, tables, profile) for claim in claims]


def judge(claim: Claim, tables: str | Path, profile: str) -> Verdict:
    """Judge one claim; arguments and errors as for :func:`judge_claims`."""
    if profile not in claim.profiles:
        judged = ", ".join(claim.profiles)
        return _not_run(claim, f"Not judged in profile {profile}, only in {judged}.")
    try:
        frame = read_csv(Path(tables) / claim.measurement.table)
        return _judge_frame(claim, frame)
    except take.NotFiniteError as error:
        # One run without a number must not cost the verdicts on all other claims.
        return _verdict(claim, Outcome.INCONCLUSIVE, None, f"No estimate: {error}.")
    except (TableError, ValueError) as error:
        raise ClaimError(f"claim {claim.id!r}: {error}") from error


def _judge_frame(claim: Claim, frame: pd.DataFrame) -> Verdict:
    table, measurement = claim.measurement.table, claim.measurement
    rows = take.select(frame, measurement.filter, table)
    sides = [rows]
    if measurement.versus is not None:
        sides.append(take.select(frame, measurement.filter | measurement.versus, table))
    if any(side.empty for side in sides):
        return _not_run(claim, f"No row of {table} fits the filter.")
    interval, allowed, quantity = _quantity(claim, sides)
    if interval is None:
        return _verdict(claim, Outcome.INCONCLUSIVE, None, f"All bounds of {quantity} are vacuous.")
    outcome = allowed.outcome(interval)
    return _verdict(claim, outcome, interval, _sentence(quantity, interval, allowed, claim))


def _quantity(claim: Claim, sides: list[pd.DataFrame]) -> tuple[Interval | None, Range, str]:
    """What the comparison is about: its interval, the allowed range and its name."""
    comparison, column = claim.comparison, claim.measurement.column
    match comparison:
        case LessThan(value=value, minimum_effect=effect):
            interval, name = _level(claim, sides)
            return interval, Range(high=value - effect, closed=False), name
        case GreaterThan(value=value, minimum_effect=effect):
            interval, name = _level(claim, sides)
            return interval, Range(low=value + effect, closed=False), name
        case EqualWithin(value=value, tolerance=tolerance):
            interval, name = _level(claim, sides)
            return interval, Range(value - tolerance, value + tolerance), name
        case SlopeWithin(slope=slope, tolerance=tolerance):
            allowed = Range(slope - tolerance, slope + tolerance)
            name = f"log-log slope of {column} in {comparison.x}"
            return take.slope(claim, comparison, sides[0]), allowed, name
        case BoundHolds():
            name = f"largest excess of {column} over {comparison.bound}"
            return take.excess(claim, comparison, sides[0]), Range(high=0.0), name
        case PairedDifference(direction=direction, minimum_effect=effect):
            name = f"paired difference of {column}"
            interval = take.difference(claim, sides[0], sides[1])
            return interval, _side(direction, 0.0, effect), name
        case PairedRatio(direction=direction, minimum_effect=effect):
            name = f"paired ratio of {column}"
            return take.ratio(claim, sides[0], sides[1]), _side(direction, 1.0, effect), name


def _level(claim: Claim, sides: list[pd.DataFrame]) -> tuple[Interval, str]:
    """The measured column, or its paired difference where the claim has another side."""
    column = claim.measurement.column
    if len(sides) == 1:
        geometric = claim.measurement.average == "geometric"
        return take.level(claim, sides[0]), f"geometric mean of {column}" if geometric else column
    return take.difference(claim, sides[0], sides[1]), f"paired difference of {column}"


def _side(direction: str, neutral: float, effect: float) -> Range:
    if direction == "less":
        return Range(high=neutral - effect, closed=False)
    return Range(low=neutral + effect, closed=False)


def _sentence(quantity: str, interval: Interval, allowed: Range, claim: Claim) -> str:
    """The verdict in one sentence, with the numbers that decide it."""
    if interval.low is None or interval.high is None:
        return (
            f"The {quantity} is {interval.estimate:.4g} from {interval.n} independent value(s); "
            "two are needed for an interval."
        )
    name = "range" if claim.deterministic else "95 % interval"
    return (
        f"The {quantity} is {interval.estimate:.4g} with {name} "
        f"[{interval.low:.4g}, {interval.high:.4g}] (n = {interval.n}); claimed is "
        f"{_in_words(allowed)}."
    )


def _in_words(allowed: Range) -> str:
    if math.isfinite(allowed.low) and math.isfinite(allowed.high):
        return f"{allowed.low:.4g} to {allowed.high:.4g}"
    if math.isfinite(allowed.high):
        return f"{'at most' if allowed.closed else 'less than'} {allowed.high:.4g}"
    return f"{'at least' if allowed.closed else 'more than'} {allowed.low:.4g}"


def _verdict(claim: Claim, outcome: Outcome, interval: Interval | None, why: str) -> Verdict:
    if interval is None:
        return Verdict(claim.id, outcome, None, None, None, 0, why)
    return Verdict(
        claim.id, outcome, interval.estimate, interval.low, interval.high, interval.n, why
    )


def _not_run(claim: Claim, why: str) -> Verdict:
    return _verdict(claim, Outcome.NOT_RUN, None, why)
