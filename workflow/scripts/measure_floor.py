"""Sampling floor of one data set."""

from dataclasses import asdict

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import EvaluationConfig
from mfglab.datasets.splits import Splits
from mfglab.experiments.floor import measure_floor
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = EvaluationConfig.model_validate(job.config_value("evaluation"))
    floor = measure_floor(Splits.load(job.input("data")).test, config)
    row = {"dataset": job.wildcards["dataset"], **asdict(floor)}
    write_csv(pd.DataFrame([row]), job.output("table"))
