"""Models that are trained on contaminated data."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ContaminationConfig
from mfglab.experiments.contamination import contamination
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = ContaminationConfig.model_validate(job.config_value("studies.contamination"))
    rows = contamination(config, job.config_value("seeds"))
    write_csv(pd.DataFrame(rows), job.output("runs"), ["arm", "kind", "level", "seed"])
