"""Audit of a results folder: every file against its record, every record against the present.

What can be found, and the word for it:

- tampered: an output or a record is not the one that was written;
- missing: a file that a record names is gone;
- stale: an input, the configuration, the package code or the script is no longer the one that
  made the result;
- unrecorded: a file in the results folder that no record lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mfglab.files import relative_name, sha256_file
from mfglab.reporting.code_digest import code_digest
from mfglab.reporting.provenance import Record, RecordError, canonical_json, read_record

#: Files below the results folder that belong to no record.
IGNORED = ("logs/*", "benchmarks/*", "report.html", "*.part", "*.part.*")


class Status(StrEnum):
    """Outcome of one check; everything but ``OK`` fails the audit."""

    OK = "ok"
    STALE = "stale"
    TAMPERED = "tampered"
    MISSING = "missing"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True)
class AuditRow:
    """One finding: a path, the rule that made it, the status and the reason in words."""

    path: str
    rule: str
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class AuditReport:
    """All findings of one audit, sorted by path."""

    rows: tuple[AuditRow, ...]

    @property
    def ok(self) -> bool:
        """Whether there is at least one recorded file and every row is ok."""
        return bool(self.rows) and all(row.status is Status.OK for row in self.rows)

    @property
    def counts(self) -> dict[Status, int]:
        """Number of rows of every status, zeros included."""
        found = Counter(row.status for row in self.rows)
        return {status: found[status] for status in Status}

    def table(self) -> str:
        """Text table: one line a row, and the counts below."""
        if not self.rows:
            return "no provenance record found"
        wide = max(len(row.path) for row in self.rows)
        lines = [
            f"{row.status.upper() if row.status is not Status.OK else row.status:10}  "
            f"{row.path:{wide}}  {row.detail or row.rule}".rstrip()
            for row in self.rows
        ]
        total = ", ".join(f"{status} {count}" for status, count in self.counts.items())
        return "\n".join([*lines, total])


def audit(
    results: str | Path, config: Mapping[str, Any], ignored: tuple[str, ...] = IGNORED
) -> AuditReport:
    """Check the whole chain of a results folder; run it in the workflow's working folder.

    Args:
        results: Folder such as ``results/default``, with records below ``provenance/``.
        config: The present configuration as nested plain data.
        ignored: Patterns, relative to ``results``, of files that need no record.

    Returns:
        One row for each output, one or more for each record, one for each unrecorded file.

    Raises:
        FileNotFoundError: There is no such results folder.
    """
    folder = Path(results)
    if not folder.is_dir():
        raise FileNotFoundError(f"results folder {folder} does not exist")
    records, rows = _read_all(folder)
    producers = _producers(records)
    for path, record in records.items():
        rows += _record_rows(path, record, config, producers)
        rows += _output_rows(path, record, producers)
    known = set(producers) | {row.path for row in rows}
    rows += _unrecorded(folder, known, ignored)
    return AuditReport(tuple(sorted(rows, key=lambda row: (row.path, row.status, row.detail))))


def _read_all(folder: Path) -> tuple[dict[str, Record], list[AuditRow]]:
    """Readable records by path, and a row for each that is not as it was written."""
    records: dict[str, Record] = {}
    rows: list[AuditRow] = []
    for path in sorted((folder / "provenance").rglob("*.json")):
        name = relative_name(path)
        try:
            record = read_record(path)
            if record.output_names.get("record") != name:
                raise RecordError(f"written as {record.output_names.get('record')}, lies elsewhere")
            records[name] = record
        except RecordError as error:
            detail = str(error).removeprefix(f"{path}: ")
            rows.append(AuditRow(name, path.parent.name, Status.TAMPERED, detail))
    return records, rows


def _producers(records: Mapping[str, Record]) -> dict[str, list[tuple[str, str]]]:
    """For each output path the records that list it, with the hash that each gives."""
    producers: dict[str, list[tuple[str, str]]] = {}
    for name, record in records.items():
        for path, digest in record.outputs.items():
            producers.setdefault(path, []).append((name, digest))
    return producers


def _record_rows(
    name: str,
    record: Record,
    config: Mapping[str, Any],
    producers: Mapping[str, list[tuple[str, str]]],
) -> Iterator[AuditRow]:
    """Is the record made from what is there now? One row a problem, one ok row when none."""
    problems = [*_setting_problems(record, config), *_input_problems(record, producers)]
    for status, detail in problems:
        yield AuditRow(name, record.rule, status, detail)
    if not problems:
        yield AuditRow(name, record.rule, Status.OK)


def _setting_problems(record: Record, config: Mapping[str, Any]) -> Iterator[tuple[Status, str]]:
    for path, value in record.config.items():
        try:
            present = dotted(config, path)
        except KeyError:
            yield Status.STALE, f"configuration {path} no longer exists"
            continue
        if canonical_json(present) != canonical_json(value):
            yield Status.STALE, f"configuration {path} was {value!r}, is {present!r}"
    try:
        if code_digest(*record.code.modules) != record.code.digest:
            yield Status.STALE, f"code of {', '.join(record.code.modules)} has changed"
    except (ModuleNotFoundError, SyntaxError) as error:
        yield Status.STALE, f"code cannot be compared: {error}"
    if not Path(record.script).is_file():
        yield Status.MISSING, f"script {record.script} is gone"
    elif sha256_file(record.script) != record.script_sha256:
        yield Status.STALE, f"script {record.script} has changed"


def _input_problems(
    record: Record, producers: Mapping[str, list[tuple[str, str]]]
) -> Iterator[tuple[Status, str]]:
    for path, digest in record.inputs.items():
        makers = producers.get(path)
        if makers is None:
            if not Path(path).is_file():
                yield Status.MISSING, f"input {path} is gone"
            elif sha256_file(path) != digest:
                yield Status.STALE, f"input {path} has changed"
        elif all(made != digest for _, made in makers):
            yield Status.STALE, f"input {path} has been made again by {makers[0][0]}"


def _output_rows(
    name: str, record: Record, producers: Mapping[str, list[tuple[str, str]]]
) -> Iterator[AuditRow]:
    for path, digest in record.outputs.items():
        rivals = [maker for maker, _ in producers[path] if maker != name]
        if not Path(path).is_file():
            yield AuditRow(path, record.rule, Status.MISSING, f"made by {record.rule}")
        elif rivals:
            detail = f"listed by {name} and by {', '.join(rivals)}: remove the old record"
            yield AuditRow(path, record.rule, Status.STALE, detail)
        elif sha256_file(path) != digest:
            detail = f"not the file that {record.rule} wrote"
            yield AuditRow(path, record.rule, Status.TAMPERED, detail)
        else:
            yield AuditRow(path, record.rule, Status.OK)


def _unrecorded(folder: Path, known: set[str], ignored: tuple[str, ...]) -> Iterator[AuditRow]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_dir() or any(fnmatch(inside, pattern) for pattern in ignored):
            continue
        name = relative_name(path)
        if name not in known:
            yield AuditRow(name, "", Status.UNRECORDED, "no record lists this file")


def dotted(config: Mapping[str, Any], path: str) -> Any:
    """Value at the dotted ``path`` of nested mappings.

    Raises:
        KeyError: The path does not exist.

    Example:
        >>> dotted({"datasets": {"moons": {"n": 3}}}, "datasets.moons.n")
        3
    """
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(f"configuration has no {path!r}")
        value = value[part]
    return value
