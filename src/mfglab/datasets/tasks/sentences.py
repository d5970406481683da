"""Sentences with a sentiment: generated ones, rt-polarity and IMDb."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.datasets.readers.text import LabelledTexts
from mfglab.datasets.tasks.base import PADDING, UNKNOWN, Examples, Task
from mfglab.datasets.tasks.grammar import GROUPS, WORDS, Ids, Shares, long_sentences, sentences

SPECIAL = ("<padding>", "<unknown>")

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[.,;:!?()]")
_KNOWN = tuple(word for word in WORDS if word not in GROUPS["unseen noun"])

Signs = NDArray[np.bool_]
_Draw = Callable[[Signs, Shares, np.random.Generator], Ids]


def grammar(
    n_train: int = 2_000,
    n_val: int = 500,
    n_test: int = 1_000,
    length: int = 24,
    shares: Shares | None = None,
    seed: int = 2304,
) -> Task:
    """Sentiment of sentences of :mod:`~mfglab.datasets.tasks.grammar`; 1 positive, 0 negative.

    Both labels are equally frequent in each set. No test sentence is a training sentence.

    Args:
        n_train: Training sentences.
        n_val: Validation sentences.
        n_test: Test sentences, of each test set.
        length: Tokens of a padded sentence, at least 24.
        shares: How often which construction occurs.
        seed: Seed of the draws; the splits have streams of their own.

    Returns:
        Shifted sets: ``unseen_nouns`` (about things that training never names, unknown words) and
        ``longer`` (two full clauses after an opening).
    """
    plain = Shares() if shares is None else shares
    other = replace(plain, noun="unseen noun")
    draws: dict[str, tuple[int, _Draw, Shares]] = {
        "train": (n_train, sentences, plain),
        "val": (n_val, sentences, plain),
        "test": (n_test, sentences, plain),
        "unseen_nouns": (n_test, sentences, other),
        "longer": (n_test, long_sentences, plain),
    }
    parts: dict[str, Examples] = {}
    for number, (name, (n, draw, how)) in enumerate(draws.items()):
        rng = np.random.default_rng([seed, number])
        taken = parts["train"].inputs.numpy() if parts else np.zeros((0, length), dtype=np.int64)
        parts[name] = _balanced(n, draw, how, rng, taken)
    train, val, test = (parts.pop(name) for name in ("train", "val", "test"))
    return Task(
        "sentences",
        train,
        val,
        test,
        classes=2,
        vocabulary=(*SPECIAL, *_KNOWN),
        shifted=parts,
        synonyms=synonyms(),
    )


def synonyms() -> Tensor:
    """For each token of the grammar the words of its group in turn, int64 of (vocabulary, 8).

    A word without a group is its own synonym.
    """
    number = {word: token for token, word in enumerate((*SPECIAL, *_KNOWN))}
    table = torch.arange(len(number))[:, None].repeat(1, max(map(len, GROUPS.values())))
    for words in GROUPS.values():
        group = torch.tensor([number[word] for word in words if word in number])
        if len(group):
            table[group] = group.repeat(-(-table.shape[1] // len(group)))[: table.shape[1]]
    return table


def rt_polarity(
    texts: LabelledTexts, length: int = 32, vocabulary: int = 5_000, seed: int = 2304
) -> Task:
    """Sentence polarity, split 80/10/10 within each class; there is no published split.

    Args:
        texts: The sentences.
        length: Words of a sentence; longer ones are cut, shorter ones padded.
        vocabulary: Words that are known at most, the most frequent ones of training.
        seed: Seed of the split.
    """
    parts = _stratified(texts.labels, (0.8, 0.1), np.random.default_rng(seed))
    return _published(texts, parts, length, vocabulary)


def imdb(
    texts: LabelledTexts,
    length: int = 256,
    vocabulary: int = 10_000,
    paper_split: bool = False,
    seed: int = 2304,
) -> Task:
    """Sentiment of IMDb reviews.

    Args:
        texts: The reviews.
        length: Words of a review; longer ones are cut, shorter ones padded.
        vocabulary: Words that are known at most, the most frequent ones of training.
        paper_split: Whether both published splits are merged and a random fifth is for testing, as
            in the paper; else the published split. A tenth of training is for validation.
        seed: Seed of the split.
    """
    rng = np.random.default_rng(seed)
    if paper_split:
        return _published(texts, _stratified(texts.labels, (0.72, 0.08), rng), length, vocabulary)
    members = np.flatnonzero(~texts.test)
    train, val, _ = _stratified(texts.labels[members], (0.9, 0.1), rng)
    parts = (members[train], members[val], np.flatnonzero(texts.test))
    return _published(texts, parts, length, vocabulary)


def words_of(text: str) -> list[str]:
    """Lower-case words and punctuation marks of a text; line breaks of HTML are blanks."""
    return _WORD.findall(text.lower().replace("<br />", " "))


def padded(rows: Sequence[Sequence[str]], words: Mapping[str, int], length: int) -> Tensor:
    """Tokens of texts, cut or padded; int64 of shape (n, length)."""
    table = np.full((len(rows), length), PADDING, dtype=np.int64)
    for row, text in zip(table, rows, strict=True):
        tokens = [words.get(word, UNKNOWN) for word in text[:length]]
        row[: len(tokens)] = tokens
    return torch.from_numpy(table)


def _balanced(
    n: int, draw: _Draw, shares: Shares, rng: np.random.Generator, taken: Ids
) -> Examples:
    """``n`` examples, half of them positive, none of them among the rows ``taken``."""
    length = taken.shape[1]
    rows: list[Ids] = []
    for sign, wanted in ((False, n // 2), (True, n - n // 2)):
        # Three times as many as needed: short sentences repeat those of training now and then.
        tokens = _known(draw(np.full(3 * wanted + 16, sign), shares, rng), length)
        fresh = ~_among(tokens, taken)
        if fresh.sum() < wanted:
            raise ValueError(f"the grammar has too few sentences for {n} new ones")
        rows.append(tokens[fresh][:wanted])
    order = rng.permutation(n)
    labels = np.repeat(np.array([0, 1], dtype=np.int64), [len(part) for part in rows])
    return Examples(torch.from_numpy(np.concatenate(rows)[order]), torch.from_numpy(labels[order]))


def _known(tokens: Ids, length: int) -> Ids:
    """Tokens padded to ``length``, words that training never has as unknown."""
    out = np.full((len(tokens), length), PADDING, dtype=np.int64)
    out[:, : tokens.shape[1]] = np.where(tokens < len(SPECIAL) + len(_KNOWN), tokens, UNKNOWN)
    return out


def _among(rows: Ids, others: Ids) -> NDArray[np.bool_]:
    """Which rows (n, L) occur among the others (m, L)."""
    kind = np.dtype((np.void, rows.shape[1] * rows.itemsize))
    flat, known = (np.ascontiguousarray(part).view(kind).ravel() for part in (rows, others))
    return np.isin(flat, known)


def _stratified(
    labels: NDArray[np.int64], shares: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.int64], ...]:
    """Indices of train, val and the rest, each class in proportion."""
    pieces = []
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        pieces.append(np.split(members, np.rint(len(members) * np.cumsum(shares)).astype(int)))
    return tuple(np.sort(np.concatenate(part)) for part in zip(*pieces, strict=True))


def _published(
    texts: LabelledTexts, parts: Sequence[NDArray[np.int64]], length: int, vocabulary: int
) -> Task:
    rows = [words_of(text) for text in texts.texts]
    counts = Counter(word for index in parts[0] for word in rows[index])
    # Of equally frequent words the first in the alphabet: no order of reading decides.
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:vocabulary]
    words = {word: token for token, word in enumerate(ranked, start=len(SPECIAL))}
    splits = [
        Examples(
            padded([rows[index] for index in part], words, length),
            torch.from_numpy(texts.labels[part]),
        )
        for part in parts
    ]
    return Task(
        "sentences", splits[0], splits[1], splits[2], classes=2, vocabulary=(*SPECIAL, *ranked)
    )
