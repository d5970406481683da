"""Generated digits above their nearest training images."""

from mfglab.reporting.script import stage
from mfglab.reporting.figures.digits import digit_pairs
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    save(digit_pairs(job.inputs_of("arrays")), job.output("figure"))
