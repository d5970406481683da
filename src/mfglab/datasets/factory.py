"""From a configured data set to its law and its splits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from mfglab.config import (
    ComposedToyData,
    DatasetConfig,
    DigitsData,
    EmbeddedToyData,
    MixtureData,
    TabularData,
    ToyData,
)
from mfglab.datasets.embedded import load_digits
from mfglab.datasets.embedding import EmbeddedLaw
from mfglab.datasets.law import Law
from mfglab.datasets.mixtures import MixtureBacked, mixture_1d, mixture_2d, random_mixture
from mfglab.datasets.products import moons_and_spirals, swissroll_6d
from mfglab.datasets.registry import REGISTRY
from mfglab.datasets.remote import FetchedDataset
from mfglab.datasets.splits import Splits, split_law
from mfglab.datasets.toys import (
    Checkerboard,
    Circles,
    EightGaussians,
    Moons,
    Pinwheel,
    SierpinskiCarpet,
    SwissRoll,
    TwoSpirals,
)
from mfglab.games.densities import GaussianMixture

TOYS: dict[str, Callable[[], Law]] = {
    "moons": Moons,
    "checkerboard": Checkerboard,
    "pinwheel": Pinwheel,
    "swissroll": SwissRoll,
    "two_spirals": TwoSpirals,
    "circles": Circles,
    "eight_gaussians": EightGaussians,
    "carpet": SierpinskiCarpet,
}

COMPOSED: dict[str, Callable[[], Law]] = {
    "moons_and_spirals": moons_and_spirals,
    "swissroll_6d": swissroll_6d,
}

# Means and covariances of the mixtures in three and more dimensions are drawn once, for good.
_MIXTURE_SEED = 2304
_MIXTURE_COMPONENTS = 8


def build_law(config: ToyData | ComposedToyData | MixtureData | EmbeddedToyData) -> Law:
    """The law of a generated data set."""
    match config:
        case ToyData():
            return TOYS[config.law]()
        case ComposedToyData():
            return COMPOSED[config.law]()
        case EmbeddedToyData():
            return EmbeddedLaw.random(TOYS[config.law](), config.dim, config.seed)
        case MixtureData(dim=1):
            return mixture_1d()
        case MixtureData(dim=2):
            return mixture_2d()
        case MixtureData():
            return random_mixture(config.dim, _MIXTURE_COMPONENTS, _MIXTURE_SEED)
        case _:
            assert_never(config)


def exact_mixture(config: DatasetConfig) -> GaussianMixture | None:
    """The law of a data set where it is a Gaussian mixture, None elsewhere."""
    if not isinstance(config, ToyData | MixtureData):
        return None
    law = build_law(config)
    return law.density() if isinstance(law, MixtureBacked) else None


def from_manifest(manifest: Path) -> FetchedDataset:
    """The downloaded data set that a manifest of the download stage lists.

    Raises:
        ValueError: The manifest names a data set or variant that is not registered.
    """
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    for variant in REGISTRY[listed["name"]].variants if listed["name"] in REGISTRY else ():
        if variant.name == listed["variant"]:
            paths = {name: Path(entry["path"]) for name, entry in listed["files"].items()}
            return FetchedDataset(listed["name"], variant, paths)
    raise ValueError(
        f"{manifest} names {listed['name']!r}, variant {listed['variant']!r}, "
        "which the registry does not know"
    )


def prepare(config: DatasetConfig, fetched: FetchedDataset | None = None) -> Splits:
    """Draw or read a data set and split it.

    Args:
        config: What is wanted.
        fetched: The downloaded files, for a data set that has to be downloaded.

    Raises:
        ValueError: The data set has to be downloaded and ``fetched`` is absent.
    """
    match config:
        case DigitsData():
            return load_digits(config.seed, dequantise=config.dequantise)
        case TabularData():
            if fetched is None:
                raise ValueError(f"data set {config.source!r} has to be downloaded first")
            splits = fetched.read()
            if not isinstance(splits, Splits):
                raise ValueError(f"data set {config.source!r} is no table of points")
            return splits
        case _:
            return split_law(
                build_law(config), config.n_train, config.n_val, config.n_test, config.seed
            )
