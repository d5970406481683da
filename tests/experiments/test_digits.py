"""The study of generated digits tells copies, fresh images and noise apart."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.config import DigitsStudyConfig
from mfglab.datasets.embedded import load_digits
from mfglab.experiments.digits import HALF, control_samples, digit_study, drawn_samples

CONFIG = DigitsStudyConfig.model_validate({"features": 32, "shown": 4})


def judged():
    splits = load_digits(0)
    return digit_study(splits, CONFIG, control_samples(splits, CONFIG, [0]))


@pytest.fixture(scope="module")
def study():
    return judged()


@pytest.fixture(scope="module")
def rows(study):
    return {row["arm"]: row for row in study.rows}


def test_the_classifier_reads_the_digits(rows):
    assert rows["Gaussian"]["accuracy"] > 0.93


def test_fresh_images_are_neither_copies_nor_noise(rows):
    fresh = rows["validation images"]
    assert 0.9 < fresh["neighbour_ratio"] < 1.1
    assert fresh["precision"] > 0.75
    assert fresh["classes"] > 9.5


def test_half_as_many_images_are_judged_alike(rows):
    for name in ("precision", "recall"):
        assert abs(rows[HALF][name] - rows["validation images"][name]) < 0.1, name


def test_copies_are_recognised(rows):
    assert rows["noisy copies"]["neighbour_ratio"] < 0.5
    assert rows["noisy copies"]["precision"] > 0.75


def test_a_gaussian_is_less_precise_than_images(rows):
    assert rows["Gaussian"]["precision"] < rows["validation images"]["precision"] - 0.1


def test_pictures_are_raw_pixels_of_every_arm(study, rows):
    assert [*study.arrays["arms"]] == [arm for arm in rows if arm != HALF]
    for name in ("samples", "neighbours"):
        assert study.arrays[name].shape == (3, 4, 64)
    near = study.arrays["neighbours"].astype(float)
    assert near.min() >= -1e-9
    assert near.max() <= 16 + 1e-9


def test_the_same_seed_gives_the_same_rows(study):
    again = judged()
    assert again.rows == study.rows
    np.testing.assert_array_equal(again.arrays["samples"], study.arrays["samples"])


def test_drawn_images_are_judged_once_each():
    splits = load_digits(0)
    twice = np.concatenate([splits.train[:40], splits.train[:40]])
    many = splits.train[: len(splits.test) + 9]
    samples = [
        *drawn_samples("copies", {0: twice}, splits),
        *drawn_samples("many", {3: many}, splits),
    ]
    assert [(arm, seed, len(x)) for arm, seed, x in samples] == [
        ("copies", 0, 40),
        ("many", 3, len(splits.test)),
    ]
    np.testing.assert_array_equal(samples[0][2], splits.train[:40])
    study = digit_study(splits, CONFIG, samples)
    copies, _ = study.rows
    assert copies["neighbour_ratio"] == 0
    assert copies["precision"] > 0.75
    assert list(study.arrays["arms"]) == ["copies", "many"]


def test_a_sample_is_judged_alike_whatever_is_judged_beside_it(study):
    splits = load_digits(0)
    alone = [x for x in control_samples(splits, CONFIG, [0]) if x[0] == "Gaussian"]
    (row,) = digit_study(splits, CONFIG, alone).rows
    assert row in study.rows
