"""The published character model, of its published size: a few steps on a CPU."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from mfglab.config import load_config, profile_paths
from mfglab.datasets.readers.text import Corpus
from mfglab.datasets.tasks.text import shakespeare
from mfglab.experiments.transformers.quality import parameters
from mfglab.experiments.transformers.train import train_arm

ROOT = Path(__file__).parents[2]
#: Weights without positions, as published: 10.65M and 6.16M.
PUBLISHED = {"baseline": 10_646_784, "ot": 6_164_800}


@pytest.fixture(scope="module")
def text():
    config = load_config(profile_paths("paper", ROOT / "config"))
    return config.transformers.tasks["text"]


@pytest.mark.parametrize("arm", list(PUBLISHED))
def test_twenty_steps_of_the_published_configuration(arm, text, tmp_path):
    letters = torch.randint(65, (6000,), generator=torch.Generator().manual_seed(0)).tolist()
    alphabet = [chr(33 + i) for i in range(65)]
    corpus = Corpus("".join(alphabet) + "".join(alphabet[i] for i in letters))
    task = shakespeare(corpus, text.data.length, text.data.paper_split)
    run = text.arm(arm)
    assert (run.training.iterations, run.training.accumulate) == (5000, 4)
    assert run.training.batch_size * run.training.accumulate * text.data.length == 65_536
    # One sequence a step in place of 256, and float32: what a CPU does in seconds.
    few = {"iterations": 20, "val_every": 20, "warmup": 5, "batch_size": 1, "accumulate": 1}
    short = text.arm(arm, {"training": {**few, "precision": "32-true"}})
    result = train_arm(task, short, 0, tmp_path)
    network = result.solver.network
    positions = network.embedding.positions.numel()
    assert parameters(network) - positions == PUBLISHED[arm]
    (row,) = result.history
    assert math.isfinite(row["val_loss"])
    assert row["val_loss"] < math.log(65) + 0.3
    assert result.steps == 20
