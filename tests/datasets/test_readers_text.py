"""Readers of texts, on files made here and, where a mirror is named, on the real ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from dataset_files import (
    NEGATIVE,
    POSITIVE,
    REVIEWS,
    SOURCES,
    imdb_csv,
    paths_of,
    polarity_files,
    tar_gz,
    token_files,
    write_all,
    zipped,
)

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.text import (
    read_imdb_archive,
    read_imdb_csv,
    read_polarity_archive,
    read_polarity_files,
    read_sentence_archive,
    read_sentence_files,
    read_tiny_shakespeare,
    read_tokens,
)

both = pytest.mark.parametrize("source", SOURCES)


@both
def test_tiny_shakespeare_is_read_to_the_last_character(source, tmp_path):
    paths = paths_of(source, "tinyshakespeare", "char-rnn", tmp_path)
    corpus = read_tiny_shakespeare(paths)
    assert corpus.text.encode() == paths["input.txt"].read_bytes()
    assert len(corpus.alphabet) == {"synthetic": 22, "mirror": 65}[source]
    assert corpus.alphabet[:2] == ("\n", " ")


@both
def test_imdb_reviews_have_their_labels_and_split(source, tmp_path):
    data = read_imdb_csv(paths_of(source, "imdb", "labelled-csv", tmp_path))
    counts = [int((data.labels[data.test == part] == 1).sum()) for part in (False, True)]
    assert counts == {"synthetic": [2, 1], "mirror": [12_500, 12_500]}[source]
    assert len(data.texts) == len(data.names) == {"synthetic": 5, "mirror": 50_000}[source]
    assert (
        sum(map(len, data.texts))
        == {
            "synthetic": sum(len(row[4]) for row in REVIEWS),
            "mirror": 65_471_551,
        }[source]
    )
    assert data.names[0] == "train/pos/0_9"
    rating = np.array([int(name.rpartition("_")[2]) for name in data.names])
    assert np.array_equal(rating > 5, data.labels == 1)


def test_imdb_archive_and_table_give_the_same_reviews(tmp_path):
    (tmp_path / "a").mkdir()
    table = read_imdb_csv(paths_of("synthetic", "imdb", "labelled-csv", tmp_path))
    archive = read_imdb_archive(paths_of("synthetic", "imdb", "aclImdb", tmp_path / "a"))
    assert archive.texts == table.texts == tuple(row[4] for row in REVIEWS)
    assert archive.names == table.names
    assert np.array_equal(archive.labels, table.labels)
    assert np.array_equal(archive.test, table.test)


@both
def test_polarity_sentences_are_cp1252_and_split_at_line_feeds_only(source, tmp_path):
    data = read_polarity_files(paths_of(source, "rt-polarity", "two-files", tmp_path))
    half = {"synthetic": 2, "mirror": 5331}[source]
    assert data.labels.tolist() == [1] * half + [0] * half
    assert not data.test.any()
    assert data.names[-1] == f"rt-polarity.neg:{half}"
    assert all(text == text.strip() != "" for text in data.texts)
    # The left half of the Latin-1 control range is typographic in cp1252.
    assert not any("\x80" <= letter <= "\x9f" for text in data.texts for letter in text)
    if source == "synthetic":
        assert data.texts == (POSITIVE[0], "it\u2019s \u2026 lovely", *NEGATIVE)


def test_polarity_archive_and_files_give_the_same_sentences(tmp_path):
    files = read_polarity_files(paths_of("synthetic", "rt-polarity", "two-files", tmp_path))
    archive = read_polarity_archive(paths_of("synthetic", "rt-polarity", "archive", tmp_path))
    assert archive.texts == files.texts
    assert archive.names == files.names


@both
def test_labelled_sentences_are_read(source, tmp_path):
    name = "sentiment-labelled-sentences"
    data = read_sentence_files(paths_of(source, name, "three-files", tmp_path))
    counts = np.bincount(data.labels).tolist()
    assert counts == {"synthetic": [1, 2], "mirror": [1500, 1500]}[source]
    assert {entry.partition(":")[0] for entry in data.names} == {
        "amazon_cells_labelled.txt",
        "imdb_labelled.txt",
        "yelp_labelled.txt",
    }
    archive = read_sentence_archive(paths_of("synthetic", name, "archive", tmp_path))
    if source == "synthetic":
        assert data.texts == archive.texts == ("Good phone.", "Slow film.", "Nice\x85 soup")


def broken(folder, reader, contents, message):
    with pytest.raises(MalformedFileError, match=message):
        reader(write_all(folder, contents))


def test_malformed_running_text_is_refused(tmp_path):
    content = {"input.txt": b"fine\ncaf\xe9\n"}
    broken(tmp_path, read_tiny_shakespeare, content, r"input\.txt: line 2: byte 0xe9 at column 3")
    broken(tmp_path, read_tiny_shakespeare, {"input.txt": b""}, r"input\.txt: byte 0: .*empty")


def test_token_numbers_are_mapped_and_checked(tmp_path):
    files = read_tokens(write_all(tmp_path, token_files()))
    assert files.train[:3].tolist() == [0, 7, 14]
    assert (len(files.train), len(files.val)) == (300, 40)
    assert isinstance(files.train, np.memmap)
    good = token_files()
    broken(tmp_path, read_tokens, {**good, "val.bin": b""}, r"val\.bin: byte 0: expected numbers")
    broken(tmp_path, read_tokens, {**good, "train.bin": b"abc"}, r"train\.bin: byte 3: expected")
    beyond = np.array([1, 2, 50_257], dtype="<u2").tobytes()
    broken(tmp_path, read_tokens, {**good, "val.bin": beyond}, r"byte 4: token 50257 is not below")


def test_malformed_review_tables_are_refused(tmp_path):
    name = "aclImdb_labelled.csv.gz"
    broken(tmp_path, read_imdb_csv, imdb_csv([("dev", "pos", 1, 2, "x")]), r"row 2: expected train")
    broken(tmp_path, read_imdb_csv, imdb_csv([("test", "pos", "a", 2, "x")]), r"got .*'a'")
    broken(tmp_path, read_imdb_csv, imdb_csv([]), "no labelled review")
    broken(tmp_path, read_imdb_csv, {name: gzip.compress(b"a,b\n")}, "row 1: columns must be")
    broken(tmp_path, read_imdb_csv, {name: b"plain"}, "not gzipped UTF-8")
    broken(tmp_path, read_imdb_csv, {name: imdb_csv()[name][:-30]}, "not gzipped UTF-8")


def test_malformed_archives_are_refused(tmp_path):
    name = "aclImdb_v1.tar.gz"
    member = "aclImdb/train/pos/0_9.txt"
    broken(tmp_path, read_imdb_archive, {name: tar_gz({"README": b"x"})}, "no labelled review")
    broken(tmp_path, read_imdb_archive, {name: tar_gz({member: b"\xff"})}, f"{member}: not UTF-8")
    broken(tmp_path, read_imdb_archive, {name: b"plain"}, r"damaged tar\.gz")
    cut = tar_gz({member: bytes(np.random.default_rng(0).bytes(20_000))})[:-5000]
    broken(tmp_path, read_imdb_archive, {name: cut}, r"damaged tar\.gz")
    with pytest.raises(FileNotFoundError):
        read_imdb_archive({name: tmp_path / "absent.tar.gz"})


def test_malformed_sentences_are_refused(tmp_path):
    files = polarity_files()
    gap = {**files, "rt-polarity.neg": b"one\n\ntwo\n"}
    broken(tmp_path, read_polarity_files, gap, r"rt-polarity\.neg line 2: empty line")
    hole = {**files, "rt-polarity.pos": b"one\nt\x81o\n"}
    broken(tmp_path, read_polarity_files, hole, r"rt-polarity\.pos line 2: byte 0x81 at column 1")
    half = {"rt-polaritydata.tar.gz": tar_gz({"rt-polarity.pos": b"one\n"})}
    broken(tmp_path, read_polarity_archive, half, r"rt-polarity\.neg is not in the archive")
    label = {"imdb_labelled.txt": b"good\t1\nbad\t2\n"}
    broken(tmp_path, read_sentence_files, label, r"imdb_labelled\.txt line 2: expected sentence")
    zip_name = "sentiment_labelled_sentences.zip"
    broken(tmp_path, read_sentence_archive, {zip_name: zipped({"x": b""})}, r"no \*_labelled\.txt")
    broken(tmp_path, read_sentence_archive, {zip_name: b"plain"}, "damaged zip")
