"""Supervised tasks: which data, generated or published, how many, which seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mfglab.config.base import Section

Seed = Annotated[int, Field(ge=0, description="Seed of draws and splits; the same for every arm.")]


class PydocText(Section):
    """Next characters of the reference text that ships with Python, split by topic."""

    kind: Literal["pydoc_text"]
    length: int = Field(64, ge=2, description="Characters of a window.")


class Shakespeare(Section):
    """Next characters of tiny Shakespeare, downloaded; 90/5/5 in the order of the text."""

    kind: Literal["shakespeare"]
    source: Literal["tinyshakespeare"] = Field(
        "tinyshakespeare", description="Name in the data registry."
    )
    length: int = Field(256, ge=2, description="Characters of a window.")
    paper_split: bool = Field(
        False, description="The last 10% are validation and test at once, as published."
    )


class Tokens(Section):
    """Next tokens of a text in the GPT-2 encoding, from files of token numbers."""

    kind: Literal["tokens"]
    source: Literal["openwebtext", "tinyshakespeare-bpe"] = Field(
        description="Name in the data registry."
    )
    length: int = Field(1024, ge=2, description="Tokens of a window.")
    n_train: int | None = Field(
        None, ge=16, description="Training tokens, the first ones; null: all, 8 bytes each."
    )
    paper_split: bool = Field(
        False, description="The second file is validation and test at once, as published."
    )


class DigitsImages(Section):
    """The 8x8 digits that ship with scikit-learn; 60/20/20 stratified, rotated ones as shift."""

    kind: Literal["digits_images"]
    rotations: list[Annotated[float, Field(gt=0, le=180)]] = Field(
        [15.0, 30.0, 45.0], description="Rotations of the shifted test sets, degrees."
    )
    seed: Seed = 2304


class Mnist(Section):
    """MNIST, downloaded; the last images of the training split are for validation."""

    kind: Literal["mnist"]
    source: Literal["mnist"] = Field("mnist", description="Name in the data registry.")
    n_train: int | None = Field(
        None, ge=16, description="Training images, the first ones; null: all that are left."
    )
    n_val: int = Field(5_000, ge=1, description="Validation images, the last of the split.")
    rotations: list[Annotated[float, Field(gt=0, le=180)]] = Field(
        [15.0, 30.0, 45.0], description="Rotations of the shifted test sets, degrees."
    )


class CatsDogs(Section):
    """Photographs of cats and dogs, downloaded; 70/10/20 at random."""

    kind: Literal["cats_dogs"]
    source: Literal["cats-vs-dogs"] = Field("cats-vs-dogs", description="Name in the registry.")
    size: int = Field(64, ge=8, description="Side of an image, pixels.")
    per_class: int | None = Field(
        None, ge=10, description="Images of each class, the first ones; null: all."
    )
    seed: Seed = 2304


class Shapes(Section):
    """Generated point clouds of ten shapes with noise, rotation and partial views."""

    kind: Literal["shapes"]
    n_train: int = Field(1_500, ge=16, description="Training clouds.")
    n_val: int = Field(500, ge=16, description="Validation clouds.")
    n_test: int = Field(1_000, ge=16, description="Test clouds, of each test set.")
    points: int = Field(96, ge=8, description="Points of a cloud.")
    noise: float = Field(0.02, ge=0, description="Standard deviation of the noise of a point.")
    tilt: float = Field(20.0, ge=0, le=90, description="Largest tilt of the axis, degrees.")
    cut: float = Field(0.3, ge=0, le=0.45, description="Largest share that a view cuts off.")
    seed: Seed = 2304


class ModelNet(Section):
    """ModelNet10 or 40, downloaded: published split, part of the training models for validation."""

    kind: Literal["modelnet"]
    source: Literal["modelnet10", "modelnet40"] = Field(
        "modelnet10", description="Name in the registry."
    )
    points: int = Field(1_024, ge=8, description="Points of a cloud.")
    per_class: int | None = Field(
        None, ge=2, description="Training clouds of a class at most, before validation; null: all."
    )
    seed: Seed = 2304


class Grammar(Section):
    """Sentiment of generated sentences with negation, contrast and distractors."""

    kind: Literal["grammar"]
    n_train: int = Field(2_000, ge=16, description="Training sentences.")
    n_val: int = Field(500, ge=16, description="Validation sentences.")
    n_test: int = Field(1_000, ge=16, description="Test sentences, of each test set.")
    length: int = Field(24, ge=24, description="Tokens of a padded sentence.")
    seed: Seed = 2304


class RtPolarity(Section):
    """Sentence polarity of film reviews, downloaded; 80/10/10 stratified."""

    kind: Literal["rt_polarity"]
    source: Literal["rt-polarity"] = Field("rt-polarity", description="Name in the registry.")
    length: int = Field(32, ge=4, description="Words of a sentence; longer ones are cut.")
    vocabulary: int = Field(5_000, ge=10, description="Words that are known at most.")
    seed: Seed = 2304


class Imdb(Section):
    """Sentiment of IMDb reviews, downloaded; published split, or the paper's random 40k/10k."""

    kind: Literal["imdb"]
    source: Literal["imdb"] = Field("imdb", description="Name in the data registry.")
    length: int = Field(256, ge=4, description="Words of a review; longer ones are cut.")
    vocabulary: int = Field(10_000, ge=10, description="Words that are known at most.")
    paper_split: bool = Field(
        False, description="Both published splits merged and split anew, 80/20, as in the paper."
    )
    seed: Seed = 2304


TaskDataConfig = Annotated[
    PydocText
    | Shakespeare
    | Tokens
    | DigitsImages
    | Mnist
    | CatsDogs
    | Shapes
    | ModelNet
    | Grammar
    | RtPolarity
    | Imdb,
    Field(discriminator="kind"),
]

#: Form of the inputs of each kind of data.
FORMS: dict[str, Literal["text", "images", "clouds", "sentences"]] = {
    "pydoc_text": "text",
    "shakespeare": "text",
    "tokens": "text",
    "digits_images": "images",
    "mnist": "images",
    "cats_dogs": "images",
    "shapes": "clouds",
    "modelnet": "clouds",
    "grammar": "sentences",
    "rt_polarity": "sentences",
    "imdb": "sentences",
}
