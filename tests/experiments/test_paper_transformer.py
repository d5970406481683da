"""The published language models: the characters at full size, GPT-2 made small, a few steps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mfglab.config import load_config, profile_paths
from mfglab.datasets.readers.text import Corpus, TokenFiles
from mfglab.datasets.tasks.text import shakespeare, tokens
from mfglab.experiments.transformers.quality import parameters
from mfglab.experiments.transformers.train import train_arm

ROOT = Path(__file__).parents[2]
#: Weights without positions, as published: 10.65M and 6.16M.
PUBLISHED = {"baseline": 10_646_784, "ot": 6_164_800}


def test_two_steps_of_gpt2_made_narrow(tmp_path):
    config = load_config(profile_paths("gpt2", ROOT / "config"))
    text = config.transformers.tasks["text"]
    numbers = np.arange(500) * 7 % 50_257
    files = TokenFiles(numbers.astype(np.uint16), numbers[:80].astype(np.uint16))
    task = tokens(files, 16, text.data.n_train, text.data.paper_split)
    for name in text.run:
        run = text.arm(name)
        assert (run.network.layers, run.network.heads, run.network.width) == (12, 12, 768)
        assert run.training.batch_size * run.training.accumulate * text.data.length == 245_760
        few = {
            "iterations": 2,
            "val_every": 2,
            "warmup": 1,
            "accumulate": 2,
            "precision": "32-true",
        }
        narrow = {"layers": 1, "heads": 1, "width": 8}
        result = train_arm(task, text.arm(name, {"network": narrow, "training": few}), 0, tmp_path)
        assert result.steps == 2
        assert math.isfinite(result.history[-1]["val_loss"])


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
