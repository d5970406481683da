"""Fetching, against a server on this machine: resumed, corrupt, refused, offline."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from local_server import CONTENT, OTHER, get, partial, remote, sha256

from mfglab.datasets.download import MIRROR_VARIABLE, fetch
from mfglab.datasets.errors import (
    DatasetUnavailableError,
    DigestMismatchError,
    UnverifiedFileWarning,
)
from mfglab.datasets.integrity import record_path
from mfglab.datasets.remote import RemoteFile


def test_download_is_verified_read_and_not_repeated(server, register, tmp_path):
    register((remote(server), remote(server, "b.bin")))
    fetched = get(tmp_path)
    assert fetched.name == "toy"
    assert fetched.variant.name == "form0"
    assert fetched.paths["a.bin"] == tmp_path / "toy" / "a.bin"
    assert fetched.read() == CONTENT + OTHER
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["a.bin", "b.bin"]
    get(tmp_path)
    assert server.asked == [("a.bin", None), ("b.bin", None)]


def test_partial_download_is_resumed(server, register, tmp_path):
    register((remote(server),))
    server.cut_after = 1000
    with pytest.raises(DatasetUnavailableError, match="closed after 1000 of 10240 bytes"):
        get(tmp_path)
    part = tmp_path / "toy" / "a.bin.part"
    assert part.read_bytes() == CONTENT[:1000]
    server.cut_after = None
    assert get(tmp_path).read() == CONTENT
    assert server.asked == [("a.bin", None), ("a.bin", "bytes=1000-")]
    assert not part.exists()


def test_server_that_ignores_ranges_sends_all(server, register, tmp_path):
    register((remote(server),))
    server.ignores_range = True
    partial(tmp_path, CONTENT[:700])
    assert get(tmp_path).read() == CONTENT
    assert server.asked == [("a.bin", "bytes=700-")]


def test_complete_partial_file_is_taken(server, register, tmp_path):
    register((remote(server),))
    part = partial(tmp_path, CONTENT)
    assert get(tmp_path).read() == CONTENT
    assert server.asked == [("a.bin", f"bytes={len(CONTENT)}-")]
    assert not part.exists()


@pytest.mark.parametrize("stale", [b"x" * 500, b"x" * 20_000], ids=["shorter", "longer"])
def test_partial_file_of_something_else_is_replaced(server, register, tmp_path, stale):
    register((remote(server),))
    partial(tmp_path, stale)
    assert get(tmp_path).read() == CONTENT
    assert server.asked == [("a.bin", f"bytes={len(stale)}-"), ("a.bin", None)]


def test_wrong_range_is_not_joined(server, register, tmp_path):
    register((remote(server),))
    server.wrong_range = True
    part = partial(tmp_path, CONTENT[:700])
    with pytest.raises(DatasetUnavailableError, match="wrong range 'bytes 701-"):
        get(tmp_path)
    assert part.read_bytes() == CONTENT[:700]


def test_corrupt_download_is_reported_and_deleted(server, register, tmp_path):
    register((remote(server),))
    server.contents["a.bin"] = CONTENT[:-1] + b"?"
    with pytest.raises(DatasetUnavailableError) as raised:
        get(tmp_path)
    assert f"expected sha256 {sha256(CONTENT)}" in str(raised.value)
    assert f"found {sha256(server.contents['a.bin'])}; deleted" in str(raised.value)
    assert list((tmp_path / "toy").iterdir()) == []


def test_older_digest_is_checked_too(server, register, tmp_path):
    md5 = hashlib.md5(CONTENT).hexdigest()
    register((remote(server, sha256=None, size=None, md5=md5),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get(tmp_path).read() == CONTENT
    (tmp_path / "toy" / "a.bin").write_bytes(OTHER)
    with pytest.raises(DigestMismatchError, match=f"expected md5 {md5}"):
        get(tmp_path)


def test_second_address_is_tried(server, register, tmp_path):
    register((remote(server, urls=(server.url + "gone.bin", server.url + "a.bin")),))
    assert get(tmp_path).read() == CONTENT
    assert [name for name, _ in server.asked] == ["gone.bin", "a.bin"]


def test_alternative_is_downloaded_when_the_canonical_form_cannot_be(server, register, tmp_path):
    register((remote(server, urls=(server.url + "gone.bin",)),), (remote(server, "b.bin"),))
    fetched = get(tmp_path)
    assert fetched.variant.name == "form1"
    assert fetched.read() == OTHER


def test_offline_error_says_what_to_put_where(register, tmp_path):
    # Port 9 of this machine: nothing listens there.
    url = "http://127.0.0.1:9/a.bin"
    known = RemoteFile("a.bin", sha256(CONTENT), 1, (url,))
    repacked = RemoteFile("b.bin", None, None, ())
    register((known,), (repacked,))
    with pytest.raises(DatasetUnavailableError) as raised:
        get(tmp_path)
    message = str(raised.value)
    assert f"tried {url}: no connection" in message
    assert f"Put into {tmp_path / 'toy'} (form0):" in message
    assert f"a.bin (sha256 {sha256(CONTENT)}) from {url}" in message
    assert "b.bin (sha256 not known: it cannot be verified)" in message
    assert MIRROR_VARIABLE in message


def test_wrong_file_placed_by_hand_is_refused_and_kept(server, register, tmp_path):
    register((remote(server, size=None),))
    placed = tmp_path / "toy" / "a.bin"
    placed.parent.mkdir()
    placed.write_bytes(OTHER)
    with pytest.raises(DigestMismatchError) as raised:
        get(tmp_path)
    assert str(placed) in str(raised.value)
    assert sha256(CONTENT) in str(raised.value)
    assert sha256(OTHER) in str(raised.value)
    assert placed.read_bytes() == OTHER
    assert server.asked == []


def test_wrong_size_is_told_without_a_digest(server, register, tmp_path):
    register((remote(server, sha256=None),))
    server.contents["a.bin"] = OTHER
    with pytest.raises(DatasetUnavailableError, match="expected 10240 bytes, found 30; deleted"):
        get(tmp_path)


def test_file_without_digest_is_trusted_once(server, register, tmp_path):
    register((remote(server, sha256=None, size=None),))
    with pytest.warns(UnverifiedFileWarning, match=f"cannot be verified.*{sha256(CONTENT)}"):
        fetched = get(tmp_path)
    path = fetched.paths["a.bin"]
    assert record_path(path).read_text() == f"{sha256(CONTENT)}  a.bin\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get(tmp_path)
    path.write_bytes(OTHER)
    with pytest.raises(DigestMismatchError, match=f"{sha256(CONTENT)} .recorded in"):
        get(tmp_path)
    # Downloaded anew, it is still compared with the record.
    path.unlink()
    server.contents["a.bin"] = OTHER
    with pytest.raises(DatasetUnavailableError, match=f"found {sha256(OTHER)}; deleted"):
        get(tmp_path)
    record_path(path).write_text("nonsense")
    path.write_bytes(OTHER)
    with pytest.raises(DigestMismatchError, match="holds no sha256"):
        get(tmp_path)


def test_partial_file_without_digest_is_not_joined(server, register, tmp_path):
    register((remote(server, sha256=None, size=None),))
    partial(tmp_path, b"x" * 300)
    with pytest.warns(UnverifiedFileWarning):
        assert get(tmp_path).read() == CONTENT
    assert server.asked == [("a.bin", None)]


def shelf(folder: Path, **contents: bytes) -> Path:
    home = folder / "mirror" / "toy"
    home.mkdir(parents=True)
    for name, content in contents.items():
        (home / f"{name}.bin").write_bytes(content)
    return folder / "mirror"


def test_mirror_is_copied_before_anything_is_downloaded(server, register, tmp_path, monkeypatch):
    register((remote(server),), (remote(server, "b.bin"),))
    mirror = shelf(tmp_path, b=OTHER)
    fetched = get(tmp_path / "data", mirror=mirror)
    assert fetched.variant.name == "form1"
    assert fetched.paths["b.bin"] == tmp_path / "data" / "toy" / "b.bin"
    assert fetched.read() == OTHER
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    assert get(tmp_path / "more").read() == OTHER
    assert server.asked == []


def test_folder_goes_before_the_mirror(server, register, tmp_path):
    register((remote(server),), (remote(server, "b.bin"),))
    home = tmp_path / "data" / "toy"
    home.mkdir(parents=True)
    (home / "b.bin").write_bytes(OTHER)
    fetched = get(tmp_path / "data", mirror=shelf(tmp_path, a=CONTENT))
    assert fetched.variant.name == "form1"


def test_wrong_file_in_the_mirror_is_refused(server, register, tmp_path):
    register((remote(server, size=None),))
    with pytest.raises(DigestMismatchError, match=f"mirror.*found {sha256(OTHER)}"):
        get(tmp_path / "data", mirror=shelf(tmp_path, a=OTHER))
    assert list((tmp_path / "data" / "toy").iterdir()) == []


def test_record_in_the_mirror_counts(server, register, tmp_path):
    register((remote(server, sha256=None, size=None),))
    mirror = shelf(tmp_path, a=OTHER)
    record_path(mirror / "toy" / "a.bin").write_text(f"{sha256(CONTENT)}  a.bin\n")
    with pytest.raises(DigestMismatchError, match=f"{sha256(CONTENT)} .recorded in"):
        get(tmp_path / "data", mirror=mirror)


def test_missing_files_complete_what_the_mirror_has(server, register, tmp_path):
    register((remote(server), remote(server, "b.bin")))
    assert get(tmp_path / "data", mirror=shelf(tmp_path, a=CONTENT)).read() == CONTENT + OTHER
    assert server.asked == [("b.bin", None)]


def test_unknown_names_and_mirrors_are_refused(register, tmp_path):
    register(())
    with pytest.raises(ValueError, match="unknown data set 'mnits'; known are toy"):
        fetch("mnits", tmp_path)
    with pytest.raises(ValueError, match="absent is not a folder"):
        fetch("toy", tmp_path, mirror=tmp_path / "absent")


def test_import_needs_neither_torch_nor_pillow():
    code = (
        "import sys; import mfglab.datasets.download, mfglab.datasets.splits;"
        "print(sorted({'torch', 'PIL', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
