"""Data sets: which law or file, how many points, which seed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mfglab.config.base import Section


class DatasetBase(Section):
    """What all data sets share."""

    n_train: int = Field(20_000, ge=16, description="Training points.")
    n_val: int = Field(2_000, ge=16, description="Validation points (early stopping, tuning).")
    n_test: int = Field(10_000, ge=16, description="Test points; used once, by the evaluation.")
    seed: int = Field(2304, ge=0, description="Seed of the draw; the same for every model.")
    reference_nll: float | None = Field(
        None, description="Negative log-likelihood of the official OT-Flow settings, nats."
    )
    has_density: ClassVar[bool] = True


class ToyData(DatasetBase):
    """A planar toy law with the constants of the FFJORD code base."""

    kind: Literal["toy"]
    law: Literal[
        "moons",
        "checkerboard",
        "pinwheel",
        "swissroll",
        "two_spirals",
        "circles",
        "eight_gaussians",
        "carpet",
    ] = Field(description="Which toy law.")


class ComposedToyData(DatasetBase):
    """A law in 4 or 6 dimensions made of planar toy laws."""

    kind: Literal["composed_toy"]
    law: Literal["moons_and_spirals", "swissroll_6d"] = Field(description="Which composed law.")


class MixtureData(DatasetBase):
    """A Gaussian mixture with exact density and exact score."""

    kind: Literal["mixture"]
    dim: int = Field(2, ge=1, le=64, description="Dimension d.")


class EmbeddedToyData(DatasetBase):
    """A planar toy law embedded isometrically in a higher dimension: a manifold, no density."""

    kind: Literal["embedded_toy"]
    law: Literal["moons", "pinwheel", "swissroll", "two_spirals", "carpet"] = Field(
        description="The planar law."
    )
    has_density: ClassVar[bool] = False
    dim: int = Field(ge=3, le=128, description="Dimension of the surrounding space.")


class DigitsData(Section):
    """The 8x8 digits that ship with scikit-learn, standardised; 60/20/20 stratified split."""

    kind: Literal["digits"]
    dequantise: bool = Field(
        False, description="Add uniform noise of one grey level: the law then has a density."
    )
    seed: int = Field(2304, ge=0, description="Seed of the split and of the noise.")

    @property
    def has_density(self) -> bool:
        """Only with noise: grey levels are integers, and some pixels are constant."""
        return self.dequantise


class TabularData(Section):
    """A tabular density-estimation set of the normalizing-flow literature, downloaded."""

    kind: Literal["tabular"]
    has_density: ClassVar[bool] = True
    source: Literal["miniboone"] = Field(description="Name in the data registry.")


DatasetConfig = Annotated[
    ToyData | ComposedToyData | MixtureData | EmbeddedToyData | DigitsData | TabularData,
    Field(discriminator="kind"),
]


def is_mixture(data: DatasetConfig) -> bool:
    """Whether the law is a Gaussian mixture, so that the exact score of its noised law is known."""
    if isinstance(data, ToyData):
        return data.law == "eight_gaussians"
    return isinstance(data, MixtureData)
