"""Radial tails of the particles against those of the exact law."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.figures.particles import tail_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    laws = {
        f"student_{dof:g}": f"Student law, {dof:g} degree{'s' if dof != 1 else ''} of freedom"
        for dof in job.config_value("studies.heavy_tails.dofs")
    }
    if job.config_value("studies.heavy_tails.keystrokes"):
        laws["keystrokes"] = "Times between keystrokes"
    with np.load(job.input("arrays")) as arrays:
        save(tail_curves(arrays, laws), job.output("figure"))
