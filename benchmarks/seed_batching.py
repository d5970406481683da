"""What it would save to train S seeds of a small model in one loop.

Points of all seeds lie one block after the other in one batch, every linear layer becomes one
batched matrix product with weights of its own for each block, and all else is elementwise. No
transformation of a network does less, so the ratio is a lower bound of what any can reach.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring import paired_medians, use_threads, write_csv
from torch import Tensor, nn

from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.solvers.score import ScoreModel

AGREEMENT = 1e-9
"""Largest relative difference in float64 between a seed's gradient in the loop and alone."""

_STEPS = 20


@dataclass(frozen=True)
class Row:
    """One size. Times of a step are medians in seconds; ``ratio`` is together / (seeds alone)."""

    model: str
    width: int
    batch: int
    seeds: int
    alone_s: float
    together_s: float
    ratio: float


class StackedLinear(nn.Module):
    """One linear layer a block of rows.

    Args:
        layers: The layers of the seeds, all of one shape.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        weights = torch.stack([layer.weight.detach().t() for layer in layers])
        self.weight = nn.Parameter(weights.contiguous())
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Block s of the rows (S n, m) through layer s."""
        blocks = x.view(len(self.weight), -1, x.shape[1])
        return torch.baddbmm(self.bias, blocks, self.weight).flatten(0, 1)


def single(potential: bool, width: int, seed: int) -> ScoreModel:
    """The model of one seed."""
    generator = torch.Generator().manual_seed(seed)
    return ScoreModel(2, OrnsteinUhlenbeck(), potential=potential, width=width, generator=generator)


def stacked(potential: bool, width: int, seeds: int) -> ScoreModel:
    """The models of all seeds as one."""
    models = [single(potential, width, seed) for seed in range(seeds)]
    whole = models[0]
    for k, layer in enumerate(whole.net):
        if isinstance(layer, nn.Linear):
            whole.net[k] = StackedLinear([model.net[k] for model in models])  # type: ignore[misc]
    return whole


def disagreement(potential: bool, width: int, batch: int, seeds: int) -> float:
    """Relative difference of the gradients of the last seed's first layer, in float64."""
    whole = stacked(potential, width, seeds).double()
    alone = single(potential, width, seeds - 1).double()
    draw = torch.Generator().manual_seed(0)
    x, z = (torch.randn(seeds * batch, 2, generator=draw).double() for _ in range(2))
    u = torch.rand(seeds * batch, generator=draw).double()
    last = slice((seeds - 1) * batch, None)
    (seeds * whole.denoising_loss(x, u, z)).backward()
    alone.denoising_loss(x[last], u[last], z[last]).backward()
    ours, theirs = whole.net[0].weight.grad[-1].t(), alone.net[0].weight.grad
    return float((ours - theirs).norm() / theirs.norm())


def measure(model: str, width: int, batch: int, seeds: int, seconds: float) -> Row:
    """Check the gradients, then time some steps of one seed and of all in turn.

    Raises:
        RuntimeError: The gradients differ.
    """
    potential = model == "potential"
    gap = disagreement(potential, width, batch, seeds)
    if not gap <= AGREEMENT:
        raise RuntimeError(f"{model}, {seeds} seeds: relative difference of gradients {gap:.2g}")
    sides = []
    for count in (1, seeds):
        net = stacked(potential, width, seeds) if count > 1 else single(potential, width, 0)
        adam = torch.optim.Adam(net.parameters(), fused=True)
        noise = torch.Generator().manual_seed(0)
        x = torch.randn(count * batch, 2, generator=noise)

        def run(net=net, adam=adam, noise=noise, x=x, count=count) -> None:  # type: ignore[no-untyped-def]
            for _ in range(_STEPS):
                adam.zero_grad()
                (count * net.loss(x, noise).total).backward()
                adam.step()

        sides.append(run)
    alone, together = (t / _STEPS for t in paired_medians(sides, seconds))
    return Row(model, width, batch, seeds, alone, together, together / (seeds * alone))


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the benchmark; see the README beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["vector", "potential"])
    parser.add_argument("--widths", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 10])
    parser.add_argument("--seconds", type=float, default=3.0, help="time budget per row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="CSV file")
    args = parser.parse_args(argv)
    use_threads(args.threads)
    rows = []
    print("    model  width  batch  seeds  ms a step: alone  together     ratio")
    for model in args.models:
        for width in args.widths:
            for batch in args.batches:
                for seeds in args.seeds:
                    row = measure(model, width, batch, seeds, args.seconds)
                    rows.append(row)
                    print(
                        f"{model:>9} {width:>6} {batch:>6} {seeds:>6} {row.alone_s * 1e3:>17.3f}"
                        f" {row.together_s * 1e3:>9.3f} {row.ratio:>9.2f}"
                    )
    if args.output is not None:
        write_csv(args.output, rows)
    return rows


if __name__ == "__main__":
    main()
