"""Train one model on one data set with every seed."""

import json
import shutil
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter

from mfglab.reporting.script import stage
from mfglab.config import DatasetConfig, RunConfig
from mfglab.datasets.factory import exact_mixture
from mfglab.datasets.splits import Splits
from mfglab.experiments.train import peak_memory, save_trained, train_seeds
from mfglab.files import write_text
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    model, dataset = job.wildcards["model"], job.wildcards["dataset"]
    run = RunConfig.model_validate(job.config_value(f"runs.{model}.{dataset}"))
    splits = Splits.load(job.input("data"))
    data = TypeAdapter(DatasetConfig).validate_python(job.config_value(f"datasets.{dataset}"))
    work, device = Path(job.param("work")), job.config_value("device")
    seeds = job.config_value("seeds")
    results = train_seeds(splits, run, seeds, work, device, exact_mixture(data))
    files = zip(*(job.outputs_of(name) for name in ("weights", "history", "timing")), strict=True)
    for (seed, result), (weights, history, timing) in zip(results.items(), files, strict=True):
        save_trained(weights, result, run, seed)
        write_csv(pd.DataFrame(result.history), history)
        times = {"seconds": round(result.seconds, 3), "steps": result.steps}
        times |= {"peak_mb": peak_memory(), "model": model, "dataset": dataset, "seed": seed}
        write_text(timing, json.dumps(times, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(work)
