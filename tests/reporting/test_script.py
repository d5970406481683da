"""The collector rests while a script imports, and works again when its stage begins."""

import contextlib
import gc
import subprocess
import sys

import pytest

from mfglab.reporting import script

gc.enable()  # the import has paused it

STAGE = """
import gc
from mfglab.reporting import script
assert not gc.isenabled()
import collections, json, decimal
script.recorded_stage = lambda snakemake: __import__("contextlib").nullcontext(snakemake)
with script.stage("job") as job:
    assert job == "job"
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
"""


def test_nothing_is_collected_until_the_stage_begins():
    done = subprocess.run(
        [sys.executable, "-c", STAGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_where_garbage_is_collected_nothing_is_frozen(monkeypatch):
    monkeypatch.setattr(script, "recorded_stage", contextlib.nullcontext)
    before = gc.get_freeze_count()
    with script.stage("job"):
        assert gc.isenabled()
        assert gc.get_freeze_count() == before


def test_a_failure_in_the_body_is_passed_on(monkeypatch):
    monkeypatch.setattr(script, "recorded_stage", contextlib.nullcontext)
    with pytest.raises(RuntimeError, match="on purpose"), script.stage("job"):
        raise RuntimeError("on purpose")
    assert gc.isenabled()
