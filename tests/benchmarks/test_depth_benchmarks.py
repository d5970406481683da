"""The benchmarks of continuous depth on tiny sizes: equal things are compared, counts are right."""

import csv
from pathlib import Path

import pytest
import torch

TINY = ["--cases", "tiny", "--seconds", "0"]


def written(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def test_turns_are_taken_and_the_median_is_kept(load):
    seen = []

    def run(name: str, values: list[float]) -> float:
        seen.append(name)
        return values.pop(0)

    first, second = [9.0, 3.0, 1.0, 2.0], [0.0, 5.0, 5.0, 7.0]
    medians = load("measuring").paired_measurements(
        [lambda: run("a", first), lambda: run("b", second)], seconds=0.0
    )
    assert medians == [2.0, 5.0]  # the first turn warms up
    assert seen == ["a", "b"] * 4


def test_time_is_over_as_many_discrete_passes(load, tmp_path: Path):
    table = tmp_path / "time.csv"
    rows = load("depth_time").main([*TINY, "--steps", "2", "3", "--output", str(table)])
    assert [(row.case, row.steps) for row in rows] == [("tiny", 2), ("tiny", 3)]
    assert all(row.ratio == row.depth_s / (row.steps * row.discrete_s) for row in rows)
    assert [float(line["ratio"]) for line in written(table)] == [row.ratio for row in rows]
    with pytest.raises(SystemExit, match=r"ratio .* > 0.0 at"):
        load("depth_time").main([*TINY, "--steps", "1", "--require", "0"])


def test_another_stack_is_noticed(load, monkeypatch: pytest.MonkeyPatch):
    module = load("depth_time")
    monkeypatch.setattr(
        module.Discrete, "forward", lambda self, x: 1.001 * self.head(self.embedding(x))
    )
    with pytest.raises(RuntimeError, match="relative difference"):
        module.main(TINY)


def test_checkpointed_memory_grows_by_the_states_alone(load, tmp_path: Path):
    table = tmp_path / "memory.csv"
    few, many = load("depth_memory").main([*TINY, "--steps", "4", "14", "--output", str(table)])
    # A step leaves its state (4 x 8 tokens of width 8, float32), the state of the generator from
    # which it would draw dropout again, and its costs. Without checkpointing it leaves all that
    # two blocks compute.
    state, generator, costs = 4 * 8 * 8 * 4, torch.get_rng_state().numel(), 4 * 4
    growth = (many.checkpointed_bytes - few.checkpointed_bytes) / 10
    assert state < growth < state + generator + 4 * costs
    assert many.plain_bytes - few.plain_bytes > 10 * 20 * state
    assert few.ratio / few.checkpointed_bytes == pytest.approx(many.ratio / many.checkpointed_bytes)
    assert [int(line["steps"]) for line in written(table)] == [4, 14]


def test_ten_steps_with_two_states_take_at_most_1_3_times_the_memory_of_one(load):
    (row,) = load("depth_memory").main(["--cases", "image", "--steps", "10", "--seconds", "0"])
    assert 1 < row.few_ratio <= 1.3


def test_throughput_compares_the_same_network(load, tmp_path: Path):
    table = tmp_path / "text.csv"
    rows = load("text_throughput").main(
        [*TINY, "--steps", "0", "2", "--iterations", "3", "--output", str(table)]
    )
    assert [row.steps for row in rows] == [0, 2]
    assert all(row.ratio == row.library / row.plain for row in rows)
    assert all(row.disagreement < 1e-9 for row in rows)
    assert [float(line["plain"]) for line in written(table)] == [row.plain for row in rows]
    with pytest.raises(SystemExit, match=r"ratio .* < 1000000"):
        load("text_throughput").main(
            [*TINY, "--steps", "0", "--iterations", "2", "--require", "1e6"]
        )


@pytest.mark.parametrize("steps", ["0", "2"])
def test_a_plain_network_that_differs_is_noticed(load, monkeypatch: pytest.MonkeyPatch, steps: str):
    module = load("text_throughput")
    right = module.PlainGpt.forward
    monkeypatch.setattr(module.PlainGpt, "forward", lambda *args: 1.001 * right(*args))
    with pytest.raises(RuntimeError, match="relative difference"):
        module.main([*TINY, "--steps", steps, "--iterations", "2"])


def test_fit_ends_with_the_weights_of_the_loop_written_out(load, tmp_path: Path):
    table = tmp_path / "overhead.csv"
    (row,) = load("fit_overhead").main([*TINY, "--iterations", "5", "--output", str(table)])
    assert row.overhead_s == row.fit_s - row.bare_s
    assert [line["case"] for line in written(table)] == ["tiny"]


def test_another_optimisation_than_that_of_fit_is_noticed(load, monkeypatch: pytest.MonkeyPatch):
    module = load("fit_overhead")
    monkeypatch.setattr(load("loops"), "learning_rate_factor", lambda training, step: 1.0)
    with pytest.raises(RuntimeError, match="different weights"):
        module.main([*TINY, "--iterations", "5"])
