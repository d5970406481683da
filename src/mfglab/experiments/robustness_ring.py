"""Robustness of a law on a ring: singular data in the plane and on the torus of side 1."""

from __future__ import annotations

import math

import numpy as np

from mfglab.config import RobustnessWideConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.experiments.robustness_rates import exact_w1
from mfglab.robustness import bounds
from mfglab.robustness.circle import circle_points, heat_contraction, theta
from mfglab.robustness.dyadic import periodic_distances
from mfglab.robustness.schedule import Array

RADIUS, EPS, DIAMETER = 0.25, 0.002, math.sqrt(0.5)
#: Mean distance of a point of the unit square torus to a uniform one: W1 of an atom to uniform.
_ATOM_TO_UNIFORM = 0.3826


def ring_early_stopping(config: RobustnessWideConfig) -> list[Cell]:
    """(b) Heat flow of the uniform law on a ring.

    In the plane both laws are radial: coupling equal angles is optimal, because the distance to
    the ring is a potential, so ``W1 = E | |Y_eps| - r |``. On the torus the same potential gives a
    lower bound and the wrapped coupling the upper one; what is measured there is the lower.
    """
    cells = []
    for eps in np.geomspace(1e-5, 1e-1, config.ring_points):
        s = float(eps)
        known = {"early stopping, heat": bounds.early_stopping_heat(s, 2)}
        plane, torus = _radial(s)
        known_torus = known | {"plane": plane}
        for space, measured, limits in (
            ("plane", plane, known),
            ("torus, d = 2", torus, known_torus),
        ):
            cells.append(
                Cell(
                    "b early stopping",
                    space,
                    "ring",
                    "heat",
                    "V/2",
                    s,
                    "w1",
                    measured,
                    DIAMETER,
                    limits,
                )
            )
    return cells


def _radial(s: float, nodes: int = 80) -> tuple[float, float]:
    """``E | |Y| - r |`` in the plane and ``E dist(Y, ring)`` on the torus, ``Y = r e_1 + noise``.

    By rotation of the plane the ring point may be fixed; on the torus the mean over 16 angles.
    """
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    weight = np.outer(w, w) / (2 * math.pi)
    noise = math.sqrt(2 * s) * z
    plane = np.abs(np.hypot(RADIUS + noise[:, None], noise) - RADIUS)
    wrapped = 0.0
    for angle in 2 * np.pi * (np.arange(16) + 0.5) / 16:
        x = RADIUS * math.cos(angle) + noise[:, None]
        y = RADIUS * math.sin(angle) + noise
        images = [
            np.abs(np.hypot(x - np.rint(x) + i, y - np.rint(y) + j) - RADIUS)
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        ]
        wrapped += float((weight * np.minimum.reduce(images)).sum()) / 16
    return float((weight * plane).sum()), wrapped


def ring_reference(config: RobustnessWideConfig) -> list[Cell]:
    """(e) Uniform start on the torus: the law at the horizon, and after the exact reversal."""
    n = config.ring_cells
    points = np.stack(np.meshgrid(*[circle_points(n)] * 2, indexing="ij"), -1).reshape(-1, 2)
    cost = periodic_distances(points, points)
    uniform, end = np.full(n * n, 1.0 / n**2), _ring_masses(EPS, n).ravel()
    cells = []
    for horizon in config.ring_horizons:
        law = _ring_masses(horizon, n)
        scale = math.exp(4 * math.pi**2 * horizon)
        factor = min(1.0, 2 * heat_contraction(horizon, 1.0))
        divergence = float((uniform * np.log(uniform / law.ravel())).sum())
        out = _reverse(law, end.reshape(n, n), horizon - EPS).ravel()
        found = {
            "reference law": (
                law.ravel(),
                uniform,
                {"heat contraction": factor * _ATOM_TO_UNIFORM},
            ),
            "propagated": (
                out,
                end,
                {"Girsanov-Pinsker": bounds.girsanov_pinsker(DIAMETER, max(divergence, 0.0))},
            ),
        }
        for arm, (first, second, known) in found.items():
            measured = exact_w1(cost, first, second)
            cells.append(
                Cell(
                    "e reference",
                    "torus, d = 2",
                    "ring",
                    arm,
                    "exp(4 pi^2 T)",
                    scale,
                    "w1",
                    measured,
                    DIAMETER,
                    known,
                )
            )
    return cells


def _ring_masses(s: float, n: int) -> Array:
    """Masses (n, n) of the heated ring: a sum of products of wrapped Gaussians."""
    angle = 2 * np.pi * (np.arange(256) + 0.5) / 256
    x = circle_points(n)
    rows, columns = (
        theta(x[:, None] - 0.5 - RADIUS * wave, 2 * s, 1.0).value
        for wave in (np.cos(angle), np.sin(angle))
    )
    density = rows @ columns.T
    return np.asarray(density / density.sum(), dtype=np.float64)


def _reverse(law: Array, end: Array, gap: float) -> Array:
    """Exact reversal of the uniform law: ``p_eps (Gamma * (u / p_T))``, masses (n, n)."""
    n = len(law)
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    damping = np.exp(-(k[:, None] ** 2 + k**2) * gap)
    spread = np.fft.ifft2(np.fft.fft2(1 / law) * damping).real
    out = end * np.maximum(spread, 0.0)
    return np.asarray(out / out.sum(), dtype=np.float64)
