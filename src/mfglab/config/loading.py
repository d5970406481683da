"""From files and plain data to a checked configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mfglab.config.base import ConfigError
from mfglab.config.profile import Config
from mfglab.config.tree import explain, merge

DEFAULT_CONFIG = Path("config/default.yaml")


def parse_config(tree: Mapping[str, Any]) -> Config:
    """Validate plain data.

    Raises:
        ConfigError: Names each offending key, its value and what was expected.
    """
    try:
        return Config.model_validate(dict(tree))
    except ValidationError as error:
        lines = explain(error, tree)
        raise ConfigError("\n  ".join(["invalid configuration:", *lines])) from error


def load_config(paths: Sequence[Path]) -> Config:
    """Read ``paths`` in order, each an overlay on those before, and validate.

    Raises:
        ConfigError: A file is missing, is not YAML or does not validate.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        try:
            loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(f"configuration file {path} does not exist") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"configuration file {path} is not valid YAML: {error}") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"configuration file {path} must hold a mapping, got {loaded!r}")
        tree = merge(tree, loaded)
    return parse_config(tree)


def profile_paths(profile: str, folder: Path = DEFAULT_CONFIG.parent) -> list[Path]:
    """Files of a profile: the default, and its overlay unless it is the default."""
    paths = [folder / "default.yaml"]
    return paths if profile == "default" else [*paths, folder / f"{profile}.yaml"]
