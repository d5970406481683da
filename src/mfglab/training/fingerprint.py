"""What makes two training runs the same run: an interrupted one is continued only by itself."""

from __future__ import annotations

import hashlib
import re
from dataclasses import is_dataclass
from pathlib import Path

from torch import Tensor, nn, uint8

from mfglab.config import TrainingConfig
from mfglab.solvers.base import BatchT, Trainable

Fingerprint = dict[str, str]
"""Parts of a run by name; two runs are the same when every part is."""


def fingerprint(
    solver: Trainable[BatchT],
    training: TrainingConfig,
    *,
    seed: int,
    data: dict[str, BatchT],
    folder: Path,
) -> Fingerprint:
    """Everything that decides the outcome of a run.

    Args:
        solver: The solver before its first step: class, game, settings and initial weights count.
        training: Optimisation settings.
        seed: Seed of the run.
        data: Training and validation points by name.
        folder: Working folder; the state kept there names its files absolutely.
    """
    weights = hashlib.sha256()
    for name, value in sorted(solver.state_dict().items()):
        weights.update(f"{name} {_digest(value)}\n".encode())
    parts = {
        "solver": _describe(solver),
        "weights": weights.hexdigest(),
        "training": training.model_dump_json(),
        "seed": str(seed),
        "folder": str(folder.resolve()),
    }
    return parts | {name: _digest_data(x) for name, x in data.items()}


def differences(ours: Fingerprint, theirs: Fingerprint) -> list[str]:
    """Names of the parts in which two runs differ, sorted."""
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )


def _describe(solver: Trainable[BatchT]) -> str:
    settings = {
        name: value
        for name, value in sorted(vars(solver).items())
        # `training` is torch's train/eval flag, names with an underscore are torch's own state
        if _is_setting(value) and name[0] != "_" and name != "training"
    }
    kind = f"{type(solver).__module__}.{type(solver).__qualname__}"
    text = f"{kind} {settings} {solver.game!r} {nn.Module.__repr__(solver)}"
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _is_setting(value: object) -> bool:
    # a regulariser, an objective and a process are dataclasses, which print their fields
    return isinstance(value, bool | int | float | str) or is_dataclass(value)


def _digest_data(x: BatchT) -> str:
    return _digest(x) if isinstance(x, Tensor) else " ".join(map(_digest, x))


def _digest(x: Tensor) -> str:
    x = x.detach().cpu()
    layout = f"{x.dtype} {tuple(x.shape)} "
    if not x.is_contiguous():  # overlapping windows: the text itself, not every window of it
        layout += f"{x.stride()} {x.storage_offset()} "
        x = x.new_empty(0).set_(x.untyped_storage())
    raw = x.reshape(-1).view(uint8).numpy().tobytes()
    return hashlib.sha256(layout.encode() + raw).hexdigest()
