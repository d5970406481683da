"""Ablation of the objectives of flows."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import FlowAblationConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.flow_ablation import flow_ablation
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = FlowAblationConfig.model_validate(job.config_value("studies.flow_ablation"))
    outcome = flow_ablation(config, job.config_value("seeds"))
    write_csv(pd.DataFrame(outcome.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), outcome.arrays)
