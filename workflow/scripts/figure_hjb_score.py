"""Score error and HJB residual against the weight of the regulariser."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.hjb_score import weight_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(weight_curves(read_csv(job.input("runs"))), job.output("figure"))
