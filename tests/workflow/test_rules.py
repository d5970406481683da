"""Hygiene of rules, scripts and captions: the contract of a pipeline stage."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from snakemake_tree import ROOT

from mfglab.reporting.code_digest import code_digest, module_closure

pytestmark = pytest.mark.workflow

RESULTS = "results/default"
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
CAPTIONS = sorted((ROOT / "workflow" / "report").glob("*.rst"))
SOURCES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
#: Collect files or check them, and make none.
TARGETS = {"all", "tables", "figures"}
#: Its output is a table of wall times, itself a benchmark.
WITHOUT_BENCHMARK = {"table_cost", "table_transformer_cost"}
#: The frame of all stages: it decides what is recorded, not what is computed.
FRAME = {"mfglab.reporting.script"}


def rule_texts():
    """Rule name to its source text."""
    texts = {}
    for path in SOURCES:
        found = re.split(r"^rule (\w+):$", path.read_text(), flags=re.M)[1:]
        texts |= dict(zip(found[::2], found[1::2], strict=True))
    return texts


TEXTS = rule_texts()
STAGES = sorted(set(TEXTS) - TARGETS - {"audit"})


@pytest.fixture
def rule_of(workflow):
    return {rule.name: rule for rule in workflow.rules}


@pytest.fixture
def file_name(stage_runner, workflow):
    """``{model}.{dataset}`` of a rule, ``all`` for a rule without wildcards."""
    known = stage_runner["stages"](workflow)
    return lambda name: ".".join(f"{{{w}}}" for w in known[name].wildcards) or "all"


def plain(pattern):
    """A file pattern without the constraints that Snakemake adds to its wildcards."""
    return re.sub(r"\{(\w+),[^}]*\}", r"{\1}", str(pattern))


def test_the_rules_read_here_are_those_of_the_workflow(rule_of):
    assert set(rule_of) == set(TEXTS)
    assert {"train_model", "evaluate_model", "claims"} <= set(STAGES)


@pytest.mark.parametrize("name", STAGES)
class TestStage:
    def test_every_input_and_output_has_a_name(self, rule_of, name):
        for files in (rule_of[name].input, rule_of[name].output):
            assert all(label for label, _ in files._allitems())

    def test_it_writes_a_record(self, rule_of, file_name, name):
        record = rule_of[name].output.record
        assert plain(record) == f"{RESULTS}/provenance/{name}/{file_name(name)}.json"

    def test_it_has_one_log_named_after_it(self, rule_of, file_name, name):
        expected = [f"{RESULTS}/logs/{name}/{file_name(name)}.log"]
        assert [plain(log) for log in rule_of[name].log] == expected

    def test_it_has_a_benchmark_named_after_it(self, rule_of, file_name, name):
        benchmark = rule_of[name].benchmark
        if name in WITHOUT_BENCHMARK:
            assert benchmark is None
        else:
            assert plain(benchmark) == f"{RESULTS}/benchmarks/{name}/{file_name(name)}.tsv"

    def test_outputs_lie_below_the_results_folder(self, rule_of, name):
        assert all(str(path).startswith(f"{RESULTS}/") for path in rule_of[name].output)

    def test_threads_are_stated(self, name):
        assert re.search(r"^    threads: \d+$", TEXTS[name], re.M)

    def test_it_names_the_environment(self, rule_of, name):
        found = re.search(r'^    conda:\n        "([^"]+)"$', TEXTS[name], re.M)
        folder = Path(rule_of[name].snakefile).parent
        assert (folder / found[1]).resolve().name == "environment.yml"
        assert (folder / found[1]).is_file()

    def test_params_name_configuration_modules_and_their_digest(self, rule_of, name):
        params = dict(rule_of[name].params.items())
        assert {"config", "modules", "code"} <= set(params)
        assert callable(params["config"])
        assert params["code"] == code_digest(*params["modules"])

    def test_the_digest_covers_what_the_script_imports(self, rule_of, name):
        tree = ast.parse((ROOT / "workflow" / "scripts" / f"{name}.py").read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        needed = {module for module in imported if module.startswith("mfglab.")} - FRAME
        assert needed <= set(module_closure(*rule_of[name].params.modules))

    def test_it_runs_the_script_of_its_name(self, rule_of, name):
        folder = Path(rule_of[name].snakefile).parent
        expected = Path("workflow/scripts") / f"{name}.py"
        assert (folder / rule_of[name].script).resolve().match(str(expected))


def test_the_audit_writes_no_results_and_has_a_log(rule_of):
    assert not rule_of["audit"].output
    assert [str(path) for path in rule_of["audit"].log] == [f"{RESULTS}/logs/audit/all.log"]


def test_every_script_belongs_to_one_rule():
    used = Counter(re.findall(r'scripts/(\w+\.py)"', "".join(TEXTS.values())))
    assert used == {path.name: 1 for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
class TestScript:
    def test_it_has_no_future_import(self, path):
        # Snakemake puts its preamble before the script, where such an import is a syntax error
        assert "__future__" not in path.read_text()

    def test_it_is_thin_and_recorded(self, path):
        tree = ast.parse(path.read_text())
        assert len(path.read_text().splitlines()) <= 60
        assert ast.get_docstring(tree)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        if path.stem != "audit":
            frames = [node for node in tree.body if isinstance(node, ast.With)]
            assert [ast.unparse(frame.items[0].context_expr) for frame in frames] == [
                "stage(snakemake)"
            ]


def test_every_caption_is_used_and_every_used_caption_exists():
    text = "".join(path.read_text() for path in SOURCES)
    used = set(re.findall(r"report/(\w+\.rst)\"", text))
    assert used == {path.name for path in CAPTIONS}


@pytest.mark.parametrize(
    "path",
    [path for path in CAPTIONS if path.stem != "workflow"],
    ids=lambda path: path.stem,
)
def test_a_caption_is_one_sentence(path):
    text = " ".join(path.read_text().split())
    assert text.endswith(".")
    assert text[0].isupper()
    assert not re.search(r"[.!?] [A-Z]", text), "more than one sentence"


def test_the_linter_finds_nothing(tree):
    done = tree.snakemake("--lint").ok()
    assert "Congratulations" in done.output


def test_the_files_are_in_snakefmt_style(tree):
    tree.call("snakefmt", "--check", "Snakefile", "workflow").ok()
