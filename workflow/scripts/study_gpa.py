"""Generative particles on four Gaussians, and the gradient-flow limit of the discounted game."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import GpaConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.gpa import gpa_study
from mfglab.experiments.gradient_flow_limit import gradient_flow_limit
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = GpaConfig.model_validate(job.config_value("studies.gpa"))
    result = gpa_study(config, job.config_value("seeds"))
    frame = pd.DataFrame([row.row() for row in result.rows])
    keys = ["discriminator", "lipschitz", "multiple", "seed"]
    write_csv(frame, job.output("runs"), keys)
    write_npz(job.output("arrays"), result.arrays)
    limit = pd.DataFrame(gradient_flow_limit(config.limit_eps))
    write_csv(limit, job.output("limit"), ["case", "eps"])
