"""Laws on the line: scores, posteriors and growth factors against quadrature."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mfglab.robustness.line import LineMixture, Reversal, two_modes
from mfglab.robustness.schedule import Schedule

LAW = LineMixture(np.array([0.35, 0.65]), np.array([-1.0, 1.4]), 0.16)
X = np.linspace(-3, 3, 13)
SCHEDULES = [
    Schedule(OrnsteinUhlenbeck()),
    Schedule(VariancePreserving()),
    Schedule(VarianceExploding(0.1, 3.0)),
]


def posterior_by_quadrature(schedule, eps, s, x):
    """Mean and variance of ``Y_eps`` given ``Y_s = x``, from Bayes' formula on a fine grid."""
    y = np.linspace(-8, 8, 8001)
    al, tau2 = schedule.bridge(eps, s)
    weight = LAW.noised(schedule, eps).pdf(y) * np.exp(-0.5 * (x[:, None] - al * y) ** 2 / tau2)
    weight /= weight.sum(1, keepdims=True)
    mean = weight @ y
    return mean, weight @ y**2 - mean**2, al, tau2


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["ou", "vp", "ve"])
@pytest.mark.parametrize("s", [0.2, 0.7])
def test_growth_is_the_posterior_variance(schedule, s):
    mean, variance, al, tau2 = posterior_by_quadrature(schedule, 0.05, s, X)
    reversal = Reversal(LAW, schedule, 0.05)
    np.testing.assert_allclose(reversal.denoised(s, X), mean, atol=1e-9)
    np.testing.assert_allclose(reversal.growth(s, X), al / tau2 * variance, rtol=1e-7)


def test_growth_is_the_slope_of_the_denoiser_and_one_at_the_end():
    reversal = Reversal(LAW, SCHEDULES[0], 0.05)
    h = 1e-5
    slope = (reversal.denoised(1.0, X + h) - reversal.denoised(1.0, X - h)) / (2 * h)
    np.testing.assert_allclose(slope, reversal.growth(1.0, X), rtol=1e-7)
    np.testing.assert_allclose(reversal.growth(0.05, X), 1.0, rtol=1e-12)


def test_score_and_slope_are_derivatives_of_the_log_density():
    h = 1e-5
    up, down = np.log(LAW.pdf(X + h)), np.log(LAW.pdf(X - h))
    np.testing.assert_allclose(LAW.score(X), (up - down) / (2 * h), atol=1e-7)
    slope = (LAW.score(X + h) - LAW.score(X - h)) / (2 * h)
    np.testing.assert_allclose(LAW.score_slope(X), slope, atol=1e-6)
    density = (LAW.cdf(X + h) - LAW.cdf(X - h)) / (2 * h)
    np.testing.assert_allclose(LAW.pdf(X), density, rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["ou", "vp", "ve"])
def test_one_sided_lipschitz_is_sharp_for_two_equal_modes_and_a_bound_else(schedule):
    x = np.linspace(-3, 3, 601)
    for law, sharp in ((two_modes(1.3, 0.16), True), (LAW, False)):
        reversal = Reversal(law, schedule, 0.01)
        slope = law.noised(schedule, 0.3).score_slope(x).max()
        drift = schedule.drift(0.3) + schedule.noise(0.3) * slope
        bound = reversal.one_sided_lipschitz(0.3)
        assert bound >= drift - 1e-9
        assert (abs(bound - drift) < 1e-6) == sharp


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["ou", "vp", "ve"])
def test_integrals_of_the_schedule_fit_its_closed_form(schedule):
    al, tau2 = schedule.bridge(0.2, 0.3)
    # V' = sigma^2 - 2 c V: the forward kernel has the variance int (a_late/a_r)^2 sigma_r^2 dr.
    assert schedule.reverse_variance(0.2, 0.3) == pytest.approx(tau2 / al**2)
    assert schedule.noise_integral(0.2, 0.3) == pytest.approx(
        0.1 * np.mean([schedule.noise(0.2 + 0.1 * (i + 0.5) / 400) for i in range(400)]), rel=1e-5
    )
    with pytest.raises(ValueError, match="early <= late"):
        schedule.bridge(0.3, 0.2)


@pytest.mark.parametrize(
    ("weights", "variance", "message"), [((0.5, 0.6), 0.1, "sum to 1"), ((0.5, 0.5), -1.0, "negat")]
)
def test_a_wrong_law_is_refused(weights, variance, message):
    with pytest.raises(ValueError, match=message):
        LineMixture(np.array(weights), np.array([0.0, 1.0]), variance)
