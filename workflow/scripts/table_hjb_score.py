"""Readable table of the HJB-regularised score models."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

with stage(snakemake) as job:
    by = {"n_train": "Training points", "arm": "Arm", "weight": "Weight"}
    columns = [
        ("Iterations", "iterations", "{:.0f}"),
        ("Score error", "error", "{:.4f}"),
        ("Relative HJB residual", "residual", "{:.3f}"),
        ("Distance to the reference score at the horizon", "reference_gap", "{:.1e}"),
    ]
    table = study_table(read_csv(job.input("runs")), by, columns)
    write_csv(table, job.output("table"), list(by.values()))
