"""Rows of a few models, evaluated anew, in the tables of an older reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.csvio import TableError, write_csv
from mfglab.reporting.joined import (
    DIGITS,
    EVALUATIONS,
    JOINED,
    OPTIMALITY,
    join_models,
    joinable,
    rows_of,
    sources_of_rows,
)

CONFIG = {
    "models": {
        "flow": {"title": "Flow", "solver": {"kind": "otflow"}},
        "score": {"title": "Score model", "solver": {"kind": "score"}},
    },
    "datasets": {"moons": {"reference_nll": 1.0}, "rings": {}},
}
ALL = frozenset(EVALUATIONS)
NOWHERE = Path("no such folder")
METRICS = (
    *("w1", "w2", "w2_ode", "w2_sde_ode", "mmd2", "nll"),
    *("kinetic", "reference_optimum", "hjb_residual", "straightness"),
)


def evaluate(results, model, dataset, value, seeds=(0, 2, 10)):
    """What the workflow leaves of one model on one data set; all metrics are about ``value``."""
    folder = results / "evaluations" / model / dataset
    keys = [{"model": model, "dataset": dataset, "seed": seed} for seed in seeds]
    rows = [key | dict.fromkeys(METRICS, value + key["seed"]) for key in keys]
    write_csv(pd.DataFrame(rows), folder / "metrics.csv")
    steps = [
        key | {"steps": steps, "nll": value / steps, "inverse_error": value}
        for key in keys
        for steps in (2, 16)
    ]
    write_csv(pd.DataFrame(steps), folder / "steps.csv")
    times = [key | {"s": s, "relative_residual": value} for key in keys for s in (0.1, 20.0, 3.0)]
    columns = [*keys[0], "s", "relative_residual"]
    write_csv(
        pd.DataFrame(times if model == "score" else [], columns=columns), folder / "residuals.csv"
    )
    for key in keys:
        path = results / "models" / model / dataset / str(key["seed"]) / "timing.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(key | {"seconds": value, "steps": 10, "peak_mb": 500.0}))
    floor = {"dataset": dataset, "n": 4, "w2_floor": 0.5, "kinetic_optimum": 2.0}
    write_csv(pd.DataFrame([floor]), results / "floors" / f"{dataset}.csv")


@pytest.fixture
def older(tmp_path):
    """A reference of three pairs, made by joining them to empty tables."""
    evaluate(tmp_path / "first", "flow", "moons", 1.0)
    evaluate(tmp_path / "first", "flow", "rings", 2.0)
    evaluate(tmp_path / "first", "score", "moons", 3.0)
    empty = tmp_path / "empty"
    headings(tmp_path / "first", empty)
    join_models(tmp_path / "first", empty, CONFIG, tmp_path / "older", ALL)
    return tmp_path / "older"


def headings(results, folder):
    """Tables without rows and with the columns that those of ``results`` have."""
    for name, frame in rows_of(results, CONFIG, ALL).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.head(0).to_csv(path, index=False, sep=JOINED[name].separator)


def lines(path):
    return path.read_text().splitlines()


def test_rows_of_a_model_take_the_place_of_its_older_ones_alone(older, tmp_path):
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    written = join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)
    assert set(written) == ALL
    for name, path in written.items():
        before, after = lines(older / name), lines(path)
        changed = {line for line in before if line not in after}
        assert bool(changed) != ("residuals" in name), name  # flows have none by noising time
        assert all("moons" in line and "flow" in line.lower() for line in changed), name
        assert len(after) == len(before)
    runs = pd.read_csv(written["tables/generative_runs.csv"])
    assert list(runs["model"].unique()) == ["flow", "score"]
    first = runs[(runs["model"] == "flow") & (runs["dataset"] == "moons")]
    assert list(first["seed"]) == [0, 2, 10]  # as numbers, not as words
    assert list(first["w2"]) == [7, 9, 17]
    assert list(first["nll_excess"]) == [6, 8, 16]


def test_a_new_pair_is_added_in_its_place(older, tmp_path):
    evaluate(tmp_path / "second", "score", "rings", 5.0)
    written = join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)
    for name, path in written.items():
        before, after = lines(older / name), lines(path)
        assert [line for line in after if line in before] == before
        assert all("rings" in line for line in after if line not in before)
    table = pd.read_csv(written["tables/generative.csv"])
    assert list(zip(table["Data"], table["Model"], strict=True)) == [
        ("moons", "Flow"),
        ("moons", "Score model"),
        ("rings", "Flow"),
        ("rings", "Score model"),
    ]
    times = pd.read_csv(written["tables/score_residuals.csv"]).query("dataset == 'rings'")
    assert list(times["s"])[:3] == [0.1, 3, 20]


def test_older_cells_keep_their_digits(older, tmp_path):
    path = older / "tables/steps_runs.csv"
    row = "particles,moons,0,16,0.12345678901,1e-05,-0.000,0.50\n"
    path.write_text(path.read_text() + row)
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    written = join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)
    assert row.strip() in lines(written["tables/steps_runs.csv"])


def test_joined_twice_is_joined_once(older, tmp_path):
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    once = join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)
    again = join_models(tmp_path / "second", tmp_path / "new", CONFIG, tmp_path / "newer", ALL)
    assert all(again[name].read_bytes() == once[name].read_bytes() for name in ALL)


def test_other_columns_are_refused_by_name(older, tmp_path):
    path = older / "tables/steps_runs.csv"
    path.write_text(path.read_text().replace("inverse_error", "error", 1))
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    with pytest.raises(TableError, match=r"steps_runs\.csv .* columns error, inverse_error"):
        join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)


def test_a_table_that_is_missing_is_named(older, tmp_path):
    (older / "cost.tsv").unlink()
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    with pytest.raises(TableError, match=r"cost\.tsv does not exist: there are no rows"):
        join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", ALL)


def test_sources_are_the_files_that_rows_are_from(tmp_path):
    evaluate(tmp_path, "flow", "moons", 1.0, seeds=(3,))
    found = [path.relative_to(tmp_path).as_posix() for path in sources_of_rows(tmp_path, ALL)]
    assert found == [
        "evaluations/flow/moons/metrics.csv",
        "evaluations/flow/moons/residuals.csv",
        "evaluations/flow/moons/steps.csv",
        "floors/moons.csv",
        "models/flow/moons/3/timing.json",
    ]
    assert sources_of_rows(tmp_path, set()) == []
    assert sources_of_rows(NOWHERE, set(JOINED)) == []


DIGIT_METRICS = ("precision", "recall", "neighbour_ratio", "confidence", "classes")


def judge_digits(results, model, title, value, seeds=(0, 2, 10)):
    """What the workflow leaves of the digits of one model."""
    rows = [
        {"arm": title, "seed": seed} | dict.fromkeys(DIGIT_METRICS, value + seed) for seed in seeds
    ]
    write_csv(pd.DataFrame(rows), results / "evaluations" / model / "digits" / "digits.csv")


def test_digits_of_a_model_enter_their_own_tables_alone(tmp_path):
    judge_digits(tmp_path / "first", "flow", "Flow", 1.0)
    judge_digits(tmp_path / "first", "score", "Score model", 2.0)
    older = tmp_path / "older"
    for name, frame in rows_of(tmp_path / "first", CONFIG, set(DIGITS)).items():
        write_csv(frame, older / name)
    assert joinable(tmp_path / "second", older) == set()
    judge_digits(tmp_path / "second", "rnode", "RNODE", 3.0)
    judge_digits(tmp_path / "second", "score", "Score model", 4.0)
    assert joinable(tmp_path / "second", older) == set(DIGITS)
    assert joinable(tmp_path / "second", older, {"tables/digits.csv"}) == set()
    names = [path.parts[-3] for path in sources_of_rows(tmp_path / "second", set(DIGITS))]
    assert names == ["rnode", "score"]
    written = join_models(tmp_path / "second", older, CONFIG, tmp_path / "new", set(DIGITS))
    assert set(written) == set(DIGITS)
    runs = pd.read_csv(written["tables/digits_runs.csv"])
    assert list(runs["arm"].unique()) == ["Flow", "RNODE", "Score model"]
    assert list(runs["precision"]) == [1, 3, 11, 3, 5, 13, 4, 6, 14]
    table = lines(written["tables/digits.csv"])
    assert table[:2] == lines(older / "tables/digits.csv")[:2]
    assert [line.split(",")[0] for line in table] == ["Sample", "Flow", "RNODE", "Score model"]


def test_evaluations_and_digits_are_joined_apart(tmp_path):
    evaluate(tmp_path, "flow", "moons", 1.0)
    assert joinable(tmp_path, NOWHERE) == ALL
    judge_digits(tmp_path, "flow", "Flow", 1.0)
    assert joinable(tmp_path, NOWHERE) == set(JOINED)
    assert joinable(tmp_path, NOWHERE, {"tables/generative.csv"}) == set(DIGITS)


def test_optimality_is_made_anew_of_all_models(older, tmp_path):
    """Tables of the older reference follow the rows that entered the others."""
    rng = np.random.default_rng(0)
    keys = [{"arm": arm, "seed": seed} for arm in "abcd" for seed in (0, 2, 10)]
    columns = ("hjb_residual", "w2", "straightness", "abs_gap_2")
    rows = [key | {name: rng.uniform(0.1, 0.9) for name in columns} for key in keys]
    new = tmp_path / "new"
    write_csv(pd.DataFrame(rows), new / "tables/flow_ablation_runs.csv")
    evaluate(tmp_path / "second", "flow", "moons", 7.0)
    assert joinable(tmp_path / "second", older) == ALL
    for name in OPTIMALITY:
        (older / name).write_text("of older rows\n")
    names = joinable(tmp_path / "second", older)
    assert names == ALL | set(OPTIMALITY)
    assert joinable(tmp_path / "second", older, {OPTIMALITY[0]}) == ALL
    written = join_models(tmp_path / "second", older, CONFIG, new, names)
    assert set(written) == names
    runs = pd.read_csv(written[OPTIMALITY[0]])
    assert len(runs) == 9 + len(rows)
    moons = runs.query("source == 'pipeline' and dataset == 'moons' and model == 'flow'")
    assert list(moons["hjb_residual"]) == [7, 9, 17]
    assert written["optimality.png"].read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(written[OPTIMALITY[1]])
    assert set(table["models"]) == {"potential flows", "all"}
    assert set(table["compared"]) == {4}
