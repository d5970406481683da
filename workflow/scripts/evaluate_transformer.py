"""Measure all arms of a task: quality, robustness, transfer of steps, hidden motion."""

import numpy as np
import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import TransformerEvaluationConfig
from mfglab.datasets.tasks.factory import load_task
from mfglab.experiments.transformers.evaluate import (
    drawn_paths,
    metric_rows,
    motion_rows,
    robustness_rows,
    transfer_rows,
)
from mfglab.experiments.transformers.hardness import Hardness
from mfglab.experiments.transformers.trained import load_arm
from mfglab.files import atomic_path
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    name, branch = job.wildcards["task"], f"transformers.tasks.{job.wildcards['task']}"
    manifests = job.inputs_of("manifest") if "manifest" in job.inputs else []
    task = load_task(job.config_value(f"{branch}.data"), manifests)
    read = TransformerEvaluationConfig.model_validate
    evaluation = read(job.config_value(f"depth_evaluations.{name}"))
    hardness = Hardness(
        job.config_value(f"{branch}.corruptions"), job.config_value(f"{branch}.attacks")
    )
    seeds = job.config_value("depth_seeds")
    arms = [load_arm(path, task) for path in job.inputs_of("weights")]
    tables = {
        "metrics": [row for arm in arms for row in metric_rows(arm, task, seeds)],
        "robustness": [r for arm in arms for r in robustness_rows(arm, task, hardness, evaluation)],
        "transfer": [row for arm in arms for row in transfer_rows(arm, task, evaluation)],
        "motion": [row for arm in arms for row in motion_rows(arm, task, evaluation)],
    }
    for table, rows in tables.items():
        write_csv(pd.DataFrame(rows), job.output(table))
    paths = {
        f"{arm.name}.{key}": value
        for arm in arms
        if arm.pairs
        for key, value in drawn_paths(arm, task).items()
    }
    with atomic_path(job.output("paths")) as temporary, temporary.open("wb") as file:
        np.savez(file, **paths)
