"""Splits: streams, statistics, files, and what is refused; the embedded digits."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.datasets.embedded import load_digits, stratified
from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.files import write_npz
from mfglab.datasets.mixtures import mixture_2d
from mfglab.datasets.splits import Splits, split_law
from mfglab.datasets.toys import Moons
from mfglab.files import atomic_path

few = settings(max_examples=25, deadline=None)


def example(labels: bool = True) -> Splits:
    rng = np.random.default_rng(0)
    parts = [rng.normal(3.0, 2.0, (n, 4)).astype(np.float32) for n in (30, 10, 20)]
    classes = [rng.integers(0, 3, n) for n in (30, 10, 20)] if labels else [None] * 3
    return Splits(*parts, np.zeros(4, np.float32), np.ones(4, np.float32), *classes)


@few
@given(
    small=st.integers(1, 1500),
    more=st.integers(0, 1500),
    seed=st.integers(0, 2**40),
    n_val=st.integers(1, 50),
)
def test_streams_do_not_depend_on_the_sizes(small, more, seed, n_val):
    one = split_law(Moons(), small, n_val, 40, seed)
    two = split_law(Moons(), small + more, 60, 40, seed)
    assert np.array_equal(two.train[:small], one.train)
    assert np.array_equal(two.val[:n_val], one.val)
    assert np.array_equal(two.test, one.test)


def test_splits_and_seeds_are_different_draws():
    one, two = (split_law(mixture_2d(), 50, 50, 50, seed) for seed in (0, 1))
    arrays = [one.train, one.val, one.test, two.train, two.val, two.test]
    rows = np.concatenate(arrays)
    assert rows.dtype == np.float64
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_blocks_of_one_stream_are_different_draws():
    points = split_law(Moons(), 3000, 1, 1, seed=0).train
    assert len(np.unique(points, axis=0)) == 3000


def test_standardised_uses_the_training_split_and_can_be_undone():
    raw = example()
    done = raw.standardised()
    np.testing.assert_allclose(done.train.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(done.train.std(0), 1, rtol=1e-5)
    assert np.abs(done.test.mean(0)).max() > 1e-3
    np.testing.assert_allclose(done.raw(done.test), raw.test, rtol=1e-5)
    twice = replace(done, train=3 * done.train + 1, std=done.std / 3, mean=done.mean - done.std / 3)
    np.testing.assert_allclose(
        twice.standardised().raw(twice.standardised().train), raw.train, rtol=1e-4
    )


def test_constant_coordinate_is_centred_and_not_scaled():
    raw = example(labels=False)
    train = raw.train.copy()
    train[:, 2] = np.float32(0.1)
    done = replace(raw, train=train).standardised()
    assert (done.train[:, 2] == 0).all()
    assert done.std[2] == 1
    np.testing.assert_allclose(done.test[:, 2], raw.test[:, 2] - np.float32(0.1), rtol=1e-6)


@pytest.mark.parametrize("labels", [True, False])
def test_file_brings_back_the_same_arrays(tmp_path, labels):
    splits = example(labels)
    path = tmp_path / "deeper" / "data.npz"
    splits.save(path)
    loaded = Splits.load(path)
    names = [name for name, _ in splits.arrays()]
    assert names == [name for name, _ in loaded.arrays()]
    for (_, one), (_, two) in zip(splits.arrays(), loaded.arrays(), strict=True):
        assert one.dtype == two.dtype
        assert np.array_equal(one, two)


def test_equal_data_give_equal_bytes(tmp_path):
    example().save(tmp_path / "a.npz")
    example().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    # Memory layout is no part of the data.
    write_npz(tmp_path / "c.npz", {"x": np.arange(6.0).reshape(2, 3)})
    write_npz(tmp_path / "d.npz", {"x": np.asfortranarray(np.arange(6.0).reshape(2, 3))})
    assert (tmp_path / "c.npz").read_bytes() == (tmp_path / "d.npz").read_bytes()


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def wrong(**changes):
    return lambda: replace(example(), **changes)


def with_nan() -> np.ndarray:
    array = example().val.copy()
    array[7, 2] = np.nan
    return array


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (wrong(val=with_nan()), "val row 7 holds a number that is not finite"),
        (wrong(test=np.zeros((5, 3))), r"test must have shape .* trailing shape of train"),
        (wrong(train=np.zeros((0, 4))), "train must have shape"),
        (wrong(train=np.zeros((3, 4), int)), "train must hold floats, got int64"),
        (wrong(mean=np.zeros(3)), r"mean must hold floats of shape \(4,\)"),
        (wrong(mean=np.full(4, np.inf)), "mean holds a number that is not finite"),
        (wrong(std=np.zeros(4)), r"std must be positive, its smallest entry is .*0\.0"),
        (wrong(test_labels=None), "must all be given or none"),
        (wrong(test_labels=np.zeros(19, int)), "test_labels must be 20 integers"),
        (wrong(val_labels=np.zeros(10)), "val_labels must be 10 integers, got float64"),
    ],
)
def test_wrong_arrays_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_file_is_refused_by_name(tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(b"not a zip archive")
    with pytest.raises(MalformedFileError, match=r"data\.npz: file: not an \.npz"):
        Splits.load(path)
    arrays = dict(example(labels=False).arrays())
    write_npz(path, {**arrays, "val": with_nan()})
    with pytest.raises(MalformedFileError, match=r"data\.npz: content: val row 7"):
        Splits.load(path)
    del arrays["test"]
    write_npz(path, {**arrays, "extra": np.zeros(1)})
    with pytest.raises(MalformedFileError, match=r"missing \['test'\], unknown \['extra'\]"):
        Splits.load(path)
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(MalformedFileError, match=r"not an \.npz"):
        Splits.load(tmp_path / "single.npy")
    whole = tmp_path / "whole.npz"
    example().save(whole)
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(MalformedFileError, match="whole"):
        Splits.load(whole)
    with pytest.raises(FileNotFoundError):
        Splits.load(tmp_path / "absent.npz")


@pytest.mark.parametrize(("sizes", "seed"), [((0, 1, 1), 0), ((1, 1, 1), -1)])
def test_impossible_sizes_are_refused(sizes, seed):
    with pytest.raises(ValueError, match="sizes must be >= 1"):
        split_law(Moons(), *sizes, seed)


def test_digits_are_split_by_class_and_standardised():
    splits = load_digits(seed=0)
    assert (len(splits.train), len(splits.val), len(splits.test)) == pytest.approx(
        (1078, 359, 360), abs=6
    )
    assert len(splits.train) + len(splits.val) + len(splits.test) == 1797
    assert splits.train_labels is not None
    assert splits.test_labels is not None
    shares = [
        np.bincount(labels) / len(labels) for labels in (splits.train_labels, splits.test_labels)
    ]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.005)
    blank = splits.train.std(0) == 0
    assert 0 < blank.sum() < 10
    np.testing.assert_allclose(splits.train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(splits.train[:, ~blank].std(0), 1, atol=1e-12)
    pixels = splits.raw(np.concatenate([splits.train, splits.val, splits.test]))
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-9)
    assert pixels.min() > -1e-9
    assert pixels.max() < 16 + 1e-9


def test_noisy_digits_have_a_density_and_round_to_the_digits():
    plain, noisy = load_digits(seed=3), load_digits(seed=3, dequantise=True)
    for part in ("train", "val", "test"):
        pixels, levels = noisy.raw(getattr(noisy, part)), plain.raw(getattr(plain, part))
        noise = pixels - levels
        assert np.abs(noise).max() <= 0.5 + 1e-9
        assert noise.std() == pytest.approx(1 / np.sqrt(12), rel=0.02)
        assert len(np.unique(noise)) == noise.size
    np.testing.assert_allclose(noisy.train.std(0), 1, atol=1e-12)  # no pixel is constant


def test_digits_follow_the_seed():
    one, again, other = (load_digits(seed) for seed in (5, 5, 6))
    assert np.array_equal(one.test, again.test)
    assert not np.array_equal(one.test, other.test)


@few
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=200), seed=st.integers(0, 99))
def test_stratified_parts_cover_everything_in_proportion(labels, seed):
    array = np.array(labels, dtype=np.int64)
    parts = stratified(array, np.random.default_rng(seed))
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(array)))
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        for value in np.unique(array):
            wanted = share * (array == value).sum()
            assert abs((array[part] == value).sum() - wanted) <= 1
