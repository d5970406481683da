"""Plain trees of settings: overlay them, look values up, explain what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from mfglab.config.base import ConfigError


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay ``overlay`` on ``base``, mappings key by key, anything else as a whole."""
    result = dict(base)
    for key, value in overlay.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result


def lookup(tree: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path such as ``datasets.moons``.

    Raises:
        ConfigError: The path does not exist.
    """
    node: Any = tree
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ConfigError(f"configuration has no branch {path!r} (stopped at {part!r})")
        node = node[part]
    return node


def explain(error: ValidationError, tree: Any, prefix: tuple[str, ...] = ()) -> list[str]:
    """One line for each complaint about ``tree``: the dotted key, what is wrong, the value."""
    lines = []
    for item in error.errors():
        key = ".".join([*prefix, *_keys(item["loc"], tree)])
        if item["type"] == "value_error":  # one of this module's checks: names its values itself
            text = item["msg"].removeprefix("Value error, ")
        elif item["type"] == "missing":
            text = "required, but missing"
        else:
            unknown = item["type"] == "extra_forbidden"
            shown = repr(item["input"])
            shown = shown if len(shown) <= 80 else shown[:77] + "..."
            text = f"{'unknown key' if unknown else item['msg']} (got {shown})"
        lines.append(f"{key}: {text}" if key else text)
    return lines


def _keys(loc: Sequence[int | str], tree: Any) -> list[str]:
    # Pydantic puts the chosen variant of a union among the keys, where the user has no such key.
    keys: list[str] = []
    node = tree
    for part in loc:
        if isinstance(node, Mapping):
            if part not in node and node.get("kind") == part:
                continue
            node = node.get(part)
        elif isinstance(node, Sequence) and isinstance(part, int):
            node = node[part]
        keys.append(str(part))
    return keys
