from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.csvio import TableError, read_csv, write_csv

FRAME = pd.DataFrame(
    {
        "model": ["b", "a", "a"],
        "seed": [0, 1, 0],
        "x": [1 / 3, 2.0, 1e-12],
        "note": ["None", "", "n"],
    }
)


def test_bytes_are_fixed(tmp_path):
    write_csv(FRAME, tmp_path / "t.csv", ["model", "seed"])
    assert (tmp_path / "t.csv").read_bytes() == (
        b"model,seed,x,note\na,0,1e-12,n\na,1,2,\nb,0,0.333333,None\n"
    )


def test_order_of_rows_and_index_do_not_matter(tmp_path):
    rng = np.random.default_rng(0)
    write_csv(FRAME, tmp_path / "t.csv", ["model", "seed"])
    for _ in range(5):
        shuffled = FRAME.iloc[rng.permutation(len(FRAME))]
        write_csv(shuffled, tmp_path / "s.csv", ["model", "seed"])
        assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()


def test_without_keys_the_order_stays(tmp_path):
    write_csv(FRAME, tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv")["model"].tolist() == ["b", "a", "a"]


def test_read_returns_what_was_written(tmp_path):
    write_csv(FRAME, tmp_path / "t.csv")
    read = read_csv(tmp_path / "t.csv", ["x", "model"])
    np.testing.assert_allclose(read["x"], FRAME["x"], rtol=1e-5)
    assert read["note"].iloc[0] == "None"
    assert bool(read["note"].isna().iloc[1])


def test_errors_name_the_file_and_column(tmp_path):
    write_csv(FRAME, tmp_path / "t.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(TableError, match=r"t\.csv has no column 'y'; it has model, seed, x, note"):
        read_csv(tmp_path / "t.csv", ["y"])
    with pytest.raises(TableError, match=r"no\.csv does not exist"):
        read_csv(tmp_path / "no.csv")
    with pytest.raises(TableError, match=r"empty\.csv is no CSV"):
        read_csv(tmp_path / "empty.csv")
    with pytest.raises(TableError, match="no column 'step'"):
        write_csv(FRAME, tmp_path / "u.csv", ["step"])
    assert not (tmp_path / "u.csv").exists()
