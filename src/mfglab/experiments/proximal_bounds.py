"""Measured differences of outputs below the bounds of Theorems 2 and 3 and their proximal forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfglab.config import ProximalMapConfig
from mfglab.experiments.proximal_cases import Case, Row, normal, smooth_labels
from mfglab.games.closed_forms.proximal_map import ProximalGame
from mfglab.metrics.wasserstein import transport_distances
from mfglab.robustness import depth_bounds as known
from mfglab.robustness.schedule import Array
from mfglab.training.seeds import stream

Bound = Callable[[float, float, float, Array, Array], Array]

KINDS: dict[str, Bound] = {
    "published": known.published_bound,
    "proximal": known.proximal_bound,
    "cocoercive": known.cocoercive_bound,
}
LAWS: dict[str, Callable[[float, float, float, float], float]] = {
    "published": known.published_wasserstein_bound,
    "proximal": known.proximal_wasserstein_bound,
    "cocoercive": known.cocoercive_wasserstein_bound,
}
#: Length of the steps in the direction in which the flow is steepest.
_STEP = 1e-3


@dataclass(frozen=True)
class Slopes:
    """Largest ratios of distances over pairs of inputs with one label.

    Args:
        state: ``|dX(T)| / |dX(0)|``, over random pairs and steps along the flattest direction.
        random_state: The same over random pairs alone.
        output: ``|d output| / |dX(0)|``, over random pairs and the steepest direction.
    """

    state: float
    random_state: float
    output: float


@dataclass(frozen=True)
class _Pairs:
    """Pairs of inputs (n, d) with labels (n, c)."""

    x1: Tensor
    x2: Tensor
    y1: Tensor
    y2: Tensor

    def inputs(self) -> Array:
        return _numpy((self.x1 - self.x2).norm(dim=1))

    def labels(self) -> Array:
        return _numpy((self.y1 - self.y2).norm(dim=1))

    def outputs(self, game: ProximalGame) -> Array:
        one, other = (
            game.head.output(game.end(x, y)) for x, y in ((self.x1, self.y1), (self.x2, self.y2))
        )
        return _numpy((one - other).norm(dim=1))

    def states(self, game: ProximalGame) -> Array:
        return _numpy((game.end(self.x1, self.y1) - game.end(self.x2, self.y2)).norm(dim=1))


def bound_rows(config: ProximalMapConfig, case: Case, game: ProximalGame) -> list[Row]:
    """For each quantity and kind of bound the pair that comes closest to its bound."""
    pairs = _random_pairs(config, case)
    same = _Pairs(pairs.x1, pairs.x2, pairs.y1, pairs.y1)
    steep = _steps(game, same, flattest=False)
    sets = {
        "inputs": [same, steep],
        "labels": [_Pairs(pairs.x1, pairs.x1, pairs.y1, pairs.y2)],
        "both": [pairs],
    }
    arguments = (case.head.lipschitz, game.weight, game.horizon)
    rows: list[Row] = []
    for quantity, groups in sets.items():
        measured = np.concatenate([group.outputs(game) for group in groups])
        dx = np.concatenate([group.inputs() for group in groups])
        dy = np.concatenate([group.labels() for group in groups])
        for kind, bound in KINDS.items():
            allowed = bound(*arguments, dx, dy)
            finite = np.isfinite(allowed).all()
            worst = int(np.argmax(measured / allowed if finite else measured))
            rows.append(_row(quantity, kind, measured[worst], allowed[worst]))
    return rows + _law_rows(config, case, game)


def same_label_slopes(config: ProximalMapConfig, case: Case, game: ProximalGame) -> Slopes:
    """How much farther apart states and outputs of one label are at T than inputs at 0."""
    pairs = _random_pairs(config, case)
    same = _Pairs(pairs.x1, pairs.x2, pairs.y1, pairs.y1)
    flat, steep = _steps(game, same, flattest=True), _steps(game, same, flattest=False)
    random_state = float((same.states(game) / same.inputs()).max())
    return Slopes(
        state=max(random_state, float((flat.states(game) / flat.inputs()).max())),
        random_state=random_state,
        output=max(float((p.outputs(game) / p.inputs()).max()) for p in (same, steep)),
    )


def _random_pairs(config: ProximalMapConfig, case: Case) -> _Pairs:
    """Independent inputs with labels of different classes."""
    generator = stream("proximal map pairs", config.seed, case.replicate, case.dim)
    x1, x2 = (normal(config.pairs, case.dim, generator) for _ in range(2))
    first = torch.randint(config.classes, (config.pairs,), generator=generator)
    shift = torch.randint(1, config.classes, (config.pairs,), generator=generator)
    second = (first + shift) % config.classes
    return _Pairs(x1, x2, smooth_labels(first, config), smooth_labels(second, config))


def _steps(game: ProximalGame, pairs: _Pairs, *, flattest: bool) -> _Pairs:
    """The first inputs and short steps from them, in the direction that makes most of a bound.

    The flow map has the derivative ``(I + tau Hess G)^-1`` at X(T). States keep the distance best
    in the direction of least curvature; outputs change most along the first singular vector.
    """
    tau = game.horizon / game.weight
    X = game.end(pairs.x1, pairs.y1)
    hessian = game.head.hessian(X)
    if flattest:
        direction = torch.linalg.eigh(hessian).eigenvectors[:, :, 0]
    else:
        eye = torch.eye(X.shape[1], dtype=X.dtype)
        curved = game.head.curvature(game.head.scores(X)) @ game.head.psi
        slope = torch.linalg.solve(eye + tau * hessian, curved.mT).mT
        direction = torch.linalg.svd(slope, full_matrices=False).Vh[:, 0]
    return _Pairs(pairs.x1, pairs.x1 + _STEP * direction, pairs.y1, pairs.y1)


def _law_rows(config: ProximalMapConfig, case: Case, game: ProximalGame) -> list[Row]:
    """Theorem 3 for two samples with one label: exact W1 and W2 of inputs and outputs."""
    generator = stream("proximal map laws", config.seed, case.replicate, case.dim)
    x1 = normal(config.sample, case.dim, generator)
    x2 = 0.7 * normal(config.sample, case.dim, generator) + 0.5
    y = case.label.expand(config.sample, -1)
    before = transport_distances(_numpy(x1), _numpy(x2))
    ends = [_numpy(case.head.output(game.end(x, y))) for x in (x1, x2)]
    after = transport_distances(*ends)
    arguments = (case.head.lipschitz, game.weight, game.horizon)
    return [
        _row(quantity, kind, measured, bound(*arguments, distance))
        for quantity, distance, measured in (
            ("W1", before.w1, after.w1),
            ("W2", before.w2, after.w2),
        )
        for kind, bound in LAWS.items()
    ]


def _row(quantity: str, kind: str, measured: float, bound: float) -> Row:
    return {
        "quantity": quantity,
        "kind": kind,
        "measured": float(measured),
        "bound": float(bound),
        "share": float(measured / bound),
    }


def _numpy(x: Tensor) -> Array:
    out: Array = x.numpy()
    return out
