"""Closed-form derivatives against automatic differentiation, and the training objective's slope."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from mfglab.networks.potential import PotentialDerivatives, PotentialNet
from mfglab.solvers.otflow import OtFlow
from mfglab.trajectories.divergence import velocity_and_divergence
from mfglab.trajectories.regularity import local_lipschitz

N = 6


def network(dim: int, depth: int, dtype: torch.dtype = torch.float64) -> PotentialNet:
    """A net whose every parameter matters: b, c and w are not left at their initial constants."""
    gen = torch.Generator().manual_seed(10 * dim + depth)
    net = PotentialNet(dim, width=7, depth=depth, rank=3, generator=gen).to(dtype)
    with torch.no_grad():
        for p in net.parameters():
            p += 0.3 * torch.randn(p.shape, dtype=dtype, generator=gen)
    return net


def points(dim: int, n: int = N) -> Tensor:
    gen = torch.Generator().manual_seed(dim)
    return torch.randn(n, dim, dtype=torch.float64, generator=gen)


def times(kind: str) -> Tensor:
    gen = torch.Generator().manual_seed(1)
    return torch.rand(() if kind == "scalar" else (N,), dtype=torch.float64, generator=gen)


def by_autograd(net: PotentialNet, t: Tensor, x: Tensor) -> PotentialDerivatives:
    x = x.detach().requires_grad_()
    t = t.detach().expand(x.shape[0]).clone().requires_grad_()
    gradient, dt = torch.autograd.grad(net(t, x).sum(), (x, t), create_graph=True)
    laplacian = torch.zeros(x.shape[0], dtype=x.dtype)
    for k in range(net.dim):
        laplacian += torch.autograd.grad(gradient[:, k].sum(), x, retain_graph=True)[0][:, k]
    return PotentialDerivatives(gradient.detach(), dt.detach(), laplacian)


def parts(D: PotentialDerivatives) -> tuple[Tensor, Tensor, Tensor]:
    return D.gradient, D.time_derivative, D.laplacian


@pytest.mark.parametrize("kind", ["scalar", "per point"])
@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_derivatives_equal_automatic_ones(dim: int, depth: int, kind: str):
    net, x, t = network(dim, depth), points(dim), times(kind)
    expected = by_autograd(net, t, x)
    for form in (net.derivatives, net.reference_derivatives):
        for got, want in zip(parts(form(t, x)), parts(expected), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(net.gradient(t, x), expected.gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_value_of_two_layers_is_the_formula(dim: int):
    net, x, t = network(dim, 2), points(dim), times("per point")
    s = torch.cat([x, t[:, None]], dim=1)
    u = torch.log(2 * torch.cosh(s @ net.K0.T + net.b0))
    u = u + torch.log(2 * torch.cosh(u @ net.K[0].T + net.bias[0]))
    quadratic = 0.5 * torch.einsum("ni,ri,rj,nj->n", s, net.A, net.A, s)
    torch.testing.assert_close(net(t, x), u @ net.w + quadratic + s @ net.b + net.c)


@pytest.mark.parametrize("kind", ["scalar", "per point"])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_hand_written_adjoint_equals_recorded_one(dim: int, kind: str):
    """Gradients with respect to x, t and every parameter, of each output and of all together."""
    net = network(dim, 2)
    x, t = points(dim).requires_grad_(), times(kind).requires_grad_()
    inputs = [x, t, *(p for p in net.parameters() if p is not net.c)]  # c has no derivative
    gen = torch.Generator().manual_seed(5)
    fast, plain = parts(net.derivatives(t, x)), parts(net.reference_derivatives(t, x))
    probes = [torch.randn(o.shape, dtype=o.dtype, generator=gen) for o in fast]
    for keep in [(0,), (1,), (2,), (0, 1, 2)]:
        got, want = (
            torch.autograd.grad(
                [out[i] for i in keep],
                inputs,
                [probes[i] for i in keep],
                retain_graph=True,
                materialize_grads=True,
            )
            for out in (fast, plain)
        )
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("depth", [2, 3])
def test_gradients_with_respect_to_parameters_by_finite_differences(depth: int):
    net, x, t = network(2, depth), points(2, n=3).requires_grad_(), times("scalar")
    t.requires_grad_()
    names = [name for name, _ in net.named_parameters() if name != "c"]
    values = [p.detach().clone().requires_grad_() for n, p in net.named_parameters() if n != "c"]

    def outputs(t: Tensor, x: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        state = dict(zip(names, values, strict=True))
        D = torch.func.functional_call(Calls(net), prefixed(state), (t, x))
        return parts(D)

    assert torch.autograd.gradcheck(outputs, (t, x, *values), atol=1e-7)


class Calls(torch.nn.Module):
    """``forward`` returns the derivatives, for ``functional_call``."""

    def __init__(self, net: PotentialNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, t: Tensor, x: Tensor) -> PotentialDerivatives:
        return self.net.derivatives(t, x)


def prefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"net.{name}": value for name, value in state.items()}


def test_the_adjoint_can_be_differentiated_again():
    net = network(2, 2)
    x, t = points(2).requires_grad_(), times("scalar").requires_grad_()
    inputs = [x, t, *(p for p in net.parameters() if p is not net.c)]

    def second(form) -> tuple[Tensor, ...]:
        D = form(t, x)
        scalar = (D.gradient.sin().sum() + (D.time_derivative * D.laplacian).sum()).square()
        first = torch.autograd.grad(scalar, inputs, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), inputs)

    for a, b in zip(second(net.derivatives), second(net.reference_derivatives), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_diagnostics_accept_the_closed_form_gradient():
    """Batched and repeated differentiation, as the regularity diagnostics use them."""
    net, x, t = network(2, 2), points(2), times("scalar")
    hessian = torch.func.vmap(torch.func.hessian(lambda p: net(t, p[None])[0]))(x)
    for form in (net.gradient, lambda t, p: net.derivatives(t, p).gradient):
        trace = velocity_and_divergence(lambda p, form=form: form(t, p), x).divergence
        torch.testing.assert_close(trace, net.derivatives(t, x).laplacian)
        largest = local_lipschitz(
            lambda p, form=form: form(t, p), x, torch.Generator().manual_seed(0), iterations=60
        )
        torch.testing.assert_close(
            largest, torch.linalg.matrix_norm(hessian, ord=2), rtol=1e-6, atol=1e-8
        )


def test_float32_agrees_to_rounding():
    double = network(2, 2)
    single = network(2, 2, torch.float64).to(torch.float32)
    x, t = points(2, n=200), times("scalar")
    for a, b in zip(
        parts(single.derivatives(t.float(), x.float())),
        parts(double.derivatives(t, x)),
        strict=True,
    ):
        torch.testing.assert_close(a.double(), b, rtol=5e-6, atol=5e-6)


def test_far_points_overflow_nothing():
    net = network(2, 2, torch.float32)
    D = net.derivatives(torch.tensor(0.5), torch.tensor([[1e4, -1e4], [-3e4, 2e4]]))
    assert all(bool(torch.isfinite(part).all()) for part in parts(D))


@pytest.mark.parametrize("direction", range(3))
def test_taylor_remainder_of_the_whole_objective_has_slope_two(direction: int):
    """``|J(theta + h v) - J(theta) - h <grad J, v>| = O(h^2)`` through integrator and costs."""
    gen = torch.Generator().manual_seed(direction)
    solver = OtFlow(
        2, width=8, hjb_weight=0.7, terminal_weight=3.0, steps=2, generator=gen
    ).double()
    x = points(2, n=40)
    parameters = list(solver.parameters())
    v = [torch.randn(p.shape, dtype=p.dtype, generator=gen) for p in parameters]

    def objective(h: float) -> float:
        with torch.no_grad():
            for p, step in zip(parameters, v, strict=True):
                p.add_(step, alpha=h)
            value = solver.loss(x, gen).total.item()
            for p, step in zip(parameters, v, strict=True):
                p.sub_(step, alpha=h)
        return value

    total = solver.loss(x, gen).total
    grads = torch.autograd.grad(total, parameters, materialize_grads=True, allow_unused=True)
    slope = sum((g * step).sum().item() for g, step in zip(grads, v, strict=True))
    steps = [1e-3 * 2.0**-k for k in range(5)]
    remainders = [abs(objective(h) - total.item() - h * slope) for h in steps]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(remainders)]
    assert orders == pytest.approx([2.0] * 4, abs=0.15)


@pytest.mark.parametrize(
    ("dim", "width", "count"),
    [
        (2, 32, 1_229),  # toys
        (6, 128, 17_721),  # Power
        (8, 350, 126_791),  # Gas
        (21, 256, 72_179),  # Hepmass
        (43, 256, 78_053),  # Miniboone
        (63, 512, 297_153),  # BSDS300
        (128, 128, 34_700),  # MNIST latent space
    ],
)
def test_published_parameter_counts(dim: int, width: int, count: int):
    assert sum(p.numel() for p in PotentialNet(dim, width).parameters()) == count


def test_a_generator_fixes_the_weights_and_the_results():
    def run(seed: int) -> list[Tensor]:
        gen = torch.Generator().manual_seed(seed)
        solver = OtFlow(2, width=8, generator=gen)
        total = solver.loss(points(2).float(), gen).total
        return [total.detach(), *torch.autograd.grad(total, solver.potential.K0)]

    assert all(torch.equal(a, b) for a, b in zip(run(3), run(3), strict=True))
    assert not torch.equal(run(3)[0], run(4)[0])


@pytest.mark.parametrize(("dim", "width", "depth"), [(0, 8, 2), (2, 0, 2), (2, 8, 1)])
def test_impossible_sizes_are_named(dim: int, width: int, depth: int):
    with pytest.raises(ValueError, match=f"got {dim}, {width}, {depth}"):
        PotentialNet(dim, width, depth)
