"""One job of the workflow as plain data, whether Snakemake, a record or a test made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mfglab.files import relative_name
from mfglab.reporting.provenance import Record, plain

#: Parameters that every rule has; the rest of ``params`` is the rule's own.
COMMON_PARAMS = ("config", "code", "modules")


@dataclass(frozen=True)
class Job:
    """One job: a rule with its wildcards filled in.

    Args:
        rule: Name of the rule, which is also the name of its script.
        wildcards: Wildcard values.
        inputs: Input name to paths.
        outputs: Output name to path or paths; one is named ``record``.
        params: Parameters: ``config`` (dotted path to value), ``code`` (digest), ``modules``
            and what else the rule needs.
        threads: Number of threads.
        script: Path of the workflow script.
        log: Log file, if any.
        benchmark: Benchmark file, if any.

    Raises:
        ValueError: An output named ``record`` or one of the parameters ``config``, ``code``
            and ``modules`` is missing.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: dict[str, list[str]]
    outputs: dict[str, str | list[str]]
    params: dict[str, Any]
    threads: int
    script: str
    log: str | None = None
    benchmark: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.outputs.get("record"), str):
            raise ValueError(f"rule {self.rule!r} needs one output named 'record'")
        for name in ("config", "code", "modules"):
            if name not in self.params:
                raise ValueError(f"rule {self.rule!r} needs the parameter {name!r}")

    @classmethod
    def from_snakemake(cls, snakemake: Any) -> Job:
        """Read the ``snakemake`` object of a script (any object with the same attributes).

        Raises:
            ValueError: An input or output has no name, or the contract of :class:`Job` fails.
            TypeError: A parameter is no plain data.
        """
        rule = str(snakemake.rule)
        logs = [str(path) for path in snakemake.log]
        benchmark = getattr(snakemake, "benchmark", None)
        outputs = _named_files(snakemake.output, rule, "output")
        return cls(
            rule=rule,
            wildcards={name: str(value) for name, value in snakemake.wildcards.items()},
            inputs={
                name: [files] if isinstance(files, str) else files
                for name, files in _named_files(snakemake.input, rule, "input").items()
            },
            outputs=outputs,
            params={k: plain(v, f"{rule}: params.{k}") for k, v in snakemake.params.items()},
            threads=int(snakemake.threads),
            script=relative_name(Path(str(snakemake.scriptdir)) / f"{rule}.py"),
            log=relative_name(logs[0]) if logs else None,
            benchmark=None if benchmark is None else str(benchmark),
        )

    @classmethod
    def from_record(cls, record: Record) -> Job:
        """The job that wrote ``record``."""
        common = {
            "config": record.config,
            "code": record.code.digest,
            "modules": record.code.modules,
        }
        return cls(
            rule=record.rule,
            wildcards=dict(record.wildcards),
            inputs={name: list(paths) for name, paths in record.input_names.items()},
            outputs=dict(record.output_names),
            params=record.params | common,
            threads=record.threads,
            script=record.script,
            log=record.log,
            benchmark=record.benchmark,
        )

    def input(self, name: str) -> Path:
        """The one file of input ``name``.

        Raises:
            KeyError: No such input.
            ValueError: It has several files.
        """
        return _single(self.inputs_of(name), f"input {name!r} of rule {self.rule!r}")

    def inputs_of(self, name: str) -> list[Path]:
        """All files of input ``name``, in the order of the rule."""
        paths: list[str] = _lookup(self.inputs, name, f"input of rule {self.rule!r}")
        return [Path(path) for path in paths]

    def output(self, name: str) -> Path:
        """The one file of output ``name``; errors as for :meth:`input`."""
        return _single(self.outputs_of(name), f"output {name!r} of rule {self.rule!r}")

    def outputs_of(self, name: str) -> list[Path]:
        """All files of output ``name``, in the order of the rule."""
        entry = _lookup(self.outputs, name, f"output of rule {self.rule!r}")
        return [Path(path) for path in ([entry] if isinstance(entry, str) else entry)]

    def param(self, name: str) -> Any:
        """Parameter ``name`` of the rule."""
        return _lookup(self.params, name, f"parameter of rule {self.rule!r}")

    def config_value(self, path: str) -> Any:
        """Value at the dotted configuration path ``path``, which the rule must have named.

        Raises:
            KeyError: The rule does not name this path; the message lists those it names.
        """
        return _lookup(self.params["config"], path, f"configuration path of rule {self.rule!r}")

    @property
    def name(self) -> str:
        """Rule and wildcard values, for messages."""
        return ".".join([self.rule, *self.wildcards.values()])

    def files(self) -> Iterator[Path]:
        """All outputs except the record."""
        for name in self.outputs:
            if name != "record":
                yield from self.outputs_of(name)


@dataclass(frozen=True)
class NamedValues:
    """Values with names and positions, like the attributes of Snakemake's script object."""

    entries: Mapping[str, Any]
    flat: tuple[Any, ...] = field(default=())

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value."""
        return iter(self.entries.items())

    def get(self, name: str, default: Any = None) -> Any:
        """Value of ``name`` or ``default``."""
        return self.entries.get(name, default)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.entries[name]
        except KeyError:
            raise AttributeError(f"no entry named {name!r}, only {sorted(self.entries)}") from None

    def __getitem__(self, key: int | str) -> Any:
        return self.entries[key] if isinstance(key, str) else self.flat[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.flat)

    def __len__(self) -> int:
        return len(self.flat)


def script_object(job: Job) -> SimpleNamespace:
    """What a workflow script sees as ``snakemake``; inverse of :meth:`Job.from_snakemake`."""
    logs = () if job.log is None else (job.log,)
    inputs = {name: paths[0] if len(paths) == 1 else paths for name, paths in job.inputs.items()}
    return SimpleNamespace(
        rule=job.rule,
        input=_named_values(inputs),
        output=_named_values(job.outputs),
        params=NamedValues(job.params, tuple(job.params.values())),
        wildcards=NamedValues(job.wildcards, tuple(job.wildcards.values())),
        threads=job.threads,
        log=NamedValues({}, logs),
        benchmark=job.benchmark,
        config={},
        scriptdir=str(Path(job.script).parent),
    )


def _named_values(entries: Mapping[str, Any]) -> NamedValues:
    lists = ([entry] if isinstance(entry, str) else entry for entry in entries.values())
    return NamedValues(entries, tuple(path for paths in lists for path in paths))


def _named_files(files: Any, rule: str, kind: str) -> dict[str, str | list[str]]:
    """Named entries of Snakemake's ``input`` or ``output`` with relative paths."""
    named: dict[str, str | list[str]] = {}
    for name, entry in files.items():
        if isinstance(entry, str | Path):
            named[name] = relative_name(entry)
        else:
            named[name] = [relative_name(path) for path in entry]
    counted = sum(1 if isinstance(entry, str) else len(entry) for entry in named.values())
    if counted != len(files):
        raise ValueError(
            f"rule {rule!r}: every {kind} needs a name, {len(files) - counted} of {len(files)} "
            "have none"
        )
    return named


def _lookup(entries: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in entries:
        raise KeyError(f"{name!r} is no {what}; there are {sorted(entries)}")
    return entries[name]


def _single(paths: list[Path], what: str) -> Path:
    if len(paths) != 1:
        raise ValueError(f"{what} has {len(paths)} files, expected one")
    return paths[0]
