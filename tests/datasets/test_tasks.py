import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from dataset_files import MAKERS, write_all
from pydantic import TypeAdapter, ValidationError
from sklearn.linear_model import LogisticRegression

from mfglab.config.tasks import TaskDataConfig
from mfglab.datasets.factory import from_manifest
from mfglab.datasets.readers.clouds import PointClouds
from mfglab.datasets.readers.images import LabelledImages
from mfglab.datasets.readers.text import Corpus, LabelledTexts, TokenFiles
from mfglab.datasets.tasks import clouds, images, sentences, text
from mfglab.datasets.tasks.base import Examples, Task, windows
from mfglab.datasets.tasks.factory import build_task
from mfglab.datasets.tasks.shapes import SHAPES

GENERATED = ("pydoc_text", "digits_images", "shapes", "grammar")


def config(kind, **entries):
    return TypeAdapter(TaskDataConfig).validate_python({"kind": kind, **entries})


@pytest.fixture(scope="module")
def grammar():
    return sentences.grammar()


@pytest.fixture(scope="module")
def pydoc():
    return text.pydoc_text(64)


@pytest.mark.parametrize("kind", GENERATED)
def test_a_task_is_the_same_every_time(kind):
    first, second = (build_task(config(kind)).parts() for _ in range(2))
    assert list(first) == list(second)
    for name, part in first.items():
        assert torch.equal(part.inputs[:50], second[name].inputs[:50])
        assert torch.equal(part.labels[:50], second[name].labels[:50])


def test_windows_are_views_labelled_by_what_follows():
    stream = torch.arange(12)
    part = windows(stream, 4, 1)
    assert part.inputs.shape == (8, 4)
    assert torch.equal(part.labels, part.inputs + 1)
    assert part.inputs.data_ptr() == stream.data_ptr()
    assert part.overlapping
    assert not windows(stream, 4, 4).overlapping
    moved = part.to("cpu")
    assert torch.equal(moved.labels, part.labels)
    assert moved.labels.stride() == (1, 1)
    assert part[3:6].to("cpu").labels[0].tolist() == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="more tokens than the 12"):
        windows(stream, 12, 1)


def test_subsets_of_a_text_are_contiguous_and_others_random():
    part = windows(torch.arange(500), 4, 1).subset(10, torch.Generator().manual_seed(1))
    assert torch.equal(part.inputs[1:, 0] - part.inputs[:-1, 0], torch.ones(9, dtype=torch.int64))
    plain = Examples(torch.arange(100.0)[:, None], torch.arange(100))
    drawn = plain.subset(30, torch.Generator().manual_seed(1))
    assert len(drawn.labels.unique()) == 30
    assert torch.equal(drawn.inputs[:, 0].long(), drawn.labels)
    with pytest.raises(ValueError, match=r"1\.\.100, got 101"):
        plain.subset(101, torch.Generator())


def test_examples_and_tasks_refuse_what_does_not_fit():
    good = Examples(torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="as many labels"):
        Examples(good.inputs, good.labels[:2])
    with pytest.raises(ValueError, match=r"torch\.float64"):
        Examples(good.inputs.double(), good.labels)
    with pytest.raises(ValueError, match=r"val labels must lie in 0\.\.1, got 2\.\.2"):
        Task("sentences", good, replace(good, labels=good.labels + 2), good, classes=2)


def test_topics_share_no_paragraph_across_splits(pydoc):
    from pydoc_data.topics import topics

    texts = text.distinct_topics(topics)
    parts = text.split_topics(texts)
    names = [name for part in parts.values() for name in part]
    assert sorted(names) == sorted(texts)
    paragraphs = [
        {" ".join(p.split()) for name in part for p in texts[name].split("\n\n") if len(p) > 40}
        for part in parts.values()
    ]
    assert not paragraphs[0] & paragraphs[1]
    assert not paragraphs[0] & paragraphs[2]
    sizes = {part: sum(len(texts[name]) for name in members) for part, members in parts.items()}
    total = sum(sizes.values())
    assert 0.75 < sizes["train"] / total < 0.85
    assert min(sizes["val"], sizes["test"]) > 0.07 * total
    assert len(pydoc.train) > 150_000
    assert set(pydoc.shifted) == set(text.UNSEEN_TOPICS)
    assert min(len(part) for part in pydoc.parts().values()) > 50


def test_characters_survive_a_round_trip(pydoc):
    assert text.decoded(text.encoded("a b\n~", text.ALPHABET), text.ALPHABET) == "a b\n~"
    with pytest.raises(ValueError, match="'é' is not in the alphabet"):
        text.encoded("caé", text.ALPHABET)
    assert "statement" in text.decoded(pydoc.test.inputs.reshape(-1), pydoc.vocabulary)


def test_shakespeare_has_the_split_of_the_paper_on_request():
    corpus = Corpus("".join(chr(97 + i % 7) for i in range(2_000)))
    paper = text.shakespeare(corpus, 8, paper_split=True)
    assert len(paper.train) == 1_800 - 8
    assert torch.equal(paper.val.inputs, paper.test.inputs)
    ours = text.shakespeare(corpus, 8)
    assert len(ours.val) == len(ours.test) == 99 // 8
    assert ours.classes == 7


def test_tokens_are_taken_in_the_order_of_the_files():
    files = TokenFiles(np.arange(100, dtype=np.uint16), np.arange(40, dtype=np.uint16))
    task = text.tokens(files, 4, n_train=50)
    assert len(task.train) == 50 - 4
    assert task.train.labels[-1].tolist() == [46, 47, 48, 49]
    assert len(task.val) == len(task.test) == 19 // 4
    assert task.classes == len(task.vocabulary) == 50_304
    paper = text.tokens(files, 4, paper_split=True)
    assert torch.equal(paper.val.inputs, paper.test.inputs)
    assert len(paper.train) == 100 - 4
    with pytest.raises(ValueError, match="n_train must be at most 100, all tokens, got 101"):
        text.tokens(files, 4, n_train=101)


def test_digits_are_normalised_and_rotated():
    task = images.digits_images((30.0,))
    assert sum(len(part) for part in (task.train, task.val, task.test)) == 1_797
    assert abs(float(task.train.inputs.mean())) < 1e-5
    assert abs(float(task.train.inputs.std()) - 1) < 1e-3
    turned = task.shifted["rotated_30"]
    assert torch.equal(turned.labels, task.test.labels)
    assert not torch.allclose(turned.inputs, task.test.inputs)


def test_a_rotation_by_a_right_angle_is_exact():
    pixels = np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)
    turned = images.rotated(pixels, 90.0)
    expected = [np.rot90(pixels[0, 0], k) for k in (1, -1)]
    assert any(np.allclose(turned[0, 0], e, atol=1e-5) for e in expected)
    assert any(np.allclose(turned[1, 0], np.rot90(pixels[1, 0], k), atol=1e-5) for k in (1, -1))


def test_shapes_lie_on_their_surfaces():
    g = torch.Generator().manual_seed(0)
    drawn = {name: draw(20, 200, g) for name, draw in SHAPES.items()}
    assert all(points.shape == (20, 200, 3) for points in drawn.values())
    assert drawn["sphere"].norm(dim=2).sub(1).abs().max() < 0.051
    side = drawn["cube"].abs().amax(dim=1, keepdim=True)
    assert ((side - drawn["cube"].abs()).amin(dim=2) < 0.05).float().mean() > 0.99
    assert torch.allclose(drawn["tube"][..., :2].norm(dim=2), torch.ones(20, 200), atol=1e-5)
    assert (drawn["cylinder"][..., :2].norm(dim=2) < 0.95).float().mean() > 0.1
    ring = drawn["torus"][..., :2].norm(dim=2) - 1
    small = (ring**2 + drawn["torus"][..., 2] ** 2).sqrt()
    assert (small.std(dim=1) < 1e-5).all()
    square = drawn["pyramid"]
    rim = square[..., :2].abs().amax(dim=2)
    assert rim.max() <= 1
    assert ((square[..., 2] > 0).float().mean(dim=1) - 0.6).abs().max() < 0.25


def test_views_are_turned_cut_and_normalised():
    task = clouds.shapes(200, 50, 100, points=40)
    for part in task.parts().values():
        assert part.inputs.mean(dim=1).abs().max() < 1e-5
        assert torch.allclose(part.inputs.norm(dim=2).amax(dim=1), torch.ones(len(part)))
    assert torch.equal(torch.bincount(task.train.labels), torch.full((10,), 20))
    turns = clouds.rotations(30, (0.0, 20.0), torch.Generator().manual_seed(0))
    assert torch.allclose(turns @ turns.mT, torch.eye(3).expand(30, 3, 3), atol=1e-5)
    assert (turns[:, 2, 2] >= np.cos(np.radians(20.01))).all()
    ball = torch.randn(5, 400, 3, generator=torch.Generator().manual_seed(1))
    kept = clouds.cut_off(ball, 100, (0.5, 0.5), torch.Generator().manual_seed(2))
    assert (kept.mean(dim=1).norm(dim=1) > 0.5).all()
    with pytest.raises(ValueError, match="cuts must rise"):
        clouds.View(cuts=(0.0, 0.7))


def test_sizes_of_other_splits_do_not_matter():
    small, large = (clouds.shapes(n, 20, 20, points=16) for n in (30, 60))
    assert torch.equal(small.test.inputs, large.test.inputs)
    small, large = (sentences.grammar(n, 20, 20) for n in (30, 60))
    assert torch.equal(small.shifted["longer"].inputs, large.shifted["longer"].inputs)


def counts(part, size):
    return torch.nn.functional.one_hot(part.inputs, size)[:, :, 2:].sum(1).numpy()


def test_word_counts_do_not_tell_the_sentiment(grammar):
    size = len(grammar.vocabulary)
    model = LogisticRegression(C=0.1, max_iter=300)
    model.fit(counts(grammar.train, size), grammar.train.labels.numpy())
    accuracy = model.score(counts(grammar.test, size), grammar.test.labels.numpy())
    assert 0.45 < accuracy < 0.70


def test_sentences_are_balanced_new_and_short(grammar):
    for part in grammar.parts().values():
        assert part.labels.float().mean() == 0.5
    rows = {tuple(row) for row in grammar.train.inputs.tolist()}
    assert not rows & {tuple(row) for row in grammar.test.inputs.tolist()}
    lengths = {name: (part.inputs > 0).sum(1) for name, part in grammar.parts().items()}
    assert lengths["longer"].float().mean() > lengths["test"].float().mean() + 3
    for part in grammar.parts().values():  # padding at the end only
        shown = part.inputs > 0
        assert torch.equal(shown, shown.long().cumprod(1).bool())
    assert (grammar.test.inputs != 1).all()
    assert (grammar.shifted["unseen_nouns"].inputs == 1).any(1).all()


def sign(words):
    """An independent reading of a sentence: the label by the rules of the grammar."""
    if words[0] in ("after", "before"):
        words = words[words.index(",") + 1 :]
    if words[0] in ("although", "though", "while"):
        words = words[words.index(",") + 1 :]
    elif "my" in words and "i" in words:
        start = words.index("i")
        words = words[start : words.index("my")] if words[0] == "i" else words[start:]
    else:
        for joint in ("but", "yet"):
            if joint in words:
                words = words[words.index(joint) + 1 :]
        for joint in ("although", "though", "while"):
            if joint in words:
                words = words[: words.index(joint)]
    negations = sum(word in ("not", "never", "hardly", "nobody", "false") for word in words)
    positive = any(word in (*good("good"), *good("liked")) for word in words)
    return positive ^ (negations % 2 == 1)


def good(group):
    from mfglab.datasets.tasks.grammar import GROUPS

    return GROUPS[group]


def test_labels_follow_from_the_rules(grammar):
    for name in ("test", "longer"):
        part = grammar.parts()[name]
        for row, label in zip(part.inputs.tolist(), part.labels.tolist(), strict=True):
            words = [grammar.vocabulary[token] for token in row if token]
            assert sign(words) == bool(label), " ".join(words)


def test_synonyms_keep_group_and_label(grammar):
    number = {word: token for token, word in enumerate(grammar.vocabulary)}
    table = grammar.synonyms
    assert {grammar.vocabulary[t] for t in table[number["awful"]].tolist()} <= set(good("bad"))
    assert (table[number["the"]] == number["the"]).all()


REVIEWS = LabelledTexts(
    texts=tuple(
        f"It was {'great' if i % 2 else 'bad'}, n{i % 5} don't<br />go." for i in range(40)
    ),
    labels=np.arange(40) % 2,
    test=np.arange(40) >= 30,
    names=tuple(map(str, range(40))),
)


def test_published_sentences_are_words_of_training():
    assert sentences.words_of("Isn't it<br />GOOD?") == ["isn't", "it", "good", "?"]
    task = sentences.rt_polarity(REVIEWS, length=6, vocabulary=8)
    assert len(task.train) == 32
    assert len(task.vocabulary) == 10
    assert task.train.inputs.shape[1] == 6
    assert task.test.labels.float().mean() == 0.5
    published = sentences.imdb(REVIEWS, length=6, vocabulary=8)
    assert len(published.test) == 10
    assert len(published.val) + len(published.train) == 30
    assert len(sentences.imdb(REVIEWS, paper_split=True).test) == 8


def test_mnist_keeps_the_last_images_for_validation():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    data = LabelledImages(pixels[:20], np.arange(20, dtype=np.uint8) % 10, pixels[20:],
                          np.arange(10, dtype=np.uint8))  # fmt: skip
    task = images.mnist(data, n_train=12, n_val=5)
    assert task.val.labels.tolist() == [5, 6, 7, 8, 9]
    assert len(task.train) == 12
    assert task.test.inputs.shape == (10, 1, 28, 28)
    with pytest.raises(ValueError, match="20 training images"):
        images.mnist(data, n_train=16, n_val=5)


def test_modelnet_keeps_the_published_test_split():
    rng = np.random.default_rng(0)
    n = 24
    data = PointClouds(
        rng.random((n, 30, 3), dtype=np.float32),
        np.zeros((n, 3), np.float32),
        np.ones(n, np.float32),
        np.arange(n) % 2,
        np.arange(n) >= 20,
        tuple(map(str, range(n))),
        ("bed", "desk"),
    )
    task = clouds.modelnet(data, points=16)
    assert [len(part) for part in (task.train, task.val, task.test)] == [18, 2, 4]
    assert task.test.inputs.shape == (4, 16, 3)
    assert task.classes == 2


@pytest.mark.parametrize(
    ("kind", "name", "variant", "entries"),
    [
        ("shakespeare", "tinyshakespeare", "char-rnn", {"length": 2, "paper_split": True}),
        ("tokens", "openwebtext", "nanogpt", {"length": 8, "source": "openwebtext"}),
        ("mnist", "mnist", "idx", {"n_val": 2}),
        ("modelnet", "modelnet40", "off-meshes", {"source": "modelnet40", "points": 8}),
        ("cats_dogs", "cats-vs-dogs", "200px-2400", {"size": 8, "per_class": 10}),
    ],
)
def test_published_tasks_come_through_the_manifest(tmp_path, kind, name, variant, entries):
    paths = write_all(tmp_path, MAKERS[name, variant]())
    files = {file: {"path": str(path)} for file, path in paths.items()}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"name": name, "variant": variant, "files": files}))
    task = build_task(config(kind, **entries), from_manifest(manifest))
    assert len(task.train) > 0
    with pytest.raises(ValueError, match=f"{name!r} has to be downloaded first, got none"):
        build_task(config(kind, **entries))
    with pytest.raises(ValueError, match=r"'imdb' has to be downloaded first"):
        build_task(config("imdb"), from_manifest(manifest))


def test_unknown_kinds_are_refused():
    with pytest.raises(ValidationError, match="kind"):
        config("telepathy")
