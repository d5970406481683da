"""Generated digits judged by a classifier's features and by the nearest training image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.config import DigitsStudyConfig
from mfglab.datasets.splits import Splits
from mfglab.metrics.coverage import precision_recall
from mfglab.metrics.memorisation import nearest, nearest_points
from mfglab.solvers.base import Solver
from mfglab.training.seeds import stream

Array = NDArray[np.float64]
Sample = tuple[str, int, Array]
"""Title of the arm, seed, and images (n, d)."""

#: Control for samples of fewer images.
HALF = "half of the validation images"


@dataclass(frozen=True)
class DigitMetrics:
    """One sample of digits.

    Args:
        precision: Share of the sample inside the support of the test images, in feature space.
        recall: Share of the test images inside the support of the sample.
        neighbour_ratio: Median distance to the nearest training image, divided by that of the
            test images: near 0 for copies, near 1 for fresh images.
        confidence: Mean probability of the classifier's best class.
        classes: Exponential of the entropy of the predicted classes, at most 10.
    """

    precision: float
    recall: float
    neighbour_ratio: float
    confidence: float
    classes: float


class FeatureNet:
    """A classifier with one hidden layer, trained on the training images.

    Args:
        splits: Digits with labels.
        features: Hidden units.
        seed: Seed of weights and batches.
    """

    def __init__(self, splits: Splits, features: int, seed: int) -> None:
        # Here and not at the top: scikit-learn takes a second to import.
        from sklearn.neural_network import MLPClassifier

        self._net = MLPClassifier(
            hidden_layer_sizes=(features,), alpha=1e-2, max_iter=400, tol=1e-3, random_state=seed
        ).fit(splits.train, splits.train_labels)
        self.accuracy = float(self._net.score(splits.test, splits.test_labels))

    def features(self, x: Array) -> Array:
        """Hidden activations of images (n, d), shape (n, features)."""
        hidden: Array = np.maximum(x @ self._net.coefs_[0] + self._net.intercepts_[0], 0)
        return hidden

    def probabilities(self, x: Array) -> Array:
        """Class probabilities of images (n, d), shape (n, 10)."""
        out: Array = self._net.predict_proba(x)
        return out


def judge_digits(x: Array, splits: Splits, net: FeatureNet, neighbours: int) -> DigitMetrics:
    """Measure a sample ``x`` (n, d) of standardised digits."""
    test, train = _points(splits.test), _points(splits.train)
    coverage = precision_recall(net.features(test), net.features(x), neighbours)
    p = net.probabilities(x)
    share = p.mean(axis=0)
    return DigitMetrics(
        precision=coverage.precision,
        recall=coverage.recall,
        neighbour_ratio=nearest_points(x, test, train).ratio,
        confidence=float(p.max(axis=1).mean()),
        classes=float(np.exp(-(share * np.log(share + 1e-300)).sum())),
    )


def controls(
    splits: Splits, config: DigitsStudyConfig, rng: np.random.Generator
) -> dict[str, Array]:
    """Samples whose verdict is known beforehand, all but one as large as the test split.

    ``validation images`` are real; ``half of the validation images`` show what size alone does,
    for particles are fewer; ``noisy copies`` of training images are what memorising looks like; a
    ``Gaussian`` with the moments of the data is what a model without structure draws.
    """
    n = len(splits.test)
    copies = splits.train[rng.integers(len(splits.train), size=n)]
    pixels = splits.train.std(axis=0) > 0
    noise = rng.standard_normal(copies.shape) * pixels * config.copy_noise
    moments = splits.train.mean(axis=0), np.cov(splits.train.T)
    return {
        "validation images": _points(splits.val),
        HALF: _points(splits.val[: len(splits.val) // 2]),
        "noisy copies": copies + noise,
        "Gaussian": rng.multivariate_normal(*moments, size=n, method="eigh"),
    }


def control_samples(
    splits: Splits, config: DigitsStudyConfig, seeds: Sequence[int]
) -> Iterator[Sample]:
    """The :func:`controls` of every seed."""
    for seed in seeds:
        rng = np.random.default_rng([config.seed, seed])
        for arm, x in controls(splits, config, rng).items():
            yield arm, seed, x


def model_samples(title: str, solvers: Mapping[int, Solver], splits: Splits) -> Iterator[Sample]:
    """As many images of each trained solver, given by its seed, as there are test images."""
    for seed, solver in solvers.items():
        with torch.no_grad():
            x = solver.double().sample(len(splits.test), stream("digits", seed))
        yield title, seed, x.numpy()


def drawn_samples(
    title: str, images: Mapping[int, NDArray[np.floating[Any]]], splits: Splits
) -> Iterator[Sample]:
    """Images (n, d) by seed that a model which was not kept has drawn.

    As many as there are test images count. One that was drawn twice, as particles are when they
    run out, counts once.
    """
    for seed, x in images.items():
        _, first = np.unique(x, axis=0, return_index=True)
        yield title, seed, _points(x[np.sort(first)][: len(splits.test)])


@dataclass(frozen=True)
class DigitStudy:
    """Rows of the table, and the pictures of the first seed.

    Args:
        rows: One row an arm and seed.
        arrays: ``arms``; ``samples`` and ``neighbours`` (arms, shown, d) in raw pixel values.
    """

    rows: list[dict[str, float | str]]
    arrays: dict[str, NDArray[np.generic]]


def digit_study(splits: Splits, config: DigitsStudyConfig, samples: Iterable[Sample]) -> DigitStudy:
    """Judge samples of digits.

    The classifier is trained here: from the same digits and seed it is the same one every time,
    and that takes less time than a stage of its own would take to start.

    Args:
        splits: The digits.
        config: Sizes.
        samples: At least one, in the order of the pictures.
    """
    net = FeatureNet(splits, config.features, config.seed)
    rows: list[dict[str, float | str]] = []
    pictures: dict[str, tuple[NDArray[np.generic], NDArray[np.generic]]] = {}
    for arm, seed, x in samples:
        metrics = asdict(judge_digits(x, splits, net, config.neighbours))
        rows.append({"arm": arm, "seed": seed, **metrics, "accuracy": net.accuracy})
        if arm not in pictures and arm != HALF:  # the first images of another arm
            shown = x[: config.shown]
            beside = splits.train[nearest(shown, _points(splits.train)).index]
            pictures[arm] = splits.raw(shown), splits.raw(beside)
    arrays: dict[str, NDArray[np.generic]] = {
        "arms": np.array(list(pictures)),
        "samples": np.stack([own for own, _ in pictures.values()]),
        "neighbours": np.stack([near for _, near in pictures.values()]),
    }
    return DigitStudy(rows, arrays)


def _points(x: NDArray[np.floating[Any]]) -> Array:
    return np.asarray(x, dtype=np.float64)
