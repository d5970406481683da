"""How the end law of a soft bridge tends to the target."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.bridge import bridge_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    with np.load(job.input("arrays")) as arrays:
        figure = bridge_curves(read_csv(job.input("table")), arrays)
    save(figure, job.output("figure"))
