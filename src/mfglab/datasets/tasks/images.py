"""Images with classes: digits of scikit-learn, MNIST, cats and dogs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfglab.datasets.embedded import load_digits
from mfglab.datasets.readers.images import LabelledImages, PetArchive
from mfglab.datasets.tasks.base import Examples, Task

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081

_DIGITS_WHITE = 16.0
_PETS_SHARES = (0.7, 0.1)


def digits_images(rotations: Sequence[float] = (15.0, 30.0, 45.0), seed: int = 2304) -> Task:
    """The 1,797 digits of 8 x 8 pixels of scikit-learn, split 60/20/20 within each class.

    Normalised by mean and deviation of all training pixels, unlike the data set of the generative
    models, whose pixels are standardised one by one.

    Args:
        rotations: Degrees of the shifted test sets ``rotated_<degrees>``: half of the images are
            turned to the left, half to the right.
        seed: Seed of the split.
    """
    splits = load_digits(seed)
    pixels: list[Pixels] = [
        (splits.raw(part).reshape(-1, 1, 8, 8) / _DIGITS_WHITE).astype(np.float32)
        for part in (splits.train, splits.val, splits.test)
    ]
    labels = [
        np.asarray(part, dtype=np.int64)
        for part in (splits.train_labels, splits.val_labels, splits.test_labels)
    ]
    return _grey_task(pixels, labels, float(pixels[0].mean()), float(pixels[0].std()), rotations)


def mnist(
    images: LabelledImages,
    n_train: int | None = None,
    n_val: int = 5_000,
    rotations: Sequence[float] = (15.0, 30.0, 45.0),
) -> Task:
    """MNIST: the last ``n_val`` training images are for validation.

    Args:
        images: The published files.
        n_train: Training images, the first ones; none: all that are left.
        n_val: Validation images.
        rotations: Degrees of the shifted test sets, as for :func:`digits_images`.

    Raises:
        ValueError: More images wanted than there are.
    """
    left = len(images.train_images) - n_val
    wanted = left if n_train is None else n_train
    if not 1 <= wanted <= left:
        raise ValueError(
            f"MNIST has {len(images.train_images)} training images, "
            f"got n_train = {n_train} and n_val = {n_val}"
        )
    train, test = (
        np.divide(part[:, None], 255, dtype=np.float32)
        for part in (images.train_images, images.test_images)
    )
    classes = images.train_labels.astype(np.int64)
    return _grey_task(
        [train[:wanted], train[left:], test],
        [classes[:wanted], classes[left:], images.test_labels.astype(np.int64)],
        MNIST_MEAN,
        MNIST_STD,
        rotations,
    )


def cats_dogs(
    archive: PetArchive, size: int = 64, per_class: int | None = None, seed: int = 2304
) -> Task:
    """Cats (0) and dogs (1), decoded at one size and split 70/10/20 at random.

    Args:
        archive: The photographs.
        size: Side in pixels.
        per_class: Images of each class, the first ones; none: all.
        seed: Seed of the split.
    """
    rank = np.concatenate([np.arange((archive.labels == c).sum()) for c in (0, 1)])
    chosen = np.flatnonzero(rank < (len(rank) if per_class is None else per_class))
    pets = archive.decode(size, chosen.tolist())
    order = np.random.default_rng(seed).permutation(len(pets.images))
    cuts = np.rint(len(order) * np.cumsum(_PETS_SHARES)).astype(int)
    train, val, test = np.split(order, cuts)
    pixels = pets.images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    mean = pixels[train].mean(axis=(0, 2, 3), keepdims=True)
    std = pixels[train].std(axis=(0, 2, 3), keepdims=True)
    scaled = (pixels - mean) / np.where(std > 0, std, 1)
    parts = [_examples(scaled[part], pets.labels[part]) for part in (train, val, test)]
    return Task("images", parts[0], parts[1], parts[2], classes=2)


def rotated(images: Pixels, degrees: float) -> Pixels:
    """Images (n, c, h, w) turned about their centre, every other one to the other side.

    Bilinear; what comes from outside is 0.
    """
    # Here and not at the top: most tasks do without.
    from scipy import ndimage

    out = np.empty_like(images)
    for start, angle in ((0, degrees), (1, -degrees)):
        out[start::2] = ndimage.rotate(images[start::2], angle, axes=(3, 2), reshape=False, order=1)
    return out


def _grey_task(
    pixels: Sequence[Pixels],
    labels: Sequence[Labels],
    mean: float,
    std: float,
    rotations: Sequence[float],
) -> Task:
    """Images (n, 1, h, w) of [0, 1] normalised, with rotated test sets."""
    parts = [_examples((x - mean) / std, y) for x, y in zip(pixels, labels, strict=True)]
    shifted = {
        f"rotated_{degrees:g}": _examples((rotated(pixels[2], degrees) - mean) / std, labels[2])
        for degrees in rotations
    }
    return Task("images", parts[0], parts[1], parts[2], classes=10, shifted=shifted)


def _examples(pixels: Pixels, labels: Labels) -> Examples:
    inputs: Tensor = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32))
    return Examples(inputs, torch.from_numpy(labels))
