"""Registry entries of the data sets of texts."""

from __future__ import annotations

from mfglab.datasets.readers import text
from mfglab.datasets.remote import RemoteDataset, RemoteFile, Variant

TINY_SHAKESPEARE = RemoteDataset(
    name="tinyshakespeare",
    title="Tiny Shakespeare: 40,000 lines from the plays, 65 distinct characters",
    licence="text in the public domain; its repository is MIT",
    citation="A. Karpathy, char-rnn, 2015",
    variants=(
        Variant(
            "char-rnn",
            (
                RemoteFile(
                    "input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    1_115_394,
                    (
                        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                        "https://github.com/karpathy/char-rnn/raw/6f9487a/data/tinyshakespeare/input.txt",
                    ),
                ),
            ),
            text.read_tiny_shakespeare,
        ),
    ),
)


def _tokens(name: str, folder: str, title: str, licence: str, citation: str) -> RemoteDataset:
    # No address has these files: the script is published, its output is not.
    files = tuple(RemoteFile(part, None, None, ()) for part in text.TOKEN_FILES)
    recipe = f"data/{folder}/prepare.py of https://github.com/karpathy/nanoGPT"
    variant = Variant("nanogpt", files, text.read_tokens, recipe)
    return RemoteDataset(name, title, licence, citation, (variant,))


TINY_SHAKESPEARE_BPE = _tokens(
    "tinyshakespeare-bpe",
    "shakespeare",
    "Tiny Shakespeare in the GPT-2 encoding: 301,966 and 36,059 tokens",
    TINY_SHAKESPEARE.licence,
    TINY_SHAKESPEARE.citation,
)

OPENWEBTEXT = _tokens(
    "openwebtext",
    "openwebtext",
    "OpenWebText in the GPT-2 encoding: 9,035,582,198 and 4,434,897 tokens",
    "web pages, copyright with their makers; the packaging is CC0",
    "A. Gokaslan, V. Cohen, OpenWebText Corpus, 2019",
)


IMDB = RemoteDataset(
    name="imdb",
    title="Large Movie Review Dataset v1.0: 50,000 labelled reviews",
    licence="free for research, citation wanted; no formal licence",
    citation="A. L. Maas et al., Learning word vectors for sentiment analysis, ACL 2011",
    variants=(
        Variant(
            "aclImdb",
            (
                RemoteFile(
                    "aclImdb_v1.tar.gz",
                    None,
                    84_125_825,
                    (
                        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                        "http://d2l-data.s3-accelerate.amazonaws.com/aclImdb_v1.tar.gz",
                    ),
                    md5="7c2ac02c03563afcf9b574c7e56c153a",
                ),
            ),
            text.read_imdb_archive,
        ),
        Variant(
            "labelled-csv",
            (
                RemoteFile(
                    "aclImdb_labelled.csv.gz",
                    "5afc1b237c500069a084c5b0a4d6b2d23e29cdc2f99228c2461ae8ad05a6c230",
                    25_563_659,
                    (),
                ),
            ),
            text.read_imdb_csv,
        ),
    ),
)

_POLARITY = "https://github.com/dennybritz/cnn-text-classification-tf/raw/a503934/rt-polaritydata/"

RT_POLARITY = RemoteDataset(
    name="rt-polarity",
    title="Sentence polarity dataset v1.0: 5,331 positive and 5,331 negative sentences",
    licence="free for research, citation wanted",
    citation="B. Pang, L. Lee, Seeing stars: exploiting class relationships, ACL 2005",
    variants=(
        Variant(
            "archive",
            (
                RemoteFile(
                    "rt-polaritydata.tar.gz",
                    None,
                    None,
                    (
                        "https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz",
                    ),
                    md5="50c1c2c047b4225e148e97aa7708c34e",
                ),
            ),
            text.read_polarity_archive,
        ),
        Variant(
            "two-files",
            (
                RemoteFile(
                    "rt-polarity.pos",
                    "d79ef14009bbf87cd6be21f91c3ea1a3cbcb73b34dfb4231aef7bbcd7677abc4",
                    626_168,
                    (_POLARITY + "rt-polarity.pos",),
                ),
                RemoteFile(
                    "rt-polarity.neg",
                    "4af43bf489620b498a0852c5a8c6a535155dec7985fdfea782b8f7756b957ccc",
                    612_290,
                    (_POLARITY + "rt-polarity.neg",),
                ),
            ),
            text.read_polarity_files,
        ),
    ),
)

_SENTENCES = "https://github.com/omarsar/dm_2018_hw_1/raw/618ccad/data/"

SENTIMENT_SENTENCES = RemoteDataset(
    name="sentiment-labelled-sentences",
    title="Sentiment labelled sentences: 1,000 each from amazon, imdb and yelp",
    licence="CC BY 4.0",
    citation="D. Kotzias et al., From group to individual labels using deep features, KDD 2015",
    variants=(
        Variant(
            "archive",
            (
                RemoteFile(
                    "sentiment_labelled_sentences.zip",
                    None,
                    None,
                    (
                        "https://archive.ics.uci.edu/static/public/331/sentiment+labelled+sentences.zip",
                    ),
                ),
            ),
            text.read_sentence_archive,
        ),
        Variant(
            "three-files",
            (
                RemoteFile(
                    "amazon_cells_labelled.txt",
                    "47003fc0a0d4840b00e96e715b6189bad09e7443a3da41c4cbe12ffc79f86ae3",
                    58_226,
                    (_SENTENCES + "amazon_labelled.txt",),
                ),
                RemoteFile(
                    "imdb_labelled.txt",
                    "aef2e49e3da25714d61175e3a6e68eeef74a20a2f914318dc3be9947ea86512d",
                    85_285,
                    (_SENTENCES + "imdb_labelled.txt",),
                ),
                RemoteFile(
                    "yelp_labelled.txt",
                    "c76468b7b5c6e56a0804d728345c5f84aa2142ddb214420f61cc9cfd4c00d2ea",
                    61_320,
                    (_SENTENCES + "yelp_labelled.txt",),
                ),
            ),
            text.read_sentence_files,
        ),
    ),
)
