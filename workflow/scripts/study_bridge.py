"""Soft Schroedinger bridges over their weight."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import BridgeConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.bridge import bridge
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = BridgeConfig.model_validate(job.config_value("studies.bridge"))
    outcome = bridge(config)
    write_csv(pd.DataFrame(outcome.rows), job.output("table"), ["case", "weight"])
    write_npz(job.output("arrays"), outcome.arrays)
