"""Vary one setting of some arms of a task; each value is trained anew."""

from pathlib import Path

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DepthRunConfig, SweepConfig, TransformerEvaluationConfig
from mfglab.datasets.tasks.factory import load_task
from mfglab.experiments.transformers.sweep import sweep_rows
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    name, branch = job.wildcards["task"], f"transformers.tasks.{job.wildcards['task']}"
    manifests = job.inputs_of("manifest") if "manifest" in job.inputs else []
    task = load_task(job.config_value(f"{branch}.data"), manifests)
    sweep = SweepConfig.model_validate(
        job.config_value(f"{branch}.sweeps.{job.wildcards['sweep']}")
    )
    runs = {arm: job.config_value(f"depth_runs.{name}.{arm}") for arm in sweep.arms}
    arms = {arm: DepthRunConfig.model_validate(run) for arm, run in runs.items()}
    read = TransformerEvaluationConfig.model_validate
    evaluation = read(job.config_value(f"depth_evaluations.{name}"))
    work, device = Path(job.param("work")), job.config_value("device")
    rows = sweep_rows(task, arms, sweep, evaluation, job.config_value("depth_seeds"), work, device)
    write_csv(pd.DataFrame(rows), job.output("table"))
