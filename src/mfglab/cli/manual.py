"""Parameter manual and JSON schemas, generated from the typed models of configuration and claims.

The tables come from the JSON schema of a model, so type, default, range and meaning of a key are
written once: in :mod:`mfglab.config` and :mod:`mfglab.reporting.claims`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfglab.cli.manual_text import CLAIMS_INTRO, INTRO
from mfglab.config import Config
from mfglab.reporting.claims import claims_schema

Node = Mapping[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CONFIG_SCHEMA = Path("workflow/schemas/config.schema.json")
CLAIMS_SCHEMA = Path("workflow/schemas/claims.schema.json")
MANUAL = Path("config/README.md")

_HEADER = ("Key", "Type", "Default", "Range", "Meaning")
#: Keyword of a JSON schema to words; braces stand for its value.
_RANGES = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minProperties": "at least {}",
    "pattern": "matches `{}`",
}


def generated_files() -> dict[Path, str]:
    """Path, relative to the root of the repository, to text of every generated file."""
    config = {"$schema": DIALECT, **Config.model_json_schema()}
    claims = {"$schema": DIALECT, **claims_schema()}
    return {
        CONFIG_SCHEMA: json.dumps(config, indent=2, ensure_ascii=False) + "\n",
        CLAIMS_SCHEMA: json.dumps(claims, indent=2, ensure_ascii=False) + "\n",
        MANUAL: manual(config, claims),
    }


def manual(config: Node, claims: Node) -> str:
    """The parameter manual as Markdown, from the JSON schemas of configuration and claim file."""
    parts = [
        INTRO.strip(),
        *_Manual(config["$defs"]).section(_Part("", "All keys: the top level", config)),
        CLAIMS_INTRO.strip(),
        *_Manual(claims["$defs"]).section(_Part("", "Keys of a claim file", claims)),
    ]
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class _Part:
    """One section: dotted path of its keys, heading, and schema of its mapping."""

    path: str
    heading: str
    node: Node


@dataclass(frozen=True)
class _Manual:
    """Renders the sections of one schema; ``definitions`` are its named parts."""

    definitions: Node

    def section(self, part: _Part) -> Iterator[str]:
        """Markdown blocks of a mapping and, after it, of the mappings that it holds."""
        node = part.node
        yield f"{'##' if not part.path else '###'} {part.heading}"
        if description := node.get("description"):
            yield _line(description)
        properties: Node = node.get("properties", {})
        required = node.get("required", [])
        rows = [
            (
                f"`{key}`",
                self.type_of(entry),
                _default(entry, key in required),
                self.range_of(entry),
                self.meaning(entry),
            )
            # what chooses the section comes first, whatever class declares it
            for key, entry in sorted(properties.items(), key=lambda item: item[0] != "kind")
        ]
        yield _table(rows)
        for key, entry in properties.items():
            for child in self.children(f"{part.path}.{key}".lstrip("."), entry):
                yield from self.section(child)

    def children(self, path: str, entry: Node) -> Iterator[_Part]:
        """Mappings with keys of their own at or below ``path``."""
        for variant in self._variants(entry):
            kind = variant["properties"].get("kind", {}).get("const")
            of = f", `kind: {kind}`" if kind else ""
            yield _Part(path, f"`{path}`{of}", variant)
        if isinstance(below := entry.get("additionalProperties"), Mapping):
            yield from self.children(f"{path}.<name>", below)
        if isinstance(items := entry.get("items"), Mapping):
            yield from self.children(f"{path}[]", items)

    def _variants(self, entry: Node) -> list[Node]:
        choices = entry.get("oneOf") or entry.get("anyOf") or [entry]
        found = [self._resolve(choice) for choice in choices]
        return [node for node in found if "properties" in node]

    def _resolve(self, entry: Node) -> Node:
        if "$ref" not in entry:
            return entry
        node: Node = self.definitions[entry["$ref"].rpartition("/")[2]]
        return node

    def type_of(self, entry: Node) -> str:
        """Type of a value in words."""
        if self._variants(entry):
            return "section, below"
        if "const" in entry:
            return f"`{entry['const']}`"
        if "enum" in entry:
            return " or ".join(f"`{value}`" for value in entry["enum"])
        if choices := entry.get("anyOf", entry.get("oneOf")):
            return " or ".join(self.type_of(choice) for choice in choices)
        if entry["type"] == "array":
            sections = bool(self._variants(entry["items"]))
            return "sections, below" if sections else f"list of {self.type_of(entry['items'])}"
        if entry["type"] == "object":
            below = entry.get("additionalProperties")
            sections = isinstance(below, Mapping) and bool(self._variants(below))
            return "named sections, below" if sections else "mapping"
        return str(entry["type"])

    def range_of(self, entry: Node) -> str:
        """Allowed values in words, empty when the type says it all."""
        words = [text.format(entry[key]) for key, text in _RANGES.items() if key in entry]
        words += ["not empty"] if entry.get("minLength") else []
        inner = self.range_of(entry["items"]) if isinstance(entry.get("items"), Mapping) else ""
        words += [f"each {inner}"] if inner else []
        words += [text for choice in entry.get("anyOf", []) if (text := self.range_of(choice))]
        return ", ".join(dict.fromkeys(words))

    def meaning(self, entry: Node) -> str:
        """Description of a key, or that of the section it holds."""
        if "const" in entry:
            return "Chooses this section."
        variants = self._variants(entry)
        inherited = variants[0].get("description", "") if len(variants) == 1 else ""
        return _line(entry.get("description", inherited))


def _line(text: str) -> str:
    """A docstring as one line of Markdown."""
    return " ".join(text.split()).replace("``", "`")


def _default(entry: Node, required: bool) -> str:
    if required:
        return "required"
    if "default" not in entry:
        return "empty"
    return f"`{json.dumps(entry['default'], ensure_ascii=False)}`"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_HEADER, tuple("---" for _ in _HEADER), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
