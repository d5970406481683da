from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.reporting.job import Job
from mfglab.reporting.provenance import (
    RecordError,
    canonical_json,
    environment,
    plain,
    read_record,
    write_record,
)


def test_record_of_a_stage(pipeline):
    record = read_record(pipeline.record("train"))
    raw = json.loads(pipeline.record("train").read_text())
    assert record.rule == "train"
    assert record.wildcards == {"model": "cnf"}
    assert record.config == {"train": {"rate": 0.5}}
    assert record.params == {}
    assert read_record(pipeline.record("draw")).params == {"seed": 3}
    assert set(record.inputs) == {"results/mini/data.npz"}
    assert set(record.outputs) == {
        "results/mini/models/cnf.safetensors",
        "results/mini/figures/cnf.png",
    }
    assert record.packages["numpy"] != "absent"
    assert list(raw) == sorted(raw)
    assert str(pipeline.package.parents[1]) not in pipeline.record("train").read_text()


def test_running_again_writes_the_same_bytes(pipeline):
    before = {rule: pipeline.record(rule).read_bytes() for rule in pipeline.jobs}
    pipeline.run()
    assert {rule: pipeline.record(rule).read_bytes() for rule in pipeline.jobs} == before


def test_job_from_record_is_the_job(pipeline):
    for rule, job in pipeline.jobs.items():
        assert Job.from_record(read_record(pipeline.record(rule))) == job


def test_write_and_read_are_inverse(pipeline, tmp_path):
    record = read_record(pipeline.record("draw"))
    write_record(record, tmp_path / "again.json")
    assert read_record(tmp_path / "again.json") == record


@pytest.mark.parametrize("key", ["rule", "outputs", "code", "threads", "record_sha256"])
def test_missing_key_is_named(pipeline, key):
    path = pipeline.record("draw")
    raw = json.loads(path.read_text())
    del raw[key]
    path.write_text(canonical_json(raw))
    with pytest.raises(RecordError, match=rf"draw/all\.json: key '{key}'"):
        read_record(path)


def test_unknown_key_and_wrong_type_are_named(pipeline):
    path = pipeline.record("draw")
    raw = json.loads(path.read_text())
    path.write_text(canonical_json(raw | {"when": 1}))
    with pytest.raises(RecordError, match="key 'when'"):
        read_record(path)
    path.write_text(canonical_json(raw | {"threads": "one"}))
    with pytest.raises(RecordError, match="key 'threads'"):
        read_record(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_broken_json_names_the_file(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecordError, match=r"r\.json: "):
        read_record(path)


def test_every_flipped_byte_is_found(pipeline):
    path = pipeline.record("table")
    original = path.read_bytes()
    for position in range(len(original)):
        changed = bytearray(original)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(RecordError):
            read_record(path)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_plain_data_survive_json(value):
    assert json.loads(canonical_json(plain(value, "value"))) == value


def test_what_is_no_plain_data_is_named():
    with pytest.raises(TypeError, match=r"config\.a\[1\] must be plain data .* got object"):
        plain({"a": [1, object()]}, "config")


def test_device_can_be_given():
    assert environment("H200")["device"] == "H200"
    assert environment()["device"]
