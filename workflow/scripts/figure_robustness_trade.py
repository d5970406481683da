"""Growth of an error with and without noise, and two trade-offs."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.robustness import trade_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(trade_panels(read_csv(job.input("growth")), job.input("arrays")), job.output("figure"))
