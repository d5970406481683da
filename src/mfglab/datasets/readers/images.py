"""Images: the idx files of MNIST, and JPEG archives of cats and dogs."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.archives import open_zip, zip_names

CAT, DOG = 0, 1

_UBYTE = 0x08
# Kaggle: train/cat.17.jpg. Microsoft: PetImages/Cat/17.jpg.
_PET = re.compile(r"(?:.*/)?(cat|dog)[./](\d+)\.jpg$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Grey images of two published splits.

    Args:
        train_images: uint8 of shape (n, height, width).
        train_labels: uint8 of shape (n,).
        test_images: uint8 of shape (m, height, width).
        test_labels: uint8 of shape (m,).
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PetImages:
    """Decoded colour images of one size.

    Args:
        images: uint8 of shape (n, size, size, 3).
        labels: 0 cat, 1 dog; int64 of shape (n,).
        ids: Number of each image within its class, int64 of shape (n,).
        skipped: Members that could not be decoded and are left out.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PetArchive:
    """JPEG images of an archive, not decoded yet.

    Args:
        path: The zip archive.
        members: Names in the archive, sorted by class, then number.
        labels: 0 cat, 1 dog; int64 of shape (n,).
        ids: Number of each image within its class, int64 of shape (n,).
    """

    path: Path
    members: tuple[str, ...]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]

    def decode(self, size: int, indices: Sequence[int] | None = None) -> PetImages:
        """Decode images, stretched to ``size`` x ``size`` pixels (box-filtered when shrunk).

        The Microsoft archive holds some files that are no images; they are skipped and named in
        the result.

        Args:
            size: Side in pixels.
            indices: Which members, default all.

        Raises:
            MalformedFileError: The archive itself is damaged.
        """
        chosen = range(len(self.members)) if indices is None else indices
        images, kept, skipped = [], [], []
        with open_zip(self.path) as archive:
            for index in chosen:
                image = _decoded(archive.read(self.members[index]), size)
                if image is None:
                    skipped.append(self.members[index])
                else:
                    images.append(image)
                    kept.append(index)
        stack = np.stack(images) if images else np.zeros((0, size, size, 3), dtype=np.uint8)
        where = np.array(kept, dtype=np.int64)
        return PetImages(stack, self.labels[where], self.ids[where], tuple(skipped))


def read_mnist(paths: Mapping[str, Path]) -> LabelledImages:
    """Read the four files of MNIST.

    Raises:
        MalformedFileError: A damaged file, a wrong number of dimensions, or as many labels as
            there are not images.
    """
    arrays = []
    for split in ("train", "t10k"):
        image_path = paths[f"{split}-images-idx3-ubyte.gz"]
        label_path = paths[f"{split}-labels-idx1-ubyte.gz"]
        images, labels = read_idx(image_path, ndim=3), read_idx(label_path, ndim=1)
        if len(images) != len(labels):
            raise MalformedFileError(
                label_path, "header", f"{len(labels)} labels for {len(images)} images"
            )
        arrays += [images, labels]
    return LabelledImages(*arrays)


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Read a gzipped idx file of unsigned bytes.

    The format: two zero bytes, a type code, the number of dimensions, each dimension as a
    big-endian 32-bit number, then the entries in row-major order.

    Raises:
        MalformedFileError: Wrong magic number, other dimensions, or a size that does not fit.
    """
    try:
        with gzip.open(path, "rb") as stream:
            content = stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MalformedFileError(path, "file", f"damaged gzip ({error})") from error
    magic = bytes([0, 0, _UBYTE, ndim])
    if content[:4] != magic:
        raise MalformedFileError(
            path, "byte 0", f"expected the magic number {magic.hex()}, got {content[:4].hex()!r}"
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise MalformedFileError(path, f"byte {len(content)}", "the header is cut off")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", count=ndim, offset=4))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise MalformedFileError(
            path,
            f"byte {min(len(content), expected)}",
            f"shape {shape} needs {expected} bytes, the file has {len(content)}",
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def read_pets(paths: Mapping[str, Path]) -> PetArchive:
    """List the images of the Kaggle or Microsoft archive of cats and dogs (Asirra).

    Raises:
        MalformedFileError: Damaged archive, or no member named like an image of a cat or dog.
    """
    (path,) = paths.values()
    with open_zip(path) as archive:
        matches = [match for name in zip_names(archive) if (match := _PET.match(name))]
    if not matches:
        raise MalformedFileError(path, "members", "no cat.<n>.jpg or Cat/<n>.jpg in the archive")
    rows = sorted((match[1].lower() == "dog", int(match[2]), match[0]) for match in matches)
    return PetArchive(
        path=path,
        members=tuple(row[2] for row in rows),
        labels=np.array([DOG if row[0] else CAT for row in rows], dtype=np.int64),
        ids=np.array([row[1] for row in rows], dtype=np.int64),
    )


def _decoded(content: bytes, size: int) -> NDArray[np.uint8] | None:
    """Pixels of one image (size, size, 3), or none when it is no image."""
    # Here and not at the top: the registry imports this module and must stay cheap.
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            rgb = image.convert("RGB")
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.BOX)
            return np.asarray(rgb, dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
