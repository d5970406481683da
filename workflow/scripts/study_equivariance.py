"""Score models of a law with a symmetry."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import EquivarianceConfig
from mfglab.experiments.equivariance import equivariance
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = EquivarianceConfig.model_validate(job.config_value("studies.equivariance"))
    rows = equivariance(config, job.config_value("seeds"))
    write_csv(pd.DataFrame(rows), job.output("runs"), ["arm", "n_train", "seed"])
