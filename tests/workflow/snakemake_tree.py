"""A copy of the repository in a folder of its own, and Snakemake and the package called in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Left out where git cannot tell what belongs to the project.
_FOREIGN = shutil.ignore_patterns(
    ".venv", ".git", ".snakemake", "results", "data", "__pycache__", "*.egg-info", ".*_cache"
)

#: Seconds after which a call is taken to hang; several times what the longest takes on a slow day.
HANGS = 3000


def project_files() -> list[Path] | None:
    """Files that git tracks or would track, relative to the root; None without git."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    paths = [Path(name) for name in done.stdout.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


@dataclass(frozen=True)
class Tree:
    """A copy of the repository; every call runs in it with its own copy of the package."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Tree:
        files = project_files()
        if files is None:
            shutil.copytree(ROOT, root, ignore=_FOREIGN)
        for path in files or []:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, root / path)
        return cls(root)

    @property
    def env(self) -> dict[str, str]:
        own = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        own["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        )
        own["PYTHONPATH"] = str(self.root / "src")
        own["PYTHONDONTWRITEBYTECODE"] = ""  # the copy is compiled once, not by every process
        return os.environ | own

    def call(self, *words: str, stdin: str = "") -> Done:
        """``python -m`` words."""
        return self.run("-m", *words, stdin=stdin)

    def run(self, *words: str, stdin: str = "") -> Done:
        """``python`` words, output and errors in one stream."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=self.env,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=HANGS,
        )
        return Done(done.returncode, done.stdout)

    def snakemake(self, *words: str) -> Done:
        return self.call("snakemake", *words)

    def mfglab(self, *words: str, stdin: str = "") -> Done:
        return self.call("mfglab", *words, stdin=stdin)

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """One occurrence of ``old`` replaced for a while; text and time are put back.

        Snakemake compares the time of a script with that of its outputs.
        """
        file = self.root / path
        text, times = file.read_text(encoding="utf-8"), file.stat()
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(text, encoding="utf-8")
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    @property
    def profiles_run(self) -> set[str]:
        """Profiles that have results here, those that are committed apart."""
        return {path.name for path in (self.root / "results").glob("*")} - {"reference"}


@dataclass(frozen=True)
class Done:
    """A finished call."""

    code: int
    output: str

    def ok(self) -> Done:
        assert self.code == 0, self.output[-4000:]
        return self

    @property
    def jobs(self) -> dict[str, int]:
        """Rule to number of jobs, from Snakemake's first table of jobs; empty without one."""
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total", self.output, re.M | re.S)
        lines = table[1].splitlines() if table else []
        return {rule: int(count) for rule, count in (line.split() for line in lines)}

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.output and not self.jobs
