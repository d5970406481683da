"""The benchmarks of the laboratory on tiny sizes: equal things are compared, counts are right."""

import csv
from pathlib import Path

import pytest


@pytest.mark.parametrize("case", ["proximal", "hjb", "wpo", "gpa"])
def test_a_loop_written_out_is_the_same_arithmetic(load, case):
    loops = load("lab_loops")
    assert loops.disagreement(case) < loops.AGREEMENT


def test_times_of_a_step_are_compared(load, tmp_path: Path):
    table = tmp_path / "loops.csv"
    words = ["--cases", "proximal", "hjb", "--iterations", "2", "--seconds", "0"]
    rows = load("lab_loops").main([*words, "--output", str(table)])
    assert [row.case for row in rows] == ["proximal", "hjb"]
    assert all(row.ratio == row.library_s / row.written_s for row in rows)
    with table.open() as file:
        assert [float(line["ratio"]) for line in csv.DictReader(file)] == [r.ratio for r in rows]
    with pytest.raises(SystemExit, match=r"ratio \d\S* > 0\.0 at .*'proximal'"):
        load("lab_loops").main([*words[:2], *words[3:], "--require", "0"])


@pytest.mark.parametrize(
    ("case", "name", "value"),
    [("hjb", "_WEIGHT", 0.11), ("wpo", "_FLOOR", 0.02), ("proximal", "_LAMBDA", 0.5)],
)
def test_another_objective_is_noticed(load, monkeypatch: pytest.MonkeyPatch, case, name, value):
    loops, cases = load("lab_loops"), load("lab_cases")
    both, library = cases.CASES[case], cases.CASES[case].library(1)
    monkeypatch.setattr(cases, name, value)
    changed = cases.Case(lambda steps: library, both.written)
    monkeypatch.setitem(cases.CASES, case, changed)
    with pytest.raises(RuntimeError, match="differ by"):
        loops.disagreement(case)


def test_memory_of_kernels_is_linear_in_the_batch(load, tmp_path: Path):
    words = ["--dims", "2", "6", "--centres", "40", "--batches", "100", "200", "400"]
    rows = load("kernel_memory").main([*words, "--output", str(tmp_path / "memory.csv")])
    assert [(row.dim, row.batch) for row in rows][:4] == [(2, 100), (2, 200), (2, 400), (6, 100)]
    growth = {dim: [row.growth for row in rows if row.dim == dim] for dim in (2, 6)}
    for by_batch in growth.values():
        assert by_batch[1] == pytest.approx(by_batch[2], rel=0.02)
    assert growth[6][2] < growth[2][2]  # Hessians would make it proportional to d
    with pytest.raises(SystemExit):
        load("kernel_memory").main(["--batches", "4", "2"])


@pytest.mark.parametrize("model", ["otflow", "cnf", "vector", "potential"])
def test_seeds_trained_together_have_the_losses_of_single_ones(load, model):
    assert load("seed_batching").disagreement(model, width=8, batch=5, seeds=3) < 1e-4


def test_time_of_stacked_seeds_is_over_that_of_all_alone(load):
    words = ["--models", "vector", "--widths", "8", "--batches", "4", "--seeds", "2"]
    (row,) = load("seed_batching").main([*words, "--iterations", "2", "--seconds", "0"])
    assert row.ratio == row.together_s / (2 * row.alone_s)
