"""Readable table of the decompositions of trained score models."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

COLUMNS = (
    ("W1", "w1", "{:.3f}"),
    ("W1 of fresh samples", "w1_floor", "{:.3f}"),
    ("Early stopping", "part_early", "{:.3f}"),
    ("Reference law", "part_reference", "{:.3f}"),
    ("Score error", "part_score", "{:.2f}"),
    ("Steps", "part_steps", "{:.2f}"),
    ("Bound", "bound", "{:.2f}"),
)

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    by = {"dataset": "Data", "score_of": "Score", "steps": "Steps taken"}
    write_csv(study_table(runs, by, COLUMNS), job.output("table"))
