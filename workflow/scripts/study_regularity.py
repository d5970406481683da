"""Regularity of exact value functions and scores against their theory."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RegularityConfig
from mfglab.experiments.regularity import blow_up, regularity_slopes, value_functions
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RegularityConfig.model_validate(job.config_value("studies.regularity"))
    values, scores = pd.DataFrame(value_functions(config)), pd.DataFrame(blow_up(config))
    write_csv(values, job.output("runs"), ["law", "equation", "estimate", "tau"])
    write_csv(scores, job.output("scores"), ["law", "variance"])
    write_csv(regularity_slopes(values, scores), job.output("slopes"), ["name"])
