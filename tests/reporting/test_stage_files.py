from __future__ import annotations

import hashlib

import pytest

from mfglab.files import atomic_path, relative_name, sha256_file, write_text


def test_atomic_path_puts_the_whole_file_in_place(tmp_path):
    target = tmp_path / "deep" / "a.npz"
    with atomic_path(target) as path:
        assert path.parent == target.parent
        assert path.suffix == ".npz"
        path.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_failure_keeps_the_old_file_and_removes_the_part(tmp_path):
    target = tmp_path / "a.csv"
    write_text(target, "old")

    def fail():
        with atomic_path(target) as path:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing was written"), atomic_path(tmp_path / "a"):
        pass


def test_sha256_is_that_of_the_bytes(tmp_path):
    data = bytes(range(256)) * 9000  # more than one chunk
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    with pytest.raises(IsADirectoryError, match="one by one"):
        sha256_file(tmp_path)


def test_names_are_relative_to_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "w").mkdir()
    monkeypatch.chdir(tmp_path / "w")
    assert relative_name(tmp_path / "w" / "x" / "y.csv") == "x/y.csv"
    assert relative_name("./x/../z.csv") == "z.csv"
    assert relative_name(tmp_path / "v.csv") == "../v.csv"
