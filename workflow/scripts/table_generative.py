"""Table of all generative models."""

from mfglab.reporting.script import stage
from mfglab.config import ADVERSARIAL_TITLES
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.tables import RUN_KEYS, readable_table, run_table, summary_table

with stage(snakemake) as job:
    titles = {name: entry["title"] for name, entry in job.config_value("models").items()}
    titles |= ADVERSARIAL_TITLES
    datasets = job.config_value("datasets")
    references = {name: entry.get("reference_nll") for name, entry in datasets.items()}
    runs = run_table(job.inputs_of("metrics"), job.inputs_of("floors"), references)
    summary = summary_table(runs)
    write_csv(runs, job.output("runs"), RUN_KEYS)
    write_csv(summary, job.output("summary"), ["model", "dataset", "metric"])
    write_csv(readable_table(summary, titles), job.output("table"))
