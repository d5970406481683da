"""Effective sample size and error of log Z of Boltzmann generators."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.boltzmann import weight_points
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(weight_points(read_csv(job.input("runs"))), job.output("figure"))
