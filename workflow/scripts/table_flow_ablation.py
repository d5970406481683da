"""Readable table of the ablation of flows."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.figures.flow_ablation import TITLES
from mfglab.reporting.tables import study_table

COLUMNS = [
    ("NLL (nats)", "nll", "{:.3f}"),
    ("NLL, 2 steps", "nll_2", "{:.3f}"),
    ("NLL, 4 steps", "nll_4", "{:.3f}"),
    ("W2", "w2", "{:.3f}"),
    ("Kinetic / optimum", "kinetic_ratio", "{:.2f}"),
    ("Straightness", "straightness", "{:.4f}"),
    ("HJB residual", "hjb_residual", "{:.3g}"),
]

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    runs["arm"] = runs["arm"].map(TITLES)
    write_csv(study_table(runs, {"arm": "Flow"}, COLUMNS), job.output("table"))
