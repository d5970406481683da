"""Trajectories of flows with different objectives."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.flow_ablation import flow_paths
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    with np.load(job.input("arrays")) as arrays:
        paths = {name.removeprefix("path_"): arrays[name] for name in arrays.files}
    save(flow_paths(paths, read_csv(job.input("runs"))), job.output("figure"))
