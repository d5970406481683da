"""Checkpoints as safetensors plus JSON: no pickled code, readable without this package.

A checkpoint ``NAME.safetensors`` holds every tensor under a flat key; ``NAME.json`` holds the rest
of the tree with the tensors replaced by references, and the digest of the tensors.

A kill at any moment leaves a readable checkpoint, the old one or the new one. Both files are first
written in full to temporary names. Renaming the JSON is the moment at which the new checkpoint
counts; should the tensors not be renamed any more, they still lie under their temporary name with
the digest that the JSON demands, and reading finds them there. Any other disagreement of the two
files is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


class CheckpointError(ValueError):
    """A checkpoint that cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights and the facts about them.

    Args:
        weights: State dictionary.
        meta: Plain data: configuration, seed, step, validation loss.
    """

    weights: dict[str, Tensor]
    meta: dict[str, Any]


def save_tree(tree: Mapping[str, Any], path: Path) -> None:
    """Write a tree of plain data and tensors as ``path`` (.safetensors) and its JSON neighbour.

    Args:
        tree: Mappings (string or integer keys), sequences, numbers, strings, None and tensors.
        path: Target; must end in ``.safetensors``.

    Raises:
        CheckpointError: The suffix is wrong, or the tree holds something else.
    """
    _require_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    skeleton = _encode(tree, "", tensors)
    part = _part(path)
    if part.is_file() and _interrupted(path):
        part.replace(path)  # the present checkpoint lies there: finish it before writing anew
    save_file(tensors, part)
    document = {"tensors_sha256": _sha256(part), "tree": skeleton}
    text_part = path.with_name(path.stem + ".json.part")
    text_part.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text_part.replace(path.with_suffix(".json"))
    part.replace(path)


def load_tree(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read what :func:`save_tree` wrote.

    Raises:
        CheckpointError: A file is missing or damaged, or the two do not belong together.
    """
    _require_suffix(path)
    side = path.with_suffix(".json")
    source = _part(path) if _interrupted(path) else path
    for file in (source, side):
        if not file.is_file():
            raise CheckpointError(f"checkpoint file {file} does not exist")
    document = _read_side(side)
    actual, expected = _sha256(source), document["tensors_sha256"]
    if actual != expected:
        raise CheckpointError(
            f"checkpoint file {path} has sha256 {actual}, but {side.name} expects {expected}: "
            "it is damaged or belongs to another checkpoint"
        )
    try:
        tensors = load_file(source, device=str(device))
        tree: dict[str, Any] = _decode(document["tree"], tensors)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint file {path} is damaged: {error!r}") from error
    return tree


def has_checkpoint(path: Path) -> bool:
    """Whether :func:`save_tree` has written a checkpoint here, be it damaged by now."""
    return path.with_suffix(".json").is_file() or path.is_file()


def remove_tree(path: Path) -> None:
    """Delete what :func:`save_tree` wrote, the JSON first: tensors alone are no checkpoint."""
    _require_suffix(path)
    for file in (path.with_suffix(".json"), path, _part(path)):
        file.unlink(missing_ok=True)


def save_weights(path: Path, weights: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write the weights of a trained model and the facts about it."""
    save_tree({"weights": dict(weights), "meta": dict(meta)}, path)


def load_weights(path: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read a trained model.

    Raises:
        CheckpointError: The file is damaged or is no trained model.
    """
    tree = load_tree(path, device)
    if set(tree) != {"weights", "meta"}:
        raise CheckpointError(
            f"checkpoint file {path} holds {sorted(tree)}, expected 'weights' and 'meta'"
        )
    return Checkpoint(tree["weights"], tree["meta"])


def _encode(node: Any, key: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(node, Tensor):
        while key in tensors:  # keys 1 and "1", or a slash within a key
            key += "'"
        tensors[key] = node.detach().cpu().contiguous().clone()
        return {"$tensor": key}
    if isinstance(node, Mapping):
        items = [[k, _encode(v, f"{key}/{k}", tensors)] for k, v in node.items()]
        if all(isinstance(k, str) and not k.startswith("$") for k in node):
            return dict(items)
        return {"$items": items}
    if isinstance(node, tuple):
        return {"$tuple": [_encode(v, f"{key}/{i}", tensors) for i, v in enumerate(node)]}
    if isinstance(node, list):
        return [_encode(v, f"{key}/{i}", tensors) for i, v in enumerate(node)]
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise CheckpointError(f"cannot store {key or 'root'} of type {type(node).__name__}")


def _decode(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(node, list):
        return [_decode(v, tensors) for v in node]
    if not isinstance(node, dict):
        return node
    if "$tensor" in node:
        return tensors[node["$tensor"]]
    if "$items" in node:
        return {k: _decode(v, tensors) for k, v in node["$items"]}
    if "$tuple" in node:
        return tuple(_decode(v, tensors) for v in node["$tuple"])
    return {k: _decode(v, tensors) for k, v in node.items()}


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _interrupted(path: Path) -> bool:
    # Killed between the two renames: the JSON is the new one, its tensors are not yet in place.
    side, part = path.with_suffix(".json"), _part(path)
    if not (side.is_file() and part.is_file()):
        return False
    try:
        expected = _read_side(side)["tensors_sha256"]
    except CheckpointError:  # a damaged JSON demands nothing; whoever reads it says so
        return False
    return bool(expected == _sha256(part))


def _read_side(side: Path) -> dict[str, Any]:
    try:
        document = json.loads(side.read_text(encoding="utf-8"))
        if set(document) != {"tensors_sha256", "tree"} or not isinstance(document["tree"], dict):
            raise ValueError("expected the keys 'tensors_sha256' and 'tree'")
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"checkpoint file {side} is damaged: {error!r}") from error
    return dict(document)


def _require_suffix(path: Path) -> None:
    if path.suffix != ".safetensors":
        raise CheckpointError(f"a checkpoint's name must end in .safetensors, got {path}")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
