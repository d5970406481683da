"""Stacks that were not made for it, as the velocity of hidden states: torch, Hugging Face."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from original_stacks import MAKERS, WIDTH, N, Original, gpt2, seeded
from torch import Tensor

from mfglab.solvers.continuous_depth import ContinuousDepth, Penalty, Velocity

NO_GRADIENT = ("key.bias", "k_proj.bias")
"""Attention does not depend on a bias of the keys: softmax ignores what all scores share."""
PADDED = [name for name in MAKERS if name != "vit"]


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[..., Original]:
    return lambda dropout=0.0: MAKERS[request.param](dropout)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-11) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def gradients(depth: ContinuousDepth) -> dict[str, Tensor]:
    return {name: p.grad for name, p in depth.named_parameters()}


def test_one_step_of_increments_is_the_original(make):
    original = make()
    run = original.depth()(original.state, **original.context)
    real = original.real()
    close(run.x[real], original.output()[real])
    # Padding is where it was, and a velocity that keeps the state is another network.
    close(run.x[~real], original.state[~real], 0.0)
    other = original.depth(velocity=Velocity.OUTPUT)(original.state, **original.context)
    close(other.x[real] - original.state[real], original.output()[real])


@pytest.mark.parametrize("velocity", Velocity)
@pytest.mark.parametrize("penalty", Penalty)
def test_steps_are_those_of_a_loop_written_out(make, velocity, penalty):
    original = make()
    depth = original.depth(horizon=0.9, steps=3, velocity=velocity, penalty=penalty)
    run = depth(original.state, keep_path=True, **original.context)
    real = original.real()[:, :, None]
    entries = real.sum((1, 2)) * WIDTH
    x, path, transport = original.state, [original.state], torch.zeros(N, dtype=torch.float64)
    for _ in range(3):
        v = original.velocity(x)
        v = (v if velocity is Velocity.OUTPUT else v - x) * real
        square = v.square().sum((1, 2))
        transport = transport + 0.3 * (
            square / 2 if penalty is Penalty.HALF_SUM else square / entries
        )
        x = x + 0.3 * v
        path.append(x)
    close(run.x, x)
    close(run.transport, transport)
    close(run.trajectory.path, torch.stack(path))


def test_gradients_are_those_of_the_loop_and_reach_every_weight(make):
    original = make()
    depth = original.depth(steps=4)
    weights = torch.randn(original.state.shape, dtype=torch.float64, generator=seeded(3))
    real = original.real()[:, :, None]
    run = depth(original.state, **original.context)
    ((weights * run.x).sum() + run.transport.sum()).backward()
    ours = {name: grad.clone() for name, grad in gradients(depth).items()}
    depth.zero_grad()
    x, loss = original.state, 0.0
    for _ in range(4):
        v = (original.velocity(x) - x) * real
        loss = loss + (v.square().sum((1, 2)) / (real.sum((1, 2)) * WIDTH)).sum() / 4
        x = x + v / 4
    ((weights * x).sum() + loss).backward()
    for name, grad in gradients(depth).items():
        close(ours[name], grad, 1e-10)
    still = {name for name, grad in ours.items() if grad.norm() < 1e-9}
    assert still == {name for name in ours if name.endswith(NO_GRADIENT)}


@pytest.mark.parametrize("per_block", [False, True])
def test_checkpointing_changes_no_gradient_and_repeats_dropout(make, per_block):
    results = []
    for checkpoint in (False, True, 2):
        original = make(dropout=0.2)
        depth = original.depth(steps=3, per_block=per_block, checkpoint=checkpoint)
        torch.manual_seed(5)
        run = depth(original.state, **original.context)
        (run.x.square().sum() + run.transport.sum()).backward()
        results.append([run.x.detach(), run.transport.detach(), *gradients(depth).values()])
    plain, recomputed, few = results
    assert all(torch.equal(a, b) for a, b in zip(plain, recomputed, strict=True))
    for ours, theirs in zip(few, plain, strict=True):  # costs are added up in another order
        torch.testing.assert_close(ours, theirs)
    torch.manual_seed(6)  # dropout was at work: another seed, another result
    other = depth(original.state, **original.context)
    assert not torch.allclose(other.x, plain[0])


@pytest.mark.parametrize("name", PADDED)
def test_an_input_does_not_see_the_padding_behind_it(name):
    original = MAKERS[name](0.0)
    depth = original.depth(steps=3, velocity=Velocity.OUTPUT)
    real = original.real()
    changed = original.state.masked_fill(~real[:, :, None], 3.0)
    together, other = (depth(x, **original.context) for x in (original.state, changed))
    close(other.x[real], together.x[real])
    close(other.transport, together.transport)
    close(other.x[~real], changed[~real], 0.0)
    if name != "gpt2":  # which is causal: what comes later is not seen anyway
        assert not torch.allclose(depth(changed).x[real], together.x[real])


def test_gpt2_blocks_are_causal():
    original = gpt2(0.0)
    changed = original.state.clone()
    changed[:, 4:] = 0.5
    for context in ({}, original.context):
        depth = original.depth(steps=3)
        close(depth(changed, **context).x[2, :4], depth(original.state, **context).x[2, :4])


def test_other_batches_and_lengths_keep_their_shape(make):
    original = make()
    depth = original.depth(steps=2)
    for shape in ((1, 3, WIDTH), (5, 2, WIDTH)):
        run = depth(torch.ones(shape, dtype=torch.float64), keep_path=True)
        assert run.x.shape == shape
        assert run.transport.shape == shape[:1]
        assert run.trajectory.path.shape == (3, *shape)


def test_steps_can_be_changed_after_training(make):
    original = make()
    depth = original.depth(steps=2, velocity=Velocity.OUTPUT)
    target = torch.zeros_like(original.state)
    optimizer = torch.optim.Adam(depth.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        run = depth(original.state, **original.context)
        loss = (run.x - target).square().mean() + 0.1 * run.transport.mean()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    ends = [depth(original.state, steps=steps, **original.context).x for steps in (2, 64, 128)]
    coarse, fine = (ends[0] - ends[2]).norm(), (ends[1] - ends[2]).norm()
    assert 0 < fine < 0.2 * coarse  # Euler's error falls like the step
    depth.steps = 64
    close(depth(original.state, **original.context).x, ends[1], 0.0)
    # A copy from a state dictionary, made with another number of steps, is the same system.
    twin = make().depth(steps=64, velocity=Velocity.OUTPUT)
    twin.load_state_dict(depth.state_dict())
    close(twin(original.state, **original.context).x, ends[1])
