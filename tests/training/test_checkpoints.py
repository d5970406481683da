"""Checkpoints survive the round trip, every kill, and say what is wrong when damaged."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.training import checkpoints
from mfglab.training.checkpoints import (
    CheckpointError,
    has_checkpoint,
    load_tree,
    load_weights,
    save_tree,
    save_weights,
)
from mfglab.training.lightning_io import SafetensorsIO


def equal(a, b):
    """Same tree: types of containers and numbers, and tensors to the bit."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert (
            torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))
            if a.is_floating_point()
            else (torch.equal(a, b))
        )
    elif isinstance(a, dict):
        assert set(a) == set(b)
        for key in a:
            equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            equal(left, right)
    else:
        assert a == b


def round_trip(tree, folder):
    path = folder / "state.safetensors"
    save_tree(tree, path)
    return load_tree(path)


TREES = {
    "empty": {},
    "empty containers": {"a": {}, "b": [], "c": ()},
    "integer keys": {"state": {0: {"step": torch.tensor(3.0)}, 1: {}}},
    "mixed keys": {"m": {0: "zero", "0": "text zero"}},
    "mixed keys of tensors": {"m": {0: torch.tensor(0), "0": torch.tensor(1), "0'": torch.ones(1)}},
    "tuples": {"betas": (0.9, 0.999), "nested": [(1, (2, torch.ones(2)))]},
    "plain values": {"a": None, "b": True, "c": 1, "d": 1.5, "e": "text", "f": 1e-320},
    "floats": {"x": [float("inf"), -float("inf"), 0.1 + 0.2]},
    "dollars": {"$tensor": "not one", "$tuple": [1], "$items": {"$x": 2}},
    "slashes": {"a": {"b/c": torch.tensor(1)}, "a/b": {"c": torch.tensor(2)}},
    "scalar and empty tensors": {"s": torch.tensor(2), "e": torch.zeros(0, 3)},
    "shared storage": {"whole": torch.arange(6.0), "part": torch.arange(6.0)[1:3]},
    "not contiguous": {"x": torch.arange(6.0).reshape(2, 3).T},
    "with gradient": {"x": torch.nn.Parameter(torch.ones(2)).detach()},
}


@pytest.mark.parametrize("name", TREES)
def test_round_trip(tmp_path, name):
    equal(round_trip(TREES[name], tmp_path), TREES[name])


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", "bfloat16", "int64", "uint8", "bool"],
)
def test_round_trip_keeps_precision(tmp_path, dtype):
    tree = {"x": torch.tensor([0, 1, 3]).to(getattr(torch, dtype))}
    equal(round_trip(tree, tmp_path), tree)


def test_one_tensor_under_two_names_is_stored_twice(tmp_path):
    x = torch.arange(3.0)
    out = round_trip({"a": x, "b": x}, tmp_path)
    equal(out, {"a": x, "b": x})
    assert out["a"].data_ptr() != out["b"].data_ptr()


def test_a_parameter_comes_back_as_a_plain_tensor(tmp_path):
    out = round_trip({"p": torch.nn.Parameter(torch.ones(2))}, tmp_path)
    assert type(out["p"]) is torch.Tensor
    assert not out["p"].requires_grad


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.integers(0, 5).map(lambda n: torch.arange(n))
)
NODES = st.recursive(
    LEAVES,
    lambda child: (
        st.lists(child, max_size=3)
        | st.lists(child, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(-3, 3), child, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(tree=st.dictionaries(st.text(max_size=4), NODES, max_size=3))
def test_any_tree_survives(tmp_path_factory, tree):
    equal(round_trip(tree, tmp_path_factory.mktemp("tree")), tree)


def test_the_same_tree_gives_the_same_bytes(tmp_path):
    tree = {"b": torch.ones(2), "a": {"x": 1, 2: (3.0,)}}
    for name in ("one", "two"):
        save_tree(tree, tmp_path / f"{name}.safetensors")
    for suffix in ("safetensors", "json"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_weights_and_meta(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, {"w": torch.ones(2)}, {"seed": 3, "loss": 0.25})
    model = load_weights(path)
    equal(model.weights, {"w": torch.ones(2)})
    assert model.meta == {"seed": 3, "loss": 0.25}


def test_the_format_of_lightning_is_adapted_and_removed(tmp_path):
    io = SafetensorsIO()
    io.save_checkpoint({"step": 3}, tmp_path / "best.ckpt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.json", "best.safetensors"]
    assert io.load_checkpoint(tmp_path / "best.ckpt") == {"step": 3}
    io.remove_checkpoint(tmp_path / "best.ckpt")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------ refusals


def test_what_is_no_plain_data_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot store /a/0 of type object"):
        save_tree({"a": [object()]}, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_is_required(tmp_path):
    with pytest.raises(CheckpointError, match=r"must end in \.safetensors, got .*x\.ckpt"):
        save_tree({}, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match=r"must end in \.safetensors, got .*x\.ckpt"):
        load_tree(tmp_path / "x.ckpt")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    save_tree({"w": torch.arange(4.0), "n": 1}, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(saved, suffix):
    saved.with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"model\{suffix} does not exist"):
        load_tree(saved)


def flip_byte(path, position):
    raw = bytearray(path.read_bytes())
    raw[position] ^= 0xFF
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("position", [0, 12, -1])
def test_damaged_tensors_are_named(saved, position):
    flip_byte(saved, position)
    with pytest.raises(CheckpointError, match=r"model\.safetensors has sha256 .* is damaged or"):
        load_tree(saved)


def test_truncated_tensors_are_named(saved):
    saved.write_bytes(saved.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=r"model\.safetensors has sha256"):
        load_tree(saved)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", "{}", '{"tensors_sha256": "0"}', "\x00"]
)
def test_a_damaged_json_is_named(saved, text):
    saved.with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError, match=r"model\.json is damaged"):
        load_tree(saved)


def test_a_json_that_is_not_text_is_named(saved):
    saved.with_suffix(".json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CheckpointError, match=r"model\.json is damaged"):
        load_tree(saved)


def test_a_tree_that_asks_for_absent_tensors_is_named(saved):
    side = saved.with_suffix(".json")
    document = json.loads(side.read_text())
    document["tree"]["w"] = {"$tensor": "/nowhere"}
    side.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged: .*nowhere"):
        load_tree(saved)


def test_tensors_that_are_no_safetensors_are_named(saved):
    saved.write_bytes(b"nothing of the kind")
    side = saved.with_suffix(".json")
    document = json.loads(side.read_text())
    document["tensors_sha256"] = checkpoints._sha256(saved)
    side.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        load_tree(saved)


def test_a_pair_of_two_checkpoints_is_refused(saved, tmp_path):
    other = tmp_path / "other.safetensors"
    save_tree({"w": torch.zeros(4), "n": 2}, other)
    other.replace(saved)
    with pytest.raises(CheckpointError, match=r"model\.json expects .* belongs to another"):
        load_tree(saved)


def test_a_tree_is_no_trained_model(saved):
    with pytest.raises(CheckpointError, match=r"model\.safetensors holds \['n', 'w'\], expected"):
        load_weights(saved)


# --------------------------------------------------------------------------------------- kills

OLD, NEW = {"w": torch.zeros(3), "n": 1}, {"w": torch.ones(3), "n": 2}


class Killed(BaseException):
    pass


def kill_at(monkeypatch, call):
    """Die before the ``call``-th of the file operations that save_tree uses."""
    count = [0]

    def counted(operation):
        def run(*args, **kwargs):
            count[0] += 1
            if count[0] == call:
                raise Killed
            return operation(*args, **kwargs)

        return run

    monkeypatch.setattr(checkpoints, "save_file", counted(checkpoints.save_file))
    monkeypatch.setattr(checkpoints.Path, "write_text", counted(checkpoints.Path.write_text))
    monkeypatch.setattr(checkpoints.Path, "replace", counted(checkpoints.Path.replace))


def half_saved(monkeypatch, tree, path, call):
    with monkeypatch.context() as patch:
        kill_at(patch, call)
        with pytest.raises(Killed):
            save_tree(tree, path)


@pytest.mark.parametrize(("call", "kept"), [(1, OLD), (2, OLD), (3, OLD), (4, NEW)])
def test_a_kill_leaves_the_old_or_the_new(tmp_path, monkeypatch, call, kept):
    path = tmp_path / "state.safetensors"
    save_tree(OLD, path)
    half_saved(monkeypatch, NEW, path, call)
    equal(load_tree(path), kept)


@pytest.mark.parametrize("second", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_two_kills_in_a_row_lose_nothing(tmp_path, monkeypatch, first, second):
    path = tmp_path / "state.safetensors"
    save_tree(OLD, path)
    half_saved(monkeypatch, NEW, path, first)
    newest = {"w": torch.full((3,), 9.0), "n": 3}
    pending = first == 4  # this save begins by finishing the one before: one operation more
    if second == 5 and not pending:
        save_tree(newest, path)
        equal(load_tree(path), newest)
        return
    half_saved(monkeypatch, newest, path, second)
    done = second == 4 + pending
    equal(load_tree(path), newest if done else (NEW if pending else OLD))


def test_a_first_save_killed_between_the_renames_is_readable(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    half_saved(monkeypatch, NEW, path, 4)
    assert not path.exists()
    assert has_checkpoint(path)
    equal(load_tree(path), NEW)


def test_a_save_after_a_kill_leaves_just_the_pair(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    for call in (2, 3, 4):
        half_saved(monkeypatch, OLD, path, call)
    save_tree(NEW, path)
    equal(load_tree(path), NEW)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.json", "state.safetensors"]


def test_a_damaged_checkpoint_can_be_written_over(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    half_saved(monkeypatch, OLD, path, 4)
    path.with_suffix(".json").write_text("damaged")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_tree(path)
    save_tree(NEW, path)
    equal(load_tree(path), NEW)


def test_there_is_no_checkpoint_where_nothing_was_saved(tmp_path):
    assert not has_checkpoint(tmp_path / "state.safetensors")
