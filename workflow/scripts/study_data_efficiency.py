"""Error of score models and flows against the number of training points."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DataEfficiencyConfig
from mfglab.experiments.data_efficiency import run_data_efficiency, sample_factors
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = DataEfficiencyConfig.model_validate(job.config_value("studies.data_efficiency"))
    runs = pd.DataFrame(run_data_efficiency(config, job.config_value("seeds")))
    write_csv(runs, job.output("runs"), ["law", "n_train", "arm", "seed"])
    keys = ["law", "metric", "arm", "baseline", "seed"]
    write_csv(sample_factors(runs), job.output("factors"), keys)
