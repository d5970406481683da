"""A small grammar of opinions: what is said first, negated or by others does not count as said.

A clause has a sign: the polarity of its word, turned by each negation, of which an outer one
("nobody would say") and an inner one ("not", "hardly") can come together. A sentence has the sign
of the clause that matters: the later of "... but ...", the main one of "although ...", mine
beside my friend's. Signs of other clauses are mostly opposite, and an opening is about something
else. A word therefore tells little, its place in the sentence nearly everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

GROUPS: dict[str, tuple[str, ...]] = {
    "good": ("good", "great", "excellent", "lovely"),
    "bad": ("bad", "awful", "terrible", "dreadful"),
    "liked": ("liked", "loved", "enjoyed", "praised"),
    "disliked": ("disliked", "hated", "detested", "criticised"),
    "noun": ("food", "service", "film", "room", "music", "staff"),
    "copula": ("was", "seemed", "felt"),
    "not": ("not", "never", "hardly"),
    "very": ("very", "really", "quite", "truly"),
    "other": ("friend", "neighbour", "sister", "guide"),
    "trip": ("day", "journey", "week", "meeting"),
    # Last, so that all words of training have the smallest numbers.
    "unseen noun": ("garden", "lecture", "engine", "museum", "novel", "bread"),
}
"""Words of one part and one polarity: within a group they can replace each other."""

_JOINTS = ("the", "a", "i", "my", "but", "yet", "although", "though", "while", "and", ",")
_OPENINGS = ("after", "before")
_OUTER = ("nobody would say that", "it is false that", "one could not say")

WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *_JOINTS,
            *_OPENINGS,
            *(word for phrase in _OUTER for word in phrase.split()),
            *(word for group in GROUPS.values() for word in group),
        ]
    )
)
"""All words of the grammar; a word's number here plus 2 is its token."""

_NUMBER = {word: number for number, word in enumerate(WORDS, start=2)}


@dataclass(frozen=True)
class Shares:
    """Shares of the constructions.

    Args:
        outer: Clauses with an outer negation, where one is possible.
        inner: Clauses with an inner negation.
        very: Clauses with an intensifier.
        opposite: Sentences of two clauses whose lesser clause has the other sign.
        opening: Sentences of one clause, or of two persons, that begin with something else.
        noun: Group of the nouns.
    """

    outer: float = 0.1
    inner: float = 0.25
    very: float = 0.4
    opposite: float = 0.6
    opening: float = 0.4
    noun: str = "noun"


def sentences(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    """One sentence for each wanted sign, all constructions in equal numbers.

    Args:
        signs: Whether each sentence is to be positive, shape (n,).
        shares: How often what occurs.
        rng: The only source of randomness.

    Returns:
        Tokens, 0 after the end; shape (n, longest).
    """
    kind = rng.integers(len(_CONSTRUCTIONS), size=len(signs))
    return _assembled(signs, shares, rng, kind, long=False)


def long_sentences(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    """Sentences of two full clauses after an opening: a combination that others never have."""
    kind = rng.integers(1, 4, size=len(signs))
    return _assembled(signs, shares, rng, kind, long=True)


def _assembled(
    signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator, kind: Ids, long: bool
) -> Ids:
    pieces = []
    for number, construct in enumerate(_CONSTRUCTIONS):
        rows = np.flatnonzero(kind == number)
        body = construct(signs[rows], shares, rng)
        # Two full clauses have an opening in long sentences only.
        share = 1.0 if long else shares.opening * (number not in _TWO_CLAUSES)
        pieces.append((rows, np.hstack([_opening(len(rows), share, rng), body])))
    width = max(body.shape[1] for _, body in pieces)
    table = np.zeros((len(signs), width), dtype=np.int64)
    for rows, body in pieces:
        table[rows, : body.shape[1]] = body
    return _closed_up(table)


def _single(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    return _clause(signs, shares, rng, outer=True)


def _but(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    first = _clause(_lesser(signs, shares, rng), shares, rng, outer=False)
    joint = _one_of(("but", "yet"), len(signs), rng)
    return np.hstack([first, joint, _clause(signs, shares, rng, outer=True)])


def _although_first(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    joint = _one_of(("although", "though", "while"), len(signs), rng)
    first = _clause(_lesser(signs, shares, rng), shares, rng, outer=False)
    comma = _words(",", len(signs))
    return np.hstack([joint, first, comma, _clause(signs, shares, rng, outer=True)])


def _although_last(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    joint = _one_of(("although", "though", "while"), len(signs), rng)
    last = _clause(_lesser(signs, shares, rng), shares, rng, outer=False)
    return np.hstack([_clause(signs, shares, rng, outer=True), joint, last])


def _others_first(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    joint = _one_of(("but", "and", ","), len(signs), rng)
    other = _opinion(_lesser(signs, shares, rng), shares, rng, mine=False)
    return np.hstack([other, joint, _opinion(signs, shares, rng, mine=True)])


def _mine_first(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator) -> Ids:
    joint = _one_of(("but", "and", ","), len(signs), rng)
    other = _opinion(_lesser(signs, shares, rng), shares, rng, mine=False)
    return np.hstack([_opinion(signs, shares, rng, mine=True), joint, other])


_CONSTRUCTIONS = (_single, _but, _although_first, _although_last, _others_first, _mine_first)
_TWO_CLAUSES = (1, 2, 3)


def _clause(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator, outer: bool) -> Ids:
    """``[nobody would say] the food was [not] [very] good``."""
    n = len(signs)
    without = rng.random(n) < (shares.outer if outer else 0.0)
    denied = rng.random(n) < shares.inner
    # All outer negations have four words.
    phrases = np.array([[_NUMBER[word] for word in phrase.split()] for phrase in _OUTER])
    prefix = np.where(without[:, None], phrases[rng.integers(len(phrases), size=n)], 0)
    word = _polar(signs ^ without ^ denied, ("bad", "good"), rng)
    return np.hstack(
        [
            prefix,
            _words("the", n),
            _one_of(GROUPS[shares.noun], n, rng),
            _one_of(GROUPS["copula"], n, rng),
            np.where(denied[:, None], _one_of(GROUPS["not"], n, rng), 0),
            _very(n, shares, rng),
            word,
        ]
    )


def _opinion(signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator, mine: bool) -> Ids:
    """``i [never] [really] liked the food`` or ``my friend ...``."""
    n = len(signs)
    denied = rng.random(n) < shares.inner
    who = _words("i", n)
    if not mine:
        who = np.hstack([_words("my", n), _one_of(GROUPS["other"], n, rng)])
    return np.hstack(
        [
            who,
            np.where(denied[:, None], _one_of(GROUPS["not"][1:], n, rng), 0),
            _very(n, shares, rng),
            _polar(signs ^ denied, ("disliked", "liked"), rng),
            _words("the", n),
            _one_of(GROUPS[shares.noun], n, rng),
        ]
    )


def _opening(n: int, share: float, rng: np.random.Generator) -> Ids:
    """``after a dreadful journey ,``, or nothing."""
    parts = [
        _one_of(_OPENINGS, n, rng),
        _words("a", n),
        _polar(rng.random(n) < 0.5, ("bad", "good"), rng),
        _one_of(GROUPS["trip"], n, rng),
        _words(",", n),
    ]
    return np.where(rng.random(n)[:, None] < share, np.hstack(parts), 0)


def _lesser(
    signs: NDArray[np.bool_], shares: Shares, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Signs of the clauses that do not matter."""
    return signs ^ (rng.random(len(signs)) < shares.opposite)


def _very(n: int, shares: Shares, rng: np.random.Generator) -> Ids:
    return np.where(rng.random((n, 1)) < shares.very, _one_of(GROUPS["very"], n, rng), 0)


def _polar(positive: NDArray[np.bool_], groups: tuple[str, str], rng: np.random.Generator) -> Ids:
    low, high = (_one_of(GROUPS[group], len(positive), rng) for group in groups)
    return np.where(positive[:, None], high, low)


def _one_of(words: tuple[str, ...], n: int, rng: np.random.Generator) -> Ids:
    numbers = np.array([_NUMBER[word] for word in words])
    return numbers[rng.integers(len(words), size=(n, 1))]


def _words(word: str, n: int) -> Ids:
    return np.full((n, 1), _NUMBER[word])


def _closed_up(table: Ids) -> Ids:
    """Rows with their gaps closed, cut to the longest."""
    order = np.argsort(table == 0, axis=1, kind="stable")
    closed = np.take_along_axis(table, order, axis=1)
    return closed[:, : int((closed > 0).sum(axis=1).max())]
