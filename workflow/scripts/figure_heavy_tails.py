"""Radial tails of the particles against those of the exact law."""

import numpy as np

from mfglab.reporting.figures.particles import tail_curves
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.stage import stage

with stage(snakemake) as job, figure_style():
    dofs = job.config_value("studies.heavy_tails.dofs")
    with np.load(job.input("arrays")) as arrays:
        save(tail_curves(arrays, dofs), job.output("figure"))
