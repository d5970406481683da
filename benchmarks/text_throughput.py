"""Training of a text model through ``fit`` against a plain PyTorch loop in nanoGPT's manner.

Both sides have the same weights, batches of the same size, AdamW settings and clipping. The
library's side is everything that it does in training: batches, losses, accuracy, running cost,
Lightning. Validation and checkpoints are on neither side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from depth_cases import AGREEMENT, CASES, Case, depth_solver, disagreement
from loops import by_fit
from measuring import finish, paired_measurements, parse
from plain_gpt import BETAS, CLIP, LEARNING_RATE, WEIGHT_DECAY, PlainGpt, seconds_per_step
from torch import Tensor

from mfglab.config import TrainingConfig
from mfglab.networks.transformers.gpt import GptSize
from mfglab.solvers.continuous_depth import Velocity
from mfglab.solvers.depth_solver import DepthSolver

NAMES = {
    "embedding.tokens": "wte",
    "embedding.positions": "wpe.weight",
    "depth.blocks": "blocks",
    "attention.qkv": "attn",
    "attention.out": "proj",
    "mlp.opening": "up",
    "mlp.out": "down",
    "around_attention.before": "ln_1",
    "around_mlp.before": "ln_2",
    "depth.norm": "ln_f",
}
"""Names of the library's weights and those of the plain model."""


@dataclass(frozen=True)
class Row:
    """One number of steps in depth (0: the discrete network). Tokens a second, medians.

    ``plain`` is the loop as nanoGPT has it on a processor, ``fused`` the same with AdamW in one
    kernel, which the library uses; the ratios are the library's over theirs.
    """

    case: str
    steps: int
    library: float
    plain: float
    fused: float
    ratio: float
    ratio_fused: float
    disagreement: float


def library_model(case: Case, steps: int) -> DepthSolver:
    """The discrete network (``steps`` = 0) or the arm with a penalty, with fresh weights."""
    if steps == 0:
        return depth_solver(case.parts(), 1, velocity=Velocity.INCREMENT, weight=0.0)
    return depth_solver(case.parts(), steps, velocity=Velocity.OUTPUT, weight=1.0)


def plain_model(case: Case, steps: int) -> PlainGpt:
    """The same network, with the same weights, in plain PyTorch."""
    size = case.size
    assert isinstance(size, GptSize)
    model = PlainGpt(
        size.vocabulary, size.context, size.layers, size.heads, size.width, steps or None
    )
    weights = {}
    for name, value in library_model(case, steps).network.state_dict().items():
        if name == "head.weight":  # tied to the tokens' embedding
            continue
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        weights[name] = value
    model.load_state_dict(weights)
    return model


def compare(case: Case, steps: int) -> float:
    """Largest relative difference of losses and gradient norms in float64.

    Raises:
        RuntimeError: It is more than :data:`AGREEMENT`.
    """
    examples = case.examples()
    ours, plain = library_model(case, steps).double(), plain_model(case, steps).double()
    difference = disagreement(
        [lambda: ours.loss(examples, torch.Generator()).total, lambda: plain(*examples)],
        [ours, plain],
    )
    if not difference <= AGREEMENT:
        raise RuntimeError(f"{case}: relative difference {difference:.2e}, expected {AGREEMENT}")
    return difference


def library_seconds(case: Case, steps: int, text: Tensor, iterations: int) -> float:
    """Train through ``fit``; mean wall time of a step, from the second on."""
    assert isinstance(case.size, GptSize)
    windows = text.unfold(0, case.size.context + 1, 1)
    examples = windows[:, :-1], windows[:, 1:]
    training = TrainingConfig(
        iterations=iterations,
        batch_size=case.batch,
        optimizer="adamw",
        learning_rate=LEARNING_RATE,
        beta2=BETAS[1],
        weight_decay=WEIGHT_DECAY,
        gradient_clip=CLIP,
        val_every=iterations,
    )
    val = examples[0][: case.batch], examples[1][: case.batch]
    return by_fit(library_model(case, steps), examples, val, training)


def measure(name: str, steps: int, iterations: int, seconds: float) -> Row:
    """Check that both sides are the same network, then train both in turn."""
    case = CASES[name]
    assert isinstance(case.size, GptSize)
    difference = compare(case, steps)
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(case.size.vocabulary, (100_000,), generator=generator)

    def plain_seconds(fused: bool) -> float:
        model = plain_model(case, steps)
        return seconds_per_step(model, text, case.batch, iterations, generator, fused=fused)

    sides: list[Callable[[], float]] = [
        lambda: library_seconds(case, steps, text, iterations),
        lambda: plain_seconds(False),
        lambda: plain_seconds(True),
    ]
    tokens = case.batch * case.size.context
    ours, plain, fused = (tokens / time for time in paired_measurements(sides, seconds))
    return Row(name, steps, ours, plain, fused, ours / plain, ours / fused, difference)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    texts = [name for name, case in CASES.items() if isinstance(case.size, GptSize)]
    parser.add_argument("--cases", nargs="+", choices=texts, default=["text"])
    parser.add_argument("--steps", type=int, nargs="+", default=[0, 5], help="0: discrete")
    parser.add_argument("--iterations", type=int, default=40, help="optimiser steps in a turn")
    args = parse(parser, argv, seconds=60.0, ratio=True)
    rows = []
    print("  case  steps   tokens/s: library       plain   ratio       fused   ratio")
    for name in args.cases:
        for steps in args.steps:
            row = measure(name, steps, args.iterations, args.seconds)
            rows.append(row)
            print(
                f"{name:>6} {steps:6d} {row.library:18.0f} {row.plain:11.0f} {row.ratio:7.3f}"
                f" {row.fused:11.0f} {row.ratio_fused:7.3f}"
            )
    finish(rows, args, at_most=False)
    return rows


if __name__ == "__main__":
    main()
