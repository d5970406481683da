"""Reading, comparing and damaging what the pipeline has written."""

from __future__ import annotations

import html
import json
import os
import re
from contextlib import contextmanager

RESULTS = "results/smoke"
#: Wall times: the one thing that no second run reproduces, and the records that hold their hashes.
_TIMED = r"train_\w+|table_(transformer_)?cost|study_adversarial|study_time_to_quality"
TIMES = re.compile(rf"/timing\.json$|/provenance/({_TIMED})/")
#: Inside the results folder, but made by Snakemake or the calls of this module.
OTHER = re.compile(r"/(logs|benchmarks|unfinished)/|report\.html$")


def results(tree):
    """Name of every result below the copy to its path."""
    paths = sorted(path for path in (tree.root / RESULTS).rglob("*") if path.is_file())
    names = {path.relative_to(tree.root).as_posix(): path for path in paths}
    return {name: path for name, path in names.items() if not OTHER.search(name)}


def records(tree):
    paths = sorted((tree.root / RESULTS / "provenance").rglob("*.json"))
    return {path.relative_to(tree.root).as_posix(): json.loads(path.read_text()) for path in paths}


def without_times(record):
    """A record without the hashes of files that hold wall times, and so without its own."""
    kept = {key: value for key, value in record.items() if key != "record_sha256"}
    for key in ("inputs", "outputs"):
        times = [
            path
            for path in record[key]
            if re.search(r"timing\.json$|(cost|time_to_quality)\.tsv$", path)
        ]
        kept[key] = record[key] | dict.fromkeys(times, "a time")
    return kept


@contextmanager
def put_back(paths):
    """Content and time of files are put back afterwards: Snakemake looks at the time."""
    before = [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    try:
        yield
    finally:
        for path, content, time in before:
            path.write_bytes(content)
            os.utime(path, ns=(time, time))


def flip(path):
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def words(text):
    """Text of a page without mark-up, quotes made alike and white space made one."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text).replace("\\n", " ").replace('\\"', '"'))
    marks = "[*`'\"\u2018\u2019\u201c\u201d\u2026]|[.]{3}"
    return re.sub(r"\s+", " ", re.sub(marks, "", text)).strip()
