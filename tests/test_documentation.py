"""What the documents say is true: examples run, commands and files exist."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from mfglab import __version__
from mfglab.__main__ import build_parser
from mfglab.cli import COMMANDS
from mfglab.reporting.readme import is_fresh
from mfglab.reporting.reference import README_LEDGER

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [
        *(ROOT / file for file in ("README.md", "CONTRIBUTING.md", "results/reference/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
PAGES = [*DOCUMENTS, ROOT / "config/README.md", ROOT / "benchmarks/README.md"]
FENCE = re.compile(r"^[ ]*```(\w+)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
# A folder of one machine: absolute, and not part of a longer relative path or an address.
MACHINE_PATH = re.compile(r"(?<![\w.:/*>])/(?:work|root|tmp|home|Users|opt|mnt)/")
INDEX_HOST = re.compile(r"(?:pypi|pythonhosted|download\.pytorch|conda\.anaconda)\.org", re.I)
PICTURES = "results/reference/default/"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def name(path):
    return path.relative_to(ROOT).as_posix()


def blocks(text, language):
    return [body for kind, body in FENCE.findall(text) if kind == language]


def shell_lines(text):
    """Words of every command in the bash blocks, comments and variables in front removed."""
    for body in blocks(text, "bash"):
        for line in body.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words:
                yield words


def all_shell_lines():
    return [words for path in DOCUMENTS for words in shell_lines(path.read_text())]


def headings(text):
    """Anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def make_targets():
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make_variables():
    return set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))


def rule_names():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    return set(re.findall(r"^\s*rule (\w+):", rules, re.MULTILINE))


def generated_pictures():
    """Pictures that the reference command copies: figures of the workflow and that of claims."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    return {Path(path).name for path in re.findall(r"/((?:figures|claims)/\w+\.png)", rules)}


# ------------------------------------------------------------------------------------ examples


def run_example(body, where):
    """Run one python block: as doctest if it has prompts, else as a script."""
    torch.manual_seed(0)
    if ">>>" not in body:
        exec(compile(body, where, "exec"), {"__name__": "example"})
        return
    test = doctest.DocTestParser().get_doctest(body, {}, where, where, 0)
    report = io.StringIO()
    failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.write)
    assert tried > 0
    assert failed == 0, report.getvalue()


EXAMPLES = [
    pytest.param(body, name(path), id=f"{name(path)}-{i}")
    for path in DOCUMENTS
    for i, body in enumerate(blocks(path.read_text(), "python"))
]


@pytest.mark.parametrize(("body", "where"), EXAMPLES)
def test_example_runs(body, where, monkeypatch):
    monkeypatch.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()):
        run_example(body, where)


def test_every_model_and_every_guide_has_an_example():
    documents = {param.values[1] for param in EXAMPLES}
    wanted = {name(path) for path in DOCUMENTS if path.parent.name == "models"}
    wanted |= {f"docs/add_a_{what}.md" for what in ("model", "dataset", "claim")}
    assert len(wanted) == 16
    assert wanted | {"README.md", "docs/architecture.md"} <= documents


def test_a_wrong_example_is_noticed():
    with pytest.raises(AssertionError, match="Expected"):
        run_example(">>> 1 + 1\n3\n", "wrong")
    with pytest.raises(ZeroDivisionError):
        run_example("1 / 0\n", "wrong")


# ------------------------------------------------------------------------------------ commands


def check_command(words):
    """Fail unless the command can be called like this."""
    program, arguments = words[0], words[1:]
    if program == "make":
        for word in arguments:
            known = make_variables() if "=" in word else make_targets()
            assert word.partition("=")[0] in known, f"make has no {word}"
    elif words[:3] == ["python", "-m", "mfglab"]:
        assert arguments[2] in {command.name for command in COMMANDS}
        build_parser().parse_args(arguments[2:])  # exits where an option does not exist
    elif program == "snakemake":
        _, files, profile = snakemake_call(words)  # its targets: one plan for all, below
        assert all((ROOT / path).is_file() for path in files)
        assert profile is None or (ROOT / profile / "config.yaml").is_file()
    else:
        assert words == ["source", ".venv/bin/activate"], f"unknown command {shlex.join(words)}"


def snakemake_call(words):
    """Targets, configuration files and profile of a snakemake command."""
    targets, files, profile = [], [], None
    rest = iter(words[1:])
    for word in rest:
        if word == "--cores":
            next(rest)
        elif word == "--configfile":
            files.append(next(rest))
        elif word == "--profile":
            profile = next(rest)
        elif word == "--omit-from":  # takes all that follows
            assert set(left := list(rest)) <= rule_names(), f"no rules: {left}"
        elif word != "--dry-run":
            assert not word.startswith("-"), f"option {word} is not known to this test"
            targets.append(word)
    return targets, files, profile


@pytest.mark.parametrize("words", all_shell_lines(), ids=shlex.join)
def test_command_exists(words):
    check_command(words)


@pytest.mark.parametrize(
    "command",
    [
        "make nothing",
        "python -m mfglab nothing",
        "python -m mfglab audit --nothing",
        "snakemake all --nothing",
        "snakemake all --omit-from nothing",
        "rm -rf data",
    ],
)
def test_a_wrong_command_is_noticed(command):
    with pytest.raises((AssertionError, SystemExit)):
        check_command(shlex.split(command))


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args([command, "--help"])
    assert stop.value.code == 0
    assert f"mfglab {command}" in capsys.readouterr().out


def dry_runs():
    """Targets by configuration files: one plan serves all commands with the same files."""
    plans = {}
    for words in all_shell_lines():
        if words[0] == "snakemake":
            targets, files, _ = snakemake_call(words)
            plans.setdefault(tuple(files), set()).update(targets)
    return [
        pytest.param(files, sorted(targets), id=shlex.join(files))
        for files, targets in plans.items()
    ]


@pytest.mark.workflow
@pytest.mark.parametrize(("files", "targets"), dry_runs())
def test_workflow_can_make_what_is_named(files, targets):
    done = plan(targets, files)
    assert done.returncode == 0, done.stderr


@pytest.mark.workflow
def test_an_unknown_target_is_noticed():
    assert plan(["results/default/tables/nothing.csv"], ()).returncode != 0


def plan(targets, files):
    words = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--cores", "1"]
    words += ["--configfile", *files] if files else []
    return subprocess.run(
        [*words, "--", *targets], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


# ------------------------------------------------------------------------------- links and files


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    for link in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        inside = target.relative_to(ROOT).as_posix()  # raises for a link out of the repository
        if inside.startswith(PICTURES) and not (ROOT / README_LEDGER).is_file():
            assert target.name in generated_pictures(), link
            continue
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text()), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_files_named_in_the_text_exist(path):
    text = FENCE.sub("", path.read_text())
    for file in re.findall(r"`((?:src|tests|config|workflow|docs|profiles)/[\w./-]+)`", text):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CITATION.cff"], ids=name)
def test_documents_name_no_machine(path):
    text = path.read_text()
    assert not MACHINE_PATH.search(text)
    assert not INDEX_HOST.search(text)


def test_a_machine_path_is_noticed():
    assert MACHINE_PATH.search("see " + "/".join(["", "home", "me", "data"]))
    assert not MACHINE_PATH.search("results/tables/x, ../../tables/x, https://a.org/home/")


# ------------------------------------------------------------------------------ generated parts


def test_table_of_claims_in_the_readme_agrees_with_the_ledger():
    assert is_fresh(ROOT / "README.md", ROOT / README_LEDGER, ROOT / "config/claims.yaml")


def test_numbers_of_the_readme_stand_between_equal_marks():
    text = (ROOT / "README.md").read_text()
    marks = re.findall(r"<!-- number:(\w+) -->", text)
    pairs = re.findall(r"<!-- number:(\w+) -->[^<\n]+<!-- number:\1 -->", text)
    assert pairs
    assert marks == [mark for mark in pairs for _ in range(2)]
    assert len(set(pairs)) == len(pairs)


def test_citation_is_that_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["license"] == "MIT"
    papers = {reference["identifiers"][0]["value"] for reference in citation["references"]}
    claims = yaml.safe_load((ROOT / "config/claims.yaml").read_text())["claims"]
    assert {claim["source"]["paper"] for claim in claims} <= papers
