"""Slopes of optimal flows over lambda, paths in the plane, measured differences and bounds."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.proximal_map import proximal_map_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    lipschitz = float(job.config_value("studies.proximal_map.lipschitz"))
    tables = [read_csv(job.input(name)) for name in ("runs", "bounds", "paths")]
    save(proximal_map_panels(*tables, lipschitz), job.output("figure"))
