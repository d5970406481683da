"""All cells of the robustness sweeps in one table, their slopes, and a summary."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.experiments.robustness_cells import SORTED_BY
from mfglab.experiments.robustness_tables import bound_table, slope_table
from mfglab.reporting.csvio import read_csv, write_csv

with stage(snakemake) as job:
    parts = [read_csv(job.input(name)) for name in ("line", "circle", "trade")]
    runs = pd.concat(parts, ignore_index=True)
    write_csv(runs, job.output("runs"), SORTED_BY)
    write_csv(slope_table(runs), job.output("slopes"))
    write_csv(bound_table(runs), job.output("table"))
