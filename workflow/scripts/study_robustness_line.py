"""Robustness on the line: samples, early stopping, score error, reference law, steps."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import SORTED_BY
from mfglab.experiments.robustness_line import (
    early_stopping,
    reference,
    score_error,
    steps,
)
from mfglab.experiments.robustness_samples import samples
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RobustnessConfig.model_validate(job.config_value("studies.robustness"))
    cells = [
        cell
        for sweep in (samples, early_stopping, score_error, reference, steps)
        for cell in sweep(config)
    ]
    rows = [row for cell in cells for row in cell.rows()]
    write_csv(pd.DataFrame(rows), job.output("runs"), SORTED_BY)
