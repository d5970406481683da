"""Small files in the published formats, and the real ones where a mirror is named."""

from __future__ import annotations

import csv
import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mfglab.datasets.registry import REGISTRY

MIRROR = os.environ.get("MFGLAB_DATA_MIRROR", "")
# Always the synthetic files; the real ones besides, when a mirror is named.
SOURCES = ["synthetic", "mirror"] if MIRROR else ["synthetic"]

REVIEWS = [
    ("train", "pos", 0, 9, 'Fine, "quite" fine.<br /><br />Café.'),
    ("train", "pos", 10, 7, "Good\x85 and a line\nbreak"),
    ("train", "neg", 2, 1, "Bad; very, very bad."),
    ("test", "pos", 3, 10, "Best of all"),
    ("test", "neg", 1, 2, "Worst of all"),
]
POSITIVE = ["a fine caf\xe9 .", "it\x92s \x85 lovely"]
NEGATIVE = ["dull .", "duller still ."]
SENTENCES = {
    "amazon": ["Good phone.\t1"],
    "imdb": ["Slow film.  \t0"],
    "yelp": ["Nice\x85 soup\t1"],
}
CLASSES = ("bathtub", "bed")
TETRAHEDRON = "4 4 0\n0 0 0\n2 0 0\n0 2 0\n0 0 2\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"


def mirror_paths(name: str, variant: str) -> dict[str, Path]:
    """Paths of a variant's files in the mirror."""
    (chosen,) = (v for v in REGISTRY[name].variants if v.name == variant)
    return {file.filename: Path(MIRROR) / name / file.filename for file in chosen.files}


def write_all(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Write files and return their paths by name."""
    paths = {name: folder / name for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """A tar.gz archive of the members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    """An uncompressed idx file."""
    number = 0x0800 + array.ndim if magic is None else magic
    return struct.pack(f">{1 + array.ndim}I", number, *array.shape) + array.tobytes()


def mnist_files(n_train: int = 7, n_test: int = 3) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    out = {}
    for split, n in (("train", n_train), ("t10k", n_test)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        out[f"{split}-images-idx3-ubyte.gz"] = gzip.compress(idx(images))
        out[f"{split}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels))
    return out


def imdb_csv(rows: list[tuple[str, str, int, int, str]] = REVIEWS) -> dict[str, bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["split", "sentiment", "id", "rating", "review"])
    writer.writerows(rows)
    return {"aclImdb_labelled.csv.gz": gzip.compress(text.getvalue().encode())}


def imdb_archive() -> dict[str, bytes]:
    members = {
        f"aclImdb/{split}/{sentiment}/{number}_{rating}.txt": review.encode()
        for split, sentiment, number, rating, review in reversed(REVIEWS)
    }
    extra = {"aclImdb/README": b"about", "aclImdb/train/unsup/5_0.txt": b"no label"}
    return {"aclImdb_v1.tar.gz": tar_gz({**extra, **members})}


def polarity_files() -> dict[str, bytes]:
    def content(sentences: list[str]) -> bytes:
        return "".join(f"{sentence} \n" for sentence in sentences).encode("latin-1")

    return {"rt-polarity.pos": content(POSITIVE), "rt-polarity.neg": content(NEGATIVE)}


def polarity_archive() -> dict[str, bytes]:
    members = {f"rt-polaritydata/{name}": c for name, c in polarity_files().items()}
    return {"rt-polaritydata.tar.gz": tar_gz({"README": b"about", **members})}


def sentence_files() -> dict[str, bytes]:
    names = {"amazon": "amazon_cells", "imdb": "imdb", "yelp": "yelp"}
    return {
        f"{names[site]}_labelled.txt": ("\n".join(lines) + "\n").encode()
        for site, lines in SENTENCES.items()
    }


def sentence_archive() -> dict[str, bytes]:
    folder = "sentiment labelled sentences/"
    members = {folder + name: content for name, content in sentence_files().items()}
    forks = {f"__MACOSX/{folder}._imdb_labelled.txt": b"\x00\x05"}
    return {"sentiment_labelled_sentences.zip": zipped({**forks, **members})}


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (12, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def kaggle_pets() -> dict[str, bytes]:
    members = {f"train/cat.{i}.jpg": jpeg((200, 10 * i, 0), (200, 200)) for i in range(11)}
    members |= {f"train/dog.{i}.jpg": jpeg((0, 10 * i, 200), (200, 200)) for i in range(11)}
    return {"cats_dogs_200px_2400.zip": zipped(members)}


def microsoft_pets() -> dict[str, bytes]:
    members = {
        "PetImages/Cat/0.jpg": jpeg((250, 0, 0)),
        "PetImages/Cat/666.jpg": b"",
        "PetImages/Cat/10.jpg": jpeg((0, 250, 0)),
        "PetImages/Dog/2.jpg": jpeg((0, 0, 250)),
        "PetImages/Dog/11702.jpg": b"no image at all",
        "PetImages/Dog/Thumbs.db": b"windows",
        "readme[1].txt": b"about",
    }
    return {"kagglecatsanddogs_5340.zip": zipped(members)}


def modelnet_archive() -> dict[str, bytes]:
    glued = f"OFF{TETRAHEDRON}".encode()
    square = b"OFF\n# a square\n4 1 0\n0 0 0\n4 0 0\n4 2 0\n0 2 0\n\n4 0 1 2 3\n"
    members = {
        "ModelNet10/bed/train/bed_0002.off": square,
        "ModelNet10/bed/test/bed_0007.off": f"OFF\n{TETRAHEDRON}".encode(),
        "ModelNet10/bathtub/train/bathtub_0001.off": glued,
        "ModelNet10/.DS_Store": b"mac",
        "__MACOSX/ModelNet10/bed/train/._bed_0002.off": b"fork",
    }
    return {"ModelNet10.zip": zipped(members)}


def large_modelnet_archive() -> dict[str, bytes]:
    models = [("night_stand", "train", i) for i in range(1, 4)] + [("night_stand", "test", 4)]
    models += [("airplane", "train", i) for i in range(1, 4)]
    members = {
        f"ModelNet40/{label}/{split}/{label}_{i:04d}.off": f"OFF\n{TETRAHEDRON}".encode()
        for label, split, i in models
    }
    return {"ModelNet40.zip": zipped(members)}


def modelnet_arrays(n: int = 4, m: int = 1024) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    points = rng.integers(-32767, 32768, (n, m, 3)).astype(np.int16)
    points[:, 0, 0], points[:, 1, 0] = 32767, -32767
    return {
        "points": points,
        "center": rng.normal(size=(n, 3)).astype(np.float32),
        "scale": rng.uniform(1, 9, n).astype(np.float32),
        "label": (np.arange(n) * len(CLASSES) // n).astype(np.uint8),
        "split": (np.arange(n) % 2).astype(np.uint8),
        "name": np.array([f"{CLASSES[i * len(CLASSES) // n]}_{i:04d}" for i in range(n)]),
        "class_names": np.array(CLASSES),
    }


def modelnet_clouds() -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **modelnet_arrays())
    return {"modelnet10_pcd1024_int16.npz": buffer.getvalue()}


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def miniboone_array(n: int = 237) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, 43)) * np.linspace(0.1, 50, 43) + np.arange(43)


def token_files() -> dict[str, bytes]:
    tokens = (np.arange(300) * 7 % 50_257).astype("<u2")
    return {"train.bin": tokens.tobytes(), "val.bin": tokens[:40].tobytes()}


PLAY = b"First Citizen:\nSpeak.\n\nAll:\nOh!\n"

# Data set, variant -> maker of its files.
MAKERS = {
    ("tinyshakespeare", "char-rnn"): lambda: {
        "input.txt": b"First Citizen:\nSpeak.\n\nAll:\nOh!\n"
    },
    ("tinyshakespeare-bpe", "nanogpt"): token_files,
    ("openwebtext", "nanogpt"): token_files,
    ("mnist", "idx"): mnist_files,
    ("modelnet10", "off-meshes"): modelnet_archive,
    ("modelnet10", "clouds-1024"): modelnet_clouds,
    ("modelnet40", "off-meshes"): large_modelnet_archive,
    ("imdb", "aclImdb"): imdb_archive,
    ("imdb", "labelled-csv"): imdb_csv,
    ("rt-polarity", "archive"): polarity_archive,
    ("rt-polarity", "two-files"): polarity_files,
    ("sentiment-labelled-sentences", "archive"): sentence_archive,
    ("sentiment-labelled-sentences", "three-files"): sentence_files,
    ("cats-vs-dogs", "microsoft"): microsoft_pets,
    ("cats-vs-dogs", "200px-2400"): kaggle_pets,
    ("miniboone", "npy"): lambda: {"data.npy": npy(miniboone_array())},
    ("miniboone", "maf-archive"): lambda: {
        "data.tar.gz": tar_gz({"data/miniboone/data.npy": npy(miniboone_array())})
    },
    ("keystrokes", "inter-stroke-times"): lambda: {"inter_stroke_time.txt": b"120\n-35.5\n\n8e2\n"},
}


def paths_of(source: str, name: str, variant: str, folder: Path) -> dict[str, Path]:
    """Files of a variant from the mirror, or made in ``folder``."""
    if source == "mirror":
        return mirror_paths(name, variant)
    return write_all(folder, MAKERS[name, variant]())
