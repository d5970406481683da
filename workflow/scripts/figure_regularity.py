"""Semiconcavity, Bernstein's estimate, blow-up of scores, learned velocities."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.flow_robustness import regularity_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    tables = [read_csv(job.input(name)) for name in ("runs", "scores", "models")]
    save(regularity_panels(*tables), job.output("figure"))
