"""Which stages run again after a change, and the debugger's way into one stage."""

from __future__ import annotations

import json

import pytest
import yaml
from snakemake_tree import Tree

from mfglab.reporting.code_digest import module_closure

pytestmark = pytest.mark.workflow

OVERLAY = {
    "profile": "quick",
    "device": "cpu",
    "datasets": {"moons": {"n_train": 64, "n_val": 16, "n_test": 64}},
    "evaluation": {"transport_points": 16, "floor_repeats": 2},
    "studies": {"closed_forms": {"identity_paths": 100, "identity_steps": 10}},
}
RESULTS = "results/quick"
FLOOR = f"{RESULTS}/floors/moons.csv"
FILES = [FLOOR, f"{RESULTS}/provenance/measure_floor/moons.json"]
STUDY = f"{RESULTS}/tables/illposedness.csv"
CODE = "src/mfglab/metrics/wasserstein.py"
MODULE = "mfglab.metrics.wasserstein"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A copy in which three cheap stages ran; tests put back what they change."""
    tree = Tree.make(tmp_path_factory.mktemp("rerun") / "repository")
    configure(tree)
    done = tree.snakemake("--cores", "1", *words()).ok()
    assert set(done.jobs) == {"prepare_dataset", "measure_floor", "study_closed_forms"}
    return tree


def words(*more):
    return ["--configfile", "quick.yaml", *more, "--", FLOOR, STUDY]


def configure(tree, **changes):
    (tree.root / "quick.yaml").write_text(yaml.safe_dump(OVERLAY | changes))


def planned(tree):
    done = tree.snakemake("--dry-run", *words()).ok()
    assert bool(done.jobs) != done.nothing_to_do
    return set(done.jobs)


def modules_of(tree, rule, name):
    record = json.loads((tree.root / RESULTS / "provenance" / rule / f"{name}.json").read_text())
    return record["code"]["modules"]


@pytest.fixture
def changed_code(ran):
    with ran.edited(CODE, "\ndef ", "\nSOMETHING_NEW = 1\n\n\ndef "):
        yield


@pytest.fixture
def config(ran):
    yield lambda **changes: configure(ran, **changes)
    configure(ran)


def test_a_second_call_has_nothing_to_do(ran):
    assert planned(ran) == set()
    assert ran.snakemake("--cores", "1", *words()).ok().nothing_to_do


def test_a_comment_and_a_docstring_trigger_nothing(ran):
    with ran.edited(CODE, '"""', '"""Another text.\n\n'):
        assert planned(ran) == set()
    with ran.edited(CODE, "\ndef ", "\n# nothing that runs\n\n\ndef "):
        assert planned(ran) == set()


def test_a_change_of_code_triggers_the_stages_that_use_it(ran, changed_code):
    uses = {
        "prepare_dataset": modules_of(ran, "prepare_dataset", "moons"),
        "measure_floor": modules_of(ran, "measure_floor", "moons"),
        "study_closed_forms": modules_of(ran, "study_closed_forms", "all"),
    }
    expected = {rule for rule, modules in uses.items() if MODULE in module_closure(*modules)}
    assert "measure_floor" in expected
    assert "prepare_dataset" not in expected
    assert planned(ran) == expected


def test_a_change_of_a_script_triggers_its_rule(ran):
    with ran.edited("workflow/scripts/study_closed_forms.py", "\n", "\n# again\n"):
        assert planned(ran) == {"study_closed_forms"}
    assert planned(ran) == set()


def test_a_change_of_a_data_set_triggers_what_reads_it(ran, config):
    datasets = {"moons": OVERLAY["datasets"]["moons"] | {"n_test": 80}}
    config(datasets=datasets)
    assert planned(ran) == {"prepare_dataset", "measure_floor"}


def test_a_change_of_the_evaluation_leaves_the_data_alone(ran, config):
    config(evaluation=OVERLAY["evaluation"] | {"floor_repeats": 3})
    assert planned(ran) == {"measure_floor"}


def test_a_change_that_no_stage_reads_triggers_nothing(ran, config):
    config(data_folder="elsewhere")
    assert planned(ran) == set()


PLAN_JOB = """
from pathlib import Path
from mfglab.reporting.job import Job
from mfglab.reporting.provenance import read_record
from mfglab.reporting.runner import write_job

record = read_record("results/quick/provenance/measure_floor/moons.json")
write_job(Job.from_record(record), Path("job.json"))
"""


def test_a_stage_refuses_code_that_changed_after_the_plan(ran):
    (ran.root / "plan_job.py").write_text(PLAN_JOB)
    ran.call("plan_job").ok()
    before = (ran.root / FLOOR).read_bytes()
    with ran.edited(CODE, "\ndef ", "\nSOMETHING_NEW = 1\n\n\ndef "):
        done = ran.call("mfglab.reporting.runner", "job.json")
    assert done.code != 0
    assert "has changed since the workflow was planned" in done.output
    assert (ran.root / FLOOR).read_bytes() == before


# ------------------------------------------------------------------------- one stage by itself


def floor_words(*more):
    return ["run", "measure_floor", "dataset=moons", "--configfile", "quick.yaml", *more]


def test_one_stage_by_itself_writes_the_same_bytes_as_the_workflow(ran):
    before = {path: (ran.root / path).read_bytes() for path in FILES}
    for path in FILES:
        (ran.root / path).unlink()
    done = ran.mfglab(*floor_words()).ok()
    assert FLOOR in done.output
    assert {path: (ran.root / path).read_bytes() for path in FILES} == before
    assert planned(ran) == set()


def test_a_stage_that_never_ran_can_be_run(ran):
    fresh = f"{RESULTS}/data/digits.npz"
    assert not (ran.root / fresh).exists()
    ran.mfglab("run", "prepare_dataset", "dataset=digits", "--configfile", "quick.yaml").ok()
    assert (ran.root / fresh).is_file()
    done = ran.mfglab("audit", fresh).ok()
    assert "made by rule prepare_dataset (dataset = digits)" in done.output


SCRIPT = "workflow/scripts/measure_floor.py"


@pytest.fixture
def kept(ran):
    """The files of the stage, put back afterwards: a record holds the hash of its script."""
    paths = [ran.root / path for path in FILES]
    before = {path: path.read_bytes() for path in paths}
    yield
    for path, content in before.items():
        path.write_bytes(content)


def test_a_breakpoint_in_a_script_reaches_the_terminal(ran, kept):
    with ran.edited(SCRIPT, "    row =", "    breakpoint()\n    row ="):
        done = ran.mfglab(*floor_words(), stdin="p 'rule is ' + job.rule\np 6 * 7\ncontinue\n")
    done.ok()
    assert "(Pdb) 'rule is measure_floor'" in done.output
    assert "(Pdb) 42" in done.output


def test_a_failing_stage_can_be_looked_at_after_its_death(ran, kept):
    result = (ran.root / FLOOR).read_bytes()
    with ran.edited(SCRIPT, "    row =", "    lost = 41\n    1 / 0\n    row ="):
        done = ran.mfglab(*floor_words("--pdb"), stdin="p lost + 1\nquit\n")
    assert done.code == 1
    assert "ZeroDivisionError: division by zero" in done.output
    assert "(Pdb) 42" in done.output
    assert (ran.root / FLOOR).read_bytes() == result


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    row =", "    1 / 0\n    row =", "ZeroDivisionError: division by zero"),
        (
            "import pandas",
            "import no_such_module\nimport pandas",
            "No module named 'no_such_module'",
        ),
    ],
    ids=["in the stage", "before the stage"],
)
def test_a_failure_is_told_once(ran, kept, old, new, message):
    with ran.edited(SCRIPT, old, new):
        done = ran.mfglab(*floor_words())
    assert done.code == 1
    assert message in done.output
    assert done.output.count("Traceback") == 1
    assert "(Pdb)" not in done.output


def test_missing_inputs_are_named_with_what_makes_them(ran):
    claims = ["run", "claims", "--configfile", "quick.yaml"]
    done = ran.mfglab(*claims)
    assert done.code == 2
    assert done.output.startswith("mfglab run: claims lacks inputs:")
    assert (
        f"{RESULTS}/tables/generative_runs.csv: made by table_generative: "
        "python -m mfglab run table_generative --configfile quick.yaml"
    ) in done.output
    assert STUDY not in done.output  # it is there
    whole = f"snakemake --cores all {RESULTS}/provenance/claims/all.json --configfile quick.yaml"
    assert whole in done.output
