"""Measured distances below their bounds, sweep by sweep."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.robustness import sweep_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(sweep_panels(read_csv(job.input("runs"))), job.output("figure"))
