"""Distance to the clean law against the share of outliers."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.contamination import contamination_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(contamination_curves(read_csv(job.input("runs"))), job.output("figure"))
