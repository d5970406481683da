"""One training loop: what it keeps, what it refuses, and that nothing is printed."""

from __future__ import annotations

import signal
import warnings

import pytest
import torch
from torch import nn

from mfglab.solvers.base import DivergedError
from mfglab.training import fit as fit_module
from mfglab.training.fit import fit
from mfglab.training.module import SolverModule, learning_rate_factor


def weights(result):
    return result.solver.centre.detach()


def test_the_minimum_is_found(bench, make_solver):
    bench.train = torch.full((200, 2), 1.5)
    bench.val = bench.train
    result = bench.fit(make_solver(), iterations=300, learning_rate=0.1)
    torch.testing.assert_close(weights(result), torch.full((2,), 1.5), atol=0.02, rtol=0)
    assert result.steps == 300
    assert result.best_val_loss == min(row["val_loss"] for row in result.history)


def test_history_has_one_row_a_validation_with_every_term(bench, make_solver):
    result = bench.fit(make_solver())
    assert [row["step"] for row in result.history] == [10, 20, 30, 40, 50]
    names = {"step", "val_loss", "loss", "distance", "norm", "learning_rate"}
    assert all(set(row) == names for row in result.history)


def test_history_rows_are_means_over_their_epoch(bench, make_solver):
    class Counting(type(make_solver())):
        def loss(self, x, generator):
            out = super().loss(x, generator)
            out.terms["calls"] = torch.tensor(float(self._calls))
            return out

    result = bench.fit(Counting(), iterations=20)
    assert [row["calls"] for row in result.history] == [5.5, 15.5]


def test_the_weights_returned_are_those_of_the_best_validation(bench, make_solver):
    # Training pulls away from the validation data, so the first validation is the best.
    bench.val = make_solver().centre.detach().expand(50, 2).clone()
    bench.train = bench.train + 5.0
    result = bench.fit(make_solver(), schedule="constant", patience=100)
    losses = [row["val_loss"] for row in result.history]
    assert losses == sorted(losses)
    assert losses[-1] > 2 * losses[0]
    assert result.best_step == 10
    again = result.solver.validation_loss(bench.val, torch.Generator())
    assert again.item() == losses[0] == result.best_val_loss


def test_early_stopping_counts_validations(bench, make_solver):
    bench.val = make_solver().centre.detach().expand(50, 2).clone()
    bench.train = bench.train + 5.0
    result = bench.fit(make_solver(), patience=2)
    assert result.steps == 30  # best at 10, then two without improvement


def test_the_average_is_validated_and_returned(bench, make_solver):
    solver = make_solver()
    start = solver.centre.detach().clone()
    result = bench.fit(solver, ema_decay=0.9, schedule="constant", iterations=20, val_every=20)
    trained = solver.centre.detach()
    assert result.solver is not solver
    # The average lags behind the weights it averages.
    assert (weights(result) - start).norm() < (trained - start).norm()
    again = result.solver.validation_loss(bench.val, torch.Generator())
    assert again.item() == result.best_val_loss


def test_the_average_is_the_exponential_one(bench, make_solver):
    class Marching(type(make_solver())):
        path: list[torch.Tensor] = []  # noqa: RUF012

        def loss(self, x, generator):
            self.path.append(self.centre.detach().clone())
            return super().loss(x, generator)

    solver = Marching()
    result = bench.fit(solver, ema_decay=0.75, iterations=10, val_every=10)
    seen = [*solver.path[1:], solver.centre.detach()]  # weights after each step
    average = seen[0]
    for value in seen[1:]:
        average = 0.75 * average + 0.25 * value
    torch.testing.assert_close(weights(result), average, atol=1e-6, rtol=0)


def test_gradient_clipping_bounds_the_first_step(bench, make_solver, monkeypatch):
    seen = []
    original = SolverModule._descend

    def spy(self, total):
        original(self, total)
        seen.append(self.solver.centre.grad.norm().item())

    monkeypatch.setattr(SolverModule, "_descend", spy)
    bench.fit(make_solver(), gradient_clip=0.01, iterations=10)
    assert max(seen) <= 0.01 * (1 + 1e-4)
    assert min(seen) > 0.0099


def test_the_working_folder_is_removed(bench, make_solver):
    bench.fit(make_solver())
    assert not bench.folder.exists()


def test_same_seed_same_weights_other_seed_other_weights(bench, make_solver):
    first, second, other = (bench.fit(make_solver(), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(weights(first), weights(second))
    assert first.history == second.history
    assert not torch.equal(weights(first), weights(other))


def test_epochs_draw_different_batches(bench, make_solver):
    class Recording(type(make_solver())):
        seen: list[torch.Tensor] = []  # noqa: RUF012

        def loss(self, x, generator):
            self.seen.append(x.clone())
            return super().loss(x, generator)

    solver = Recording()
    bench.fit(solver, iterations=20)
    first, second = torch.stack(solver.seen[:10]), torch.stack(solver.seen[10:])
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1.0, 1.0, 1.0]),
        ("cosine", [1.0, 0.5, 0.0]),
        ("halving", [1.0, 0.25, 0.0625]),
    ],
)
def test_schedules(make_training, schedule, factors):
    cfg = make_training(iterations=100, schedule=schedule, halve_every=25)
    values = [learning_rate_factor(cfg, step) for step in (0, 50, 100)]
    assert values == pytest.approx(factors, abs=1e-12)


def test_the_schedule_acts_on_the_optimiser(bench, make_solver):
    result = bench.fit(make_solver(), schedule="halving", halve_every=20, patience=100)
    rates = [row["learning_rate"] for row in result.history]
    assert rates == pytest.approx([0.05, 0.025, 0.025, 0.0125, 0.0125])


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": 60, "val_every": 20, "ema_decay": 0.8, "gradient_clip": 0.5},
        {"iterations": 56, "val_every": 20, "accumulate": 2},
        {"iterations": 40, "val_every": 20, "precision": "bf16-mixed"},
    ],
    ids=["average", "accumulated", "bfloat16"],
)
def test_steps_in_groups_are_the_same_steps(bench, make_solver, monkeypatch, settings):
    class Layered(type(make_solver())):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)
            self.layer.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})

        def loss(self, x, generator):
            return super().loss(self.layer(x), generator)

    grouped = bench.fit(Layered(), **settings)
    sizes = []
    monkeypatch.setattr(fit_module, "group_size", lambda *numbers: sizes.append(numbers) or 1)
    single = bench.fit(Layered(), **settings)
    assert sizes == [(settings["val_every"], settings["iterations"])]
    assert grouped.history == single.history
    assert grouped.steps == single.steps == settings["iterations"]
    for name, value in single.final.items():
        assert torch.equal(grouped.final[name], value)
    moved = grouped.final["layer.weight"] - torch.eye(2)
    assert moved.abs().min() > 1e-4


# ------------------------------------------------------------------------------------ refusals


def test_divergence_names_step_and_terms(bench, make_solver):
    class Exploding(type(make_solver())):
        def loss(self, x, generator):
            out = super().loss(x, generator)
            bad = out.total * float("nan") if self._calls == 14 else out.total
            return type(out)(bad, out.terms | {"kinetic": bad.detach()})

    with pytest.raises(DivergedError, match=r"nan at step 13 .*distance = .*kinetic = nan"):
        bench.fit(Exploding())


def test_divergence_in_validation_names_the_step(bench, make_solver):
    class Blind(type(make_solver())):
        def validation_loss(self, x, generator):
            return self.centre.sum() / 0

    with pytest.raises(DivergedError, match=r"validation loss is -?inf after step 10"):
        bench.fit(Blind())


@pytest.mark.parametrize("which", ["train", "val"])
def test_data_not_finite_are_refused_by_row(bench, make_solver, which):
    getattr(bench, which)[7, 1] = float("nan")
    with pytest.raises(ValueError, match=rf"{which}\[7\] is not finite: .*nan"):
        bench.fit(make_solver())


@pytest.mark.parametrize("shape", [(50, 3), (50,), (0, 2)])
def test_wrong_shapes_are_refused(bench, make_solver, shape):
    bench.val = torch.zeros(shape)
    with pytest.raises(ValueError, match=r"val must have shape \(n, 2\) with n >= 1, got"):
        bench.fit(make_solver())


def test_wrong_precision_is_refused(bench, make_solver):
    bench.train = bench.train.double()
    with pytest.raises(ValueError, match=r"train must be torch.float32 .* got torch.float64"):
        bench.fit(make_solver())


def test_an_unknown_device_is_refused(bench, make_solver, make_training):
    with pytest.raises(ValueError, match="device must be one of cpu, cuda, auto, got 'abacus'"):
        fit(
            make_solver(),
            bench.train,
            bench.val,
            make_training(),
            seed=0,
            folder=bench.folder,
            device="abacus",
        )


# --------------------------------------------------------------------------------------- quiet


def test_without_a_progress_bar_nothing_is_printed(bench, make_solver, capfd, recwarn):
    bench.fit(make_solver())
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert [str(w.message) for w in recwarn] == []


def test_only_known_remarks_are_silenced(bench, make_solver):
    class Warns(type(make_solver())):
        def loss(self, x, generator):
            warnings.warn("the sky is falling", stacklevel=1)
            return super().loss(x, generator)

    with pytest.warns(UserWarning, match="the sky is falling"):
        bench.fit(Warns())


def test_ctrl_c_is_an_interruption_and_not_an_exit(bench, make_solver):
    solver = make_solver()
    solver._fail_at, solver._failure = 25, KeyboardInterrupt()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="holds its last state"):
        bench.fit(solver)
    assert signal.getsignal(signal.SIGINT) == before
    assert (bench.folder / "last.safetensors").is_file()
