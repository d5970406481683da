"""Readable table of the Boltzmann generators."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.figures.boltzmann import TITLES
from mfglab.reporting.tables import study_table

COLUMNS = [
    ("log Z, error", "log_z_error", "{:.4f}"),
    ("Effective share", "effective_share", "{:.3f}"),
    ("Mode imbalance", "mode_imbalance", "{:.3f}"),
    ("W2", "w2", "{:.3f}"),
    ("Kinetic energy", "kinetic", "{:.3f}"),
    ("Straightness", "straightness", "{:.4f}"),
]

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    runs["arm"] = runs["arm"].map(TITLES)
    write_csv(study_table(runs, {"arm": "Running cost"}, COLUMNS), job.output("table"))
