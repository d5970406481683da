"""Score potentials with the HJB equation as regulariser."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import HjbScoreConfig
from mfglab.experiments.hjb_score import run_hjb_score
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = HjbScoreConfig.model_validate(job.config_value("studies.hjb_score"))
    runs = pd.DataFrame(run_hjb_score(config, job.config_value("seeds")))
    write_csv(runs, job.output("runs"), ["n_train", "arm", "weight", "seed"])
