"""Readable tables of regularity: exact value functions, learned velocities."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.flow_robustness import estimate_table
from mfglab.reporting.tables import study_table

COLUMNS = (
    ("Lipschitz in x", "lipschitz", "{:.2f}"),
    ("One-sided", "one_sided", "{:.2f}"),
    ("Lipschitz in t", "in_time", "{:.2f}"),
    ("Slope of acceleration", "curvature", "{:.1f}"),
    ("Pairs that exchange places", "exchanging_pairs", "{:.4f}"),
    ("Near collisions", "near_collisions", "{:.4f}"),
)

with stage(snakemake) as job:
    write_csv(estimate_table(read_csv(job.input("runs"))), job.output("table"))
    learned = read_csv(job.input("models"))
    write_csv(study_table(learned, {"sampler": "Sampler"}, COLUMNS), job.output("learned"))
