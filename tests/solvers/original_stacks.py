"""Small Transformers that were not made for continuous depth, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, ViTConfig, ViTModel

from mfglab.networks.transformers.text import TextSize, text_encoder
from mfglab.solvers.continuous_depth import ContinuousDepth, Velocity

N, TOKENS, WIDTH, LAYERS, HEADS, HIDDEN = 3, 7, 8, 2, 2, 16


@dataclass(frozen=True)
class Original:
    """A Transformer, and how to see its stack in it.

    Args:
        blocks: Its blocks.
        norm: The norm that closes its stack.
        state: X(0) of all N inputs.
        padding: True where a token is padding, or None where there is none.
        context: What the blocks are called with besides the state.
        output: The end of the stack for all inputs, computed by the Transformer itself.
    """

    blocks: nn.ModuleList
    norm: nn.Module | None
    state: Tensor
    padding: Tensor | None
    context: dict[str, Tensor]
    output: Callable[[], Tensor]

    def depth(self, **settings: object) -> ContinuousDepth:
        settings = {"velocity": Velocity.INCREMENT, "norm": self.norm} | settings
        return ContinuousDepth(self.blocks, **settings)

    def velocity(self, x: Tensor) -> Tensor:
        """The stack, called block by block."""
        for block in self.blocks:
            x = block(x, **self.context)
        return x if self.norm is None else self.norm(x)

    def real(self) -> Tensor:
        """True where a token is no padding, shape (n, tokens)."""
        none = torch.zeros(self.state.shape[:2], dtype=torch.bool)
        return ~(none if self.padding is None else self.padding)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_states() -> Tensor:
    return torch.randn(N, TOKENS, WIDTH, dtype=torch.float64, generator=seeded(1))


def some_padding() -> Tensor:
    padding = torch.zeros(N, TOKENS, dtype=torch.bool)
    padding[0, 5:] = padding[1, 3:] = True
    return padding


def shaken(model: nn.Module) -> nn.Module:
    """Double precision, and weights that no constructor draws: all count, none is special."""
    generator = seeded(0)
    for name, p in model.double().named_parameters():
        gain = p.ndim == 1 and name.endswith("weight")
        p.data = 0.4 * torch.randn(p.shape, dtype=p.dtype, generator=generator) + float(gain)
    return model


def added_to_scores(allowed: Tensor) -> Tensor:
    """The mask that Hugging Face's blocks take: added to the scores, (n, 1, queries, keys)."""
    least = torch.finfo(torch.float64).min
    return torch.zeros(allowed.shape, dtype=torch.float64).masked_fill(~allowed, least)


def own(dropout: float) -> Original:
    size = TextSize(11, TOKENS, 2, LAYERS, HEADS, WIDTH, HIDDEN, dropout)
    parts = text_encoder(size, seeded(0))
    shaken(parts.blocks)
    x, padding = some_states(), some_padding()

    def output() -> Tensor:
        first, second = parts.blocks
        return second(first(x, padding), padding)

    return Original(parts.blocks, None, x, padding, {"key_padding_mask": padding}, output)


def torch_layers(dropout: float) -> Original:
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, dropout, batch_first=True, norm_first=True
    )
    norm = nn.LayerNorm(WIDTH)
    stack = nn.TransformerEncoder(layer, LAYERS, norm, enable_nested_tensor=False)
    shaken(stack)
    x, padding = some_states(), some_padding()
    context = {"src_key_padding_mask": padding}
    return Original(stack.layers, norm, x, padding, context, lambda: stack(x, **context))


def gpt2(dropout: float) -> Original:
    config = GPT2Config(
        vocab_size=11,
        n_positions=16,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        n_inner=HIDDEN,
        embd_pdrop=0.0,
        attn_pdrop=dropout,
        resid_pdrop=dropout,
    )
    model = shaken(GPT2Model(config))
    words = torch.randint(11, (N, TOKENS), generator=seeded(2))
    padding = some_padding()
    causal = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()
    context = {
        "attention_mask": added_to_scores(causal & ~padding[:, None, None, :]),
        "key_padding_mask": padding,
    }
    state = model.wte(words) + model.wpe.weight[:TOKENS]
    return Original(
        model.h,
        model.ln_f,
        state.detach(),
        padding,
        context,
        lambda: model(words, attention_mask=(~padding).long()).last_hidden_state,
    )


def bert(dropout: float) -> Original:
    config = BertConfig(
        vocab_size=11,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=HIDDEN,
        max_position_embeddings=16,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    model = shaken(BertModel(config, add_pooling_layer=False))
    words = torch.randint(11, (N, TOKENS), generator=seeded(2))
    padding = some_padding()
    context = {
        "attention_mask": added_to_scores(
            (~padding[:, None, None, :]).expand(-1, 1, TOKENS, TOKENS)
        ),
        "key_padding_mask": padding,
    }
    return Original(
        model.encoder.layer,
        None,
        model.embeddings.eval()(words).detach(),
        padding,
        context,
        lambda: model(words, attention_mask=(~padding).long()).last_hidden_state,
    )


def vit(dropout: float) -> Original:
    config = ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=HIDDEN,
        image_size=8,
        patch_size=4,
        num_channels=1,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    model = shaken(ViTModel(config, add_pooling_layer=False))
    images = torch.randn(N, 1, 8, 8, dtype=torch.float64, generator=seeded(2))
    blocks = next(m for m in model.modules() if isinstance(m, nn.ModuleList))
    return Original(
        blocks,
        model.layernorm,
        model.embeddings.eval()(images).detach(),
        None,
        {},
        lambda: model(images).last_hidden_state,
    )


MAKERS = {"own": own, "torch": torch_layers, "gpt2": gpt2, "bert": bert, "vit": vit}
