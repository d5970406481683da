"""Noising schedules satisfy their defining equations and turn into generating-clock dynamics."""

from __future__ import annotations

import pytest
import torch
from torch.func import vmap

from mfglab.games.dynamics import (
    ControlledDiffusion,
    Deterministic,
    HeatFlow,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)

PROCESSES = [
    OrnsteinUhlenbeck(0.7, 1.3, 2.0),
    VariancePreserving(0.2, 8.0, 1.5),
    VarianceExploding(0.1, 4.0, 2.0),
    HeatFlow(0.8, 1.7),
]


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_time_of_inverts_the_log_signal_to_noise(process):
    s = torch.logspace(-4, 0, 41, dtype=torch.float64) * process.horizon
    level = process.log_snr(s)
    assert (level.diff() < 0).all()
    torch.testing.assert_close(process.time_of(level), s, rtol=1e-9, atol=0)
    single = process.time_of(level.float()).double()  # what training uses
    torch.testing.assert_close(single, s, rtol=1e-5, atol=0)


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_scale_and_variance_solve_their_equations(process):
    s = torch.linspace(0, process.horizon, 23, dtype=torch.float64, requires_grad=True)
    # Adding zero keeps a constant scale differentiable.
    (scale_rate,) = torch.autograd.grad((process.scale(s) + 0 * s).sum(), s)
    (variance_rate,) = torch.autograd.grad(process.variance(s).sum(), s)
    c = process.drift_coefficient(s)
    torch.testing.assert_close(scale_rate, -c * process.scale(s), rtol=1e-12, atol=1e-12)
    expected = process.diffusion(s).square() - 2 * c * process.variance(s)
    torch.testing.assert_close(variance_rate, expected, rtol=1e-11, atol=1e-11)
    assert process.scale(0.0).item() == 1
    assert process.variance(0.0).item() == 0


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_transitions_compose(process):
    a, b = 0.4, 1.1
    scale = process.scale(a) * process.transition_scale(a, b)
    variance = process.variance(a) * process.transition_scale(
        a, b
    ).square() + process.transition_variance(a, b)
    torch.testing.assert_close(scale, process.scale(b))
    torch.testing.assert_close(variance, process.variance(b))


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_denoising_dynamics_run_the_schedule_backward(process):
    dynamics = process.as_dynamics()
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    t = torch.tensor([0.1, 0.9], dtype=torch.float64)
    c = process.drift_coefficient(process.horizon - t)
    torch.testing.assert_close(dynamics.drift(t, x), c[:, None] * x)
    jacobians = vmap(torch.func.jacrev(lambda t, x: dynamics.drift(t, x[None])[0], argnums=1))(t, x)
    trace = jacobians.diagonal(dim1=1, dim2=2).sum(-1)
    torch.testing.assert_close(dynamics.drift_divergence(t, x), trace)
    torch.testing.assert_close(dynamics.gain(t), process.diffusion(process.horizon - t))
    assert torch.equal(dynamics.diffusion(t), dynamics.gain(t))
    reference = process.reference(2)
    assert reference.covariances[0, 0, 0].item() == pytest.approx(
        process.variance(process.horizon).item()
    )


def test_scalar_times_do_not_widen_single_precision():
    x = torch.ones(3, 2)
    dynamics = OrnsteinUhlenbeck().as_dynamics()
    assert dynamics.drift(0.5, x).dtype == torch.float32
    assert dynamics.drift_divergence(0.5, x).dtype == torch.float32
    assert dynamics.drift_divergence(0.5, x).shape == (3,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OrnsteinUhlenbeck(rate=0.0), "rate must be a positive finite number, got 0.0"),
        (lambda: VariancePreserving(beta_max=-1.0), "beta_max must be .* got -1.0"),
        (lambda: VarianceExploding(2.0, 1.0), "sigma_max must exceed sigma_min = 2.0, got 1.0"),
        (lambda: ControlledDiffusion(-0.1), "sigma must be .* got -0.1"),
        (lambda: Deterministic(1.0), "sigma = 0, got 1.0"),
    ],
)
def test_bad_parameters_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
