"""Reference results: the small files of an audited run, kept in the repository."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfglab.files import relative_name, sha256_file, write_text
from mfglab.reporting.audit import Status, audit
from mfglab.reporting.claims import Claim, load_claims
from mfglab.reporting.joined import has_rows, join_models, joinable, sources_of_rows
from mfglab.reporting.judge import Outcome, Verdict, judge
from mfglab.reporting.ledger import write_ledger
from mfglab.reporting.provenance import Record, canonical_json, read_record

REFERENCE = Path("results/reference")
CLAIMS = Path("config/claims.yaml")
README = Path("README.md")
#: The ledger that the README shows.
README_LEDGER = REFERENCE / "default" / "ledger.csv"
#: Summary of the records, beside the copies.
SUMMARY = "provenance.json"
#: A repository is cloned whole, so each file must be small.
LARGEST = 1_000_000

_LEDGER, _LEDGER_TEXT, _LEDGER_FIGURE = _JUDGED = ("ledger.csv", "ledger.md", "claims.png")
#: Name in the reference folder to file of the run.
_SINGLE = {
    _LEDGER: "claims/ledger.csv",
    _LEDGER_TEXT: "claims/ledger.md",
    _LEDGER_FIGURE: "claims/claims.png",
    "cost.tsv": "benchmarks/cost.tsv",
}
#: The same, where the run has it.
_OPTIONAL = {name: f"benchmarks/{name}" for name in ("transformer_cost.tsv", "time_to_quality.tsv")}
#: Folder in the reference folder to files of the run.
_MANY = {"tables": "tables/*.csv", "": "figures/*.png"}


class ReferenceRunError(ValueError):
    """A run cannot become the reference; the message says why."""


@dataclass(frozen=True)
class Copy:
    """One file that is kept.

    Args:
        name: Path inside the reference folder.
        source: The file of the run.
        sha256: Its hash.
    """

    name: str
    source: Path
    sha256: str


def make_reference(
    results: Path,
    destination: Path,
    config: Mapping[str, Any],
    largest: int = LARGEST,
    *,
    partial: bool = False,
    update: bool = False,
) -> list[Path]:
    """Copy the ledger, tables, figures and cost of a run, with a summary of its provenance.

    ``destination`` is replaced as a whole, or not at all. The run must pass its audit.
    ``update`` takes what the run has not made from the older reference: a profile of many hours can
    be run branch by branch. The summary then lists the runs of those files too. If it has evaluated
    some models and not made the tables of all, the rows of these enter the older tables.

    Args:
        results: Folder of a complete run, such as ``results/default``.
        destination: Folder to write, such as ``results/reference/default``.
        config: The configuration of the run as nested plain data.
        largest: Bytes that one file may have.
        partial: Whether some targets alone were run, so that there need be no ledger. Then claims
            are judged here, as far as the run has their tables.
        update: The same, and files of ``destination`` that the run has not made stay. Claims are
            judged by the tables of both.

    Returns:
        The files written, sorted.

    Raises:
        FileNotFoundError: There is no such results folder.
        ReferenceRunError: A file is missing or too large, the audit finds something, or the stages
            ran with different versions of a package; or there is no reference to update, or one
            that was changed by hand.
        TableError: Rows do not fit into the older table.
    """
    _require_audit(results, config)
    partial = partial or update
    copies = collect(results, largest, partial=partial)
    if update:
        copies = [copy for copy in copies if copy.name not in _JUDGED]
    records = _records(results)
    summary = summarise(records, copies)
    rows: dict[str, str] = {}
    joined: set[str] = set()
    if update:
        made = {copy.name for copy in copies}
        joined = joinable(results, destination, made)
        rows = _rows_of(results, records, joined)
        older, summary["earlier"] = keep_older(destination, made, joined, set(rows))
        copies += older
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    try:
        for copy in copies:
            target = temporary / copy.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy.source, target)
        names = [copy.name for copy in copies]
        if rows:
            summary["rows"] = rows
            tables = join_models(results, destination, config, temporary, joined)
            for name, path in tables.items():
                _require_small(path, largest)
                summary["files"][name] = {"joined": True, "sha256": sha256_file(path)}
                names.append(name)
        if partial and _LEDGER not in names:
            names += _judge_partly(load_claims(CLAIMS), temporary, config["profile"])
        write_text(temporary / SUMMARY, canonical_json(summary))
        _replace_folder(temporary, destination)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sorted(destination / name for name in [*names, SUMMARY])


def collect(results: Path, largest: int = LARGEST, *, partial: bool = False) -> list[Copy]:
    """What is kept of a run, sorted by name; of a partial one what there is.

    Where models were evaluated and nothing else was run, there may be nothing.

    Raises:
        ReferenceRunError: A file is missing or larger than ``largest`` bytes.
    """
    sources = {
        name: results / inside
        for name, inside in {**_SINGLE, **_OPTIONAL}.items()
        if (name in _SINGLE and not partial) or (results / inside).is_file()
    }
    for folder, pattern in _MANY.items():
        found = {(Path(folder) / path.name).as_posix(): path for path in results.glob(pattern)}
        if not found and not (partial and has_rows(results)):
            raise ReferenceRunError(f"{results} has no {pattern}: is the run complete?")
        sources |= found
    for source in sources.values():
        if not source.is_file():
            raise ReferenceRunError(f"{source} does not exist: is the run complete?")
        _require_small(source, largest)
    return [Copy(name, path, sha256_file(path)) for name, path in sorted(sources.items())]


def keep_older(
    destination: Path,
    made: Set[str],
    joined: Set[str] = frozenset(),
    rows: Set[str] = frozenset(),
) -> tuple[list[Copy], list[dict[str, Any]]]:
    """What an older reference has beside the files ``made`` and its ledger.

    Args:
        destination: The older reference.
        made: Names of files that the newer run has made.
        joined: Names of tables that rows of the newer run enter.
        rows: Files that these rows are from.

    Returns:
        The files, and the summaries of the runs that they are from, of those files alone. A summary
        has under ``base`` the tables of which it made other rows, under ``rows`` the files that
        rows of its own are from, where it did not make a table whole.

    Raises:
        ReferenceRunError: There is no reference, or a file is not the one of its summary.
    """
    path = destination / SUMMARY
    if not path.is_file():
        raise ReferenceRunError(f"{path} does not exist: there is no reference to update")
    newest = json.loads(path.read_text())
    copies, summaries = [], []
    for summary in (newest, *newest.pop("earlier", [])):
        files = {
            name: origin
            for name, origin in summary["files"].items()
            if name not in made and name not in _JUDGED
        }
        for name, origin in files.items():
            source = destination / name
            if not source.is_file() or sha256_file(source) != origin["sha256"]:
                raise ReferenceRunError(f"{source} is not the file that {path} describes")
            if name not in joined:
                copies.append(Copy(name, source, origin["sha256"]))
        own = summary.get("rows", {}).keys()
        base = {name: at for name, at in summary.pop("base", {}).items() if name not in made}
        base |= {name: at for name, at in files.items() if name in joined}
        if own <= rows:  # of rows that newer ones have replaced nothing is left
            base = {name: at for name, at in base.items() if "joined" not in at}
        files = {name: origin for name, origin in files.items() if name not in joined}
        if files or base:
            if not any("joined" in origin for origin in (files | base).values()):
                summary.pop("rows", None)
            summaries.append(summary | {"files": files} | ({"base": base} if base else {}))
    return copies, summaries


def summarise(records: Iterable[Record], copies: Iterable[Copy]) -> dict[str, Any]:
    """Summary of the records of one run: code, configuration, versions, origin of every copy.

    Raises:
        ReferenceRunError: Two records disagree on a version, the platform, the configuration or
            the code of a rule; or no record lists a copy.
    """
    records = list(records)
    config: dict[str, Any] = {}
    rules: dict[str, dict[str, Any]] = {}
    original: dict[str, str] = {}
    made = {path: record for record in records for path in record.outputs}
    for record in records:
        for path, value in record.config.items():
            _agree(config, path, value, "configuration")
        code = {"code": record.code.digest, "script": record.script_sha256}
        _agree(rules, record.rule, code, "code of rule")
        for path, digest in record.inputs.items():
            if path not in made:
                _agree(original, path, digest, "input")
    return {
        "code_sha256": _digest(rules),
        "config_sha256": _digest(config),
        "devices": sorted({record.device for record in records}),
        "environment": _environment(records),
        "files": {copy.name: _origin(copy, made) for copy in copies},
        "inputs": original,
        "records": len(records),
        "rules": rules,
        "seeds": config.get("seeds", []),
        "seeds_of_transformers": config.get("depth_seeds", []),
    }


def _judge_partly(claims: Sequence[Claim], folder: Path, profile: str) -> list[str]:
    """Write the ledger of the claims whose tables are in ``folder``, if there are any."""
    from mfglab.reporting.figures.verdicts import draw_verdicts  # no other command draws

    tables = folder / "tables"
    verdicts = []
    for claim in claims:
        table = claim.measurement.table
        if (tables / table).is_file():
            verdicts.append(judge(claim, tables, profile))
            continue
        why = f"Some targets alone were run: there is no {table}."
        verdicts.append(Verdict(claim.id, Outcome.NOT_RUN, None, None, None, 0, why))
    if all(verdict.outcome is Outcome.NOT_RUN for verdict in verdicts):
        return []
    write_ledger(claims, verdicts, folder / _LEDGER, folder / _LEDGER_TEXT)
    draw_verdicts(claims, verdicts, folder / _LEDGER_FIGURE)
    return [*_JUDGED]


def _require_small(path: Path, largest: int) -> None:
    if (size := path.stat().st_size) > largest:
        raise ReferenceRunError(
            f"{path} has {size} bytes, more than the {largest} that a reference file may have"
        )


def _rows_of(results: Path, records: Iterable[Record], joined: Set[str]) -> dict[str, str]:
    """Files of a run whose rows enter older tables, to their sha256."""
    known = {path: digest for record in records for path, digest in record.outputs.items()}
    names = [relative_name(path) for path in sources_of_rows(results, joined)]
    for name in names:
        if name not in known:
            raise ReferenceRunError(f"no record lists {name}, from which rows are to be taken")
    return {name: known[name] for name in names}


def _require_audit(results: Path, config: Mapping[str, Any]) -> None:
    bad = [row for row in audit(results, config).rows if row.status is not Status.OK]
    if bad:
        row = bad[0]
        raise ReferenceRunError(
            f"{results} fails its audit with {len(bad)} finding(s), the first: {row.path} is "
            f"{row.status} ({row.detail}); run the workflow to the end, then audit again"
        )


def _records(results: Path) -> list[Record]:
    return [read_record(path) for path in sorted((results / "provenance").rglob("*.json"))]


def _environment(records: Iterable[Record]) -> dict[str, Any]:
    """Versions and platform, which all records must share."""
    found: dict[str, str] = {}
    for record in records:
        facts = {"python": record.python, "platform": record.platform} | record.packages
        for name, value in facts.items():
            _agree(found, name, value, "version of")
    return found


def _origin(copy: Copy, made: Mapping[str, Record]) -> dict[str, str]:
    name = relative_name(copy.source)
    if name not in made:
        raise ReferenceRunError(f"no record lists {name}")
    return {"rule": made[name].rule, "sha256": copy.sha256, "source": name}


def _agree(known: dict[str, Any], name: str, value: Any, what: str) -> None:
    if known.setdefault(name, value) != value:
        raise ReferenceRunError(
            f"stages of one run disagree on the {what} {name}: {known[name]!r} and {value!r}; "
            "remove the older results and run the workflow again"
        )


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _replace_folder(new: Path, target: Path) -> None:
    """Put ``new`` in the place of ``target``; a failure leaves ``target`` as it was."""
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
