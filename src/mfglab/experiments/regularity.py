"""Regularity of exact value functions and blow-up of exact scores, against theory."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mfglab.config import RegularityConfig
from mfglab.robustness.line import LineMixture, two_modes
from mfglab.robustness.schedule import Array
from mfglab.robustness.value_functions import (
    Value,
    circle_score_slopes,
    cole_hopf,
    inviscid,
    viscous,
)

Row = dict[str, float | str | bool]
#: Mixtures whose U(0) is far from semiconcave on the scale of the times studied.
LAWS = {
    "narrow mode": LineMixture(np.array([1.0]), np.array([0.3]), 1e-4),
    "two modes": two_modes(1.0, 0.01),
    "three modes": LineMixture(np.array([0.2, 0.5, 0.3]), np.array([-1.5, 0.0, 1.2]), 0.04),
}
NU = 0.5


def value_functions(config: RegularityConfig) -> list[Row]:
    """One row a law, equation, time to go and estimate: measured against its bound."""
    x, y = np.linspace(-3, 3, config.points), np.linspace(-4, 4, 2 * config.points)
    rows = []
    for law_name, law in LAWS.items():
        fine = np.concatenate([y, law.means])
        lowest = float(cole_hopf(law, NU, fine).min())
        for tau in np.geomspace(1e-3, 1.0, config.times):
            found = {
                "Hopf-Lax": inviscid(law, NU, float(tau), x, y, lowest),
                "Cole-Hopf": viscous(law, NU, float(tau), x, lowest),
            }
            for equation, value in found.items():
                rows += _estimates(law_name, law, equation, float(tau), value)
    return rows


def _estimates(name: str, law: LineMixture, equation: str, tau: float, value: Value) -> list[Row]:
    semiconcavity = float(value.curvature.max())
    bernstein = float((value.slope**2 / np.maximum(value.value, 1e-12)).max())
    # From U(0)'' <= K = 2 nu / v: K/(1 + K tau), sharper than 1/tau and equal for one Gaussian.
    K = 2 * NU / law.variance
    key: Row = {"law": name, "equation": equation, "tau": tau}
    bounds = (
        ("semiconcavity", semiconcavity, 1 / tau),
        ("semiconcavity, from U(0)", semiconcavity, K / (1 + K * tau)),
        ("Bernstein", bernstein, 2 / tau),
    )
    return [
        key
        | {
            "estimate": estimate,
            "measured": measured,
            "bound": bound,
            "ratio": bound / measured if measured > 0 else np.inf,
            # Negative curvature is bounded by any positive number: nothing is learned.
            "vacuous": measured <= 0,
            "holds": measured <= bound * (1 + 1e-6),
        }
        for estimate, measured, bound in bounds
    ]


def blow_up(config: RegularityConfig) -> list[Row]:
    """Slope of the score at the data against the variance of the added noise.

    Means over the noised law: of ``|score'|`` near an atom, of the size of the normal derivative at
    a circle, of the tangential derivative there (it is score_r/r, of mean -1/2 and spread
    V^(-1/2), so the mean is what stays); for a smooth density the largest ``|score'|``.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    grid = np.linspace(-4, 4, 4001)
    rows: list[Row] = []
    for V in np.geomspace(1e-4, 1e-2, config.times):
        variance = float(V)
        atoms = two_modes(1.0, variance)
        smooth = two_modes(1.0, 0.16 + variance)
        radius = 1 + np.sqrt(variance) * nodes
        normal, tangent = circle_score_slopes(variance, radius)
        near = 1 + np.sqrt(variance) * nodes
        found = {
            ("atoms", -1.0): _mean(atoms.score_slope(near), weights),
            ("circle, normal", -1.0): _mean(normal, weights),
            ("circle, tangential", 0.0): float(abs(weights @ tangent)),
            ("smooth", 0.0): float(np.abs(smooth.score_slope(grid)).max()),
        }
        rows += [
            {"law": law, "variance": variance, "expected": expected, "slope_of_score": value}
            for (law, expected), value in found.items()
        ]
    return rows


def _mean(values: Array, weights: Array) -> float:
    return float(weights @ np.abs(values))


def regularity_slopes(values: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Fitted powers: semiconcavity in tau and slope of the score in the variance."""
    rows = []
    chosen = values[(values["estimate"] == "semiconcavity") & (values["law"] == "narrow mode")]
    for equation, part in chosen.groupby("equation", sort=True):
        late = part[part["tau"] >= 0.01]
        rows.append(_fitted(f"semiconcavity, {equation}", -1.0, late["tau"], late["measured"]))
    for law, part in scores.groupby("law", sort=True):
        expected = float(part["expected"].iloc[0])
        rows.append(_fitted(f"score, {law}", expected, part["variance"], part["slope_of_score"]))
    return pd.DataFrame(rows)


def _fitted(name: str, expected: float, x: pd.Series, y: pd.Series) -> Row:
    slope = float(np.polyfit(np.log(x.to_numpy(float)), np.log(y.to_numpy(float)), 1)[0])
    return {"name": name, "expected": expected, "slope": slope, "deviation": abs(slope - expected)}
