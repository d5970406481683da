"""HJB residual of potential flows against fit, curvature and step error."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.optimality import optimality_figure
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(optimality_figure(read_csv(job.input("runs"))), job.output("figure"))
