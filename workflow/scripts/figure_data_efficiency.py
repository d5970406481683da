"""Errors against the number of training points."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.data_efficiency import error_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(error_curves(read_csv(job.input("runs"))), job.output("figure"))
