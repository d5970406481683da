"""Bounds of velocity errors: closed forms; value functions against their equations."""

import numpy as np
import pytest

from mfglab.robustness.flow_bounds import (
    exponential_growth,
    hamilton_jacobi_growth,
    propagated,
)
from mfglab.robustness.line import LineMixture, two_modes
from mfglab.robustness.value_functions import circle_score_slopes, cole_hopf, inviscid, viscous

T = np.linspace(0, 1, 401)


def test_growth_of_straight_paths_is_linear_and_equals_the_one_sided_rate():
    slope = 3.0 / (1 + 3.0 * T)  # (T' - 1)/(1 - t + t T') with T' = 4
    straight = hamilton_jacobi_growth(T, slope, np.zeros_like(T))
    assert straight == pytest.approx(4 / (1 + 3 * T), rel=1e-9)
    one_sided = exponential_growth(T, slope)
    assert (one_sided >= straight * (1 - 1e-12)).all()
    assert one_sided == pytest.approx(straight, rel=0.01)


def test_growth_with_acceleration_is_that_of_the_linear_equation():
    growth = hamilton_jacobi_growth(T, np.full_like(T, 0.5), np.full_like(T, 4.0))
    rest = 1 - T
    assert growth == pytest.approx(np.cosh(2 * rest) + 0.25 * np.sinh(2 * rest), rel=1e-9)


def test_a_constant_rate_gives_the_exponential():
    assert exponential_growth(T, np.full_like(T, 2.0)) == pytest.approx(np.exp(2 * (1 - T)))
    total = propagated(T, exponential_growth(T, np.full_like(T, 2.0)), np.ones_like(T))
    assert total == pytest.approx((np.exp(2) - 1) / 2, rel=1e-5)


def test_bad_grids_are_refused():
    with pytest.raises(ValueError, match="increase"):
        exponential_growth(T[::-1], T)
    with pytest.raises(ValueError, match="one value a time"):
        propagated(T, T[1:], T)


@pytest.mark.parametrize("kind", ["viscous", "inviscid"])
def test_value_functions_solve_their_equation(kind):
    law, nu, tau, h = two_modes(1.0, 0.09), 0.5, 0.3, 1e-4
    x, y = np.array([-1.7, -0.6, 0.4, 1.1]), np.linspace(-4, 4, 2001)

    def solve(s):
        return viscous(law, nu, s, x, 0.0) if kind == "viscous" else inviscid(law, nu, s, x, y, 0.0)

    now = solve(tau)
    change = (solve(tau + h).value - solve(tau - h).value) / (2 * h)
    noise = nu * now.curvature if kind == "viscous" else 0.0
    assert change == pytest.approx(noise - 0.5 * now.slope**2, abs=1e-6)


def test_estimates_are_sharp_for_one_gaussian():
    law, x = LineMixture(np.array([1.0]), np.array([0.0]), 0.01), np.linspace(-1, 1, 21)
    low = float(cole_hopf(law, 0.5, np.zeros(1))[0])
    found = inviscid(law, 0.5, 0.5, x, np.linspace(-2, 2, 4001), low)
    assert found.curvature == pytest.approx(100 / (1 + 50.0), rel=1e-9)
    off = np.abs(x) > 0
    assert found.slope[off] ** 2 / found.value[off] == pytest.approx(200 / 51, rel=1e-9)


def test_score_at_a_circle_against_differences():
    V, r, h = 0.01, np.array([0.9, 1.0, 1.15]), 1e-6
    normal, tangent = circle_score_slopes(V, r)

    def radial(q):
        return circle_score_slopes(V, q)[1] * q

    assert normal == pytest.approx((radial(r + h) - radial(r - h)) / (2 * h), rel=1e-5)
    assert tangent[1] == pytest.approx(-0.5, abs=0.02)
