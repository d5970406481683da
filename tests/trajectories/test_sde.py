"""Orders of Euler-Maruyama, exactness of the exponential integrator, grids."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.dynamics import (
    HeatFlow,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)
from mfglab.trajectories.grids import geometric_grid, quadratic_grid, uniform_grid
from mfglab.trajectories.sde import exponential_ou, integrate_sde

RATE, SIGMA, T = 1.5, 0.8, 1.0


def draw(x, generator):
    return torch.randn(x.shape, dtype=x.dtype, generator=generator)


def coupled_errors(times, n=40_000):
    """End points of Euler-Maruyama and of the exact OU process on the same Brownian path.

    Over a step the exact stochastic integral and the Brownian increment are jointly Gaussian, so
    the former is the regression on the latter plus an independent remainder.
    """
    x0 = torch.full((n, 1), 2.0, dtype=torch.float64)
    run = integrate_sde(
        lambda t, x: -RATE * x,
        lambda t: torch.full_like(t, SIGMA),
        x0,
        times,
        torch.Generator().manual_seed(7),
    )
    same, other = torch.Generator().manual_seed(7), torch.Generator().manual_seed(8)
    x = x0
    for h in times.diff().tolist():
        cov = SIGMA * -math.expm1(-RATE * h) / RATE
        variance = SIGMA**2 * -math.expm1(-2 * RATE * h) / (2 * RATE)
        integral = cov / h**0.5 * draw(x, same)
        integral += math.sqrt(max(variance - cov**2 / h, 0.0)) * draw(x, other)
        x = math.exp(-RATE * h) * x + integral
    return run.x, x


def slope(steps, errors):
    x = torch.log(torch.tensor(steps, dtype=torch.float64))
    y = torch.log(torch.tensor(errors, dtype=torch.float64))
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())


@pytest.mark.parametrize("grid", [uniform_grid, quadratic_grid])
def test_euler_maruyama_has_strong_and_weak_order_one(grid):
    steps = [16, 32, 64, 128]
    strong, weak = [], []
    for n in steps:
        approximate, exact = coupled_errors(grid(0.0, T, n))
        strong.append((approximate - exact).square().mean().sqrt().item())
        weak.append(abs((approximate**2 - exact**2).mean().item()))
    assert abs(slope(steps, strong) - 1) < 0.15
    assert abs(slope(steps, weak) - 1) < 0.15


def test_seed_fixes_the_path():
    def run(seed):
        return integrate_sde(
            lambda t, x: -x,
            torch.ones_like,
            torch.zeros(5, 2),
            uniform_grid(0.0, 1.0, 4),
            torch.Generator().manual_seed(seed),
            keep_path=True,
        )

    assert torch.equal(run(0).path, run(0).path)
    assert not torch.equal(run(0).x, run(1).x)
    assert run(0).path.shape == (5, 5, 2)
    assert run(0).x.dtype == torch.float32
    assert run(0).evaluations == 4


PROCESSES = [
    OrnsteinUhlenbeck(0.7, 1.3, 2.0),
    VariancePreserving(0.2, 8.0, 1.0),
    VarianceExploding(0.1, 4.0, 1.0),
    HeatFlow(0.8, 1.7),
]


def gaussian_score(process, mean, variance):
    def score(s, x):
        a = process.scale(s)
        return -(x - a * mean) / (a**2 * variance + process.variance(s))

    return score


def transition(process, score, x, s0, s1, n, data_variance):
    """Mean and variance of n steps from x, by running them on many copies."""
    points = torch.full((100_000, 1), x, dtype=torch.float64)
    grid = uniform_grid(s0, s1, n)
    run = exponential_ou(
        process, score, points, grid, torch.Generator().manual_seed(0), data_variance=data_variance
    )
    return run.x.mean().item(), run.x.var().item()


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("variance", [1.0, 0.25, 0.0])
@pytest.mark.parametrize("steps", [1, 5])
def test_exponential_integrator_is_exact_for_gaussian_data(process, variance, steps):
    mean, x = 0.6, 1.1
    s0, s1 = process.horizon, 0.1
    result = transition(
        process, gaussian_score(process, mean, variance), x, s0, s1, steps, variance
    )
    # Bayes: law of Y_{s1} given Y_{s0} = x for Gaussian data, by conditioning the joint law.
    a0, a1 = process.scale(s0).item(), process.scale(s1).item()
    W0 = a0**2 * variance + process.variance(s0).item()
    W1 = a1**2 * variance + process.variance(s1).item()
    covariance = a0 / a1 * W1
    exact_mean = a1 * mean + covariance / W0 * (x - a0 * mean)
    exact_variance = W1 - covariance**2 / W0
    error = math.sqrt(exact_variance / 100_000)
    assert abs(result[0] - exact_mean) < 4 * error
    assert abs(result[1] / exact_variance - 1) < 4 * math.sqrt(2 / 100_000)


def test_exponential_integrator_is_deterministic_where_it_should_be():
    # Without noise left at s = 0 and with point data, the last step lands on the point itself.
    process = PROCESSES[0]
    score = gaussian_score(process, 0.6, 0.0)
    x = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    grid = quadratic_grid(process.horizon, 0.0, 3)
    run = exponential_ou(
        process, score, x, grid, torch.Generator(), data_variance=0.0, keep_path=True
    )
    torch.testing.assert_close(run.x, torch.full_like(x, 0.6))
    assert run.path.shape == (4, 6, 2)
    assert torch.equal(run.path[0], x)


def test_exponential_integrator_has_order_one_for_a_wrong_data_variance():
    process = PROCESSES[0]
    score = gaussian_score(process, 0.6, 0.3)
    _, exact = transition(process, score, 1.1, 2.0, 0.1, 1, 0.3)
    steps = [2, 4, 8, 16]
    errors = [abs(transition(process, score, 1.1, 2.0, 0.1, n, 1.0)[1] - exact) for n in steps]
    assert abs(slope(steps, errors) - 1) < 0.15


def test_grids():
    assert uniform_grid(0.0, 1.0, 4).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert quadratic_grid(2.0, 0.0, 2).tolist() == [2.0, 0.5, 0.0]
    geometric = geometric_grid(0.0, 1.0, 3, 1e-3)
    torch.testing.assert_close(
        1 - geometric, torch.tensor([1.0, 0.1, 0.01, 0.001], dtype=torch.float64)
    )
    down = geometric_grid(3.0, 0.0, 5, 0.01)
    assert (down[0].item(), down[-1].item()) == pytest.approx((3.0, 0.01))


def test_bad_grids_are_named():
    x, generator = torch.zeros(1, 1), torch.Generator()
    with pytest.raises(ValueError, match="times must strictly increase, got"):
        integrate_sde(lambda t, x: x, torch.ones_like, x, uniform_grid(1.0, 0.0, 2), generator)
    with pytest.raises(ValueError, match="noising times must strictly decrease, got"):
        exponential_ou(PROCESSES[0], lambda s, x: x, x, uniform_grid(0.0, 1.0, 2), generator)
    with pytest.raises(ValueError, match=r"data_variance must not be negative, got -1\.0"):
        exponential_ou(
            PROCESSES[0],
            lambda s, x: x,
            x,
            uniform_grid(1.0, 0.1, 2),
            generator,
            data_variance=-1.0,
        )
    with pytest.raises(ValueError, match=r"shape \(steps \+ 1,\), got \(1,\)"):
        integrate_sde(lambda t, x: x, torch.ones_like, x, torch.zeros(1), generator)
    with pytest.raises(ValueError, match=r"last must lie between 0 and .* got 2\.0"):
        geometric_grid(0.0, 1.0, 3, 2.0)
    with pytest.raises(ValueError, match="number of steps must be positive, got 0"):
        uniform_grid(0.0, 1.0, 0)
