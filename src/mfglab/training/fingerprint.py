"""What makes two training runs the same run: an interrupted one is continued only by itself."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from torch import Tensor, nn, uint8

from mfglab.config import TrainingConfig
from mfglab.solvers.base import Solver

Fingerprint = dict[str, str]
"""Parts of a run by name; two runs are the same when every part is."""


def fingerprint(
    solver: Solver,
    training: TrainingConfig,
    *,
    seed: int,
    data: dict[str, Tensor],
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
    return parts | {name: _digest(points) for name, points in data.items()}


def differences(ours: Fingerprint, theirs: Fingerprint) -> list[str]:
    """Names of the parts in which two runs differ, sorted."""
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )


def _describe(solver: Solver) -> str:
    settings = {
        name: value
        for name, value in sorted(vars(solver).items())
        # `training` is torch's train/eval flag, names with an underscore are torch's own state
        if isinstance(value, bool | int | float | str) and name[0] != "_" and name != "training"
    }
    kind = f"{type(solver).__module__}.{type(solver).__qualname__}"
    text = f"{kind} {settings} {solver.game!r} {nn.Module.__repr__(solver)}"
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _digest(x: Tensor) -> str:
    raw = x.detach().cpu().contiguous().reshape(-1).view(uint8).numpy().tobytes()
    return hashlib.sha256(f"{x.dtype} {tuple(x.shape)} ".encode() + raw).hexdigest()
