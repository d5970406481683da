"""What tables of generative models read of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfglab.config import ADVERSARIAL_TITLES


def model_titles(config: Mapping[str, Any]) -> dict[str, str]:
    """Name to title of every generative model, from section ``models``."""
    titles = {name: entry["title"] for name, entry in config["models"].items()}
    return titles | dict(ADVERSARIAL_TITLES)


def solver_kinds(config: Mapping[str, Any]) -> dict[str, str]:
    """Name to kind of the solver of every generative model, from section ``models``."""
    kinds = {name: entry["solver"]["kind"] for name, entry in config["models"].items()}
    # Models of the study `adversarial` go by the name of their kind.
    return kinds | {name: name for name in ADVERSARIAL_TITLES}


def reference_likelihoods(config: Mapping[str, Any]) -> dict[str, float | None]:
    """Data set to its reference likelihood in nats, where it has one, from section ``datasets``."""
    return {name: entry.get("reference_nll") for name, entry in config["datasets"].items()}
