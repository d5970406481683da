"""Closed-form studies of the games."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ClosedFormsConfig
from mfglab.experiments.closed_forms import (
    exact_hjb_residuals,
    illposedness,
    rows_of,
    value_identity,
)
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = ClosedFormsConfig.model_validate(job.config_value("studies.closed_forms"))
    write_csv(pd.DataFrame(rows_of(illposedness(config))), job.output("illposedness"), ["angle"])
    write_csv(pd.DataFrame(exact_hjb_residuals()), job.output("residuals"), ["process"])
    write_csv(pd.DataFrame(value_identity(config)), job.output("identity"), ["multiple"])
