"""A miniature pipeline of three recorded stages, in a folder of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mfglab.reporting import code_digest as digest_module
from mfglab.reporting.code_digest import code_digest
from mfglab.reporting.job import Job
from mfglab.reporting.runner import run_job

RESULTS = "results/mini"
MODULES = ["mfglab.reporting.csvio"]

SCRIPTS = {
    "draw": """
import numpy as np
from mfglab.reporting.stage import atomic_path, stage

with stage(snakemake) as job:
    rng = np.random.default_rng(job.param("seed"))
    with atomic_path(job.output("data")) as path:
        np.savez(path, x=rng.normal(size=job.config_value("data.n")))
    print("drawn")
""",
    "train": """
import struct
import numpy as np
from mfglab.reporting.stage import atomic_path, stage

with stage(snakemake) as job:
    mean = float(np.load(job.input("data"))["x"].mean()) * job.config_value("train")["rate"]
    with atomic_path(job.output("model")) as path:
        path.write_bytes(struct.pack("<Q", 8) + b"{}      " + struct.pack("<d", mean))
    with atomic_path(job.output("figure")) as path:
        path.write_bytes(bytes.fromhex("89504e470d0a1a0a") + struct.pack("<d", mean))
""",
    "table": """
import struct
from mfglab.reporting.stage import atomic_path, stage

with stage(snakemake) as job:
    (mean,) = struct.unpack("<d", job.input("models").read_bytes()[-8:])
    claims = job.input("claims").read_text()
    with atomic_path(job.output("table")) as path:
        path.write_text(f"model,mean\\n{job.wildcards['model']},{mean:.6g}\\n")
""",
}


@dataclass
class Pipeline:
    """Jobs by rule, the configuration and the copy of the package that is digested."""

    jobs: dict[str, Job]
    config: dict[str, Any]
    package: Path
    results: Path = Path(RESULTS)

    def run(self, *rules: str) -> None:
        for rule in rules or self.jobs:
            run_job(self.jobs[rule])

    def record(self, rule: str) -> Path:
        return self.jobs[rule].output("record")

    def change(self, rule: str, **fields: Any) -> None:
        self.jobs[rule] = replace(self.jobs[rule], **fields)


def mini_job(rule: str, inputs: dict, outputs: dict, config: dict, seed: int | None = None) -> Job:
    params = {"config": config, "code": code_digest(*MODULES), "modules": MODULES}
    if seed is not None:
        params["seed"] = seed
    wildcards = {} if rule == "draw" else {"model": "cnf"}
    name = ".".join(wildcards.values()) or "all"
    return Job(
        rule=rule,
        wildcards=wildcards,
        inputs=inputs,
        outputs=outputs | {"record": f"{RESULTS}/provenance/{rule}/{name}.json"},
        params=params,
        threads=1,
        script=f"workflow/scripts/{rule}.py",
        log=f"{RESULTS}/logs/{rule}.log",
    )


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The pipeline, run once; the working folder is its own."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")  # a stage sets them; put back after the test
    package = tmp_path / "package" / "mfglab"
    (package / "reporting").mkdir(parents=True)
    for name in (
        "__init__.py",
        "reporting/__init__.py",
        "reporting/csvio.py",
        "files.py",
    ):
        shutil.copy(digest_module.PACKAGE_ROOT / name, package / name)
    monkeypatch.setattr(digest_module, "PACKAGE_ROOT", package)
    monkeypatch.chdir(tmp_path)
    for rule, text in SCRIPTS.items():
        path = Path("workflow/scripts") / f"{rule}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    Path("config").mkdir()
    Path("config/claims.yaml").write_text("claims: []\n")
    config = {"data": {"n": 8}, "train": {"rate": 0.5}}
    data, model = f"{RESULTS}/data.npz", f"{RESULTS}/models/cnf.safetensors"
    table, figure = f"{RESULTS}/tables/cnf.csv", f"{RESULTS}/figures/cnf.png"
    made = Pipeline(
        jobs={
            "draw": mini_job("draw", {}, {"data": data}, {"data.n": 8}, seed=3),
            "train": mini_job(
                "train",
                {"data": [data]},
                {"model": model, "figure": figure},
                {"train": {"rate": 0.5}},
            ),
            "table": mini_job(
                "table",
                {"models": [model], "claims": ["config/claims.yaml"]},
                {"table": [table]},
                {},
            ),
        },
        config=config,
        package=package,
    )
    made.run()
    return made
