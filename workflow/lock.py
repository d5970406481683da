"""Resolve ``requirements.lock`` anew and write ``environment.yml`` from it: ``make lock``.

The lock holds lines ``name==version`` only: no index, no hash, no build of torch. The build of
torch (CPU, or a version of CUDA) is the choice of who installs; the libraries that a CUDA build
brings along are named by that build itself and stay out of the lock.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path("requirements.lock")
ENVIRONMENT = Path("environment.yml")
PYPROJECT = Path("pyproject.toml")
MAKEFILE = Path("Makefile")

#: Extras whose packages are locked: the tests run the examples with Hugging Face blocks too.
_EXTRAS = ("dev", "huggingface")
#: Libraries of a CUDA build of torch.
_BUILD_LIBRARIES = re.compile(r"(nvidia|cuda|triton)([-_.]|==)")
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;+]+)")
_ENVIRONMENT_HEAD = """\
# For users of conda; the versions are those of requirements.lock (a test compares them).
name: mfglab
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def direct_dependencies(pyproject: Path = PYPROJECT) -> list[str]:
    """Names of the dependencies and of those of the locked extras, as written, sorted."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in _EXTRAS for line in extras[extra])]
    return sorted({Requirement(line).name for line in lines}, key=str.lower)


def torch_pin(makefile: Path = MAKEFILE) -> str:
    """Version of torch that the Makefile installs, such as ``torch==2.13.0``.

    Raises:
        ValueError: The Makefile has no such line.
    """
    text = makefile.read_text(encoding="utf-8")
    found = re.search(r"^TORCH \?= (torch==[0-9.]+)\s*$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{makefile} has no line such as 'TORCH ?= torch==2.13.0'")
    return found[1]


def resolve(pin: str) -> str:
    """All versions that fit ``pyproject.toml`` and ``pin``, as pip-compile prints them.

    Raises:
        SystemExit: pip-compile failed; it has told why.
    """
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        constraint = Path(folder) / "constraint.txt"
        constraint.write_text(pin + "\n", encoding="utf-8")
        target = Path(folder) / "resolved.txt"
        words = [sys.executable, "-m", "piptools", "compile", "--quiet", "--no-config"]
        words += [word for extra in _EXTRAS for word in ("--extra", extra)]
        words += ["--strip-extras", "--allow-unsafe", "--no-header"]
        words += ["--no-annotate", "--no-emit-index-url", "--no-emit-trusted-host"]
        words += ["--no-emit-find-links", "--constraint", str(constraint)]
        words += ["--output-file", str(target), str(PYPROJECT)]
        done = subprocess.run(words, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        return target.read_text(encoding="utf-8")


def lock_lines(resolved: str) -> list[str]:
    r"""Sorted lines ``name==version`` of what pip-compile printed.

    Raises:
        ValueError: A line is no pin.

    Example:
        >>> lock_lines("# comment\ntorch==2.13.0+cpu\nPOT==0.9.7 ; python_version > '3'\n")
        ['pot==0.9.7', 'torch==2.13.0']
    """
    lines = set()
    for line in map(str.strip, resolved.splitlines()):
        if not line or line.startswith(("#", "-")) or _BUILD_LIBRARIES.match(line):
            continue
        found = _PIN.match(line)
        if found is None:
            raise ValueError(f"expected name==version, got {line!r}")
        lines.add(f"{canonicalize_name(found[1])}=={found[2]}")
    return sorted(lines)


def environment_text(lock: list[str], names: list[str]) -> str:
    """``environment.yml`` with the direct dependencies ``names`` at the versions of ``lock``.

    Raises:
        ValueError: A dependency is not in the lock.
    """
    versions = dict(line.split("==") for line in lock)
    missing = [name for name in names if canonicalize_name(name) not in versions]
    if missing:
        raise ValueError(f"{LOCK} lacks {', '.join(missing)}; run `make lock`")
    pins = [f"      - {name}=={versions[canonicalize_name(name)]}\n" for name in names]
    return _ENVIRONMENT_HEAD + "".join(pins)


def main() -> None:
    """Write both files; with ``--keep`` only ``environment.yml`` from the present lock."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the lock as it is")
    if parser.parse_args().keep:
        lock = LOCK.read_text(encoding="utf-8").split()
    else:
        lock = lock_lines(resolve(torch_pin()))
        LOCK.write_text("\n".join(lock) + "\n", encoding="utf-8")
    ENVIRONMENT.write_text(environment_text(lock, direct_dependencies()), encoding="utf-8")


if __name__ == "__main__":
    main()
