"""The readable table of the particles on four Gaussians."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

COLUMNS = (
    ("Diverged", "diverged", "{:.2f}"),
    ("W2 to training points", "w2_train", "{:.3f}"),
    ("W2 to fresh points", "w2_fresh", "{:.3f}"),
    ("W2 to fresh / floor", "w2_fresh_ratio", "{:.2f}"),
    ("Nearest-point ratio", "nearest_ratio", "{:.2f}"),
    ("Final kinetic energy", "kinetic_energy", "{:.2g}"),
    ("Largest speed", "max_speed", "{:.3g}"),
)
BY = {"discriminator": "Discriminator", "lipschitz": "L", "multiple": "M / N"}

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    write_csv(study_table(runs, BY, COLUMNS), job.output("table"))
