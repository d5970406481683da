"""Next characters of texts, and next tokens of texts in the GPT-2 encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mfglab.datasets.readers.text import Corpus, TokenFiles
from mfglab.datasets.tasks.base import Examples, Task, windows

#: Characters of the reference text: line feed and printable ASCII, whatever version has them.
ALPHABET = ("\n", *map(chr, range(32, 127)))

#: Topics that are kept out of all splits, by group: the debugger's manual, the format language,
#: the import system with names and modules.
UNSEEN_TOPICS: Mapping[str, tuple[str, ...]] = {
    "debugger": ("debugger",),
    "formatting": ("formatstrings", "strings", "string-methods"),
    "imports": ("import", "naming", "typesmodules"),
}

#: Rows of the embedding of the GPT-2 encoding as published: its tokens, up to a multiple of 64.
GPT2_ROWS = 50_304

_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
# Quotation marks, dashes and the ellipsis by code point.
_TO_ASCII: dict[int, str] = {
    **dict.fromkeys((0x2018, 0x2019), "'"),
    **dict.fromkeys((0x201C, 0x201D), '"'),
    **dict.fromkeys((0x2013, 0x2014), "-"),
    0x2026: "...",
}
# A topic that repeats another one tells nothing new; worse, split apart the two would leak.
_REPEATED = 0.3


def pydoc_text(length: int = 64) -> Task:
    """Characters of ``pydoc_data.topics``: the help text of the Python language.

    About half a million characters in every installation of Python, other ones in 3.11 than in
    3.12. Many of its topics repeat parts of longer ones; topics are therefore cleaned of what
    occurred before (:func:`distinct_topics`) and split as wholes.

    Args:
        length: Characters of a window.

    Returns:
        Training windows overlap (stride 1), those of the other sets do not. Shifted sets: the
        groups of :data:`UNSEEN_TOPICS`.
    """
    from pydoc_data.topics import topics

    texts = distinct_topics(topics)
    held_out = {name for group in UNSEEN_TOPICS.values() for name in group}
    parts = split_topics({name: text for name, text in texts.items() if name not in held_out})
    streams = {part: _joined(texts, names) for part, names in parts.items()}
    shifted = {
        group: windows(encoded(_joined(texts, names), ALPHABET), length, length)
        for group, names in UNSEEN_TOPICS.items()
    }
    return _text_task(streams, ALPHABET, length, shifted)


def shakespeare(corpus: Corpus, length: int = 256, paper_split: bool = False) -> Task:
    """Characters of tiny Shakespeare, split in the order of the text.

    Args:
        corpus: The text.
        length: Characters of a window.
        paper_split: Whether the last tenth is validation and test at once, as in nanoGPT and the
            paper (whose best checkpoints are thus chosen on test data); else 90/5/5.
    """
    text = corpus.text
    cut = int(0.9 * len(text))
    rest = text[cut:]
    half = len(rest) // 2
    streams = {
        "train": text[:cut],
        "val": rest if paper_split else rest[:half],
        "test": rest if paper_split else rest[half:],
    }
    return _text_task(streams, corpus.alphabet, length, {})


def tokens(
    files: TokenFiles, length: int = 1024, n_train: int | None = None, paper_split: bool = False
) -> Task:
    """Tokens of a text in the GPT-2 encoding, in the order of the text.

    Args:
        files: The two parts of the text.
        length: Tokens of a window.
        n_train: Training tokens, the first ones; none: all, 8 bytes each in memory.
        paper_split: Whether the second part is validation and test at once, as in nanoGPT and the
            paper; else its halves are.

    Raises:
        ValueError: A part is shorter than a window and one token, or the first than ``n_train``.
    """
    if n_train is not None and n_train > len(files.train):
        raise ValueError(f"n_train must be at most {len(files.train)}, all tokens, got {n_train}")
    train, rest = (
        torch.from_numpy(part.astype(np.int64)) for part in (files.train[:n_train], files.val)
    )
    half = len(rest) // 2
    val, test = (rest, rest) if paper_split else (rest[:half], rest[half:])
    return _task(train, val, test, tuple(map(str, range(GPT2_ROWS))), length, {})


def distinct_topics(topics: Mapping[str, str]) -> dict[str, str]:
    """Topics in ASCII, without the paragraphs that a longer topic has already.

    From the longest topic to the shortest, a paragraph that occurred before is dropped; a topic of
    which less than three tenths are left is dropped whole.

    Returns:
        Text by name, sorted by name.
    """
    seen: set[str] = set()
    kept: dict[str, str] = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = _ascii(topics[name]).split("\n\n")
        fresh = [p for p in paragraphs if " ".join(p.split()) not in seen]
        seen.update(" ".join(p.split()) for p in paragraphs)
        text = "\n\n".join(fresh).strip("\n")
        if len(text) >= _REPEATED * len(topics[name]) and text:
            kept[name] = text
    return dict(sorted(kept.items()))


def split_topics(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of the topics of train, val and test: 80/10/10 of the characters.

    From the longest on, each topic goes where most characters are still wanted.
    """
    total = sum(map(len, texts.values()))
    wanted = {part: share * total for part, share in _SHARES.items()}
    parts: dict[str, list[str]] = {part: [] for part in _SHARES}
    for name in sorted(texts, key=lambda name: (-len(texts[name]), name)):
        part = max(wanted, key=lambda part: wanted[part])
        wanted[part] -= len(texts[name])
        parts[part].append(name)
    return parts


def encoded(text: str, alphabet: Sequence[str]) -> Tensor:
    """Index of each character in a sorted alphabet, int64 of shape (len(text),).

    Raises:
        ValueError: A character that the alphabet has not.
    """
    points = np.array([ord(letter) for letter in alphabet], dtype=np.uint32)
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    index = np.searchsorted(points, codes).clip(max=len(points) - 1)
    if (wrong := points[index] != codes).any():
        raise ValueError(f"{chr(int(codes[wrong.argmax()]))!r} is not in the alphabet")
    return torch.from_numpy(index.astype(np.int64))


def decoded(tokens: Tensor, alphabet: Sequence[str]) -> str:
    """The text of tokens (n,)."""
    return "".join(alphabet[token] for token in tokens.tolist())


def _text_task(
    streams: Mapping[str, str],
    alphabet: tuple[str, ...],
    length: int,
    shifted: Mapping[str, Examples],
) -> Task:
    train, val, test = (encoded(streams[part], alphabet) for part in ("train", "val", "test"))
    return _task(train, val, test, alphabet, length, shifted)


def _task(
    train: Tensor,
    val: Tensor,
    test: Tensor,
    vocabulary: tuple[str, ...],
    length: int,
    shifted: Mapping[str, Examples],
) -> Task:
    return Task(
        kind="text",
        train=windows(train, length, stride=1),
        val=windows(val, length, stride=length),
        test=windows(test, length, stride=length),
        classes=len(vocabulary),
        vocabulary=vocabulary,
        shifted=shifted,
    )


def _joined(texts: Mapping[str, str], names: Sequence[str]) -> str:
    return "\n\n\n".join(texts[name] for name in names if name in texts)


def _ascii(text: str) -> str:
    plain = text.translate(_TO_ASCII).replace("\t", " ")
    return "".join(letter if letter == "\n" or " " <= letter <= "~" else "?" for letter in plain)
