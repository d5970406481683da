"""A language model and its training loop in plain PyTorch, in the manner of nanoGPT.

It uses nothing of the library: it is what the library's training is compared with.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor, nn
from torch.nn import functional

LEARNING_RATE = 1e-3
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.1
CLIP = 1.0


class PlainBlock(nn.Module):
    """Pre-norm causal attention and a four times wider token-wise layer, without biases."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, bias=False) for _ in range(2))
        self.attn = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """One block on states (n, tokens, width)."""
        n, tokens, width = x.shape
        q, k, v = self.attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (
            z.view(n, tokens, self.heads, width // self.heads).transpose(1, 2) for z in (q, k, v)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).contiguous().view(n, tokens, width))
        return x + self.down(functional.gelu(self.up(self.ln_2(x))))


class PlainGpt(nn.Module):
    """The network; with ``steps`` its stack is the velocity of as many Euler steps over T = 1."""

    def __init__(
        self,
        vocabulary: int,
        context: int,
        layers: int,
        heads: int,
        width: int,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(PlainBlock(heads, width) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width, bias=False)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy, plus the mean squared velocity where depth is continuous."""
        place = torch.arange(tokens.shape[1])
        x = self.wte(tokens) + self.wpe(place)
        energy = 0.0
        for _ in range(self.steps or 1):
            v = x
            for block in self.blocks:
                v = block(v)
            v = self.ln_f(v)
            if self.steps is None:
                x = v
            else:
                energy = energy + v.square().mean() / self.steps
                x = x + v / self.steps
        logits = functional.linear(x, self.wte.weight)
        loss = functional.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
        return loss + energy


def seconds_per_step(
    model: PlainGpt,
    text: Tensor,
    batch: int,
    steps: int,
    generator: torch.Generator,
    *,
    fused: bool,
) -> float:
    """Train for ``steps`` steps; mean wall time of all but the first.

    Args:
        model: What is trained.
        text: All tokens of training, shape (characters,).
        batch: Sequences in a batch, cut from anywhere.
        steps: Optimiser steps.
        generator: Source of the batches.
        fused: AdamW in one kernel; nanoGPT itself asks for it on a GPU only.
    """
    context = model.wpe.num_embeddings
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, fused=fused)
    begun = []
    for step in range(steps):
        begun.append(time.perf_counter())
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        places = torch.randint(len(text) - context, (batch,), generator=generator).tolist()
        x = torch.stack([text[i : i + context] for i in places])
        y = torch.stack([text[i + 1 : i + 1 + context] for i in places])
        optimizer.zero_grad(set_to_none=True)
        loss = model(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}")
    return (begun[-1] - begun[0]) / (steps - 1)
