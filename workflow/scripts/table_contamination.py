"""Readable table of contaminated training."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.figures.contamination import TITLES
from mfglab.reporting.tables import study_table

COLUMNS = [
    ("W2 to clean law", "w2", "{:.3f}"),
    ("W2 excess", "w2_excess", "{:.3f}"),
    ("W1 to clean law", "w1", "{:.3f}"),
    ("W1 excess", "w1_excess", "{:.3f}"),
    ("Amplification", "amplification", "{:.2f}"),
]

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    runs["arm"] = runs["arm"].map(lambda arm: TITLES.get(arm, arm))
    by = {"kind": "Contamination", "level": "Level", "arm": "Model"}
    write_csv(study_table(runs, by, COLUMNS), job.output("table"))
