"""Real data that comes with an installed library: no download, no network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.splits import Splits

_FRACTIONS = (0.6, 0.2)


def load_digits(seed: int, *, dequantise: bool = False) -> Splits:
    """The 1,797 handwritten digits of 8 x 8 pixels of scikit-learn (UCI optdigits, test part).

    Split 60/20/20 within each class, standardised by the training split; pixels that are blank
    in all training images are centred and left unscaled.

    Args:
        seed: Fixes which image goes where, and the noise; not negative.
        dequantise: Add noise, uniform on [-1/2, 1/2] grey levels, to every pixel of every image.
            Integers have no density, and their likelihood no bound; the noisy images have one
            (arXiv:1511.01844). The noise is drawn once, so that all models see one law.

    Returns:
        Float64 points of shape (n, 64), with integer labels 0-9.
    """
    # Here and not at the top: scikit-learn takes a second to import.
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    points: NDArray[np.float64] = np.asarray(images, dtype=np.float64)
    classes: NDArray[np.int64] = np.asarray(labels, dtype=np.int64)
    rng = np.random.default_rng(seed)
    train, val, test = stratified(classes, rng)
    if dequantise:
        points += rng.uniform(-0.5, 0.5, points.shape)
    return Splits(
        train=points[train],
        val=points[val],
        test=points[test],
        mean=np.zeros(points.shape[1]),
        std=np.ones(points.shape[1]),
        train_labels=classes[train],
        val_labels=classes[val],
        test_labels=classes[test],
    ).standardised()


def stratified(
    labels: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Indices of a 60/20/20 split of each class, each part in random order.

    The parts are disjoint, cover everything, and hold each class in proportion up to one point.
    """
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        cuts = np.rint(len(members) * np.cumsum(_FRACTIONS)).astype(int)
        for part, piece in zip(parts, np.split(members, cuts), strict=True):
            part.append(piece)
    train, val, test = (rng.permutation(np.concatenate(part)) for part in parts)
    return train, val, test
