"""Readers of images, on files made here and, where a mirror is named, on the real ones."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from dataset_files import SOURCES, idx, mnist_files, paths_of, write_all, zipped

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.images import CAT, DOG, read_idx, read_mnist, read_pets

both = pytest.mark.parametrize("source", SOURCES)


@both
def test_mnist_has_images_and_labels_of_two_splits(source, tmp_path):
    data = read_mnist(paths_of(source, "mnist", "idx", tmp_path))
    n_train, n_test = {"synthetic": (7, 3), "mirror": (60_000, 10_000)}[source]
    assert data.train_images.shape == (n_train, 28, 28)
    assert data.test_images.shape == (n_test, 28, 28)
    assert data.train_labels.shape == (n_train,)
    assert data.test_labels.shape == (n_test,)
    assert data.train_images.dtype == data.test_labels.dtype == np.uint8
    if source == "mirror":
        assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
        assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
        assert data.train_images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    else:
        expected = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
        assert np.array_equal(data.train_images, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain", "damaged gzip"),
        (gzip.compress(b"x" * 999)[:-9], "damaged gzip"),
        (gzip.compress(b""), "byte 0: expected the magic number 00000803"),
        (gzip.compress(idx(np.zeros((2, 2, 2), np.uint8), magic=0x0D03)), "got '00000d03'"),
        (gzip.compress(idx(np.zeros(4, np.uint8))), "got '00000801'"),
        (gzip.compress(struct.pack(">2I", 0x0803, 1)), "byte 8: the header is cut off"),
        (gzip.compress(idx(np.zeros((2, 2, 2), np.uint8))[:-1]), "byte 23: .* needs 24 bytes"),
        (gzip.compress(idx(np.zeros((2, 2, 2), np.uint8)) + b"x"), "byte 24: .* the file has 25"),
    ],
    # Bytes in an id would hold the second at which they were packed.
    ids=["plain", "cut", "empty", "wrong type", "labels", "cut header", "short", "long"],
)
def test_malformed_idx_is_refused_with_its_offset(tmp_path, content, message):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(MalformedFileError, match=rf"images\.gz: .*{message}"):
        read_idx(path, ndim=3)


def test_missing_labels_are_noticed(tmp_path):
    files = mnist_files()
    files["t10k-labels-idx1-ubyte.gz"] = gzip.compress(idx(np.zeros(4, np.uint8)))
    with pytest.raises(MalformedFileError, match=r"t10k-labels.*4 labels for 3 images"):
        read_mnist(write_all(tmp_path, files))


@both
def test_kaggle_pets_are_listed_and_decoded(source, tmp_path):
    archive = read_pets(paths_of(source, "cats-vs-dogs", "200px-2400", tmp_path))
    each = {"synthetic": 11, "mirror": 1200}[source]
    assert archive.labels.tolist() == [CAT] * each + [DOG] * each
    assert archive.ids.tolist() == [*range(each), *range(each)]
    pets = archive.decode(40, indices=[0, 3, each + 2])
    assert pets.images.shape == (3, 40, 40, 3)
    assert pets.images.dtype == np.uint8
    assert pets.labels.tolist() == [CAT, CAT, DOG]
    assert pets.ids.tolist() == [0, 3, 2]
    assert pets.skipped == ()
    full = archive.decode(200, indices=[3]).images[0].astype(float)
    boxes = full.reshape(40, 5, 40, 5, 3).mean(axis=(1, 3))
    assert np.abs(boxes - pets.images[1]).max() <= 1.0


def test_microsoft_pets_skip_what_is_no_image(tmp_path):
    archive = read_pets(paths_of("synthetic", "cats-vs-dogs", "microsoft", tmp_path))
    assert archive.members == (
        "PetImages/Cat/0.jpg",
        "PetImages/Cat/10.jpg",
        "PetImages/Cat/666.jpg",
        "PetImages/Dog/2.jpg",
        "PetImages/Dog/11702.jpg",
    )
    pets = archive.decode(6)
    assert pets.skipped == ("PetImages/Cat/666.jpg", "PetImages/Dog/11702.jpg")
    assert pets.ids.tolist() == [0, 10, 2]
    assert pets.labels.tolist() == [CAT, CAT, DOG]
    assert pets.images.mean(axis=(1, 2)).argmax(axis=1).tolist() == [0, 1, 2]
    nothing = archive.decode(6, indices=[2])
    assert nothing.images.shape == (0, 6, 6, 3)
    assert nothing.skipped == ("PetImages/Cat/666.jpg",)


def test_malformed_pets_are_refused(tmp_path):
    name = "pets.zip"
    with pytest.raises(MalformedFileError, match=r"pets\.zip: members: no cat"):
        read_pets(write_all(tmp_path, {name: zipped({"train/bird.1.jpg": b""})}))
    with pytest.raises(MalformedFileError, match=r"pets\.zip: archive: damaged zip"):
        read_pets(write_all(tmp_path, {name: b"plain"}))
