import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from mfglab.config import DatasetConfig
from mfglab.datasets.factory import from_manifest, prepare


def dataset(**entries):
    sizes = {} if entries["kind"] == "digits" else {"n_train": 64, "n_val": 32, "n_test": 48}
    return TypeAdapter(DatasetConfig).validate_python(entries | sizes)


@pytest.mark.parametrize(
    ("entries", "dim"),
    [
        *[
            ({"kind": "toy", "law": law}, 2)
            for law in (
                "moons",
                "checkerboard",
                "pinwheel",
                "swissroll",
                "two_spirals",
                "circles",
                "eight_gaussians",
            )
        ],
        ({"kind": "mixture", "dim": 1}, 1),
        ({"kind": "mixture", "dim": 2}, 2),
        ({"kind": "mixture", "dim": 8}, 8),
        ({"kind": "embedded_toy", "law": "moons", "dim": 7}, 7),
    ],
)
def test_generated_data_sets_have_their_sizes(entries, dim):
    splits = prepare(dataset(**entries))
    assert splits.train.shape == (64, dim)
    assert splits.val.shape == (32, dim)
    assert splits.test.shape == (48, dim)
    assert np.array_equal(prepare(dataset(**entries)).test, splits.test)


def test_digits_are_split_and_standardised():
    splits = prepare(dataset(kind="digits"))
    assert splits.train.shape[1] == 64
    assert len(splits.train) + len(splits.val) + len(splits.test) == 1797


def test_downloads_must_come_first():
    with pytest.raises(ValueError, match="'miniboone' has to be downloaded first"):
        prepare(
            TypeAdapter(DatasetConfig).validate_python({"kind": "tabular", "source": "miniboone"})
        )


def test_tables_are_read_through_the_manifest(tmp_path):
    data = np.random.default_rng(0).standard_normal((400, 43))
    np.save(tmp_path / "data.npy", data)
    manifest = tmp_path / "miniboone.json"
    files = {"data.npy": {"path": str(tmp_path / "data.npy"), "sha256": "unused"}}
    from mfglab.datasets.registry import REGISTRY

    variant = REGISTRY["miniboone"].variants[0].name
    manifest.write_text(json.dumps({"name": "miniboone", "variant": variant, "files": files}))
    config = TypeAdapter(DatasetConfig).validate_python({"kind": "tabular", "source": "miniboone"})
    splits = prepare(config, from_manifest(manifest))
    assert splits.test.shape == (40, 43)
    manifest.write_text(json.dumps({"name": "nothing", "variant": "x", "files": {}}))
    with pytest.raises(ValueError, match="'nothing', variant 'x'"):
        from_manifest(manifest)
