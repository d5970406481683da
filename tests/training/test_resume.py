"""An interrupted run, continued, is the uninterrupted run to the last bit."""

from __future__ import annotations

import logging

import pytest
import torch

from mfglab.training import checkpoints
from mfglab.training import fit as fit_module
from mfglab.training.checkpoints import CheckpointError, load_tree
from mfglab.training.fingerprint import differences, fingerprint

PLAIN = {"schedule": "constant"}
EVERYTHING = {"ema_decay": 0.8, "schedule": "cosine", "gradient_clip": 0.5}
HALVING = {"ema_decay": 0.0, "schedule": "halving", "halve_every": 15}


def same(a, b):
    assert a.history == b.history
    assert (a.best_step, a.best_val_loss, a.steps) == (b.best_step, b.best_val_loss, b.steps)
    left, right = a.solver.state_dict(), b.solver.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def interrupt(bench, solver, after, **settings):
    solver._fail_at = after
    with pytest.raises(RuntimeError, match="pulled the plug"):
        bench.fit(solver, **settings)
    assert (bench.folder / "last.safetensors").is_file()


@pytest.mark.parametrize("settings", [PLAIN, EVERYTHING, HALVING], ids=["plain", "all", "halving"])
@pytest.mark.parametrize("after", [10, 27])
def test_resumed_equals_uninterrupted(bench, make_solver, caplog, settings, after):
    whole = bench.fit(make_solver(), **settings)
    interrupt(bench, make_solver(), after, **settings)
    second = make_solver()
    resumed = bench.fit(second, **settings)
    same(resumed, whole)
    assert second._calls == 50 - 10 * (after // 10)  # it went on rather than began anew
    assert "starting anew" not in caplog.text
    assert not bench.folder.exists()


def test_resumed_twice_equals_uninterrupted(bench, make_solver):
    whole = bench.fit(make_solver(), **EVERYTHING)
    interrupt(bench, make_solver(), 15, **EVERYTHING)
    interrupt(bench, make_solver(), 15, **EVERYTHING)
    same(bench.fit(make_solver(), **EVERYTHING), whole)


def test_steps_after_the_last_validation_do_no_harm(bench, make_solver):
    settings = {"iterations": 57}
    whole = bench.fit(make_solver(), **settings)
    assert whole.steps == 57
    assert whole.best_step == 50
    assert len(whole.history) == 5
    interrupt(bench, make_solver(), 55, **settings)
    same(bench.fit(make_solver(), **settings), whole)


def test_continuing_prints_nothing(bench, make_solver, capfd, recwarn):
    interrupt(bench, make_solver(), 25)
    capfd.readouterr()
    bench.fit(make_solver())
    assert capfd.readouterr() == ("", "")
    assert [str(w.message) for w in recwarn] == []


def test_an_interruption_before_the_first_validation_costs_nothing_else(bench, make_solver):
    whole = bench.fit(make_solver())
    solver = make_solver()
    solver._fail_at = 4
    with pytest.raises(RuntimeError, match="pulled the plug"):
        bench.fit(solver)
    same(bench.fit(make_solver()), whole)


def worsening(bench, make_solver):
    """Validation data that training moves away from: patience is used up."""
    bench.val = make_solver().centre.detach().expand(50, 2).clone()
    bench.train = bench.train + 5.0


def test_early_stopping_remembers_how_long_it_has_waited(bench, make_solver):
    worsening(bench, make_solver)
    settings = {"patience": 3, "iterations": 100}
    whole = bench.fit(make_solver(), **settings)
    assert whole.steps == 40
    interrupt(bench, make_solver(), 25, **settings)
    same(bench.fit(make_solver(), **settings), whole)


@pytest.mark.parametrize("patience", [3, 100])
def test_a_run_killed_after_its_last_step_only_cleans_up(bench, make_solver, monkeypatch, patience):
    worsening(bench, make_solver)
    settings = {"patience": patience, "iterations": 60}
    whole = bench.fit(make_solver(), **settings)

    def killed(folder):
        raise RuntimeError("killed before the folder is removed")

    with monkeypatch.context() as patch:
        patch.setattr(fit_module.shutil, "rmtree", killed)
        with pytest.raises(RuntimeError, match="killed before"):
            bench.fit(make_solver(), **settings)
    solver = make_solver()
    same(bench.fit(solver, **settings), whole)
    assert solver._calls == 0


@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("which", [1, 3])
def test_a_kill_between_the_two_renames_loses_nothing(
    bench, make_solver, monkeypatch, caplog, name, which
):
    whole = bench.fit(make_solver(), **EVERYTHING)
    original, count = checkpoints.Path.replace, [0]

    def replace(self, target):
        if self.name == f"{name}.safetensors.part":
            count[0] += 1
            if count[0] == which:
                raise RuntimeError("killed between the renames")
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Path, "replace", replace)
        with pytest.raises(RuntimeError, match="killed between"):
            bench.fit(make_solver(), **EVERYTHING)
    solver = make_solver()
    same(bench.fit(solver, **EVERYTHING), whole)
    kept = which - (name == "best")  # best is written before last, at every validation here
    assert solver._calls == 50 - 10 * kept
    assert "starting anew" not in caplog.text


@pytest.mark.parametrize(("iterations", "again"), [(50, 0), (57, 7)])
def test_a_finished_run_that_is_kept_is_not_trained_again(bench, make_solver, iterations, again):
    settings = EVERYTHING | {"iterations": iterations}
    whole = bench.fit(make_solver(), keep=True, **settings)
    solver = make_solver()
    second = bench.fit(solver, **settings)
    same(second, whole)
    assert solver._calls == again
    assert second.final.keys() == whole.final.keys()
    assert all(torch.equal(second.final[name], whole.final[name]) for name in whole.final)
    assert not bench.folder.exists()


# ------------------------------------------------------------------------- not the same run


def other_solver(bench, make_solver):
    return bench.fit(make_solver(noise=0.2))


def other_weights(bench, make_solver):
    return bench.fit(make_solver(seed=1))


def other_data(bench, make_solver):
    bench.train = bench.train + 0.5
    return bench.fit(make_solver())


def other_training(bench, make_solver):
    return bench.fit(make_solver(), learning_rate=0.01)


def other_seed(bench, make_solver):
    return bench.fit(make_solver(), seed=1)


@pytest.mark.parametrize(
    ("run", "part"),
    [
        (other_solver, "solver"),
        (other_weights, "weights"),
        (other_data, "train"),
        (other_training, "training"),
        (other_seed, "seed"),
    ],
)
def test_another_run_is_not_continued(bench, make_solver, caplog, run, part):
    train = bench.train
    fresh = run(bench, make_solver)
    bench.train = train
    interrupt(bench, make_solver(), 25)
    with caplog.at_level(logging.WARNING):
        result = run(bench, make_solver)
    same(result, fresh)
    assert (
        f"starting anew: {bench.folder / 'last.safetensors'} belongs to another run, {part} diff"
        in (caplog.text)
    )


@pytest.mark.parametrize("file", ["last.safetensors", "last.json", "best.safetensors"])
def test_a_damaged_state_is_reported_and_not_used(bench, make_solver, caplog, file):
    whole = bench.fit(make_solver())
    interrupt(bench, make_solver(), 25)
    (bench.folder / file).write_bytes(b"\x00damaged")
    solver = make_solver()
    same(bench.fit(solver), whole)
    assert solver._calls == 50
    assert "starting anew" in caplog.text
    assert file in caplog.text


def test_the_state_carries_its_identity(bench, make_solver, make_training):
    interrupt(bench, make_solver(), 25)
    data = {"train": bench.train, "val": bench.val}
    ours = fingerprint(make_solver(), make_training(), seed=0, data=data, folder=bench.folder)
    assert load_tree(bench.folder / "last.safetensors")["fingerprint"] == ours


def test_differences_name_missing_parts():
    assert differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == ["a", "b", "c"]
    assert differences({"a": "1"}, {"a": "1"}) == []


def test_a_missing_state_is_an_error_only_when_asked_for(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_tree(tmp_path / "last.safetensors")
