"""The configuration refuses what cannot be run, naming key, value and expectation."""

from __future__ import annotations

import copy
import typing
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mfglab.config import (
    CnfConfig,
    Config,
    ConfigError,
    load_config,
    lookup,
    merge,
    parse_config,
    profile_paths,
)

FOLDER = Path(__file__).parents[1] / "config"

SMALL = {
    "profile": "test",
    "seeds": [0, 1],
    "datasets": {
        "moons": {"kind": "toy", "law": "moons"},
        "sheet": {"kind": "embedded_toy", "law": "moons", "dim": 8},
    },
    "models": {
        "flow": {
            "title": "Flow",
            "datasets": ["moons"],
            "solver": {"kind": "cnf", "steps": 4},
            "training": {"iterations": 200},
        },
        "score": {
            "title": "Score",
            "datasets": ["moons"],
            "solver": {"kind": "score", "process": {"kind": "ou"}},
            "training": {},
        },
    },
    "evaluation": {},
    "studies": {},
}


def changed(path, value):
    tree = copy.deepcopy(SMALL)
    *above, last = path.split(".")
    node = tree
    for key in above:
        node = node[key]
    node[last] = value
    return tree


def refusal(tree):
    with pytest.raises(ConfigError) as info:
        parse_config(tree)
    first, *lines = str(info.value).splitlines()
    assert first == "invalid configuration:"
    return [line.strip() for line in lines]


def test_defaults_are_filled_in():
    config = parse_config(SMALL)
    solver = config.models["flow"].solver
    assert isinstance(solver, CnfConfig)
    assert (solver.steps, solver.steps_val) == (4, 12)
    assert config.models["flow"].training.batch_size == 512


def test_a_configuration_cannot_be_changed():
    config = parse_config(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        config.seeds = [3]


# ------------------------------------------------------------------------------ keys and values


@pytest.mark.parametrize(
    "key",
    [
        "typo",
        "datasets.moons.widht",
        "models.flow.typo",
        "models.flow.solver.widht",
        "models.flow.training.typo",
        "models.score.solver.process.typo",
        "evaluation.typo",
        "studies.typo",
    ],
)
def test_an_unknown_key_is_refused_by_its_full_name(key):
    assert refusal(changed(key, 3)) == [f"{key}: unknown key (got 3)"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("profile", "Two Words", "match pattern"),
        ("device", "gpu", "'cpu', 'cuda' or 'auto'"),
        ("seeds", [], "at least 1 item"),
        ("datasets", {}, "at least 1 item"),
        ("datasets.moons.n_train", 3, "greater than or equal to 16"),
        ("datasets.moons.law", "moonz", "'moons', 'checkerboard'"),
        ("models.flow.title", "", "at least 1 character"),
        ("models.flow.solver.steps", 0, "greater than or equal to 1"),
        ("models.flow.solver.width", 1.5, "valid integer"),
        ("models.flow.solver.checkpoint", "perhaps", "true, false or a number of states from 2"),
        ("models.flow.solver.checkpoint", 1, "a number of states from 2"),
        ("models.flow.training.learning_rate", -0.1, "greater than 0"),
        ("models.flow.training.learning_rate", float("inf"), "finite"),
        ("models.flow.training.learning_rate", float("nan"), "finite"),
        ("models.flow.training.ema_decay", 1.0, "less than 1"),
        ("models.flow.training.schedule", "linear", "'constant', 'cosine', 'halving' or 'drops'"),
        ("models.score.solver.process.rate", "fast", "valid number"),
        ("models.score.solver.parametrisation", "both", "'potential' or 'vector'"),
        ("evaluation.step_sweep", [4], "at least 2 items"),
        ("evaluation.mmd_bandwidth", 0, "greater than 0"),
    ],
)
def test_a_wrong_value_names_key_value_and_expectation(key, value, expected):
    (line,) = refusal(changed(key, value))
    assert line.startswith(f"{key}: ")
    assert expected in line
    assert line.endswith(f"(got {value!r})")


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("datasets.moons", "'toy', 'composed_toy', 'mixture', 'embedded_toy', 'digits', 'tabular'"),
        (
            "models.flow.solver",
            "'cnf', 'otflow', 'flow_matching', 'boltzmann', 'score', 'nonlinear_score', 'wpo'",
        ),
        ("models.score.solver.process", "'ou', 'vp', 've'"),
    ],
)
def test_an_unknown_kind_lists_the_known_ones(key, known):
    (line,) = refusal(changed(f"{key}.kind", "nonesuch"))
    assert line.startswith(f"{key}: ")
    assert "'nonesuch'" in line
    assert known in line


def test_a_list_names_the_entry():
    assert refusal(changed("seeds", [0, -1]))[0].startswith("seeds.1: ")


@pytest.mark.parametrize("key", sorted(set(SMALL) - {"device", "data_folder"}))
def test_a_missing_branch_is_named(key):
    tree = {name: value for name, value in SMALL.items() if name != key}
    assert refusal(tree) == [f"{key}: required, but missing"]


def test_every_mistake_is_listed():
    tree = merge(changed("seeds", [-1]), {"evaluation": {"typo": 1}, "profile": "?"})
    assert len(refusal(tree)) == 3


# ------------------------------------------------------------------------------- across fields


def cross(key, value, *words):
    lines = refusal(changed(key, value))
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def test_seeds_must_differ():
    cross("seeds", [1, 2, 1], "seeds must differ", "[1, 2, 1]")
    cross("transformers", {"seeds": [3, 3]}, "transformers.seeds must differ", "[3, 3]")


def test_transformers_have_the_seeds_of_all_models_or_their_own():
    assert parse_config(SMALL).expanded()["depth_seeds"] == SMALL["seeds"]
    own = parse_config(changed("transformers", {"seeds": [7, 8]})).expanded()
    assert (own["depth_seeds"], own["seeds"]) == ([7, 8], SMALL["seeds"])


@pytest.mark.parametrize("sweep", [[4, 2], [2, 2], [0, 1]])
def test_the_step_sweep_increases_from_one(sweep):
    cross("evaluation.step_sweep", sweep, "evaluation: step_sweep must increase", f"{sweep}")


def test_early_stopping_of_the_noising_comes_before_its_end():
    cross("models.score.solver.s_min", 3.0, "models.score.solver: s_min", "3.0 >= 3.0")


def test_a_variance_explodes_upwards():
    process = {"kind": "ve", "sigma_min": 2.0, "sigma_max": 1.0}
    cross(
        "models.score.solver.process", process, "models.score.solver.process: sigma_max", "1.0 <= 2"
    )


def test_training_reaches_a_validation():
    cross("models.flow.training.val_every", 201, "models.flow.training: val_every", "201 > 200")


def test_data_sets_must_be_defined():
    cross("models.flow.datasets", ["sun"], "models.flow.datasets: 'sun'", "known: moons, sheet")
    cross("models.flow.per_dataset", {"sun": {}}, "models.flow.per_dataset: 'sun'", "known: moons")


def test_data_sets_of_a_model_must_differ():
    cross("models.flow.datasets", ["moons", "moons"], "models.flow.datasets must differ")


def test_only_noisy_digits_have_a_density():
    tree = changed("datasets.sheet", {"kind": "digits", "dequantise": True})
    tree["datasets"]["grey"] = {"kind": "digits"}
    datasets = parse_config(tree).datasets
    assert datasets["sheet"].has_density
    assert not datasets["grey"].has_density


@pytest.mark.parametrize("name", ["two words", "a.b", "a/b", ""])
def test_names_fit_folders_and_dotted_keys(name):
    cross("models", {name: SMALL["models"]["flow"]}, "models: the name", repr(name))
    tree = changed("datasets", SMALL["datasets"] | {name: SMALL["datasets"]["moons"]})
    assert refusal(tree)[0].startswith(f"datasets: the name {name!r}")


@pytest.mark.parametrize("dataset", ["moons", "sheet"])  # the second is not used by the model
@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"solver": {"widht": 3}}, "solver.widht: unknown key (got 3)"),
        ({"trainig": {}}, "trainig: unknown key (got {})"),
        ({"solver": {"steps": 0}}, "solver.steps: Input should be greater than or equal to 1"),
        ({"training": {"val_every": 500}}, "training: val_every must not exceed iterations"),
        ({"solver": 3}, "solver: Input should be a valid dictionary"),
    ],
)
def test_an_overlay_of_a_data_set_is_checked_by_full_key(dataset, overlay, message):
    (line,) = refusal(changed("models.flow.per_dataset", {dataset: overlay}))
    assert line.startswith(f"models.flow.per_dataset.{dataset}.{message}")


def test_an_overlay_of_a_data_set_applies_to_it_alone():
    tree = changed("models.flow.per_dataset", {"moons": {"solver": {"steps": 9}}})
    tree["datasets"]["other"] = tree["datasets"]["moons"]
    tree["models"]["flow"]["datasets"].append("other")
    config = parse_config(tree)
    runs = {name: config.run_config("flow", name) for name in ("moons", "other")}
    assert (runs["moons"].solver.steps, runs["other"].solver.steps) == (9, 4)
    assert runs["moons"].training == runs["other"].training
    assert config.expanded()["runs"]["flow"]["moons"]["solver"]["steps"] == 9


def test_the_expanded_tree_is_plain_complete_and_valid():
    config = parse_config(SMALL)
    tree = config.expanded()
    assert yaml.safe_load(yaml.safe_dump(tree)) == tree
    runs = tree.pop("runs")
    assert set(runs) == {"flow", "score"}
    assert tree.pop("depth_runs") == {}
    assert tree.pop("depth_seeds") == tree["seeds"]
    assert tree.pop("depth_evaluations") == {}
    assert parse_config(tree) == config


# --------------------------------------------------------------------------------------- merge

TREES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda child: st.dictionaries(st.sampled_from("abc"), child, max_size=3),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


@given(a=TREES)
def test_merge_has_a_neutral_element(a):
    assert merge(a, {}) == a == merge({}, a)


@given(a=TREES)
def test_merge_with_itself_changes_nothing(a):
    assert merge(a, a) == a


def leaves(tree, path=()):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


@given(a=TREES, b=TREES)
def test_merge_holds_every_leaf_of_the_overlay_and_nothing_new(a, b):
    result = merge(a, b)
    known = {key for key, _ in [*leaves(a), *leaves(b)]}
    assert {key for key, _ in leaves(result)} <= known | {()}
    for path, value in leaves(b):
        node = result
        for key in path:
            node = node[key]
        if value == {}:  # an empty overlay keeps the branch that it meets
            assert isinstance(node, dict)
        else:
            assert node == value


@given(a=TREES, b=TREES)
def test_merge_leaves_its_arguments_alone(a, b):
    before = copy.deepcopy((a, b))
    merge(a, b)
    assert (a, b) == before


def test_lists_are_replaced_whole():
    assert merge({"a": {"x": [1, 2], "y": 1}}, {"a": {"x": [3]}}) == {"a": {"x": [3], "y": 1}}


# ------------------------------------------------------------------------------ documentation


def sections(annotation, seen):
    """All models that occur in a type, unions and containers opened."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            seen.append(annotation)
            for field in annotation.model_fields.values():
                sections(field.annotation, seen)
        return
    for part in typing.get_args(annotation):
        sections(part, seen)


def all_sections():
    seen = []
    sections(Config, seen)
    return seen


def test_the_walk_reaches_the_leaves():
    names = {section.__name__ for section in all_sections()}
    assert {
        "Config",
        "ToyData",
        "CnfConfig",
        "VarianceExplodingConfig",
        "ClosedFormsConfig",
    } <= names


@pytest.mark.parametrize("section", all_sections(), ids=lambda section: section.__name__)
def test_every_field_is_described(section):
    own = section.__dict__.get("__doc__")
    assert own
    assert own.strip().endswith((".", "`."))
    for name, field in section.model_fields.items():
        if name != "kind":  # the text of the section says what the kind is
            assert field.description, name
            assert field.description.endswith("."), name


@pytest.mark.parametrize("section", all_sections(), ids=lambda section: section.__name__)
def test_every_section_refuses_unknown_keys(section):
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["frozen"]


# --------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("profile", ["default", "smoke"])
def test_the_profiles_that_are_shipped_are_valid(profile):
    config = load_config(profile_paths(profile, FOLDER))
    assert config.profile == profile


def test_every_overlay_in_the_folder_is_a_valid_profile():
    names = {path.stem for path in FOLDER.glob("*.yaml")} - {"claims"}
    assert {"default", "smoke"} <= names
    for name in names:
        assert load_config(profile_paths(name, FOLDER)).profile == name


def test_paths_of_profiles():
    assert profile_paths("default", Path("c")) == [Path("c/default.yaml")]
    assert profile_paths("smoke", Path("c")) == [Path("c/default.yaml"), Path("c/smoke.yaml")]


def write(folder, name, tree):
    path = folder / name
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree), encoding="utf-8")
    return path


def test_later_files_overlay_earlier_ones(tmp_path):
    base = write(tmp_path, "a.yaml", SMALL)
    overlay = write(tmp_path, "b.yaml", {"models": {"flow": {"solver": {"steps": 7}}}})
    config = load_config([base, overlay])
    assert config.models["flow"].solver.steps == 7
    assert config.models["flow"].title == "Flow"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist"):
        load_config([tmp_path / "none.yaml"])


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config([tmp_path])


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx: 1"])
def test_a_file_that_is_not_yaml_is_named_with_the_place(tmp_path, text):
    path = write(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError, match=r"(?s)bad\.yaml is not valid YAML: .*line \d"):
        load_config([path])


@pytest.mark.parametrize("text", ["", "- 1", "text"])
def test_a_file_must_hold_a_mapping(tmp_path, text):
    path = write(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError, match=r"bad\.yaml must hold a mapping, got"):
        load_config([path])


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match=r"bad\.yaml (cannot be read|is not valid YAML)"):
        load_config([path])


# -------------------------------------------------------------------------------------- lookup


def test_lookup_finds_branches_and_values():
    tree = parse_config(SMALL).expanded()
    assert lookup(tree, "profile") == "test"
    assert lookup(tree, "runs.flow.moons.solver.steps") == 4
    assert lookup(tree, "datasets.moons") is tree["datasets"]["moons"]


@pytest.mark.parametrize(
    ("path", "stop"), [("models.none.title", "none"), ("profile.x", "x"), ("", "")]
)
def test_lookup_says_where_it_stopped(path, stop):
    with pytest.raises(ConfigError, match=rf"no branch '{path}' \(stopped at '{stop}'\)"):
        lookup(SMALL, path)


@pytest.mark.parametrize(
    ("arm", "changed"), [("otflow_nohjb", "hjb_weight"), ("otflow_hjb_only", "running_weight")]
)
def test_an_arm_of_otflow_lacks_one_term_and_is_otherwise_equal(arm, changed):
    runs = load_config(profile_paths("full")).expanded()["runs"]
    assert set(runs[arm]) == set(runs["otflow"])
    for law, whole in runs["otflow"].items():
        expected = whole | {"solver": whole["solver"] | {changed: 0.0}}
        assert runs[arm][law] == expected, law
        assert whole["solver"][changed] > 0
