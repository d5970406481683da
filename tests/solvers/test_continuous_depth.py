"""Depth as time: special cases, order, transport, gradients, padding, adaptive steps."""

import pytest
import torch
from torch import Tensor, nn

from mfglab.networks.transformers.gpt import GptSize, gpt
from mfglab.networks.transformers.text import TextSize, text_encoder
from mfglab.networks.transformers.vit import VitSize, vit
from mfglab.solvers.continuous_depth import (
    ContinuousDepth,
    DepthTransformer,
    Penalty,
    Velocity,
    convert_weight,
)
from mfglab.trajectories.integrate import Rates, integrate
from mfglab.trajectories.methods import EULER, HEUN, RK4

N, TOKENS, WIDTH = 3, 5, 8
velocities = pytest.mark.parametrize("velocity", Velocity)
penalties = pytest.mark.parametrize("penalty", Penalty)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stack(layers: int = 2, **changes: object) -> nn.ModuleList:
    size = GptSize(11, TOKENS, layers, 2, WIDTH, **changes)
    return gpt(size, seeded()).blocks.double()


def states() -> Tensor:
    return torch.randn(N, TOKENS, WIDTH, dtype=torch.float64, generator=seeded(1))


def composed(blocks, x: Tensor) -> Tensor:
    for block in blocks:
        x = block(x)
    return x


def close(a: Tensor, b: Tensor, tolerance: float = 1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def slope(steps: list[int], errors: list[float]) -> float:
    x = torch.tensor(steps, dtype=torch.float64).log()
    y = torch.tensor(errors, dtype=torch.float64).log()
    return float(-((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


# -------------------------------------------------------------------------------- special cases


def test_one_step_of_increments_is_the_discrete_transformer():
    blocks, x = stack(3), states()
    norm = nn.LayerNorm(WIDTH).double()
    depth = ContinuousDepth(blocks, velocity=Velocity.INCREMENT, norm=norm)
    close(depth(x).x, norm(composed(blocks, x)))
    # The released code's velocity adds the state once more.
    close(ContinuousDepth(blocks, norm=norm)(x).x, x + norm(composed(blocks, x)))


@velocities
@penalties
def test_euler_steps_and_transport_by_hand(velocity: Velocity, penalty: Penalty):
    blocks, x = stack(), states()
    depth = ContinuousDepth(blocks, horizon=0.6, steps=4, velocity=velocity, penalty=penalty)
    run = depth(x, keep_path=True)
    h, path, transport = 0.15, [x], torch.zeros(N, dtype=torch.float64)
    for _ in range(4):
        v = composed(blocks, x) - (x if velocity is Velocity.INCREMENT else 0)
        square = v.square().sum((1, 2))
        share = 1 / (TOKENS * WIDTH) if penalty is Penalty.MEAN else 0.5
        transport = transport + h * share * square
        x = x + h * v
        path.append(x)
    close(run.x, x)
    close(run.transport, transport)
    close(run.trajectory.path, torch.stack(path))
    close(run.trajectory.times, torch.linspace(0, 0.6, 5, dtype=torch.float64))
    assert run.trajectory.evaluations == 4


@velocities
def test_one_system_a_block_against_a_hand_written_loop(velocity: Velocity):
    blocks, x = stack(3), states()
    norm = nn.LayerNorm(WIDTH).double()
    depth = ContinuousDepth(
        blocks, horizon=2.0, steps=4, velocity=velocity, per_block=True, norm=norm
    )
    run = depth(x, keep_path=True)
    assert run.trajectory.path.shape == (13, N, TOKENS, WIDTH)
    close(run.trajectory.times, torch.linspace(0, 6, 13, dtype=torch.float64))
    transport = torch.zeros(N, dtype=torch.float64)
    for i, block in enumerate(blocks):
        for step in range(4):
            v = norm(block(x)) if i == 2 else block(x)
            v = v - x if velocity is Velocity.INCREMENT else v
            transport = transport + 0.5 * v.square().mean((1, 2))
            close(run.trajectory.path[4 * i + step], x)
            x = x + 0.5 * v
    close(run.x, x)
    close(run.transport, transport)
    # With one Euler step over T = 1 of increments both variants are the discrete Transformer.
    one = ContinuousDepth(blocks, velocity=Velocity.INCREMENT, per_block=True)
    close(one(states()).x, composed(blocks, states()))


def test_all_modules_are_found_once():
    norm = nn.LayerNorm(WIDTH)
    depth = ContinuousDepth(stack(), norm=norm)
    plain = sum(p.numel() for p in stack().parameters())
    assert sum(p.numel() for p in depth.parameters()) == plain + 2 * WIDTH
    single = ContinuousDepth(nn.Linear(WIDTH, WIDTH))
    assert len(single.blocks) == 1
    listed = ContinuousDepth(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()))
    assert len(listed.blocks) == 2
    assert len(ContinuousDepth([nn.Tanh(), nn.Tanh(), nn.Tanh()]).blocks) == 3


# --------------------------------------------------------------------------- order of convergence


@pytest.mark.parametrize("method", [EULER, HEUN, RK4], ids=lambda m: m.name)
def test_order_of_convergence_in_depth(method):
    depth = ContinuousDepth(stack(1), horizon=1.0, velocity=Velocity.OUTPUT, method=method)
    for p in depth.parameters():  # the initial weights make the field nearly linear
        p.data = p.data + 0.2 * torch.randn(p.shape, dtype=p.dtype, generator=seeded(p.numel()))
    x, steps = states(), [16, 32, 64]
    with torch.no_grad():
        runs = [depth(x, steps=n) for n in steps]
        depth.method = RK4
        exact = depth(x, steps=512)
    for error in (
        [float((run.x - exact.x).norm()) for run in runs],
        [float((run.transport - exact.transport).norm()) for run in runs],
    ):
        assert slope(steps, error) == pytest.approx(method.order, abs=0.3)


def test_transport_tends_to_the_integral():
    # X' = A X with a skew A: |X'| is constant in time, so the integral is T |A X(0)|^2 / 2.
    A = torch.randn(WIDTH, WIDTH, dtype=torch.float64, generator=seeded(3))
    rotate = nn.Linear(WIDTH, WIDTH, bias=False).double()
    rotate.weight.data = (A - A.T) / 8
    depth = ContinuousDepth(rotate, horizon=1.5, steps=40, method=RK4, penalty=Penalty.HALF_SUM)
    x = states()
    run = depth(x)
    close(run.x, x @ torch.linalg.matrix_exp(1.5 * rotate.weight.data).T, 1e-7)
    close(run.transport, 1.5 * rotate(x).square().sum((1, 2)) / 2, 1e-7)


# ---------------------------------------------------------------------------------- the penalties


def test_penalties_convert_into_each_other():
    x, losses = states(), []
    for weight, penalty in (
        (0.7, Penalty.MEAN),
        (
            convert_weight(0.7, Penalty.MEAN, Penalty.HALF_SUM, entries=TOKENS * WIDTH),
            Penalty.HALF_SUM,
        ),
    ):
        depth = ContinuousDepth(stack(), steps=3, penalty=penalty)
        losses.append(weight * depth(x).transport)
    close(losses[0], losses[1])
    there = convert_weight(0.7, Penalty.MEAN, Penalty.HALF_SUM, 10)
    assert there == pytest.approx(2 * 0.7 / 10)
    assert convert_weight(there, Penalty.HALF_SUM, Penalty.MEAN, 10) == pytest.approx(0.7)


def test_transport_is_summed_in_single_precision():
    depth = ContinuousDepth([nn.Identity()]).bfloat16()
    x = torch.full((2, 64, 64), 1.01, dtype=torch.bfloat16)
    run = depth(x)
    assert run.transport.dtype == torch.float32
    assert run.transport[0].item() == pytest.approx(x[0, 0, 0].item() ** 2, rel=1e-6)


# -------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("per_block", [False, True])
def test_checkpointed_gradients_are_the_plain_ones(per_block: bool):
    results = []
    for checkpoint in (False, True, 2):
        depth = ContinuousDepth(
            stack(dropout=0.3), steps=4, method=HEUN, per_block=per_block, checkpoint=checkpoint
        )
        torch.manual_seed(7)  # the same dropout, which recomputation must repeat
        x = states().requires_grad_()
        run = depth(x)
        (run.x.square().sum() + 3 * run.transport.sum()).backward()
        results.append([run.x.detach(), x.grad, *(p.grad for p in depth.parameters())])
    plain, recomputed, few = results
    assert all(torch.equal(a, b) for a, b in zip(plain, recomputed, strict=True))
    for ours, theirs in zip(few, plain, strict=True):  # costs are added up in another order
        torch.testing.assert_close(ours, theirs)


def test_gradient_against_finite_differences():
    depth = ContinuousDepth(stack(), horizon=0.5, steps=3, penalty=Penalty.HALF_SUM)
    x = states()

    def objective(w: Tensor) -> Tensor:
        run = torch.func.functional_call(depth, {"blocks.0.attention.out.weight": w}, (x,))
        return run.x.square().mean() + run.transport.mean()

    weight = depth.blocks[0].attention.out.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(objective, weight, eps=1e-6, atol=1e-7, fast_mode=True)


# ------------------------------------------------------------------------- steps, paths, adaptive


def test_steps_and_method_can_be_changed_after_training():
    depth, x = ContinuousDepth(stack(), steps=2), states()
    two = depth(x)
    assert two.trajectory is None
    close(depth(x, steps=5).x, ContinuousDepth(stack(), steps=5)(x).x)
    depth.steps, depth.method = 3, RK4
    run = depth(x, keep_path=True)
    assert run.trajectory.evaluations == 12
    close(run.x, ContinuousDepth(stack(), steps=3, method=RK4)(x).x)
    with pytest.raises(ValueError, match="positive, got 0"):
        depth(x, steps=0)


@pytest.mark.parametrize("per_block", [False, True])
def test_adaptive_depth_agrees_with_fine_steps(per_block: bool):
    depth = ContinuousDepth(stack(), method=RK4, steps=64, per_block=per_block).eval()
    x = states()
    loose, tight = (depth.adaptive(x, rtol=tol, atol=tol) for tol in (1e-2, 1e-9))
    with torch.no_grad():
        fine = depth(x)
    close(tight.x, fine.x, 1e-7)
    close(tight.transport, fine.transport, 1e-7)
    assert loose.trajectory.evaluations < tight.trajectory.evaluations
    assert tight.trajectory.times[-1] == (2 if per_block else 1)
    with pytest.raises(RuntimeError, match="eval"):
        depth.train().adaptive(x)


def test_the_trajectory_is_the_one_of_the_common_integrator():
    blocks, x = stack(), states()
    run = integrate(lambda t, x: Rates(composed(blocks, x)), x, 0.0, 1.0, 6, HEUN)
    close(ContinuousDepth(blocks, steps=6, method=HEUN)(x).x, run.x, 0.0)


# -------------------------------------------------------------------------------- whole networks


def text(steps: int, penalty: Penalty = Penalty.MEAN) -> DepthTransformer:
    parts = text_encoder(TextSize(11, 8, 2, 2, 2, WIDTH, 16), seeded())
    depth = ContinuousDepth(parts.blocks, steps=steps, penalty=penalty, norm=parts.norm)
    return DepthTransformer(parts.embedding, depth, parts.head).double().eval()


@penalties
def test_padding_stands_still_and_pays_nothing(penalty: Penalty):
    net = text(4, penalty)
    x = torch.randint(1, 11, (N, 8), generator=seeded(4))
    x[1, 5:] = 0
    together, alone = net(x, keep_path=True), net(x[1:2, :5])
    close(together.logits[1:2], alone.logits)
    close(together.transport[1:2], alone.transport)
    path = together.run.trajectory.path
    close(path[-1, 1, 5:], path[0, 1, 5:], 0.0)
    assert (path[-1, 1, :5] != path[0, 1, :5]).any()


def test_parts_of_a_network_make_the_whole():
    net, x = text(3), torch.randint(0, 11, (N, 8), generator=seeded(4))
    state, context = net.encode(x)
    assert set(context) == {"key_padding_mask"}
    run = net.depth(state, **context)
    out = net(x)
    assert torch.equal(net.decode(run.x, **context), out.logits)
    assert torch.equal(run.transport, out.transport)
    assert torch.equal(out.run.x, run.x)
    assert not torch.allclose(net(x, steps=9).logits, out.logits)


def test_the_head_gets_the_context_that_it_takes():
    class Everything(nn.Module):
        def forward(self, x: Tensor, **context: Tensor) -> Tensor:
            return x[:, 0, : len(context)]

    net = text(1)
    plain = DepthTransformer(net.embedding, net.depth, nn.Linear(WIDTH, 2).double())
    x = torch.ones(N, 4, dtype=torch.int64)
    assert plain(x).logits.shape == (N, 4, 2)
    assert DepthTransformer(net.embedding, net.depth, Everything())(x).logits.shape == (N, 1)


def test_a_discrete_vit_is_this_class_with_other_settings():
    parts = vit(VitSize(8, 1, 4, 3, 2, 2, 4, WIDTH, mlp=16), seeded())
    images = torch.randn(N, 1, 8, 8, generator=seeded(2))
    depth = ContinuousDepth(parts.blocks, velocity=Velocity.INCREMENT, norm=parts.norm)
    net = DepthTransformer(parts.embedding, depth, parts.head)
    expected = parts.head(composed(parts.blocks, parts.embedding(images)))
    close(net(images).logits, expected, 1e-5)


def test_tied_weights_stay_tied():
    parts = gpt(GptSize(11, TOKENS, 1, 2, WIDTH), seeded())
    net = DepthTransformer(parts.embedding, ContinuousDepth(parts.blocks), parts.head)
    assert net.head.weight is net.embedding.tokens.weight
    assert len(list(net.parameters())) == 4 + 2 + 2  # matrices, norms, token and position tables
    twin = DepthTransformer(parts.embedding, ContinuousDepth(parts.blocks), parts.head)
    twin.load_state_dict({k: v + 1 for k, v in net.state_dict().items()})
    assert twin.head.weight is twin.embedding.tokens.weight


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ContinuousDepth([]), "at least one block"),
        (lambda: ContinuousDepth(stack(), horizon=0.0), "horizon must be positive, got 0.0"),
        (lambda: ContinuousDepth(stack(), velocity="sideways"), "sideways"),
        (lambda: ContinuousDepth([nn.Linear(8, 4)]).double()(states()), "keep the shape"),
    ],
)
def test_bad_input_is_named(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
