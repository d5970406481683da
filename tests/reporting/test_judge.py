from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mfglab.reporting.claims import Claim, ClaimError
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.judge import Outcome, Verdict, judge, judge_claims

YES, NO, MAYBE, NOT_RUN = Outcome


def claim(comparison: dict[str, Any], measurement: dict[str, Any] | None = None, **more) -> Claim:
    chosen = {"table": "runs.csv", "column": "x"} | (measurement or {})
    return Claim.model_validate(
        {
            "id": "c",
            "source": {"paper": "P", "locator": "T"},
            "statement": "S.",
            "measurement": chosen,
            "comparison": comparison,
            "profiles": ["default"],
        }
        | more
    )


@pytest.fixture
def tables(tmp_path: Path):
    """Write a table and judge a claim on it."""

    def judged(frame: pd.DataFrame, chosen: Claim) -> Verdict:
        write_csv(frame, tmp_path / "runs.csv")
        return judge(chosen, tmp_path, "default")

    return judged


def seeds(values: list[float], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(values)), "x": values, **columns})


def sides(first: list[float], second: list[float]) -> pd.DataFrame:
    return pd.concat([seeds(first, model="a"), seeds(second, model="b")], ignore_index=True)


LESS = {"kind": "less_than", "value": 1.0}
GREATER = {"kind": "greater_than", "value": 1.0}
EQUAL = {"kind": "equal_within", "value": 1.0, "tolerance": 0.2}


@pytest.mark.parametrize(
    ("comparison", "values", "expected"),
    [
        (LESS, [0.5, 0.51, 0.49], YES),
        (LESS, [1.5, 1.51, 1.49], NO),
        (LESS, [0.5, 0.9, 1.2], MAYBE),
        (LESS, [0.5], MAYBE),
        (LESS | {"minimum_effect": 0.6}, [0.5, 0.51, 0.49], NO),
        (LESS | {"minimum_effect": 0.5}, [0.5, 0.51, 0.49], MAYBE),
        (GREATER, [1.5, 1.51, 1.49], YES),
        (GREATER, [0.5, 0.51, 0.49], NO),
        (GREATER, [0.8, 0.9, 1.2], MAYBE),
        (GREATER | {"minimum_effect": 0.6}, [1.5, 1.51, 1.49], NO),
        (EQUAL, [1.0, 1.01, 0.99], YES),
        (EQUAL, [1.4, 1.41, 1.39], NO),
        (EQUAL, [0.6, 0.61, 0.59], NO),
        (EQUAL, [1.1, 1.3, 1.2], MAYBE),
        (EQUAL, [0.0, 1.0, 2.0], MAYBE),
        (EQUAL, [1.0], MAYBE),
    ],
)
def test_levels(tables, comparison, values, expected):
    verdict = tables(seeds(values), claim(comparison))
    assert verdict.outcome is expected
    assert verdict.n == len(values)
    assert verdict.estimate == pytest.approx(sum(values) / len(values))
    assert (verdict.low is None) == (len(values) < 2)


DIFFERENCE = {"kind": "paired_difference", "direction": "less", "minimum_effect": 0.1}
RATIO = {"kind": "paired_ratio", "direction": "less", "minimum_effect": 0.1}
PAIR = {"filter": {"model": "a"}, "versus": {"model": "b"}}


@pytest.mark.parametrize(
    ("comparison", "first", "second", "expected"),
    [
        # the spread over seeds is large, that of the differences small
        (DIFFERENCE, [1.0, 5.0, 9.0], [1.5, 5.51, 9.49], YES),
        (DIFFERENCE, [1.5, 5.5, 9.5], [1.0, 5.01, 9.01], NO),
        (DIFFERENCE, [1.0, 5.0, 9.0], [1.05, 5.051, 9.052], NO),
        (DIFFERENCE, [1.0, 5.0, 9.0], [2.0, 4.5, 10.0], MAYBE),
        (DIFFERENCE, [1.0], [2.0], MAYBE),
        (DIFFERENCE | {"direction": "greater"}, [1.5, 5.5, 9.5], [1.0, 5.01, 9.01], YES),
        (RATIO, [1.0, 5.0, 9.0], [2.0, 10.1, 17.9], YES),
        (RATIO, [2.0, 10.0, 18.0], [1.0, 5.01, 9.01], NO),
        (RATIO, [0.95, 9.52, 95.1], [1.0, 10.0, 100.0], NO),
        (RATIO, [1.0, 5.0, 9.0], [4.0, 5.0, 8.0], MAYBE),
        (RATIO, [1.0], [2.0], MAYBE),
        (RATIO | {"direction": "greater"}, [2.0, 10.0, 18.0], [1.0, 5.01, 9.01], YES),
    ],
)
def test_pairs(tables, comparison, first, second, expected):
    assert tables(sides(first, second), claim(comparison, PAIR)).outcome is expected


def powers(slopes: list[float]) -> pd.DataFrame:
    rows = [(seed, n, 3 * n**s) for seed, s in enumerate(slopes) for n in (1.0, 2.0, 4.0, 8.0)]
    return pd.DataFrame(rows, columns=["seed", "n", "x"])


SLOPE = {"kind": "slope_within", "x": "n", "slope": -0.5, "tolerance": 0.1}


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ([-0.5, -0.51, -0.49], YES),
        ([-1.0, -1.01, -0.99], NO),
        ([0.5, 0.51, 0.49], NO),
        ([-0.4, -0.5, -0.6], MAYBE),
        ([-0.5], MAYBE),
    ],
)
def test_slopes(tables, slopes, expected):
    verdict = tables(powers(slopes), claim(SLOPE))
    assert verdict.outcome is expected
    assert verdict.estimate == pytest.approx(sum(slopes) / len(slopes), abs=1e-4)


def test_deterministic_slope_needs_no_seed(tables):
    frame = powers([-0.45]).drop(columns="seed")
    assert tables(frame, claim(SLOPE, deterministic=True)).outcome is YES


BOUND = {"kind": "bound_holds", "bound": "limit"}
BOUND_SE = BOUND | {"standard_error": "error"}


@pytest.mark.parametrize(
    ("comparison", "values", "limits", "errors", "expected"),
    [
        (BOUND, [1.0, 2.0], [1.0, 2.5], [0, 0], YES),
        (BOUND, [1.0, 2.6], [1.0, 2.5], [0, 0], NO),
        (BOUND, [1.0], [2.0], [0], MAYBE),
        (BOUND_SE, [1.0, 2.0], [1.2, 2.5], [0.1, 0.1], YES),
        (BOUND_SE, [1.0, 2.0], [1.1, 2.5], [0.1, 0.1], MAYBE),
        (BOUND_SE, [1.0, 3.0], [1.2, 2.5], [0.1, 0.1], NO),
        (BOUND_SE, [1.0], [1.2], [0.1], YES),
        (BOUND, [1.0, 2.0], [math.inf, math.inf], [0, 0], MAYBE),
        (BOUND, [1.0, 2.0, 3.0], [math.inf, 2.5, 2.9], [0, 0, 0], NO),
    ],
)
def test_bounds(tables, comparison, values, limits, errors, expected):
    verdict = tables(seeds(values, limit=limits, error=errors), claim(comparison))
    assert verdict.outcome is expected


def test_vacuous_bounds_are_told(tables):
    verdict = tables(seeds([1.0, 2.0], limit=[math.inf] * 2), claim(BOUND))
    assert "vacuous" in verdict.explanation
    assert verdict.estimate is None


@pytest.mark.parametrize(("values", "expected"), [([0.9], YES), ([1.0], NO), ([1.1], NO)])
def test_deterministic_level_needs_one_value(tables, values, expected):
    assert tables(seeds(values), claim(LESS, deterministic=True)).outcome is expected


def test_deterministic_values_must_all_agree(tables):
    frame = seeds([0.9, 1.1])
    one = claim(LESS, {"pair_on": ["seed"]}, deterministic=True)
    assert tables(frame, one).outcome is MAYBE
    assert tables(frame.assign(x=[0.9, 0.8]), one).outcome is YES


def test_other_profile_is_not_run_and_needs_no_table(tmp_path):
    verdict = judge(claim(LESS), tmp_path, "smoke")
    assert verdict.outcome is NOT_RUN
    assert verdict.explanation == "Not judged in profile smoke, only in default."


@pytest.mark.parametrize("chosen", [{"filter": {"model": "c"}}, {"filter": {"seed": [7, 8]}}])
def test_no_row_is_not_run(tables, chosen):
    assert tables(sides([1.0], [2.0]), claim(LESS, chosen)).outcome is NOT_RUN


def test_one_empty_side_is_not_run(tables):
    chosen = PAIR | {"versus": {"model": "c"}}
    assert tables(sides([1.0], [2.0]), claim(DIFFERENCE, chosen)).outcome is NOT_RUN


def test_filters_choose_rows(tables):
    frame = sides([0.1, 0.2, 0.15], [5.0, 6.0, 7.0]).assign(rate=1 / 3, good=True)
    for chosen in [
        {"model": "a"},
        {"model": ["a"], "rate": 1 / 3, "good": True, "seed": [0, 1, 2]},
    ]:
        assert tables(frame, claim(LESS, {"filter": chosen})).estimate == pytest.approx(0.15)


def test_aggregate_makes_one_number_of_a_unit(tables):
    frame = sides([1.0, 2.0], [3.0, 6.0])
    for word, mean in [("mean", 3.0), ("min", 1.5), ("max", 4.5)]:
        verdict = tables(frame, claim(LESS, {"aggregate": word}))
        assert verdict.estimate == pytest.approx(mean)
        assert verdict.n == 2


def test_the_mean_of_factors_is_geometric(tables):
    factors = [1.0, 4.0, 16.0]
    verdict = tables(seeds(factors), claim(GREATER, {"average": "geometric"}))
    logs = np.log(factors)
    half = 4.302653 * logs.std(ddof=1) / math.sqrt(3)
    found = [verdict.estimate, verdict.low, verdict.high]
    assert found == pytest.approx(np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]))
    assert "geometric mean of x is 4 " in verdict.explanation
    # where one factor is large the arithmetic interval reaches below zero
    plain = tables(seeds(factors), claim(GREATER))
    assert plain.low < 0 < verdict.low


def test_a_geometric_mean_is_of_one_side_only():
    with pytest.raises(ValidationError, match=r"geometric needs less_than.*got paired_ratio"):
        claim(RATIO, {**PAIR, "average": "geometric"})
    with pytest.raises(ValidationError, match=r"without measurement\.versus, got less_than"):
        claim(LESS, {**PAIR, "average": "geometric"})
    with pytest.raises(ValidationError, match="got less_than, deterministic"):
        claim(LESS, {"average": "geometric"}, deterministic=True)


@pytest.mark.parametrize(
    ("comparison", "chosen", "frame", "message"),
    [
        (LESS, {"column": "y"}, seeds([1.0]), r"no column 'y'; it has seed, x"),
        (LESS, {"filter": {"mode": "a"}}, seeds([1.0]), "no column 'mode'"),
        (LESS, {"pair_on": ["sed"]}, seeds([1.0]), "no column 'sed'"),
        (LESS, {"filter": {"seed": "0"}}, seeds([1.0]), "'seed' holds numbers, .* asks for '0'"),
        (LESS, {"column": "model"}, sides([1.0], []), "'model' holds no numbers"),
        (LESS, {}, sides([1.0], [2.0]), r"2 rows for one unit \(seed = 0\); narrow"),
        (DIFFERENCE, PAIR, sides([1.0, 2.0], [1.0]), "no partner .* seed = 1"),
        (RATIO, PAIR, sides([1.0, 2.0], [1.0, -1.0]), "positive values, got -1"),
        (LESS, {"average": "geometric"}, seeds([1.0, -1.0]), "positive values, got -1"),
        (BOUND, {}, seeds([1.0]), "no column 'limit'"),
        (BOUND, {}, seeds([1.0, 1.0], limit=[1.0, math.nan]), "line 3, column 'limit': nan is no"),
        (BOUND_SE, {}, seeds([1.0], limit=[1.0], error=[-1.0]), "'error' has a negative error"),
        (SLOPE, {}, powers([0.5]).assign(n=1.0), r"one value of 'n', no slope"),
        (SLOPE, {}, powers([0.5]).assign(n=-1.0), "'n' must be positive, got -1"),
    ],
)
def test_errors_name_claim_and_cell(tables, comparison, chosen, frame, message):
    with pytest.raises(ClaimError, match=f"claim 'c': .*{message}"):
        tables(frame, claim(comparison, chosen))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_leaves_the_claim_open_and_is_named(tables, value):
    verdict = tables(seeds([0.1, value, 0.2]), claim(LESS))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.estimate is None
    expected = rf"No estimate: .*runs\.csv, line 3, column 'x': {value} is not finite\."
    assert re.fullmatch(expected, verdict.explanation)


def test_missing_table_is_an_error_where_the_claim_is_judged(tmp_path):
    with pytest.raises(ClaimError, match=r"claim 'c': table .*runs\.csv does not exist"):
        judge_claims([claim(LESS)], tmp_path, "default")


def test_explanation_holds_the_numbers(tables):
    verdict = tables(seeds([0.5, 0.51, 0.49]), claim(LESS))
    assert verdict.explanation == (
        "The x is 0.5 with 95 % interval [0.4752, 0.5248] (n = 3); claimed is less than 1."
    )
