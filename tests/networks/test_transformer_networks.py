"""The four Transformers: published sizes, symmetries, masks, layer norms, initial weights."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mfglab.networks.transformers.attention import SelfAttention
from mfglab.networks.transformers.gpt import GptSize, gpt
from mfglab.networks.transformers.parts import NormPlacement, Parts, parameters_in
from mfglab.networks.transformers.sets import SetSize, set_transformer
from mfglab.networks.transformers.text import TextSize, sinusoids, text_encoder
from mfglab.networks.transformers.vit import VitSize, vit

GPT = GptSize(11, context=8, layers=2, heads=2, width=12)
VIT = VitSize(8, 1, patch=4, classes=3, layers=2, heads=2, head_width=5, width=12, mlp=20)
SET = SetSize(3, layers=2, heads=2, width=12, inducing=4, lift=True)
TEXT = TextSize(11, length=8, classes=3, layers=2, heads=2, width=12, mlp=20)
BUILDERS = {"gpt": (gpt, GPT), "vit": (vit, VIT), "set": (set_transformer, SET)}
BUILDERS["text"] = (text_encoder, TEXT)
every_network = pytest.mark.parametrize("name", BUILDERS)
every_placement = pytest.mark.parametrize("norm", NormPlacement)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build(name: str, seed: int = 0, **changes: object) -> Parts:
    builder, size = BUILDERS[name]
    parts = builder(replace(size, **changes), seeded(seed))
    for module in modules(parts):
        module.double().eval()
    return parts


def modules(parts: Parts) -> list[nn.Module]:
    every = (parts.embedding, parts.blocks, parts.norm, parts.head)
    return [module for module in every if module is not None]


def inputs(name: str, n: int = 3) -> Tensor:
    if name in ("gpt", "text"):
        return torch.randint(1, 11, (n, 8), generator=seeded(5))
    shape = (n, 1, 8, 8) if name == "vit" else (n, 9, 3)
    return torch.randn(shape, dtype=torch.float64, generator=seeded(5))


def discrete(parts: Parts, x: Tensor) -> Tensor:
    """The ordinary Transformer: embedding, blocks, norm, head."""
    state = parts.embedding(x)
    state, context = state if isinstance(state, tuple) else (state, {})
    for block in parts.blocks:
        state = block(state, **context)
    if parts.norm is not None:
        state = parts.norm(state)
    return parts.head(state, **context)


def total(parts: Parts) -> int:
    return parameters_in(*modules(parts))


# ------------------------------------------------------------------------------ published sizes


@pytest.mark.parametrize(
    ("size", "published"),
    [
        (GptSize(65, 256, 6, 6, 384), 10_646_784),
        (GptSize(65, 256, 5, 5, 320, norm=NormPlacement.NONE), 6_164_800),
        (GptSize(50_304, 1024, 12, 12, 768, bias=True), 123_689_472),
        (GptSize(50_304, 1024, 12, 12, 768, bias=False), 123_587_328),
    ],
)
def test_gpt_has_the_published_number_of_parameters(size: GptSize, published: int):
    with torch.device("meta"):
        parts = gpt(size)
    assert parts.embedding.tokens.weight.device.type == "meta"  # nothing is allocated
    # Position tables are not counted by the source of these numbers.
    assert total(parts) - size.context * size.width == published
    untied = replace(size, tied=False)
    with torch.device("meta"):
        assert total(gpt(untied)) - total(parts) == size.vocabulary * size.width


@pytest.mark.parametrize(
    ("width", "mlp", "published"), [(64, None, 17_546), (128, None, 59_658), (128, 128, 92_938)]
)
def test_vit_for_mnist_has_the_published_number_of_parameters(width, mlp, published):
    # 92 938 counts a token-wise layer that the source builds and does not use.
    size = VitSize(28, 1, 7, 10, layers=1, heads=1, head_width=width, width=width, mlp=mlp)
    assert total(vit(size)) == published


@pytest.mark.parametrize(("layers", "published"), [(6, 1_774_848), (5, 1_479_040)])
def test_vit_for_cats_and_dogs_has_the_published_blocks(layers: int, published: int):
    size = VitSize(224, 3, 16, 2, layers=layers, heads=8, head_width=64, width=128, mlp=128)
    assert parameters_in(vit(size).blocks) == published


@pytest.mark.parametrize(
    ("width", "lift", "published"), [(256, False, 866_560), (200, True, 650_400)]
)
def test_set_transformer_has_the_published_encoder(width: int, lift: bool, published: int):
    parts = set_transformer(SetSize(40, layers=2, heads=4, width=width, inducing=16, lift=lift))
    assert parameters_in(parts.embedding, parts.blocks) == published


@pytest.mark.parametrize(("layers", "published"), [(6, 4_738_560), (3, 2_369_280)])
def test_text_encoder_has_the_published_layers(layers: int, published: int):
    size = TextSize(100, 512, 2, layers=layers, heads=8, width=256, mlp=1024)
    assert parameters_in(text_encoder(size).blocks) == published


# ------------------------------------------------------------------------------------ attention


def by_hand(attention: SelfAttention, x: Tensor, heads: int, allowed: Tensor) -> Tensor:
    """Softmax attention head by head, from the definition; allowed (n, tokens, tokens)."""
    q, k, v = attention.qkv(x).chunk(3, dim=-1)
    width = q.shape[-1] // heads
    out = []
    for h in range(heads):
        one = slice(h * width, (h + 1) * width)
        score = q[..., one] @ k[..., one].mT / width**0.5
        weight = torch.softmax(score.masked_fill(~allowed, -torch.inf), dim=-1)
        out.append(weight @ v[..., one])
    return attention.out(torch.cat(out, dim=-1))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_softmax_attention(causal: bool):
    attention = SelfAttention(12, 3, 5, causal=causal, generator=seeded()).double()
    x = torch.randn(2, 6, 12, dtype=torch.float64, generator=seeded(1))
    allowed = torch.ones(2, 6, 6, dtype=torch.bool)
    expected = by_hand(attention, x, 3, allowed.tril() if causal else allowed)
    torch.testing.assert_close(attention(x), expected, rtol=1e-12, atol=1e-12)


def test_nobody_attends_to_what_is_masked():
    attention = SelfAttention(12, 3, generator=seeded()).double()
    x = torch.randn(2, 6, 12, dtype=torch.float64, generator=seeded(1))
    keep = torch.tensor([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool)
    expected = by_hand(attention, x, 3, keep[:, None, :].expand(2, 6, 6))
    torch.testing.assert_close(attention(x, keep[:, None, None]), expected, rtol=1e-12, atol=1e-12)


@every_placement
def test_no_token_sees_the_future(norm: NormPlacement):
    parts, x = build("gpt", norm=norm), inputs("gpt")
    before = discrete(parts, x)
    changed = x.clone()
    changed[:, 5] = (x[:, 5] + 1) % 11
    after = discrete(parts, changed)
    assert torch.equal(after[:, :5], before[:, :5])
    # It is seen by itself and by everything later.
    assert ((after - before)[:, 5:].abs().amax(-1) > 1e-9).all()


@every_placement
@pytest.mark.parametrize("lift", [False, True])
def test_sets_have_no_order(norm: NormPlacement, lift: bool):
    parts, x = build("set", norm=norm, lift=lift), inputs("set")
    order = torch.randperm(x.shape[1], generator=seeded(2))
    state, shuffled = parts.embedding(x), parts.embedding(x[:, order])
    for block in parts.blocks:
        state, shuffled = block(state), block(shuffled)
        assert state.shape == (3, 9, 12)
        torch.testing.assert_close(shuffled, state[:, order], rtol=1e-10, atol=1e-10)
        assert not torch.allclose(shuffled, state)
    same = discrete(parts, x[:, order])
    torch.testing.assert_close(same, discrete(parts, x), rtol=1e-10, atol=1e-10)


@every_placement
def test_padding_changes_nothing(norm: NormPlacement):
    parts, x = build("text", norm=norm), inputs("text")
    x[1, 5:] = 0
    together = discrete(parts, x)
    alone = discrete(parts, x[1:2, :5])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-12, atol=1e-12)
    x[1, 4] = 3 if x[1, 4] != 3 else 4
    assert not torch.allclose(discrete(parts, x)[1:2], alone)


def test_an_empty_sentence_has_a_finite_answer():
    parts = build("text")
    assert torch.isfinite(discrete(parts, torch.zeros(2, 8, dtype=torch.int64))).all()


def test_patches_are_patches():
    parts, x = build("vit"), inputs("vit")
    rows = [x[:, :, i : i + 4, j : j + 4].flatten(1) for i in (0, 4) for j in (0, 4)]
    expected = parts.embedding.patches(torch.stack(rows, 1)) + parts.embedding.positions[1:]
    torch.testing.assert_close(parts.embedding(x)[:, 1:], expected, rtol=1e-12, atol=1e-12)
    first = parts.embedding.class_token + parts.embedding.positions[0]
    assert torch.allclose(parts.embedding(x)[:, 0], first.expand(3, 12))


def test_sinusoids_turn_at_the_stated_frequencies():
    table = sinusoids(5, 6)
    assert torch.allclose(table[:, 0], torch.arange(5.0).sin())
    assert torch.allclose(table[3, 5], torch.cos(torch.tensor(3 / 10_000 ** (4 / 6))))
    assert sinusoids(4, 7).shape == (4, 7)


# ----------------------------------------------------------------------------- norms and weights


def add(norm: NormPlacement, x: Tensor, F: nn.Module) -> Tensor:
    """A sublayer F on the stream x, from the definition of the placements."""
    N = nn.LayerNorm(12, bias=False).double()
    return {
        NormPlacement.PRE: lambda: x + F(N(x)),
        NormPlacement.POST: lambda: N(x + F(x)),
        NormPlacement.PERI: lambda: x + N(F(N(x))),
        NormPlacement.NONE: lambda: x + F(x),
    }[norm]()


@every_placement
def test_norms_stand_where_the_placement_says(norm: NormPlacement):
    parts = build("gpt", norm=norm)
    block, x = parts.blocks[0], parts.embedding(inputs("gpt"))
    expected = add(norm, add(norm, x, block.attention), block.mlp)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


@every_network
@every_placement
def test_every_placement_works_and_none_means_none(name: str, norm: NormPlacement):
    parts = build(name, norm=norm)
    norms = [m for part in modules(parts) for m in part.modules() if isinstance(m, nn.LayerNorm)]
    assert bool(norms) == (norm is not NormPlacement.NONE)
    logits = discrete(parts, inputs(name))
    assert logits.shape == ((3, 8, 11) if name == "gpt" else (3, 3))
    logits.square().sum().backward()
    weights = [p for part in modules(parts) for p in part.parameters()]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in weights)


@every_network
def test_initial_weights_come_from_the_generator(name: str):
    def weights(seed: int, globally: int) -> list[Tensor]:
        torch.manual_seed(globally)
        return [p for part in modules(build(name, seed)) for p in part.parameters()]

    first, again, other = weights(0, 0), weights(0, 1), weights(1, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert sum(not torch.equal(a, b) for a, b in zip(first, other, strict=True)) > len(first) / 3


def test_gpt_starts_small_where_it_writes_into_the_stream():
    size = GptSize(65, 64, layers=8, heads=4, width=128, bias=True)
    block = gpt(size, seeded()).blocks[0]
    for layer, std in (
        (block.attention.qkv, 0.02),
        (block.attention.out, 0.005),
        (block.mlp.opening, 0.02),
        (block.mlp.out, 0.005),
    ):
        assert layer.weight.std().item() == pytest.approx(std, rel=0.02)
        assert not layer.bias.any()


@pytest.mark.parametrize("name", ["gpt", "text", "vit", "set"])
def test_dropout_acts_in_training_only(name: str):
    parts, x = build(name, dropout=0.5), inputs(name)
    assert torch.equal(discrete(parts, x), discrete(parts, x))
    for part in modules(parts):
        part.train()
    assert not torch.equal(discrete(parts, x), discrete(parts, x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gpt(replace(GPT, layers=0)), "layers must be positive, got 0"),
        (lambda: gpt(replace(GPT, heads=5)), "multiple of heads, got 12 and 5"),
        (lambda: vit(replace(VIT, patch=3)), "multiple of patch, got 8 and 3"),
        (lambda: set_transformer(replace(SET, heads=5)), "multiple of heads, got 12 and 5"),
        (lambda: set_transformer(replace(SET, lift=False, layers=1)), "2 or more"),
        (lambda: SelfAttention(12, 2, 5, project=False), "got 10 and 12"),
        (lambda: build("gpt").embedding(torch.zeros(1, 9, dtype=torch.int64)), "9 tokens"),
        (lambda: build("text").embedding(torch.zeros(1, 9, dtype=torch.int64)), "9 tokens"),
        (lambda: build("vit").embedding(torch.zeros(1, 1, 8, 9)), r"\(1, 1, 8, 9\)"),
    ],
)
def test_bad_sizes_are_named(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
