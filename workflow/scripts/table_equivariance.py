"""Readable table of the equivariant scores."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.figures.equivariance import TITLES
from mfglab.reporting.tables import study_table

COLUMNS = [
    ("W1", "w1", "{:.3f}"),
    ("W2", "w2", "{:.3f}"),
    ("Score error", "score_error", "{:.4f}"),
    ("Asymmetry", "asymmetry", "{:.2g}"),
]

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    runs["arm"] = runs["arm"].map(TITLES)
    by = {"n_train": "Training points", "arm": "Model"}
    write_csv(study_table(runs, by, COLUMNS), job.output("table"))
