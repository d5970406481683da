"""Both benchmarks run on tiny sizes: what they compare agrees, and memory is as stated."""

import csv
from pathlib import Path

import pytest


def test_throughput_compares_equal_things(load, tmp_path: Path):
    table = tmp_path / "throughput.csv"
    rows = load("otflow_throughput").main(
        ["--sizes", "2,8,16,2", "3,8,16,1", "--seconds", "0", "--output", str(table)]
    )
    assert [(row.dim, row.width, row.batch, row.steps) for row in rows] == [
        (2, 8, 16, 2),
        (3, 8, 16, 1),
    ]
    assert all(row.disagreement < 1e-9 for row in rows)
    assert all(row.ratio == row.nested_s / row.closed_form_s for row in rows)
    with table.open() as file:
        written = list(csv.DictReader(file))
    assert [float(line["ratio"]) for line in written] == [row.ratio for row in rows]


def test_throughput_notices_a_wrong_gradient(load, monkeypatch: pytest.MonkeyPatch):
    module = load("otflow_throughput")
    right = module.NestedPotential.nested_derivatives

    def wrong(self, t, x):
        D = right(self, t, x)
        return module.PotentialDerivatives(D.gradient, D.time_derivative, 1.001 * D.laplacian)

    monkeypatch.setattr(module.NestedPotential, "nested_derivatives", wrong)
    with pytest.raises(RuntimeError, match="relative difference"):
        module.main(["--sizes", "2,8,16,2", "--seconds", "0"])


def test_closed_form_needs_less_memory_than_nested(load):
    (row,) = load("otflow_throughput").main(["--sizes", "3,16,256,2", "--seconds", "0"])
    assert row.closed_form_bytes < 0.5 * row.nested_bytes


def test_a_required_ratio_is_enforced(load):
    with pytest.raises(SystemExit, match=r"ratio .* < 1000000"):
        load("otflow_throughput").main(
            ["--sizes", "2,8,16,1", "--seconds", "0", "--require", "1e6"]
        )


@pytest.mark.parametrize("size", ["2,8,16", "2,8,x,1", "2,8,0,1"])
def test_bad_sizes_are_named(load, size: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        load("otflow_throughput").main(["--sizes", size])
    assert size in capsys.readouterr().err


def test_checkpointed_memory_does_not_grow_with_the_steps(load, tmp_path: Path):
    table = tmp_path / "memory.csv"
    few, many = load("checkpoint_memory").main(
        [
            *[
                "--steps",
                "4",
                "32",
                "--batch",
                "256",
                "--width",
                "16",
                "--seconds",
                "0",
                "--output",
            ],
            str(table),
        ]
    )
    # Plain: everything of every step. Checkpointed: everything of one, and the state of each.
    assert many.plain_bytes > 6 * few.plain_bytes
    assert many.checkpointed_bytes < 1.5 * few.checkpointed_bytes
    state = 256 * (2 + 3) * 4  # points and three costs, float32
    growth = (many.checkpointed_bytes - few.checkpointed_bytes) / (32 - 4)
    assert growth < 4 * state
    with table.open() as file:
        assert [int(line["steps"]) for line in csv.DictReader(file)] == [4, 32]
