"""Readable tables of the memorisation study."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.tables import study_table

with stage(snakemake) as job:
    shared = [
        ("Distance ratio", "ratio", "{:.2f}"),
        ("NLL (nats)", "nll", "{:.2f}"),
        ("W2 / floor", "w2_ratio", "{:.2f}"),
    ]
    planar = [("Copied", "copied", "{:.3f}"), ("W2 of SDE / floor", "w2_sde_ratio", "{:.2f}")]
    table = study_table(
        read_csv(job.input("runs")),
        {"dataset": "Data", "arm": "Generator", "setting": "Setting"},
        [*shared, *planar],
    )
    write_csv(table, job.output("table"))
    composed = [("Outliers", "outliers", "{:.3f}"), ("Kernels at the floor", "at_floor", "{:.2f}")]
    table = study_table(
        read_csv(job.input("kernels")),
        {"law": "Data", "arm": "Generator"},
        [*shared, *composed],
    )
    write_csv(table, job.output("kernels"))
