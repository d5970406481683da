"""Measured distance of trained score models beside the parts of its bound."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.robustness_models import stacked_parts
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(stacked_parts(read_csv(job.input("runs"))), job.output("figure"))
