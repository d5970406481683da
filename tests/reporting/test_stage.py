from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake import iocontainers

from mfglab.reporting.job import Job, NamedValues, script_object
from mfglab.reporting.provenance import read_record
from mfglab.reporting.runner import write_job
from mfglab.reporting.stage import keep_freed_memory, make_record, stage, use_threads


def test_script_object_and_job_are_inverse(pipeline):
    for job in pipeline.jobs.values():
        job = replace(job, params=job.params | {"points": [1, 2]})
        again = Job.from_snakemake(script_object(job))
        assert again == job


def test_job_gives_its_files_and_values(pipeline):
    job = pipeline.jobs["table"]
    assert job.input("claims") == Path("config/claims.yaml")
    assert job.inputs_of("models") == [Path("results/mini/models/cnf.safetensors")]
    assert job.output("table") == Path("results/mini/tables/cnf.csv")
    assert pipeline.jobs["draw"].config_value("data.n") == 8
    assert pipeline.jobs["draw"].param("seed") == 3
    assert job.name == "table.cnf"


def test_unknown_names_list_the_known_ones(pipeline):
    job = pipeline.jobs["draw"]
    with pytest.raises(KeyError, match=r"'data\.m' is no configuration path .*data\.n"):
        job.config_value("data.m")
    with pytest.raises(KeyError, match="'table' is no output of rule 'draw'"):
        job.output("table")
    with pytest.raises(KeyError, match="'steps' is no parameter"):
        job.param("steps")


def test_one_file_is_asked_of_several(pipeline):
    job = replace(pipeline.jobs["draw"], inputs={"many": ["a", "b"]})
    with pytest.raises(ValueError, match="'many' of rule 'draw' has 2 files"):
        job.input("many")


def test_rule_without_record_or_code_is_refused(pipeline):
    job = pipeline.jobs["draw"]
    with pytest.raises(ValueError, match="'draw' needs one output named 'record'"):
        replace(job, outputs={"data": "x"})
    with pytest.raises(ValueError, match="'draw' needs the parameter 'modules'"):
        replace(job, params={"config": {}, "code": ""})


def test_unnamed_files_are_refused(pipeline):
    snakemake = script_object(pipeline.jobs["train"])
    snakemake.input = NamedValues({}, ("a.csv",))
    with pytest.raises(ValueError, match="every input needs a name, 1 of 1"):
        Job.from_snakemake(snakemake)


def test_all_output_goes_to_the_log(pipeline, capfd):
    level = logging.getLogger().level
    with stage(script_object(pipeline.jobs["draw"])):
        print("printed")
        print("complained", file=sys.stderr)
        logging.getLogger("mfglab.x").info("logged")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        os.write(2, b"from compiled code\n")
    text = Path("results/mini/logs/draw.log").read_text()
    for words in ["printed", "complained", "logged", "from a child", "from compiled code"]:
        assert words in text
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    print("back")
    assert capfd.readouterr().out == "back\n"
    assert logging.getLogger().level == level


def test_warnings_go_to_the_log(pipeline, tmp_path):
    script = Path("workflow/scripts/draw.py")
    script.write_text(
        script.read_text() + "    import warnings\n    warnings.warn('seldom', stacklevel=1)\n"
    )
    write_job(pipeline.jobs["draw"], tmp_path / "job.json")
    words = [sys.executable, "-m", "mfglab.reporting.runner", str(tmp_path / "job.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert "UserWarning: seldom" in Path("results/mini/logs/draw.log").read_text()


def test_the_object_of_snakemake_is_understood(pipeline):
    named = iocontainers.Namedlist
    outputs = named(["a.csv", "b.csv", "c.csv", "r.json"])
    outputs._set_name("one", 0)
    outputs._set_name("many", 1, end=3)
    outputs._set_name("record", 3)
    snakemake = iocontainers.Snakemake(
        iocontainers.InputFiles(fromdict={"data": str(Path("config/claims.yaml").absolute())}),
        iocontainers.OutputFiles(toclone=outputs),
        iocontainers.Params(
            fromdict={"config": {"a.b": {"n": [1]}}, "code": "0", "modules": ["mfglab"], "seed": 1}
        ),
        iocontainers.Wildcards(fromdict={"model": "cnf"}),
        2,
        iocontainers.ResourceList(),
        iocontainers.Log(["x.log"]),
        {},
        "draw",
        None,
        str(Path("workflow/scripts").absolute()),
    )
    job = Job.from_snakemake(snakemake)
    assert job.inputs == {"data": ["config/claims.yaml"]}
    assert job.outputs == {"one": "a.csv", "many": ["b.csv", "c.csv"], "record": "r.json"}
    assert job.params["config"] == {"a.b": {"n": [1]}}
    assert job.wildcards == {"model": "cnf"}
    assert (job.param("seed"), job.threads, job.log) == (1, 2, "x.log")
    assert job.script == "workflow/scripts/draw.py"


def test_failure_is_logged_told_in_one_line_and_raised(pipeline, capfd):
    pipeline.record("draw").unlink()

    def fail():
        with stage(script_object(pipeline.jobs["draw"])):
            print("before")
            raise ArithmeticError("loss is nan")

    with pytest.raises(ArithmeticError, match="loss is nan"):
        fail()
    text = Path("results/mini/logs/draw.log").read_text()
    assert text.startswith("before\n")
    assert "Traceback" in text
    assert capfd.readouterr().err == (
        "draw: ArithmeticError: loss is nan; see results/mini/logs/draw.log\n"
    )
    assert not pipeline.record("draw").exists()


def test_output_that_was_not_written_is_an_error(pipeline):
    Path("results/mini/data.npz").unlink()
    with (
        pytest.raises(FileNotFoundError, match=r"'draw' did not write its output .*data\.npz"),
        stage(script_object(pipeline.jobs["draw"])),
    ):
        pass


def test_code_that_changed_since_planning_is_an_error(pipeline):
    job = pipeline.jobs["draw"]
    old = replace(job, params=job.params | {"code": "0" * 64})
    with (
        pytest.raises(RuntimeError, match="code of rule 'draw' has changed"),
        stage(script_object(old)),
    ):
        pass


def test_record_holds_the_inputs_as_they_were_read(pipeline):
    before = read_record(pipeline.record("train")).inputs
    with stage(script_object(pipeline.jobs["train"])):
        Path("results/mini/data.npz").write_bytes(b"changed meanwhile")
    assert read_record(pipeline.record("train")).inputs == before


def test_own_params_are_recorded(pipeline):
    job = pipeline.jobs["draw"]
    record = make_record(replace(job, params=job.params | {"steps": 7, "device": "H200"}))
    assert record.params == {"seed": 3, "steps": 7, "device": "H200"}
    assert record.device == "H200"


def test_threads_reach_the_environment_and_a_loaded_torch(pipeline, monkeypatch):
    seen: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=seen.append))
    use_threads(3)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert seen == [3]
    with pytest.raises(ValueError, match="must be positive, got 0"):
        use_threads(0)


def test_freed_memory_is_kept_where_glibc_returns_it():
    code = (
        "import resource, torch\n"
        "from mfglab.reporting.stage import keep_freed_memory\n"
        "kept = keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def work(): a = torch.ones(2**20); b = a + a; c = b * a; d = c - a\n"
        "for _ in range(5): work()\n"
        "before = faults()\n"
        "for _ in range(20): work()\n"
        "print(int(kept), faults() - before)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, faults = map(int, done.stdout.split())
    assert kept == (platform.libc_ver()[0] == "glibc")
    assert not kept or faults < 20_000  # four times as many without


def test_other_systems_keep_their_own_ways(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False


def test_reporting_starts_without_torch_and_scipy():
    code = (
        "import sys, mfglab.__main__, mfglab.reporting.stage, mfglab.reporting.ledger\n"
        "import mfglab.reporting.lineage, mfglab.reporting.runner\n"
        "heavy = {'torch', 'lightning', 'matplotlib', 'scipy', 'snakemake'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
