"""Measured distances below their bounds in the further sweeps."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.robustness_wide import wide_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(wide_panels(read_csv(job.input("runs"))), job.output("figure"))
