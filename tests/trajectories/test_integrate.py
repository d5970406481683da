"""Order, costs, direction of time, gradients and memory of the integrator."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
import torch

from mfglab.trajectories.adaptive import integrate_adaptive
from mfglab.trajectories.integrate import Rates, integrate
from mfglab.trajectories.methods import EULER, HEUN, MIDPOINT, RK4, RungeKutta

METHODS = [EULER, MIDPOINT, HEUN, RK4]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


def slope(steps, errors):
    x = torch.log(torch.tensor(steps, dtype=torch.float64))
    y = torch.log(torch.tensor(errors, dtype=torch.float64))
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())


def pendulum_like(t, x):
    """x' = x cos t, cost rate x^2: solved by x0 exp(sin t); stage-dependent in time and space."""
    return Rates(x * torch.cos(t), (x**2).sum(1, keepdim=True))


@by_name
def test_convergence_order_of_points_and_costs(method):
    x0 = torch.tensor([[1.3]], dtype=torch.float64)
    fine = integrate(pendulum_like, x0, 0.0, 2.0, 2000)
    assert fine.x.item() == pytest.approx(1.3 * math.exp(math.sin(2.0)), abs=1e-11)
    steps = [20, 40, 80, 160]
    runs = [integrate(pendulum_like, x0, 0.0, 2.0, n, method) for n in steps]
    assert abs(slope(steps, [abs((r.x - fine.x).item()) for r in runs]) - method.order) < 0.15
    costs = [abs((r.costs - fine.costs).item()) for r in runs]
    assert abs(slope(steps, costs) - method.order) < 0.15
    assert runs[0].evaluations == 20 * method.stages


def test_log_determinant_of_a_linear_flow_is_exact():
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(3, 3, dtype=torch.float64, generator=generator)

    def field(t, x):
        return Rates(x @ A.T, A.trace().expand(len(x), 1))

    x0 = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    run = integrate(field, x0, 0.0, 0.7, 40)
    exact = torch.linalg.matrix_exp(0.7 * A)
    torch.testing.assert_close(run.x, x0 @ exact.T, rtol=1e-6, atol=1e-6)
    log_det = torch.linalg.slogdet(exact).logabsdet.expand(5, 1)
    torch.testing.assert_close(run.costs, log_det, rtol=1e-13, atol=1e-13)
    back = integrate(field, run.x, 0.7, 0.0, 40)
    torch.testing.assert_close(back.costs, -log_det, rtol=1e-13, atol=1e-13)


@by_name
def test_backward_integration_inverts_to_the_order_of_the_method(method):
    x0 = torch.tensor([[0.4], [1.3]], dtype=torch.float64)
    errors, costs, steps = [], [], [20, 40, 80]
    for n in steps:
        there = integrate(pendulum_like, x0, 0.0, 1.2, n, method)
        back = integrate(pendulum_like, there.x, 1.2, 0.0, n, method)
        errors.append((back.x - x0).abs().max().item())
        costs.append((there.costs + back.costs).abs().max().item())
    assert slope(steps, errors) > method.order - 0.15
    assert slope(steps, costs) > method.order - 0.15


def test_path_times_and_shapes_of_any_rank():
    x0 = torch.ones(2, 5, 3)  # a batch of token sequences
    run = integrate(lambda t, x: Rates(-x), x0, 0.5, 0.0, 4, keep_path=True)
    assert run.path.shape == (5, 2, 5, 3)
    assert torch.equal(run.path[0], x0)
    assert torch.equal(run.path[-1], run.x)
    assert run.times.tolist() == [0.5, 0.375, 0.25, 0.125, 0.0]
    assert run.costs is None
    assert run.x.dtype == torch.float32
    assert integrate(lambda t, x: Rates(-x), x0, 0.0, 1.0, 2).path is None


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
    ).double()


def network_field(net):
    def field(t, x):
        v = net(torch.cat([x, t.expand(len(x), 1)], dim=1))
        return Rates(v, 0.5 * v.square().sum(1, keepdim=True))

    return field


def objective(net, x0, steps=6, **options):
    run = integrate(network_field(net), x0, 0.0, 1.0, steps, **options)
    return run.x.square().mean() + run.costs.mean()


def test_checkpointing_gives_identical_gradients():
    net = network()
    x0 = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    parameters = [x0.requires_grad_(), *net.parameters()]
    plain = torch.autograd.grad(objective(net, x0), parameters)
    again = torch.autograd.grad(objective(net, x0, checkpoint=True), parameters)
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert max(g.abs().max() for g in plain) > 0
    for steps, states in itertools.product((1, 2, 5, 6, 11), (2, 3, 20)):
        plain, few = (
            torch.autograd.grad(objective(net, x0, steps, checkpoint=how), parameters)
            for how in (False, states)
        )
        for ours, theirs in zip(few, plain, strict=True):  # costs are added up in another order
            torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)


def saved_numbers(steps, checkpoint):
    """Numbers kept for the backward pass, apart from the parameters."""
    net = network()
    x0 = torch.ones(8, 2, dtype=torch.float64, requires_grad=True)
    own = {p.data_ptr() for p in net.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr(), tuple(tensor.shape)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = objective(net, x0, steps, checkpoint=checkpoint)
    assert loss.requires_grad
    return sum(tensor.numel() for tensor in kept.values())


def test_checkpointing_keeps_only_the_states():
    states = 8 * 2
    per_step = (saved_numbers(20, True) - saved_numbers(10, True)) / 10
    assert per_step <= 1.5 * states + 8  # the state of a step and scalar stage times
    plain = (saved_numbers(20, False) - saved_numbers(10, False)) / 10
    assert plain > 10 * per_step


def test_checkpointing_with_a_number_keeps_so_many_states_and_the_one_at_work():
    state = 8 * 2
    one = saved_numbers(1, True)
    for steps, states in itertools.product((5, 12, 40), (2, 3, 4)):
        assert saved_numbers(steps, states) - one == states * state
    assert saved_numbers(40, True) - one == 39 * state


def evaluations(steps, checkpoint):
    """How often the field is evaluated in a gradient of Euler's method."""
    count = 0
    x0 = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)

    def field(t, x):
        nonlocal count
        count += 1
        return Rates(x.tanh(), x.square())

    run = integrate(field, x0, 0.0, 1.0, steps, EULER, checkpoint=checkpoint)
    (run.x.sum() + run.costs.sum()).backward()
    return count


@functools.cache
def least_repetitions(steps, states):
    """Least number of steps taken without keeping what they computed, by dynamic programming."""
    if steps == 1:
        return 0
    if states == 1:
        return steps * (steps - 1) // 2
    return min(
        m + least_repetitions(m, states) + least_repetitions(steps - m, states - 1)
        for m in range(1, steps)
    )


@pytest.mark.parametrize("states", [2, 3, 4, 6, 30])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 20, 31])
def test_few_states_cost_the_least_work(steps, states):
    # each step once more with all that it keeps, and the last one once before that is known
    assert evaluations(steps, states) == least_repetitions(steps, states) + steps + 1


def test_checkpointing_with_one_state_is_refused():
    with pytest.raises(ValueError, match="a number from 2, got 1"):
        integrate(lambda t, x: Rates(-x), torch.ones(1, 1), 0.0, 1.0, 4, checkpoint=1)


def test_taylor_remainder_of_the_gradient_is_second_order():
    net = network()
    generator = torch.Generator().manual_seed(2)
    x0 = torch.randn(8, 2, dtype=torch.float64, generator=generator)
    parameters = list(net.parameters())
    base = objective(net, x0)
    gradients = torch.autograd.grad(base, parameters)
    directions = [torch.randn(p.shape, dtype=p.dtype, generator=generator) for p in parameters]
    linear = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)).item()
    sizes = [1e-2, 5e-3, 2.5e-3, 1.25e-3]
    first, second = [], []
    start = [p.detach().clone() for p in parameters]
    for h in sizes:
        with torch.no_grad():
            for p, p0, d in zip(parameters, start, directions, strict=True):
                p.copy_(p0 + h * d)
            change = (objective(net, x0) - base).item()
        first.append(abs(change))
        second.append(abs(change - h * linear))
    inverse = [1 / h for h in sizes]
    assert abs(slope(inverse, first) - 1) < 0.15
    assert abs(slope(inverse, second) - 2) < 0.15


@pytest.mark.parametrize("end", [2.0, -1.0])
def test_adaptive_integration_agrees_and_counts(end):
    x0 = torch.tensor([[1.3], [0.2]], dtype=torch.float64)
    calls = []

    def field(t, x):
        calls.append(t)
        return pendulum_like(t, x)

    run = integrate_adaptive(field, x0, 0.0, end, rtol=1e-9, atol=1e-9)
    fine = integrate(pendulum_like, x0, 0.0, end, 500)
    torch.testing.assert_close(run.x, fine.x, rtol=0, atol=1e-7)
    torch.testing.assert_close(run.costs, fine.costs, rtol=0, atol=1e-7)
    assert run.evaluations == len(calls) > 10
    loose = integrate_adaptive(pendulum_like, x0, 0.0, end, rtol=1e-3, atol=1e-3)
    assert loose.evaluations < run.evaluations
    assert integrate_adaptive(lambda t, x: Rates(x), x0, 0.0, 1.0).costs is None


def test_bad_arguments_are_named():
    x0 = torch.ones(1, 1)
    with pytest.raises(ValueError, match="number of steps must be positive, got 0"):
        integrate(pendulum_like, x0, 0.0, 1.0, 0)
    with pytest.raises(ValueError, match=r"floating point, got torch\.int64"):
        integrate(pendulum_like, x0.long(), 0.0, 1.0, 1)
    with pytest.raises(ValueError, match=r"t0 != t1, got 1\.0 twice"):
        integrate_adaptive(pendulum_like, x0, 1.0, 1.0)
    with pytest.raises(ValueError, match="rows of lengths"):
        RungeKutta("bad", ((), ()), (0.5, 0.5), (0.0, 1.0), 2)
    with pytest.raises(ValueError, match="weights that sum to 1"):
        RungeKutta("bad", ((), (1.0,)), (0.6, 0.6), (0.0, 1.0), 2)


def test_adaptive_integration_says_where_the_solution_explodes():
    x0 = torch.ones(2, 1, dtype=torch.float64)
    with pytest.raises(FloatingPointError, match="max_num_steps exceeded"):
        integrate_adaptive(pendulum_like, torch.ones(2, 2).double(), 0.0, 9.0, max_steps=2)
    with pytest.raises(FloatingPointError, match=r"from 0.0 to 2.0 failed after \d+ evaluations"):
        integrate_adaptive(lambda t, x: Rates(x.square()), x0, 0.0, 2.0)
