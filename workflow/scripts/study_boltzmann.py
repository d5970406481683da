"""Boltzmann generators of a double well."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import BoltzmannStudyConfig
from mfglab.experiments.boltzmann import boltzmann
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = BoltzmannStudyConfig.model_validate(job.config_value("studies.boltzmann"))
    rows = boltzmann(config, job.config_value("seeds"))
    write_csv(pd.DataFrame(rows), job.output("runs"), ["arm", "seed"])
