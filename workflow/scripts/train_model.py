"""Train one model on one data set with one seed."""

import json
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter

from mfglab.config import DatasetConfig, RunConfig
from mfglab.datasets.factory import exact_mixture
from mfglab.datasets.splits import Splits
from mfglab.experiments.train import peak_memory, save_trained, train
from mfglab.files import write_text
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.stage import stage

with stage(snakemake) as job:
    model, dataset = job.wildcards["model"], job.wildcards["dataset"]
    run = RunConfig.model_validate(job.config_value(f"runs.{model}.{dataset}"))
    splits = Splits.load(job.input("data"))
    data = TypeAdapter(DatasetConfig).validate_python(job.config_value(f"datasets.{dataset}"))
    work, device = Path(job.param("work")), job.config_value("device")
    result = train(splits, run, job.seed, work, device, exact_mixture(data))
    save_trained(job.output("weights"), result, run, job.seed)
    write_csv(pd.DataFrame(result.history), job.output("history"))
    timing = {"seconds": round(result.seconds, 3), "steps": result.steps, "peak_mb": peak_memory()}
    timing |= {"model": model, "dataset": dataset, "seed": job.seed}
    write_text(job.output("timing"), json.dumps(timing, indent=1, sort_keys=True) + "\n")
