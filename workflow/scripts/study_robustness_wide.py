"""Robustness: two and three dimensions, a ring, widths of networks, other clocks."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RobustnessWideConfig
from mfglab.experiments.robustness_cells import SORTED_BY
from mfglab.experiments.robustness_rates import rates
from mfglab.experiments.robustness_ring import ring_early_stopping, ring_reference
from mfglab.experiments.robustness_tables import bound_table
from mfglab.experiments.robustness_wide import clocks, wide_slopes, widths
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RobustnessWideConfig.model_validate(job.config_value("studies.robustness_wide"))
    sweeps = (rates, ring_early_stopping, ring_reference, widths, clocks)
    runs = pd.DataFrame([r for sweep in sweeps for cell in sweep(config) for r in cell.rows()])
    write_csv(runs, job.output("runs"), SORTED_BY)
    write_csv(wide_slopes(runs), job.output("slopes"))
    write_csv(bound_table(runs), job.output("table"))
