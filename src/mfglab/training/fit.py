"""``fit``: the one training loop, for one solver or for some that differ in their seed."""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from torch import Tensor
from torch.utils.data import Dataset

from mfglab.config import TrainingConfig
from mfglab.solvers.base import BatchT, PointwiseSolver, Trainable
from mfglab.training.batches import (
    Batches,
    Groups,
    RandomBatches,
    WholeBatch,
    count,
    group_size,
    loader,
)
from mfglab.training.callbacks import Patience, best_weights, last_state
from mfglab.training.checkpoints import CheckpointError, has_checkpoint, load_tree
from mfglab.training.fingerprint import Fingerprint, differences, fingerprint
from mfglab.training.lightning_io import SafetensorsIO
from mfglab.training.members import (
    MemberBatches,
    MemberPoints,
    MembersModule,
    trainable_together,
)
from mfglab.training.module import SolverModule
from mfglab.training.quiet import quiet
from mfglab.training.seeds import stream

_ACCELERATORS = {"cpu": "cpu", "cuda": "gpu", "auto": "auto"}


TrainableT = TypeVar("TrainableT", bound=Trainable)  # type: ignore[type-arg]
SolverT = TypeVar("SolverT", bound=PointwiseSolver)


@dataclass(frozen=True)
class FitResult(Generic[TrainableT]):
    """What training left.

    Args:
        solver: The solver with the weights that were best on validation data.
        final: State dictionary of the solver after the last step.
        history: One row a validation: step, val_loss, means of the training terms, learning rate.
        best_step: Step at which the kept weights were reached.
        best_val_loss: Their validation loss.
        steps: Steps taken in all.
        seconds: Wall time of this call, shared equally among solvers trained together.
    """

    solver: TrainableT
    final: dict[str, Tensor]
    history: list[dict[str, float]]
    best_step: int
    best_val_loss: float
    steps: int
    seconds: float


def fit(
    solver: TrainableT,
    train: BatchT,
    val: BatchT,
    training: TrainingConfig,
    *,
    seed: int,
    folder: Path,
    device: str = "cpu",
    progress: bool = True,
    keep: bool = False,
) -> FitResult[TrainableT]:
    """Train ``solver`` and return it with the weights that were best on validation data.

    An interrupted run leaves its state in ``folder``; called again with the same arguments, the
    solver built afresh, it goes on from there and ends with exactly the weights and the history
    of an uninterrupted run. A state that is damaged or belongs to another run (other data,
    settings, seed or initial weights) is not continued: a warning is logged and training starts
    anew. After success ``folder`` is removed, unless it is to be kept.

    Args:
        solver: What is trained; changed in place.
        train: Training points (n, d), or inputs and labels.
        val: Validation data of the same form.
        training: Optimisation settings.
        seed: Seed of batches and noise.
        folder: Working folder of this run alone.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: Show a progress bar.
        keep: Leave ``folder`` after success. Called again with the same arguments, the result is
            read from it; only steps after the last validation are trained again.

    Raises:
        DivergedError: The loss is not finite.
        KeyboardInterrupt: Training was interrupted; ``folder`` holds its last state.
        ValueError: The solver cannot learn from the data (values that are not finite, another
            dimension or precision), or ``device`` is unknown.
    """
    if device not in _ACCELERATORS:
        raise ValueError(f"device must be one of {', '.join(_ACCELERATORS)}, got {device!r}")
    data = {"train": train, "val": val}
    for name, x in data.items():
        solver.check(name, x)
    data["train"] = train = solver.prepare(train, stream("prepare", seed))
    identity = fingerprint(solver, training, seed=seed, data=data, folder=folder)
    module = SolverModule(solver, training, seed, identity)
    best = best_weights(folder)
    size = training.batch_size * training.accumulate
    batches = RandomBatches(train, size, training.val_every, seed)
    state = _state(folder, identity, ("last", "best"))
    start = time.perf_counter()
    trainer = _optimise(
        module, batches, WholeBatch(val), training, folder, state, device, progress, best
    )
    final = {name: value.cpu().clone() for name, value in module.evaluated.state_dict().items()}
    kept = load_tree(Path(best.best_model_path).with_suffix(".safetensors"))
    module.load_state_dict(kept["state_dict"])
    result = FitResult(
        solver=cast(TrainableT, module.evaluated.cpu().eval()),
        final=final,
        history=module.history,
        best_step=int(kept["global_step"]),
        best_val_loss=float(best.best_model_score),  # type: ignore[arg-type]
        steps=int(trainer.global_step),
        seconds=time.perf_counter() - start,
    )
    if not keep:
        shutil.rmtree(folder)
    return result


def fit_members(
    solvers: Sequence[SolverT],
    train: Sequence[Tensor],
    val: Sequence[Tensor],
    training: TrainingConfig,
    *,
    seeds: Sequence[int],
    folder: Path,
    device: str = "cpu",
    progress: bool = True,
    keep: bool = False,
) -> list[FitResult[SolverT]]:
    """Train solvers that differ in their seed, and perhaps their data, together.

    Small networks take as many steps in about half the time. Each solver sees the batches and the
    noise, takes the steps, and is validated and stopped as in a :func:`fit` of its own, up to
    rounding. An interrupted run is continued as there.

    Args:
        solvers: What is trained; changed in place. See
            :func:`~mfglab.training.members.trainable_together` for those that can be.
        train: Training points (n_k, d) of each.
        val: Validation points (n, d) of each, as many for all.
        training: As for :func:`fit`, the same for all; so are the other arguments.
        seeds: Seed of batches and noise of each.
        folder: See there.
        device: See there.
        progress: See there.
        keep: See there.

    Raises:
        ValueError: The solvers cannot be trained together, or differ in their settings; and all
            that :func:`fit` raises.
    """
    if device not in _ACCELERATORS:
        raise ValueError(f"device must be one of {', '.join(_ACCELERATORS)}, got {device!r}")
    if not solvers or not trainable_together(solvers, training):
        kinds = sorted({type(solver).__name__ for solver in solvers})
        raise ValueError(f"{', '.join(kinds) or 'no solvers'} cannot be trained together")
    identity: Fingerprint = {}
    others: list[Tensor] = []  # what the solvers leave of their training points
    for k, (solver, seed, x, v) in enumerate(zip(solvers, seeds, train, val, strict=True)):
        data = {"train": x, "val": v}
        for name, points in data.items():
            solver.check(name, points)
        others.append(solver.prepare(x, stream("prepare", seed)))
        data["train"] = others[-1]
        own = fingerprint(solver, training, seed=seed, data=data, folder=folder)
        identity |= {f"{name} of member {k}": value for name, value in own.items()}
        if identity["solver of member 0"] != own["solver"]:  # its settings would be ignored
            raise ValueError(f"solver {k} has other settings than solver 0")
    module = MembersModule(solvers, training, seeds, identity)
    batches = MemberBatches(others, training.batch_size, training.val_every, seeds)
    state = _state(folder, identity, ("last",))
    start = time.perf_counter()
    trainer = _optimise(
        module, batches, MemberPoints(val), training, folder, state, device, progress
    )
    seconds = (time.perf_counter() - start) / len(solvers)
    results = []
    for k, (solver, member) in enumerate(zip(solvers, module.progress, strict=True)):
        solver.load_state_dict(member.best)
        results.append(
            FitResult(
                solver=solver.cpu().eval(),
                final=member.final or module.member_weights(k),
                history=member.history,
                best_step=member.best_step,
                best_val_loss=member.best_val_loss,
                steps=int(trainer.global_step) if member.stopped is None else member.stopped,
                seconds=seconds,
            )
        )
    if not keep:
        shutil.rmtree(folder)
    return results


def fit_all(
    solvers: Sequence[TrainableT],
    train: Sequence[BatchT],
    val: Sequence[BatchT],
    training: TrainingConfig,
    *,
    seeds: Sequence[int],
    folder: Path,
    device: str = "cpu",
    progress: bool = True,
    keep: bool = False,
) -> list[FitResult[TrainableT]]:
    """Train solvers together where that is possible, else one after the other.

    Arguments are those of :func:`fit_members`; those with as many validation points are trained
    together. Each has a folder of its own below ``folder``.
    """
    results: dict[int, FitResult[TrainableT]] = {}
    for size in dict.fromkeys(map(count, val)):
        members = [k for k in range(len(solvers)) if count(val[k]) == size]
        chosen: list[Any] = [solvers[k] for k in members]
        if len(members) > 1 and trainable_together(chosen, training):
            found: list[Any] = fit_members(
                chosen,
                cast(list[Tensor], [train[k] for k in members]),
                cast(list[Tensor], [val[k] for k in members]),
                training,
                seeds=[seeds[k] for k in members],
                folder=folder / f"together.{size}",
                device=device,
                progress=progress,
                keep=keep,
            )
            results |= zip(members, found, strict=True)
            continue
        for k in members:
            results[k] = fit(
                solvers[k],
                train[k],
                val[k],
                training,
                seed=seeds[k],
                folder=folder / f"{k}.{seeds[k]}",
                device=device,
                progress=progress,
                keep=keep,
            )
    return [results[k] for k in range(len(solvers))]


def _optimise(
    module: SolverModule[BatchT],
    batches: Batches[BatchT],
    val: Dataset[BatchT],
    training: TrainingConfig,
    folder: Path,
    state: str | None,
    device: str,
    progress: bool,
    *more: Callback,
) -> pl.Trainer:
    group = group_size(training.val_every, training.iterations)
    callbacks = [Patience(training.patience), *more, last_state(folder)]
    with quiet():
        trainer = _trainer(training, callbacks, training.val_every // group, device, progress)
        with _interruptible(trainer, folder), torch.random.fork_rng():
            trainer.fit(module, loader(Groups(batches, group)), loader(val), ckpt_path=state)
    return trainer


def _trainer(
    training: TrainingConfig, callbacks: list[Callback], groups: int, device: str, progress: bool
) -> pl.Trainer:
    bar = [TQDMProgressBar(refresh_rate=groups)] if progress else []
    return pl.Trainer(
        accelerator=_ACCELERATORS[device],
        devices=1,
        precision=training.precision,
        max_steps=training.iterations,
        max_epochs=-1,
        limit_train_batches=groups,
        callbacks=[*bar, *callbacks],
        plugins=[SafetensorsIO()],
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # score potentials differentiate with respect to x in validation
    )


@contextmanager
def _interruptible(trainer: pl.Trainer, folder: Path) -> Iterator[None]:
    # Lightning answers Ctrl-C by exiting the process and leaves SIGINT ignored for good.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not trainer.interrupted:
            raise
        message = f"training was interrupted; {folder} holds its last state"
        raise KeyboardInterrupt(message) from error
    finally:
        if main and signal.getsignal(signal.SIGINT) != handler:
            signal.signal(signal.SIGINT, handler)


def _state(folder: Path, identity: Fingerprint, files: Sequence[str]) -> str | None:
    # A state that cannot be continued costs a fresh start, never a wrong result.
    path = folder / "last.safetensors"
    if not has_checkpoint(path):
        return None
    log = logging.getLogger(__name__)
    try:
        theirs = {name: load_tree(folder / f"{name}.safetensors") for name in files}["last"]
        theirs = theirs.get("fingerprint", {})
    except CheckpointError as error:
        log.warning("starting anew: %s", error)
        return None
    if other := differences(identity, theirs):
        log.warning("starting anew: %s belongs to another run, %s differ", path, ", ".join(other))
        return None
    return str(path)
