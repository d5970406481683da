"""Run one job's workflow script without Snakemake.

``python -m mfglab.reporting.runner JOB.json`` runs the job that :func:`write_job` wrote.
"""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path

from mfglab.files import write_text
from mfglab.reporting.job import Job, script_object
from mfglab.reporting.provenance import canonical_json


def run_job(job: Job) -> None:
    """Execute the script of ``job`` in this process, as Snakemake would.

    Args:
        job: Its inputs must exist; folders of its outputs are made.

    Raises:
        FileNotFoundError: The script or an input does not exist.
        Exception: Whatever the script raises.
    """
    inputs = [path for paths in job.inputs.values() for path in paths]
    for path in [job.script, *inputs]:
        if not Path(path).is_file():
            raise FileNotFoundError(f"job {job.name} needs {path}, which does not exist")
    for output in [*job.files(), job.output("record")]:
        output.parent.mkdir(parents=True, exist_ok=True)
    # Snakemake appends the script folder too, so that scripts can share a helper module
    folder = str(Path(job.script).resolve().parent)
    sys.path.append(folder)
    try:
        runpy.run_path(
            job.script, init_globals={"snakemake": script_object(job)}, run_name="__main__"
        )
    finally:
        sys.path.remove(folder)


def write_job(job: Job, path: Path) -> None:
    """Write ``job`` as JSON for :func:`read_job`."""
    write_text(path, canonical_json(asdict(job)))


def read_job(path: Path) -> Job:
    """Read a job written by :func:`write_job`.

    Raises:
        ValueError: The file holds no job.
    """
    try:
        return Job(**json.loads(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise ValueError(f"{path} holds no job: {error}") from None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m mfglab.reporting.runner JOB.json")
    run_job(read_job(Path(sys.argv[1])))
