"""Certified radii of small score networks of every quality, and how often they cover.

The law is known, so that the distance of the generated law to it is exact: a radius covers or it
does not. Besides the certificate: radii without confidence, and radii from the training sample.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta

from mfglab.config import CertificateConfig
from mfglab.experiments.circle_nets import Fit, train_ensemble
from mfglab.experiments.robustness_circle import MODES
from mfglab.experiments.robustness_line import draw
from mfglab.robustness.certificate import Certificate, Complex, certify, coefficients
from mfglab.robustness.circle import circle_points
from mfglab.robustness.distances import w1_circle
from mfglab.robustness.line import LineMixture
from mfglab.robustness.published import published_bound
from mfglab.robustness.schedule import Array

Row = dict[str, float | str]
LAW = LineMixture(MODES.weights, MODES.means, MODES.variance)
CERTIFIED, NORMAL = "certified, held-out", "normal approximation, held-out"
PLUG_IN, TRAINING = "plug-in, held-out", "plug-in, training sample"
TO_TRAINING, DIRECT = "distance to the training sample", "distance to held-out points, certified"
#: Cells in which distances to points are measured.
_FINE = 4096
PUBLISHED = "published (14)-(15), C = 1"


@dataclass(frozen=True)
class Model:
    """One network of the study.

    Args:
        index: Its number.
        width: Of its layers.
        size: N, number of training points.
        replicate: Number among those of one width and size.
    """

    index: int
    width: int
    size: int
    replicate: int


def certificate_runs(config: CertificateConfig) -> list[Row]:
    """One row a network and kind of radius."""
    fit = Fit(config.eps, config.horizon, config.iterations, config.batch_size)
    rows: list[Row] = []
    cases = list(itertools.product(config.train_sizes, range(config.replicates)))
    for block, width in enumerate(config.widths):
        data = [draw(LAW, n, config.seed, 1, width, n, r) for n, r in cases]
        ensemble = train_ensemble(width, data, fit, config.seed)
        for i, ((size, replicate), points) in enumerate(zip(cases, data, strict=True)):
            model = Model(block * len(cases) + i, width, size, replicate)
            held = draw(LAW, config.held_out, config.seed, 2, model.index)
            found = certify(
                ensemble.score(i), held, noising_times(config), config.cells, config.level
            )
            rows += _rows(config, model, found, points, held)
    return rows


def noising_times(config: CertificateConfig) -> list[float]:
    """Decreasing, geometric."""
    return [float(s) for s in np.geomspace(config.horizon, config.eps, config.time_steps + 1)]


def true_coefficients(cells: int) -> Complex:
    """Fourier coefficients of the true law."""
    k = 2 * np.pi * np.arange(cells // 2 + 1)
    phase = np.exp(-1j * np.outer(k, MODES.means)) @ MODES.weights
    return np.asarray(phase * np.exp(-0.5 * k**2 * MODES.variance), dtype=np.complex128)


def _rows(
    config: CertificateConfig, model: Model, found: Certificate, points: Array, held: Array
) -> list[Row]:
    path, n = found.path, config.cells
    truth, uniform = MODES.pdf(circle_points(n)) / n, np.full(n, 1 / n)
    w1 = w1_circle(path.masses, truth, 1 / n)
    fixed = found.early + found.reference
    exact, own = path.error(true_coefficients(n)), path.error(coefficients(points, n))
    # (Dvoretzky, Kiefer, Wolfowitz, Massart) sup |F_M - F|, on the circle cut at 0.
    sampling = math.sqrt(math.log(2 / (1 - config.level)) / (2 * len(held)))
    errors = {
        CERTIFIED: found.score + found.deviation,
        NORMAL: found.score + found.normal_deviation,
        PLUG_IN: found.score,
        TRAINING: own,
    }
    radii = {kind: fixed + value for kind, value in errors.items()} | {
        TO_TRAINING: _to_points(path.masses, points),
        DIRECT: _to_points(path.masses, held) + sampling + 1 / _FINE,
        PUBLISHED: published_bound(
            path,
            coefficients(points, n),
            distance_of_points(points),
            w1_circle(truth, uniform, 1 / n),
        ),
    }
    return [
        {
            "kind": kind,
            "model": float(model.index),
            "width": float(model.width),
            "train_size": float(model.size),
            "replicate": float(model.replicate),
            "w1": w1,
            "radius": radius,
            "ratio": radius / w1,
            "covers": float(w1 <= radius),
            "vacuous": float(not radius < MODES.diameter),
            "part_early": found.early,
            "part_reference": found.reference,
            "true_error": exact,
            "error_estimate": errors.get(kind, math.nan),
            "covers_error": float(exact <= errors[kind]) if kind in errors else math.nan,
        }
        for kind, radius in radii.items()
    ]


def _to_points(masses: Array, points: Array) -> float:
    """W1 of grid masses, spread evenly over their cells, and points; wrong by at most 1/_FINE."""
    fine = -(-_FINE // len(masses)) * len(masses)
    counts = np.histogram(np.remainder(points, 1.0), fine, (0.0, 1.0))[0] / len(points)
    return w1_circle(np.repeat(masses, fine // len(masses)) * len(masses) / fine, counts, 1 / fine)


def distance_of_points(points: Array) -> float:
    """W1 of an empirical law to the true law."""
    fine = _FINE
    counts = np.histogram(np.remainder(points, 1.0), fine, (0.0, 1.0))[0] / len(points)
    return w1_circle(counts, MODES.pdf(circle_points(fine)) / fine, 1 / fine)


def coverage_table(runs: pd.DataFrame, level: float) -> pd.DataFrame:
    """One row a kind: share of networks whose radius covers, its exact binomial 95% interval.

    Args:
        runs: Rows of :func:`certificate_runs`.
        level: Nominal coverage.
    """
    rows = []
    for kind, part in runs.groupby("kind", sort=True):
        n, k = len(part), int(part["covers"].sum())
        low, high = binomial_interval(k, n)
        rows.append(
            {
                "kind": kind,
                "models": n,
                "covered": k,
                "coverage": k / n,
                "low": low,
                "high": high,
                "nominal": level,
                "radius_median": part["radius"].median(),
                "ratio_min": part["ratio"].min(),
                "ratio_median": part["ratio"].median(),
                "ratio_max": part["ratio"].max(),
                "vacuous": int(part["vacuous"].sum()),
                "error_coverage": part["covers_error"].mean(),
            }
        )
    return pd.DataFrame(rows)


def binomial_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval (Clopper and Pearson) of a probability with k of n successes."""
    tail = 0.5 * (1 - level)
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high
