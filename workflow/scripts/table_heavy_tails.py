"""The readable table of the study of heavy tails."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

COLUMNS = (
    ("Diverged", "diverged", "{:.2f}"),
    ("CCDF error", "ccdf_error", "{:.4f}"),
    ("Log-tail error", "log_tail_error", "{:.2f}"),
    ("Largest radius", "largest_radius", "{:.3g}"),
    ("Final kinetic energy", "kinetic_energy", "{:.2g}"),
    ("Largest speed", "max_speed", "{:.3g}"),
)

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    by = {"law": "Law", "arm": "Arm"}
    write_csv(study_table(runs, by, COLUMNS), job.output("table"))
