"""Growth of velocity errors through samplers, measured and bounded."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.flow_robustness import propagation_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(propagation_panels(read_csv(job.input("runs"))), job.output("figure"))
