"""The registry: complete, consistent, and true of the files at hand."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from dataset_files import MAKERS, SOURCES, write_all

from mfglab.datasets.download import fetch
from mfglab.datasets.errors import DigestMismatchError
from mfglab.datasets.registry import REGISTRY
from mfglab.datasets.remote import RemoteFile

VARIANTS = [(name, variant) for name, data in REGISTRY.items() for variant in data.variants]
# What the mirror has; read only when one is named.
MIRRORED = {
    "tinyshakespeare": "char-rnn",
    "mnist": "idx",
    "modelnet10": "clouds-1024",
    "imdb": "labelled-csv",
    "rt-polarity": "two-files",
    "sentiment-labelled-sentences": "three-files",
    "cats-vs-dogs": "200px-2400",
}
SYNTHETIC = [(name, variant.name) for name, variant in VARIANTS]


def test_every_data_set_says_where_from_and_under_which_terms():
    assert set(REGISTRY) >= set(MIRRORED) | {"miniboone", "keystrokes"}
    for name, data in REGISTRY.items():
        assert data.name == name
        assert all((data.title, data.licence, data.citation))
        # The canonical form can be downloaded or made; any other has an address or a digest.
        first = data.variants[0]
        assert first.recipe or all(file.urls for file in first.files)
        names = [file.filename for variant in data.variants for file in variant.files]
        assert len(names) == len(set(names))
        for variant in data.variants:
            assert variant.recipe or all(file.urls or file.sha256 for file in variant.files)


def test_every_address_is_one():
    for _, variant in VARIANTS:
        for file in variant.files:
            assert len(set(file.urls)) == len(file.urls)
            for url in file.urls:
                parts = urlsplit(url)
                assert parts.scheme in ("http", "https")
                assert "." in parts.netloc
                assert len(parts.path) > 1


@pytest.mark.parametrize(("name", "variant"), SYNTHETIC)
def test_reader_takes_the_files_of_its_variant(name, variant, tmp_path):
    (chosen,) = (v for v in REGISTRY[name].variants if v.name == variant)
    contents = MAKERS[name, variant]()
    assert set(contents) == {file.filename for file in chosen.files}
    data = chosen.reader(write_all(tmp_path, contents))
    assert type(data).__dataclass_params__.frozen


@pytest.mark.parametrize("source", SOURCES)
def test_mirror_holds_the_published_files_or_is_refused(source, tmp_path):
    for name, variant in MIRRORED.items():
        if source == "mirror":
            assert fetch(name, tmp_path).variant.name == variant
        else:
            shelf = tmp_path / "mirror" / name
            shelf.mkdir(parents=True)
            write_all(shelf, MAKERS[name, variant]())
            with pytest.raises(DigestMismatchError, match="is not the expected file: expected"):
                fetch(name, tmp_path / "data", mirror=tmp_path / "mirror")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.txt", "abc", 1, ()), "sha256 needs 64 lower-case hexadecimal digits, got 'abc'"),
        (("a.txt", "A" * 64, 1, ()), "sha256 needs 64"),
        (("b/a.txt", None, 1, ()), "without folder is needed, got 'b/a.txt'"),
        (("a.txt", None, 1, (), "0" * 31), "md5 needs 32"),
    ],
)
def test_wrong_entries_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RemoteFile(*arguments)
