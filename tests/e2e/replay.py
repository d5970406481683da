"""Run the stages of another folder's records in the working folder: ``python replay.py RESULTS``.

The second of the two runs that must agree. Each stage runs in a process of its own, which is a
copy of one that has loaded the libraries: loading them for every stage would take longer than the
stages. A stage reads the results of this folder alone, the records give only what Snakemake would
have told it.
"""

from __future__ import annotations

import os
import sys
from graphlib import TopologicalSorter
from pathlib import Path

# what the stages import, loaded once
import lightning.pytorch
import matplotlib.pyplot
import ot
import pandas
import scipy.stats
import sklearn.datasets

import mfglab.experiments.train
import mfglab.experiments.transformers
from mfglab.reporting.job import Job
from mfglab.reporting.provenance import read_record
from mfglab.reporting.runner import run_job

LOADED = (lightning.pytorch, matplotlib.pyplot, ot, pandas, scipy.stats, sklearn.datasets)
LOADED += (mfglab.experiments.train, mfglab.experiments.transformers)


def recorded_jobs(results: Path) -> list[Job]:
    """The jobs of all records, those that make an input before those that read it."""
    records = [read_record(path) for path in sorted((results / "provenance").rglob("*.json"))]
    jobs = [Job.from_record(record) for record in records]
    maker = {path: n for n, record in enumerate(records) for path in record.outputs}
    needs = {
        n: {maker[path] for path in record.inputs if path in maker}
        for n, record in enumerate(records)
    }
    return [jobs[n] for n in TopologicalSorter(needs).static_order()]


def run_apart(job: Job) -> None:
    """Run ``job`` in a copy of this process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run_job(job)
            code = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        sys.exit(f"{job.name} failed; see {job.log}")


if __name__ == "__main__":
    for job in recorded_jobs(Path(sys.argv[1])):
        run_apart(job)
