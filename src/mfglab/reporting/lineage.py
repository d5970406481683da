"""Lineage of one result in words, and its recomputation for comparison."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mfglab.files import relative_name, sha256_file
from mfglab.reporting.code_digest import code_digest
from mfglab.reporting.job import Job
from mfglab.reporting.provenance import Record, read_record
from mfglab.reporting.runner import write_job


@dataclass(frozen=True)
class OutputComparison:
    """Hash of one output as recorded and as recomputed (None: not written)."""

    path: str
    recorded: str
    recomputed: str | None

    @property
    def same(self) -> bool:
        """Whether the two are equal byte for byte."""
        return self.recorded == self.recomputed


@dataclass(frozen=True)
class RerunReport:
    """Recomputation of one stage.

    Attributes:
        record: Path of the record that was rerun.
        outputs: One comparison for each output.
        notes: What differs between then and now: code, script, inputs, versions.
    """

    record: str
    outputs: tuple[OutputComparison, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every output was reproduced byte for byte."""
        return all(output.same for output in self.outputs)

    def text(self) -> str:
        """The report in words, one line an output."""
        lines = [f"rerun of {self.record}"]
        lines += [f"  note: {note}" for note in self.notes]
        for output in self.outputs:
            word = "same" if output.same else "DIFFERENT"
            new = "not written" if output.recomputed is None else output.recomputed[:12]
            lines.append(f"  {word}: {output.path} (recorded {output.recorded[:12]}, now {new})")
        return "\n".join(lines)


def results_folder(path: str | Path) -> Path:
    """Results folder that holds ``path``: the nearest parent with a ``provenance`` folder.

    Raises:
        FileNotFoundError: There is none.
    """
    for parent in Path(relative_name(path)).parents:
        if (parent / "provenance").is_dir():
            return parent
    raise FileNotFoundError(f"{path} lies in no results folder (none has a provenance/ folder)")


def describe(path: str | Path) -> str:
    """What made ``path``, from which configuration, code and inputs, recursively.

    Args:
        path: A result, or the record of one, relative to the working folder.

    Raises:
        FileNotFoundError: No record lists the path.
        RecordError: A record of the results folder is corrupt.
    """
    name, makers = _recorded(path)
    return "\n".join(_describe(name, makers, 0, set()))


def rerun(path: str | Path) -> RerunReport:
    """Recompute the one stage that made ``path`` in a temporary folder and compare.

    The inputs are the present files; outputs and log go to the temporary folder, which is
    removed afterwards.

    Args:
        path: A result, or the record of one, relative to the working folder.

    Raises:
        FileNotFoundError: No record lists the path, or an input is gone.
        RuntimeError: The script failed; the message ends with its last words.
    """
    name, makers = _recorded(path)
    record_path, record = makers[name]
    with tempfile.TemporaryDirectory(prefix="rerun-") as folder:
        job = _redirected(Job.from_record(record), Path(folder))
        _run_apart(job, Path(folder) / "job.json")
        outputs = tuple(
            OutputComparison(original, digest, _hash_or_none(Path(folder) / _inner(original)))
            for original, digest in record.outputs.items()
            if original not in _wall_times(record)
        )
    return RerunReport(record_path, outputs, tuple(_notes(record)))


def _recorded(path: str | Path) -> tuple[str, dict[str, tuple[str, Record]]]:
    """Relative name of ``path`` and the records of its results folder, see :func:`_makers`."""
    makers = _makers(results_folder(path))
    name = relative_name(path)
    if name not in makers:
        raise FileNotFoundError(f"no record lists {name}")
    return name, makers


def _makers(results: Path) -> dict[str, tuple[str, Record]]:
    """Output path, or path of the record itself, to the record that lists it."""
    makers: dict[str, tuple[str, Record]] = {}
    for path in sorted((results / "provenance").rglob("*.json")):
        record = read_record(path)
        name = relative_name(path)
        for output in [name, *record.outputs]:
            makers[output] = (name, record)
    return makers


def _describe(
    name: str, makers: dict[str, tuple[str, Record]], depth: int, told: set[str]
) -> Iterator[str]:
    pad = "  " * depth
    if name not in makers:
        state = sha256_file(name)[:12] if Path(name).is_file() else "missing"
        yield f"{pad}{name}: no stage made it; an original file, sha256 {state}"
        return
    record_path, record = makers[name]
    if record_path in told:
        yield f"{pad}{name}: made by {record.rule}, told above"
        return
    told.add(record_path)
    yield f"{pad}{name}"
    yield from (f"{pad}  {line}" for line in _facts(record))
    if not record.inputs:
        yield f"{pad}  has no inputs"
        return
    yield f"{pad}  made from"
    for path in record.inputs:
        yield from _describe(path, makers, depth + 2, told)


def _facts(record: Record) -> Iterator[str]:
    """Sentences about one record."""
    wildcards = ", ".join(f"{key} = {value}" for key, value in record.wildcards.items())
    of = f" ({wildcards})" if wildcards else ""
    yield f"made by rule {record.rule}{of}, script {record.script}"
    yield (
        f"on {record.device} with {record.threads} thread(s), python {record.python}, "
        f"{record.platform}"
    )
    for path, value in record.config.items():
        yield f"configuration {path} = {json.dumps(value, sort_keys=True)}"
    yield f"code {record.code.digest[:12]} of {', '.join(record.code.modules)}"


def _inner(path: str) -> Path:
    """``path`` without the steps out of the working folder, to lie inside a temporary one."""
    return Path(*[part for part in Path(path).parts if part not in ("..", "/")])


def _redirected(job: Job, folder: Path) -> Job:
    """``job`` with outputs and log below ``folder`` and the digest of the present code."""

    def moved(path: str) -> str:
        return (folder / _inner(path)).as_posix()

    outputs = {
        name: moved(entry) if isinstance(entry, str) else [moved(path) for path in entry]
        for name, entry in job.outputs.items()
    }
    log = moved(job.log or "log.txt")
    params = job.params | {"code": code_digest(*job.params["modules"])}
    if "work" in params:  # never the folder from which an interrupted run would be resumed
        params["work"] = moved(params["work"])
    return dataclasses.replace(job, outputs=outputs, log=log, params=params)


def _run_apart(job: Job, path: Path) -> None:
    """Run ``job`` in a fresh process: same start as in the workflow, nothing left behind."""
    write_job(job, path)
    done = subprocess.run(
        [sys.executable, "-m", "mfglab.reporting.runner", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"rerun of {job.name} failed: {words}")


def _wall_times(record: Record) -> set[str]:
    """Outputs that hold measured times, which no rerun repeats; the rule names them."""
    names = record.params.get("wall_times", [])
    entries = [record.output_names[name] for name in names]
    return {path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)}


def _hash_or_none(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None


def _notes(record: Record) -> Iterator[str]:
    """What is not compared, and what is no longer as it was when the record was written."""
    for path in sorted(_wall_times(record)):
        yield f"{path} holds measured times and is not compared"
    if code_digest(*record.code.modules) != record.code.digest:
        yield f"the code of {', '.join(record.code.modules)} has changed since"
    if sha256_file(record.script) != record.script_sha256:
        yield f"the script {record.script} has changed since"
    for path, digest in record.inputs.items():
        if sha256_file(path) != digest:
            yield f"the input {path} has changed since"
