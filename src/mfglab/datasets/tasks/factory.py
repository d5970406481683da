"""From a configured task to its examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, assert_never

from pydantic import TypeAdapter

from mfglab.config.tasks import (
    CatsDogs,
    DigitsImages,
    Grammar,
    Imdb,
    Mnist,
    ModelNet,
    PydocText,
    RtPolarity,
    Shakespeare,
    Shapes,
    TaskDataConfig,
    Tokens,
)
from mfglab.datasets.factory import from_manifest
from mfglab.datasets.readers.clouds import MeshArchive, PointClouds
from mfglab.datasets.readers.images import LabelledImages, PetArchive
from mfglab.datasets.readers.text import Corpus, LabelledTexts, TokenFiles
from mfglab.datasets.remote import FetchedDataset
from mfglab.datasets.tasks import clouds, images, sentences, text
from mfglab.datasets.tasks.base import Task


def load_task(tree: Mapping[str, Any], manifests: Sequence[Path] = ()) -> Task:
    """The task of a branch of the configuration.

    Args:
        tree: The section ``data`` of a task as plain data.
        manifests: Manifest of the download that it needs, if any.

    Raises:
        ValueError: As for :func:`build_task`.
    """
    config = TypeAdapter[TaskDataConfig](TaskDataConfig).validate_python(tree)
    return build_task(config, from_manifest(manifests[0]) if manifests else None)


def build_task(config: TaskDataConfig, fetched: FetchedDataset | None = None) -> Task:
    """Draw or read a task.

    Args:
        config: What is wanted.
        fetched: The downloaded files, for a task that has to be downloaded.

    Raises:
        ValueError: The data set has to be downloaded and ``fetched`` is absent or another one.
    """
    match config:
        case PydocText():
            return text.pydoc_text(config.length)
        case DigitsImages():
            return images.digits_images(config.rotations, config.seed)
        case Shapes():
            view = clouds.View(config.noise, (0.0, config.tilt), (0.0, config.cut))
            return clouds.shapes(
                config.n_train, config.n_val, config.n_test, config.points, view, config.seed
            )
        case Grammar():
            return sentences.grammar(
                config.n_train, config.n_val, config.n_test, config.length, seed=config.seed
            )
        case Shakespeare() | Tokens() | Mnist() | CatsDogs() | ModelNet() | RtPolarity() | Imdb():
            return _published(config, fetched)
        case _:
            assert_never(config)


def _published(
    config: Shakespeare | Tokens | Mnist | CatsDogs | ModelNet | RtPolarity | Imdb,
    fetched: FetchedDataset | None,
) -> Task:
    source = config.source
    match config:
        case Shakespeare():
            corpus = _read(source, fetched, Corpus)
            return text.shakespeare(corpus, config.length, config.paper_split)
        case Tokens():
            files = _read(source, fetched, TokenFiles)
            return text.tokens(files, config.length, config.n_train, config.paper_split)
        case Mnist():
            digits = _read(source, fetched, LabelledImages)
            return images.mnist(digits, config.n_train, config.n_val, config.rotations)
        case CatsDogs():
            pets = _read(source, fetched, PetArchive)
            return images.cats_dogs(pets, config.size, config.per_class, config.seed)
        case ModelNet():
            models = _read(source, fetched, PointClouds, MeshArchive)
            return clouds.modelnet(models, config.points, config.per_class, config.seed)
        case RtPolarity():
            reviews = _read(source, fetched, LabelledTexts)
            return sentences.rt_polarity(reviews, config.length, config.vocabulary, config.seed)
        case Imdb():
            reviews = _read(source, fetched, LabelledTexts)
            return sentences.imdb(
                reviews, config.length, config.vocabulary, config.paper_split, config.seed
            )
        case _:
            assert_never(config)


def _read(source: str, fetched: FetchedDataset | None, *kinds: type[Any]) -> Any:
    """What the reader of a data set makes of its files, of one of the given types."""
    if fetched is None or fetched.name != source:
        got = "none" if fetched is None else repr(fetched.name)
        raise ValueError(f"data set {source!r} has to be downloaded first, got {got}")
    content = fetched.read()
    if not isinstance(content, kinds):
        raise ValueError(f"data set {source!r} was read as {type(content).__name__}")
    return content
