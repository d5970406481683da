"""Provenance record: what made a result, from which inputs, configuration and code.

A record is a JSON file with sorted keys, relative paths and no time, so that the same stage
writes the same bytes again. Its last line of defence is ``record_sha256``, the hash of its own
content. Hashes find accidents and stray edits; they are no signature against a forger.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mfglab.files import write_text

#: Distributions whose version can change a result.
PACKAGES = (
    "mfglab",
    "lightning",
    "matplotlib",
    "numpy",
    "pandas",
    "POT",
    "pydantic",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "torchdiffeq",
)
_SELF = "record_sha256"


class RecordError(ValueError):
    """A provenance record cannot be read or was changed after it was written."""


class CodeStamp(BaseModel):
    """Digest of the package code of a stage and the modules that it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    digest: str
    modules: list[str]


class Record(BaseModel):
    """Provenance of one job; all paths are relative to the working folder, with ``/``.

    Attributes:
        schema_version: Version of this layout.
        rule: Rule of the workflow.
        wildcards: Wildcard values of the job.
        script: Workflow script and, below, its sha256.
        script_sha256: Hash of the script's bytes.
        config: Configuration slice: dotted path to value.
        params: Further parameters of the rule.
        inputs: Input path to sha256.
        input_names: Name of an input in the rule to its paths, in order.
        outputs: Output path to sha256, without the record itself.
        output_names: Name of an output to its path or paths, with the record.
        code: Digest of the package modules used.
        packages: Distribution to version.
        python: Python version.
        platform: Operating system and machine type.
        device: Device that computed: ``cpu`` or the name of the accelerator.
        threads: Threads given to the job.
        log: Log file, if any.
        benchmark: Benchmark file, if known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[2] = 2
    rule: str
    wildcards: dict[str, str]
    script: str
    script_sha256: str
    config: dict[str, Any]
    params: dict[str, Any]
    inputs: dict[str, str]
    input_names: dict[str, list[str]]
    outputs: dict[str, str]
    output_names: dict[str, str | list[str]]
    code: CodeStamp
    packages: dict[str, str]
    python: str
    platform: str
    device: str
    threads: int
    log: str | None
    benchmark: str | None


def canonical_json(value: object) -> str:
    """JSON text with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, indent=1) + "\n"


def write_record(record: Record, path: str | Path) -> None:
    """Write ``record`` with the hash of its own content, whole or not at all."""
    content = record.model_dump(mode="json")
    write_text(path, canonical_json(content | {_SELF: _content_hash(content)}))


def read_record(path: str | Path) -> Record:
    """Read a record and check that it is as it was written.

    Args:
        path: A file written by :func:`write_record`.

    Raises:
        RecordError: Broken JSON, a missing or unknown key, or any byte changed since it was
            written; the message names the file and the key.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
        raw = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path}: no valid JSON ({error})") from None
    if not isinstance(raw, dict):
        raise RecordError(f"{path}: expected a JSON object, got {type(raw).__name__}")
    content = {key: value for key, value in raw.items() if key != _SELF}
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise RecordError(f"{path}: key {key!r}: {first['msg']}") from None
    if _SELF not in raw:
        raise RecordError(f"{path}: key {_SELF!r}: Field required")
    if raw[_SELF] != _content_hash(content) or text != canonical_json(raw):
        raise RecordError(f"{path}: changed after it was written ({_SELF} does not fit)")
    return record


def environment(device: str | None = None) -> dict[str, Any]:
    """Versions, platform and device of this process, as keyword arguments of a record.

    Args:
        device: Name of the device; by default what torch has used so far in this process.
    """
    return {
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "device": device or _device_used(),
    }


def plain(value: object, where: str) -> Any:
    """``value`` as plain JSON data (dict, list, str, number, bool, None).

    Args:
        value: Configuration or parameter value.
        where: How an error names the value.

    Raises:
        TypeError: The value has no JSON form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{where} must be plain data for the record, got {type(value).__name__}")


def _content_hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _device_used() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return "cpu"
