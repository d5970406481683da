"""How soon score models, flows and others reach a common quality."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DataEfficiencyConfig
from mfglab.experiments.data_efficiency import run_time_to_quality, time_to_quality
from mfglab.files import write_text
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.tables import QUALITY_COLUMNS, study_table

with stage(snakemake) as job:
    config = DataEfficiencyConfig.model_validate(job.config_value("studies.data_efficiency"))
    runs = pd.DataFrame(run_time_to_quality(config, job.config_value("seeds")))
    times = time_to_quality(runs, config.quality)
    text = times.to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")
    write_text(job.output("times"), text)
    runs = runs.drop(columns="cpu_seconds")  # the times are not reproducible
    write_csv(runs, job.output("runs"), ["law", "arm", "budget", "seed"])
    by = {"law": "Law", "arm": "Arm", "budget": "Share of the training"}
    write_csv(study_table(runs, by, QUALITY_COLUMNS), job.output("table"), list(by.values()))
