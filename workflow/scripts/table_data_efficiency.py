"""Readable table of the data-efficiency study."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import QUALITY_COLUMNS, study_table

with stage(snakemake) as job:
    by = {"law": "Law", "n_train": "Training points", "arm": "Arm"}
    columns = [("Score error", "score_error", "{:.4f}"), *QUALITY_COLUMNS]
    table = study_table(read_csv(job.input("runs")), by, columns)
    write_csv(table, job.output("table"), list(by.values()))
