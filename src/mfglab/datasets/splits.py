"""Train, validation and test arrays: one file, checked on the way in and on the way out."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.files import write_npz

if TYPE_CHECKING:
    from mfglab.datasets.law import Law

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]

_PARTS = ("train", "val", "test")
# Points of one random stream: a block is drawn whole, then cut, so that a short sample is the
# beginning of a long one.
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Splits:
    """Data of one task, split three ways, standardised or not.

    Args:
        train: Training points, float of shape (n, ...).
        val: Validation points, same trailing shape.
        test: Test points, same trailing shape.
        mean: What was subtracted from the raw data, trailing shape (zeros: nothing).
        std: What the raw data was divided by, trailing shape, positive (ones: nothing).
        train_labels: Integer class of each training point, shape (n,), or none.
        val_labels: The same for validation; none exactly when ``train_labels`` is none.
        test_labels: The same for test.

    Raises:
        ValueError: A wrong type or shape, a number that is not finite, or labels that are there
            for some splits only; the message names array and row.
    """

    train: FloatArray
    val: FloatArray
    test: FloatArray
    mean: FloatArray
    std: FloatArray
    train_labels: IntArray | None = None
    val_labels: IntArray | None = None
    test_labels: IntArray | None = None

    def __post_init__(self) -> None:
        for part in _PARTS:
            _check_points(part, getattr(self, part), self.train.shape[1:])
        for name in ("mean", "std"):
            _check_statistics(name, getattr(self, name), self.train.shape[1:])
        if not (self.std > 0).all():
            raise ValueError(f"std must be positive, its smallest entry is {self.std.min()!r}")
        labels = [getattr(self, f"{part}_labels") for part in _PARTS]
        given = [label is not None for label in labels]
        if any(given) and not all(given):
            raise ValueError(f"labels of train, val, test must all be given or none, got {given}")
        for part, label in zip(_PARTS, labels, strict=True):
            if label is not None:
                _check_labels(f"{part}_labels", label, len(getattr(self, part)))

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Name and array of each field that is there, in a fixed order."""
        for name in (*_PARTS, "mean", "std", *(f"{part}_labels" for part in _PARTS)):
            array = getattr(self, name)
            if array is not None:
                yield name, array

    def standardised(self) -> Splits:
        """Centre and scale every split by the statistics of the training split alone.

        A coordinate that is constant over the training split is centred and left unscaled.
        ``mean`` and ``std`` of the result lead back to the raw data whatever was done before.
        """
        mean = self.train.mean(axis=0)
        std = self.train.std(axis=0)
        # A constant leaves rounding noise in its deviation, not always an exact zero.
        constant = np.ptp(self.train, axis=0) == 0
        mean = np.where(constant, self.train[0], mean)
        std = np.where(constant, 1.0, std).astype(self.train.dtype)
        return Splits(
            train=(self.train - mean) / std,
            val=(self.val - mean) / std,
            test=(self.test - mean) / std,
            mean=self.mean + self.std * mean,
            std=self.std * std,
            train_labels=self.train_labels,
            val_labels=self.val_labels,
            test_labels=self.test_labels,
        )

    def raw(self, points: FloatArray) -> FloatArray:
        """Standardised points (n, ...) in the units of the raw data."""
        out: FloatArray = points * self.std + self.mean
        return out

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file: whole or not at all, equal data giving equal bytes."""
        write_npz(path, dict(self.arrays()))

    @classmethod
    def load(cls, path: Path) -> Splits:
        """Read a file of :meth:`save`.

        Raises:
            FileNotFoundError: No such file.
            MalformedFileError: Not such a file, an array missing or unknown, or wrong content.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise MalformedFileError(path, "file", f"not an .npz of arrays ({error})") from error
        known = {*_PARTS, "mean", "std", *(f"{part}_labels" for part in _PARTS)}
        missing = sorted({*_PARTS, "mean", "std"} - arrays.keys())
        unknown = sorted(arrays.keys() - known)
        if missing or unknown:
            raise MalformedFileError(path, "members", f"missing {missing}, unknown {unknown}")
        try:
            return cls(**arrays)
        except ValueError as error:
            raise MalformedFileError(path, "content", str(error)) from error


def split_law(law: Law, n_train: int, n_val: int, n_test: int, seed: int) -> Splits:
    """Draw three independent samples of a law, not standardised.

    The splits have streams of their own, and a stream goes on where a shorter one stops: a
    change of ``n_train`` changes neither validation nor test, and a smaller training split is the
    beginning of a larger one with the same seed.

    Args:
        law: The law.
        n_train: Training points, at least one (so for the others).
        n_val: Validation points.
        n_test: Test points.
        seed: Not negative.

    Raises:
        ValueError: A size below one or a negative seed.
    """
    sizes = (n_train, n_val, n_test)
    if min(sizes) < 1 or seed < 0:
        raise ValueError(f"sizes must be >= 1 and the seed >= 0, got sizes {sizes}, seed {seed}")
    train, val, test = (_stream(law, size, seed, number) for number, size in enumerate(sizes))
    return Splits(train, val, test, mean=np.zeros(law.dim), std=np.ones(law.dim))


def _stream(law: Law, n: int, seed: int, number: int) -> FloatArray:
    """First ``n`` points of a split's stream, shape (n, d)."""
    # Here and not at the top: tables and figures read saved splits and do without torch.
    import torch

    blocks = []
    for block in range(-(-n // _BLOCK)):
        words = np.random.SeedSequence(seed, spawn_key=(number, block)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0]))
        blocks.append(law.sample(_BLOCK, generator).numpy())
    points: FloatArray = np.concatenate(blocks)[:n]
    return points


def _check_points(name: str, array: NDArray[Any], trailing: tuple[int, ...]) -> None:
    """Raise unless ``array`` is a finite float array (n >= 1, *trailing)."""
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must hold floats, got {array.dtype}")
    if array.ndim < 2 or array.shape[0] < 1 or array.shape[1:] != trailing:
        raise ValueError(
            f"{name} must have shape (n >= 1, ...) with the trailing shape of train, "
            f"{trailing}, got {array.shape}"
        )
    bad = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if bad.any():
        raise ValueError(f"{name} row {int(bad.argmax())} holds a number that is not finite")


def _check_statistics(name: str, array: NDArray[Any], trailing: tuple[int, ...]) -> None:
    """Raise unless ``array`` is a finite float array of shape ``trailing``."""
    if not np.issubdtype(array.dtype, np.floating) or array.shape != trailing:
        raise ValueError(
            f"{name} must hold floats of shape {trailing}, got {array.dtype} {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")


def _check_labels(name: str, labels: NDArray[Any], n: int) -> None:
    """Raise unless ``labels`` are ``n`` integers."""
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (n,):
        raise ValueError(f"{name} must be {n} integers, got {labels.dtype} of shape {labels.shape}")
