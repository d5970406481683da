"""Score error and W1 against the number of training points."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.equivariance import equivariance_points
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(equivariance_points(read_csv(job.input("runs"))), job.output("figure"))
