"""Solvers trained together come out as those trained alone."""

import pytest
import torch
from pydantic import TypeAdapter

from mfglab.config import SolverConfig, TrainingConfig
from mfglab.solvers.base import DivergedError
from mfglab.solvers.factory import build_solver
from mfglab.training.fit import fit, fit_all, fit_members
from mfglab.training.members import trainable_together
from mfglab.training.seeds import stream

SEEDS = [3, 0, 5]
SCORE = {"kind": "score", "process": {"kind": "ou"}, "width": 8, "depth": 2}
CNF = {"kind": "cnf", "width": 8, "steps": 2, "steps_val": 3}
SOLVERS = {
    "otflow": {"kind": "otflow", "width": 8, "steps": 2, "steps_val": 3},
    "boltzmann": {"kind": "boltzmann", "width": 8, "steps": 2, "steps_val": 3},
    "cnf": CNF,
    "jacobian": CNF | {"jacobian_weight": 0.1, "kinetic_weight": 0.1},
    "one layer": CNF | {"depth": 1},
    "three layers": CNF | {"depth": 3},
    "matching": {"kind": "flow_matching", "width": 8, "coupling": "optimal"},
    "potential": SCORE,
    "vector": SCORE | {"parametrisation": "vector"},
    "implicit": SCORE | {"objective": {"kind": "implicit"}},
    "residual": SCORE | {"regulariser": {"kind": "residual", "weight": 0.5}},
    "probes": SCORE | {"regulariser": {"kind": "residual", "probes": 2}},
    "reference": SCORE | {"regulariser": {"kind": "residual", "reference": 2.0}},
    "increment": SCORE | {"regulariser": {"kind": "increment"}},
    "score pde": SCORE | {"regulariser": {"kind": "score_pde", "weight": 0.1}},
    "kernels": {"kind": "wpo", "centres": 5},
    "weighted kernels": {
        "kind": "wpo",
        "centres": 5,
        "learn_weights": True,
        "leave_one_out": True,
        "likelihood_weight": 0.5,
    },
}
#: Of a kind that can be trained together, these cannot.
APART = {
    "symmetric": SCORE | {"rotations": 4},
    "deep potential": SOLVERS["otflow"] | {"depth": 3},
    "nonlinear": {"kind": "nonlinear_score"},
}


def make(settings, seed):
    config = TypeAdapter(SolverConfig).validate_python(settings)
    return build_solver(config, 2, stream("weights", seed)).double()


def training(**changes):
    settings = {"iterations": 8, "val_every": 2, "batch_size": 16, "learning_rate": 0.01}
    return TrainingConfig.model_validate(settings | changes)


@pytest.fixture
def data():
    sizes = (40, 64, 50)
    train = [torch.randn(n, 2, generator=stream("train", n)).double() for n in sizes]
    val = [torch.randn(12, 2, generator=stream("val", n)).double() for n in sizes]
    return train, val


def alone(settings, data, how, tmp_path):
    return [
        fit(make(settings, s), x, v, how, seed=s, folder=tmp_path / f"alone{s}", progress=False)
        for s, x, v in zip(SEEDS, *data, strict=True)
    ]


def together(settings, data, how, tmp_path, **options):
    solvers = [make(settings, s) for s in SEEDS]
    folder = tmp_path / "together"
    return fit_members(solvers, *data, how, seeds=SEEDS, folder=folder, progress=False, **options)


def compare(both, apart):
    for ours, theirs in zip(both, apart, strict=True):
        for row, other in zip(ours.history, theirs.history, strict=True):
            assert row == pytest.approx(other, rel=1e-9, abs=1e-12)
        assert (ours.steps, ours.best_step) == (theirs.steps, theirs.best_step)
        assert ours.best_val_loss == pytest.approx(theirs.best_val_loss, rel=1e-9)
        for kept, other in (
            (ours.solver.state_dict(), theirs.solver.state_dict()),
            (ours.final, theirs.final),
        ):
            assert kept.keys() == other.keys()
            for name, value in kept.items():
                torch.testing.assert_close(value, other[name], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("settings", SOLVERS.values(), ids=SOLVERS.keys())
def test_members_come_out_as_if_alone(settings, data, tmp_path):
    how = training(gradient_clip=0.1, ema_decay=0.5, schedule="cosine")
    apart = alone(settings, data, how, tmp_path)
    compare(together(settings, data, how, tmp_path), apart)
    assert len({result.best_val_loss for result in apart}) == len(SEEDS)


def test_each_member_stops_by_its_own_validation(data, tmp_path):
    how = training(iterations=60, learning_rate=0.5, patience=2, schedule="constant")
    apart = alone(SOLVERS["vector"], data, how, tmp_path)
    assert len({result.steps for result in apart}) > 1
    assert max(result.steps for result in apart) < 60
    compare(together(SOLVERS["vector"], data, how, tmp_path), apart)


def test_an_interrupted_run_goes_on_where_it_was(data, tmp_path, monkeypatch):
    how, settings = training(ema_decay=0.5, patience=2, learning_rate=0.3), SOLVERS["otflow"]
    whole = together(settings, data, how, tmp_path)
    kind = type(make(settings, 0))
    losses, steps = kind.training_losses, []

    def pulled(self, x, generators):
        steps.append(len(x))
        if len(steps) == 6:
            raise RuntimeError("pulled the plug")
        return losses(self, x, generators)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "training_losses", pulled)
        with pytest.raises(RuntimeError, match="pulled the plug"):
            together(settings, data, how, tmp_path)
    assert steps == [len(SEEDS)] * 6
    resumed = together(settings, data, how, tmp_path)
    for ours, theirs in zip(resumed, whole, strict=True):
        assert ours.history == theirs.history
        assert all(torch.equal(ours.final[name], theirs.final[name]) for name in ours.final)
    assert not (tmp_path / "together").exists()


def test_what_is_kept_is_read_again(data, tmp_path, monkeypatch):
    whole = together(SOLVERS["otflow"], data, training(), tmp_path, keep=True)
    monkeypatch.setattr(type(whole[0].solver), "training_losses", None)  # not called any more
    again = together(SOLVERS["otflow"], data, training(), tmp_path, keep=True)
    assert [r.history for r in again] == [r.history for r in whole]


def test_another_run_is_not_continued(data, tmp_path, caplog):
    together(SOLVERS["otflow"], data, training(), tmp_path, keep=True)
    train, val = data
    other = (train, [*val[:2], val[2] + 1])
    together(SOLVERS["otflow"], other, training(), tmp_path)
    assert "val of member 2 differ" in caplog.text


@pytest.mark.parametrize("settings", APART.values(), ids=APART.keys())
def test_others_are_trained_one_after_the_other(settings, data, tmp_path):
    solvers = [make(settings, s) for s in SEEDS]
    assert not trainable_together(solvers, training())
    with pytest.raises(ValueError, match="cannot be trained together"):
        fit_members(solvers, *data, training(), seeds=SEEDS, folder=tmp_path, progress=False)


@pytest.mark.parametrize("changes", [{"optimizer": "adamw"}, {"accumulate": 2}])
def test_settings_of_large_models_are_not_for_members(changes):
    solvers = [make(SOLVERS["otflow"], s) for s in SEEDS]
    assert not trainable_together(solvers, training(**changes))
    assert trainable_together(solvers, training())


def test_all_are_trained_whatever_they_are(data, tmp_path):
    train, val = data
    val = [val[0], val[1][:5], val[2]]  # the second has a group of its own
    for settings in (SOLVERS["vector"], APART["symmetric"]):
        solvers = [make(settings, s) for s in SEEDS]
        found = fit_all(
            solvers, train, val, training(), seeds=SEEDS, folder=tmp_path / "all", progress=False
        )
        compare(found, alone(settings, (train, val), training(), tmp_path))


def test_a_member_that_diverges_is_shown_among_the_others(data, tmp_path):
    solvers = [make(SOLVERS["vector"], s) for s in SEEDS]
    with torch.no_grad():
        solvers[1].net[0].weight.fill_(float("inf"))
    with pytest.raises(DivergedError, match=r"training loss is \[[\d.]+, nan, [\d.]+\] at step 0"):
        fit_members(solvers, *data, training(), seeds=SEEDS, folder=tmp_path, progress=False)


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (SOLVERS["otflow"], {"hjb_weight": 2.0}),
        (SOLVERS["cnf"], {"terminal_weight": 2.0}),
        (SOLVERS["residual"], {"regulariser": {"kind": "residual", "weight": 0.6}}),
        (SOLVERS["vector"], {"process": {"kind": "vp"}}),
    ],
    ids=["solver", "game", "regulariser", "process"],
)
def test_members_differ_in_nothing_but_weights(data, tmp_path, kind, other):
    solvers = [make(kind | change, 0) for change in ({}, {}, other)]
    with pytest.raises(ValueError, match="solver 2 has other settings than solver 0"):
        fit_members(solvers, *data, training(), seeds=SEEDS, folder=tmp_path, progress=False)


def test_bad_points_of_one_member_are_refused(data, tmp_path):
    train, val = data
    train[2][7, 1] = float("nan")
    with pytest.raises(ValueError, match=r"train\[7\] is not finite"):
        together(SOLVERS["vector"], (train, val), training(), tmp_path)
