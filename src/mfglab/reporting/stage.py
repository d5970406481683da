"""The frame of every workflow script: log, threads, and a provenance record on success.

A script is a few lines::

    from mfglab.reporting.script import stage
    from mfglab.reporting.stage import atomic_path

    with stage(snakemake) as job:
        result = compute(job.config_value("datasets.moons"), job.config_value("seeds"))
        with atomic_path(job.output("table")) as path:
            result.save(path)
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from mfglab.files import atomic_path, sha256_file
from mfglab.reporting.code_digest import code_digest
from mfglab.reporting.job import COMMON_PARAMS, Job
from mfglab.reporting.provenance import CodeStamp, Record, environment, write_record

__all__ = ["Job", "atomic_path", "keep_freed_memory", "make_record", "stage", "use_threads"]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Parameters of glibc's mallopt, from malloc.h; the second value is the largest that it takes.
_MALLOPT = {-1: 2**29, -3: 2**25}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD


@contextlib.contextmanager
def stage(snakemake: Any) -> Iterator[Job]:
    """Run the body of a workflow script as one recorded stage.

    What the body prints, logs or warns goes to the job's log file. When it succeeds the
    provenance record is written; when it fails the traceback goes to the log, one line to the
    real standard error, and the exception on to the caller.

    Args:
        snakemake: The object that Snakemake gives to a script, or one with its attributes.

    Yields:
        The job.

    Raises:
        ValueError: The rule breaks the contract of :class:`Job`.
        RuntimeError: The package code differs from the rule's digest.
        FileNotFoundError: A declared output was not written.
    """
    job = Job.from_snakemake(snakemake)
    _check_code(job)
    use_threads(job.threads)
    keep_freed_memory()
    inputs = _input_hashes(job)
    with contextlib.ExitStack() as stack:
        if job.log is not None:
            stack.enter_context(_captured(Path(job.log)))
        try:
            yield job
            write_record(make_record(job, inputs), job.output("record"))
        except Exception as error:
            traceback.print_exc()
            stack.close()
            hint = "" if job.log is None else f"; see {job.log}"
            print(f"{job.name}: {type(error).__name__}: {error}{hint}", file=sys.stderr)
            raise


def use_threads(n: int) -> None:
    """Give numerical libraries ``n`` threads: those loaded later, and torch if it is loaded.

    Raises:
        ValueError: ``n`` is not positive.
    """
    if n < 1:
        raise ValueError(f"number of threads must be positive, got {n}")
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(n)
    # looked up, never imported: table and figure rules must start fast
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n)


def keep_freed_memory() -> bool:
    """Let this process keep up to half a gigabyte of freed memory; True where glibc does so.

    glibc hands large freed blocks back to the system, and the next tensor of that size pays for
    fresh pages: 2,000 page faults in one layer on 9,600 rows of width 48, nearly half of its time.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(key, size) for key, size in _MALLOPT.items())


def make_record(job: Job, inputs: dict[str, str] | None = None) -> Record:
    """Provenance record of a finished job; hashes all its files.

    Args:
        job: The job, its outputs written.
        inputs: Input path to sha256 from before the job ran; hashed now when not given.

    Raises:
        FileNotFoundError: A declared output is missing.
    """
    for path in job.files():
        if not path.is_file():
            raise FileNotFoundError(f"rule {job.rule!r} did not write its output {path}")
    return Record(
        rule=job.rule,
        wildcards=job.wildcards,
        script=job.script,
        script_sha256=sha256_file(job.script),
        config=job.params["config"],
        params={k: v for k, v in job.params.items() if k not in COMMON_PARAMS},
        inputs=_input_hashes(job) if inputs is None else inputs,
        input_names=job.inputs,
        outputs={path.as_posix(): sha256_file(path) for path in job.files()},
        output_names=job.outputs,
        code=CodeStamp(digest=job.params["code"], modules=list(job.params["modules"])),
        threads=job.threads,
        log=job.log,
        benchmark=job.benchmark,
        **environment(job.params.get("device")),
    )


def _input_hashes(job: Job) -> dict[str, str]:
    # taken before the body runs: what the stage read, not what the file became meanwhile
    return {path: sha256_file(path) for paths in job.inputs.values() for path in paths}


def _check_code(job: Job) -> None:
    """A record must not carry the digest of code that is no longer the code that runs."""
    present = code_digest(*job.params["modules"])
    if present != job.params["code"]:
        raise RuntimeError(
            f"the code of rule {job.rule!r} has changed since the workflow was planned: digest of "
            f"{job.params['modules']} is {present[:12]}, the rule says {job.params['code'][:12]}"
        )


@contextlib.contextmanager
def _captured(log: Path) -> Iterator[None]:
    """Send standard output, standard error, warnings and logging to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8", buffering=1) as stream,
        _descriptors(stream.fileno()),
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
        _logging_to(stream),
    ):
        yield


@contextlib.contextmanager
def _descriptors(target: int) -> Iterator[None]:
    """Point descriptors 1 and 2 at ``target``.

    Redirecting the Python objects is not enough: handlers made at import time, child processes
    and compiled code hold the descriptors.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(number, os.dup(number)) for number in (1, 2)]
    try:
        for number, _ in saved:
            os.dup2(target, number)
        yield
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)


@contextlib.contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Log records from level INFO on go to ``stream``; the level is put back afterwards."""
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
