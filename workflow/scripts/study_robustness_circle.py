"""Robustness on the circle: early stopping, objective, score error, reference law."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import SORTED_BY
from mfglab.experiments.robustness_circle import (
    circle_reference,
    circle_score_error,
)
from mfglab.experiments.robustness_heat import circle_contraction, circle_early_stopping
from mfglab.experiments.robustness_objective import objectives
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RobustnessConfig.model_validate(job.config_value("studies.robustness"))
    sweeps = (
        circle_early_stopping,
        objectives,
        circle_score_error,
        circle_reference,
        circle_contraction,
    )
    rows = [row for sweep in sweeps for cell in sweep(config) for row in cell.rows()]
    write_csv(pd.DataFrame(rows), job.output("runs"), SORTED_BY)
