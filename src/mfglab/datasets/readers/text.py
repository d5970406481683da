"""Texts: tiny Shakespeare, IMDb reviews, and sentences labelled with a sentiment."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.archives import open_zip, tar_members, zip_names

NEGATIVE, POSITIVE = 0, 1

#: Files of a tokenised text: its training part and the rest.
TOKEN_FILES = ("train.bin", "val.bin")
#: Tokens of the GPT-2 encoding, the end of a text included.
GPT2_TOKENS = 50_257

#: Tokens that are looked at together.
_PIECE = 1 << 24

_REVIEW = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/(\d+)_(\d+)\.txt$")
_IMDB_COLUMNS = ["split", "sentiment", "id", "rating", "review"]
_SENTIMENT = {"pos": POSITIVE, "neg": NEGATIVE}


@dataclass(frozen=True)
class Corpus:
    """One running text.

    Args:
        text: All characters in order.
    """

    text: str

    @property
    def alphabet(self) -> tuple[str, ...]:
        """Distinct characters in code-point order: the vocabulary of a character model."""
        return tuple(sorted(set(self.text)))


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts with a binary sentiment.

    Args:
        texts: The texts, n of them.
        labels: 1 positive, 0 negative; int64 of shape (n,).
        test: Whether a text belongs to the published test split; bool of shape (n,), all false
            where there is none.
        names: Where each text comes from, e.g. ``train/pos/17_9`` or ``rt-polarity.pos:3``.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TokenFiles:
    """A text as token numbers, mapped from its files.

    Args:
        train: Training part; uint16 of shape (n,).
        val: The rest, likewise.
    """

    train: NDArray[np.uint16]
    val: NDArray[np.uint16]


def read_tokens(paths: Mapping[str, Path]) -> TokenFiles:
    """Map ``train.bin`` and ``val.bin``: 16-bit numbers of the GPT-2 encoding, low byte first.

    Raises:
        MalformedFileError: An empty file, half a number, or one outside the encoding.
    """
    return TokenFiles(*(_mapped(paths[name]) for name in TOKEN_FILES))


def _mapped(path: Path) -> NDArray[np.uint16]:
    size = path.stat().st_size
    if size == 0 or size % 2:
        raise MalformedFileError(path, f"byte {size}", "expected numbers of two bytes, one or more")
    tokens = np.memmap(path, dtype="<u2", mode="r")
    for start in range(0, len(tokens), _PIECE):
        beyond = np.flatnonzero(tokens[start : start + _PIECE] >= GPT2_TOKENS)
        if len(beyond):
            at = start + int(beyond[0])
            problem = f"token {tokens[at]} is not below {GPT2_TOKENS}"
            raise MalformedFileError(path, f"byte {2 * at}", problem)
    return tokens


def read_tiny_shakespeare(paths: Mapping[str, Path]) -> Corpus:
    """Read ``input.txt``, ASCII text.

    Raises:
        MalformedFileError: A byte that is not ASCII, or an empty file.
    """
    path = paths["input.txt"]
    text = "\n".join(_decoded_lines(path, path.read_bytes(), "ascii"))
    if not text:
        raise MalformedFileError(path, "byte 0", "the text is empty")
    return Corpus(text)


def read_imdb_csv(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read the reviews repacked as one gzipped CSV of ``split,sentiment,id,rating,review``.

    Raises:
        MalformedFileError: Damaged archive, other columns, or a row with an unknown value.
    """
    (path,) = paths.values()
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            return _reviews(path, _csv_reviews(path, csv.reader(stream)))
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise MalformedFileError(path, "file", f"not gzipped UTF-8 text ({error})") from error


def read_imdb_archive(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read the 50,000 labelled reviews of ``aclImdb_v1.tar.gz`` (Maas et al. 2011).

    The order is that of :func:`read_imdb_csv`: train before test, positive before negative, then
    by number.

    Raises:
        MalformedFileError: Damaged archive, no review in it, or one that is not UTF-8.
    """
    (path,) = paths.values()
    return _reviews(path, _archive_reviews(path))


def read_polarity_files(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read ``rt-polarity.pos`` and ``rt-polarity.neg``: one sentence a line, cp1252.

    Raises:
        MalformedFileError: A byte outside cp1252 or an empty line, with its number.
    """
    names = ("rt-polarity.pos", "rt-polarity.neg")
    return _polarity({name: (paths[name], paths[name].read_bytes()) for name in names})


def read_polarity_archive(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read ``rt-polaritydata.tar.gz`` (Pang and Lee 2005), which holds the two files.

    Raises:
        MalformedFileError: Damaged archive, a file missing in it, or malformed content.
    """
    (path,) = paths.values()
    wanted = ("rt-polarity.pos", "rt-polarity.neg")
    found = {
        PurePosixPath(name).name: (path, content)
        for name, content in tar_members(path, lambda name: PurePosixPath(name).name in wanted)
    }
    for name in wanted:
        if name not in found:
            raise MalformedFileError(path, "members", f"{name} is not in the archive")
    return _polarity({name: found[name] for name in wanted})


def read_sentence_files(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read ``*_labelled.txt``: sentence, tab, 0 or 1 on each line, UTF-8 (Kotzias et al. 2015).

    Raises:
        MalformedFileError: A line of another form, with its number.
    """
    names = sorted(name for name in paths if name.endswith("_labelled.txt"))
    return _sentences([(name, paths[name], paths[name].read_bytes()) for name in names])


def read_sentence_archive(paths: Mapping[str, Path]) -> LabelledTexts:
    """Read the published zip archive of the same files.

    Raises:
        MalformedFileError: Damaged archive, none of the files in it, or malformed content.
    """
    (path,) = paths.values()
    with open_zip(path) as archive:
        members = {PurePosixPath(name).name: name for name in zip_names(archive)}
        found = [
            (name, path, archive.read(members[name]))
            for name in sorted(members)
            if name.endswith("_labelled.txt")
        ]
    if not found:
        raise MalformedFileError(path, "members", "no *_labelled.txt in the archive")
    return _sentences(found)


def _csv_reviews(path: Path, rows: Iterator[list[str]]) -> Iterator[tuple[str, str, int, int, str]]:
    header = next(rows, [])
    if header != _IMDB_COLUMNS:
        raise MalformedFileError(path, "row 1", f"columns must be {_IMDB_COLUMNS}, got {header}")
    for number, row in enumerate(rows, start=2):
        good = (
            len(row) == len(_IMDB_COLUMNS)
            and row[0] in ("train", "test")
            and row[1] in _SENTIMENT
            and row[2].isdecimal()
            and row[3].isdecimal()
        )
        if not good:
            raise MalformedFileError(
                path,
                f"row {number}",
                f"expected train|test, pos|neg, number, number, text; got {row[:4]}",
            )
        yield row[0], row[1], int(row[2]), int(row[3]), row[4]


def _archive_reviews(path: Path) -> Iterator[tuple[str, str, int, int, str]]:
    for name, content in tar_members(path, lambda name: _REVIEW.match(name) is not None):
        match = _REVIEW.match(name)
        assert match is not None  # tar_members yields wanted names only
        split, sentiment, number, rating = match.groups()
        try:
            review = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedFileError(path, name, f"not UTF-8 ({error})") from error
        yield split, sentiment, int(number), int(rating), review


def _reviews(path: Path, rows: Iterable[tuple[str, str, int, int, str]]) -> LabelledTexts:
    """Reviews in the one order that does not depend on the container."""
    table = sorted(rows, key=lambda row: (row[0] == "test", row[1] == "neg", row[2]))
    if not table:
        raise MalformedFileError(path, "content", "no labelled review found")
    return LabelledTexts(
        texts=tuple(row[4] for row in table),
        labels=np.array([_SENTIMENT[row[1]] for row in table], dtype=np.int64),
        test=np.array([row[0] == "test" for row in table]),
        names=tuple(f"{row[0]}/{row[1]}/{row[2]}_{row[3]}" for row in table),
    )


def _polarity(contents: Mapping[str, tuple[Path, bytes]]) -> LabelledTexts:
    rows: list[tuple[str, int, str]] = []
    for name, (path, content) in contents.items():
        label = _SENTIMENT[name.rpartition(".")[2]]
        lines = _decoded_lines(path, content, "cp1252", member=name)
        for number, line in _numbered(lines):
            sentence = line.strip()
            if not sentence:
                raise MalformedFileError(path, f"{name} line {number}", "empty line")
            rows.append((sentence, label, f"{name}:{number}"))
    return _unsplit(rows)


def _sentences(contents: Iterable[tuple[str, Path, bytes]]) -> LabelledTexts:
    rows: list[tuple[str, int, str]] = []
    for name, path, content in contents:
        for number, line in _numbered(_decoded_lines(path, content, "utf-8", member=name)):
            sentence, tab, label = line.rstrip("\r").rpartition("\t")
            if not tab or label not in ("0", "1"):
                raise MalformedFileError(
                    path, f"{name} line {number}", f"expected sentence, tab, 0 or 1; got {line!r}"
                )
            rows.append((sentence.strip(), int(label), f"{name}:{number}"))
    return _unsplit(rows)


def _unsplit(rows: list[tuple[str, int, str]]) -> LabelledTexts:
    """Texts of (text, label, name) rows without a published split."""
    return LabelledTexts(
        texts=tuple(row[0] for row in rows),
        labels=np.array([row[1] for row in rows], dtype=np.int64),
        test=np.zeros(len(rows), dtype=np.bool_),
        names=tuple(row[2] for row in rows),
    )


def _decoded_lines(path: Path, content: bytes, encoding: str, member: str = "") -> list[str]:
    """Text split at line feeds only: NEL and its like are part of a sentence here."""
    lines = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            lines.append(line.decode(encoding))
        except UnicodeDecodeError as error:
            where = f"{member} line {number}".strip()
            problem = f"byte {line[error.start]:#04x} at column {error.start} is not {encoding}"
            raise MalformedFileError(path, where, problem) from error
    return lines


def _numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without the empty piece after the last line feed."""
    body = lines[:-1] if lines and not lines[-1] else lines
    return enumerate(body, start=1)
