import pytest
import torch
from torch.nn import functional

from mfglab.robustness.attacks import Fgsm, Pgd


def linear():
    weight = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    return lambda x: x @ weight, weight


def data():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    forward, _ = linear()
    return x, forward(x).argmax(dim=-1)


def test_one_step_follows_the_sign_of_the_gradient():
    forward, weight = linear()
    x, labels = data()
    probability = forward(x).softmax(dim=1) - functional.one_hot(labels, 3)
    expected = x + 0.3 * (probability @ weight.T).sign()
    assert torch.allclose(Fgsm(0.3)(forward, x, labels), expected)


@pytest.mark.parametrize("attack", [Fgsm(0.2), Pgd(0.2, steps=7)])
def test_the_input_stays_in_the_ball_and_the_loss_rises(attack):
    forward, _ = linear()
    x, labels = data()
    before = x.clone()
    found = attack(forward, x, labels)
    assert not found.requires_grad
    assert torch.equal(x, before)
    assert float((found - x).abs().max()) <= 0.2 + 1e-6
    loss = [functional.cross_entropy(forward(z), labels, reduction="none") for z in (x, found)]
    assert (loss[1] > loss[0]).all()


def test_many_steps_find_more_than_one_on_a_curved_loss():
    def forward(x):
        square = (x**2).sum(-1, keepdim=True)
        return torch.cat([torch.sin(3 * x[..., :1]) - square, torch.zeros_like(square)], dim=-1)

    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(2))
    labels = forward(x).argmax(dim=-1)
    losses = [
        float(functional.cross_entropy(forward(attack(forward, x, labels)), labels))
        for attack in (Fgsm(1.0), Pgd(1.0, steps=40, stride=0.05))
    ]
    assert losses[1] > losses[0]


def test_a_state_of_tokens_is_attacked_token_by_token():
    forward, _ = linear()
    state = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(3))
    labels = forward(state).argmax(dim=-1)
    found = Pgd(0.5, steps=4)(forward, state, labels)
    assert found.shape == state.shape
    assert float((found - state).abs().max()) == pytest.approx(0.5, abs=1e-5)


def test_bounds_hold_and_radius_zero_is_the_input():
    forward, _ = linear()
    x, labels = data()
    x = x.clamp(-1, 1)
    assert Pgd(0.5, bounds=(-1, 1))(forward, x, labels).abs().max() <= 1
    assert torch.equal(Fgsm(0.0)(forward, x, labels), x)


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match=r"-0\.1"):
        Fgsm(-0.1)
    with pytest.raises(ValueError, match="steps >= 1"):
        Pgd(0.1, steps=0)
