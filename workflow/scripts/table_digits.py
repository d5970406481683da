"""Readable table of the generated digits."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

COLUMNS = (
    ("Precision", "precision", "{:.2f}"),
    ("Recall", "recall", "{:.2f}"),
    ("Distance to nearest training image / that of test images", "neighbour_ratio", "{:.2f}"),
    ("Classifier's confidence", "confidence", "{:.2f}"),
    ("Effective classes", "classes", "{:.1f}"),
)

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    write_csv(study_table(runs, {"arm": "Sample"}, COLUMNS), job.output("table"))
