"""Train one arm of a task with every seed."""

import json
import shutil
from pathlib import Path

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DepthRunConfig
from mfglab.datasets.tasks.factory import load_task
from mfglab.experiments.train import peak_memory
from mfglab.experiments.transformers.train import save_arm, train_seeds
from mfglab.files import write_text
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    name, arm = job.wildcards["task"], job.wildcards["arm"]
    run = DepthRunConfig.model_validate(job.config_value(f"depth_runs.{name}.{arm}"))
    data = job.config_value(f"transformers.tasks.{name}.data")
    manifests = job.inputs_of("manifest") if "manifest" in job.inputs else []
    task = load_task(data, manifests)
    seeds, device = job.config_value("depth_seeds"), job.config_value("device")
    work = Path(job.param("work"))
    results = train_seeds(task, run, seeds, work, device)
    save_arm(job.output("weights"), results, run)
    history = [{"seed": s} | row for s, result in results.items() for row in result.history]
    write_csv(pd.DataFrame(history), job.output("history"))
    timing = [
        {"task": name, "arm": arm, "seed": s, "seconds": round(r.seconds, 3), "steps": r.steps}
        | {"peak_mb": peak_memory()}
        for s, r in results.items()
    ]
    write_text(job.output("timing"), json.dumps(timing, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(work, ignore_errors=True)  # it is not there when every seed diverged
