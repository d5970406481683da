from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
import yaml

from mfglab.reporting.claims import ClaimError, claims_schema, load_claims

CLAIM: dict[str, Any] = {
    "id": "otflow-straighter",
    "source": {"paper": "OT-Flow", "locator": "Table 2"},
    "statement": "Kinetic regularisation gives straighter paths.",
    "published": "not printed",
    "measurement": {
        "table": "generative_runs.csv",
        "column": "straightness",
        "filter": {"model": "otflow", "dim": [2, 3]},
        "versus": {"model": "cnf"},
        "pair_on": ["seed", "dim"],
    },
    "comparison": {"kind": "paired_difference", "direction": "less", "minimum_effect": 0.1},
    "profiles": ["default"],
    "confounds": ["number of steps"],
    "control": "Same steps on both sides.",
}
LEVEL = CLAIM | {
    "id": "level",
    "measurement": {"table": "t.csv", "column": "x"},
    "comparison": {"kind": "less_than", "value": 1},
}


def load(tmp_path, claims: Any):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": claims}))
    return load_claims(path)


def changed(base: dict, key: str, value: Any) -> dict:
    """``base`` with the dotted ``key`` set, or removed when ``value`` is None."""
    entry = copy.deepcopy(base)
    *parents, last = key.split(".")
    inner = entry
    for name in parents:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return entry


def test_claims_keep_their_order_and_types(tmp_path):
    first, second = load(tmp_path, [CLAIM, LEVEL])
    assert [first.id, second.id] == ["otflow-straighter", "level"]
    assert first.measurement.filter == {"model": "otflow", "dim": [2, 3]}
    assert first.pair_on == ["seed", "dim"]
    assert second.pair_on == ["seed"]
    assert first.comparison.kind == "paired_difference"


def test_deterministic_claims_have_no_seed(tmp_path):
    (claim,) = load(tmp_path, [LEVEL | {"deterministic": True}])
    assert claim.pair_on == []


@pytest.mark.parametrize(
    ("base", "key", "value", "message"),
    [
        (CLAIM, "statement", None, "statement: Field required"),
        (CLAIM, "source.locator", None, "source.locator: Field required"),
        (CLAIM, "measurment", 1, "measurment: Extra inputs"),
        (CLAIM, "measurement.table", "../t.csv", r"measurement.table: .*got '\.\./t\.csv'"),
        (
            CLAIM,
            "comparison.direction",
            "lower",
            r"comparison\.paired_difference\.direction: .*'lower'",
        ),
        (CLAIM, "comparison.minimum_effect", -1, r"minimum_effect: .*greater than or equal to 0"),
        (CLAIM, "comparison.kind", "smaller", "comparison: .*'smaller'"),
        (CLAIM, "measurement.versus", None, "paired_difference needs measurement.versus"),
        (CLAIM, "profiles", [], "profiles: .*at least 1"),
        (LEVEL, "comparison.value", "one", r"comparison\.less_than\.value: .*got 'one'"),
        (LEVEL, "comparison.value", float("nan"), r"comparison\.less_than\.value: .*finite"),
        (LEVEL, "comparison.tolerance", 1.0, r"comparison\.less_than\.tolerance: Extra"),
    ],
)
def test_errors_name_claim_and_key(tmp_path, base, key, value, message):
    with pytest.raises(ClaimError, match=rf"claims\.yaml: claim '{base['id']}': .*{message}"):
        load(tmp_path, [changed(base, key, value)])


def test_ratio_below_one_needs_a_reachable_effect(tmp_path):
    ratio = {"kind": "paired_ratio", "direction": "less", "minimum_effect": 1.0}
    with pytest.raises(ClaimError, match="must be below 1"):
        load(tmp_path, [CLAIM | {"comparison": ratio}])


def test_all_errors_are_told_at_once(tmp_path):
    with pytest.raises(ClaimError) as caught:
        load(tmp_path, [changed(CLAIM, "statement", None), changed(LEVEL, "profiles", None)])
    assert str(caught.value).count("\n") == 1
    assert "claim 'level': profiles" in str(caught.value)


def test_ids_are_slugs_and_unique(tmp_path):
    with pytest.raises(ClaimError, match="'level' is used twice"):
        load(tmp_path, [LEVEL, LEVEL])
    with pytest.raises(ClaimError, match=r"claim 'Not a slug': id: .*pattern"):
        load(tmp_path, [LEVEL | {"id": "Not a slug"}])
    with pytest.raises(ClaimError, match="claim number 2: id: Field required"):
        load(tmp_path, [LEVEL, changed(LEVEL, "id", None)])


@pytest.mark.parametrize("text", ["claims: [", "3", "claims: 3", "other: []"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(ClaimError, match=r"claims\.yaml"):
        load_claims(path)
    with pytest.raises(ClaimError, match=r"no\.yaml does not exist"):
        load_claims(tmp_path / "no.yaml")


def test_schema_accepts_and_refuses_like_the_model():
    schema = claims_schema()
    jsonschema.validate({"claims": [CLAIM, LEVEL]}, schema)
    for bad in (changed(CLAIM, "statement", None), changed(LEVEL, "comparison.kind", "is")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"claims": [bad]}, schema)
