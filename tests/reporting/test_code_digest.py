from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mfglab.reporting import code_digest as digest_module
from mfglab.reporting.code_digest import code_digest, module_closure


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one import of each form."""
    files = {
        "__init__.py": '"""The package."""\n',
        "alone.py": "x = 1\n",
        "typed.py": "class Shape: ...\n",
        "a/__init__.py": "from mfglab import alone\n",
        "a/one.py": (
            "import math\n"
            "from typing import TYPE_CHECKING\n"
            "from mfglab.b import two\n"
            "if TYPE_CHECKING:\n"
            "    from mfglab.typed import Shape\n"
            "else:\n"
            "    from mfglab.b.other import y\n"
        ),
        "b/__init__.py": "",
        "b/two.py": "def f():\n    '''Doc.'''\n    from .late import g\n    return g() + 1\n",
        "b/late.py": "import mfglab.c\n\ndef g():\n    return 2  # comment\n",
        "b/other.py": "from . import two\nfrom ..alone import *\ny = None\n",
        "c.py": "z = 3\n",
    }
    root = tmp_path / "mfglab"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(digest_module, "PACKAGE_ROOT", root)
    return root


def test_closure_follows_every_form_of_import(package):
    assert module_closure("mfglab.a.one") == (
        "mfglab",
        "mfglab.a",
        "mfglab.a.one",
        "mfglab.alone",
        "mfglab.b",
        "mfglab.b.late",
        "mfglab.b.other",
        "mfglab.b.two",
        "mfglab.c",
    )


def test_closure_leaves_out_what_is_not_imported(package):
    assert module_closure("mfglab.c") == ("mfglab", "mfglab.c")


def test_cyclic_imports_end(package):
    (package / "c.py").write_text("from mfglab.b import late\n")
    assert module_closure("mfglab.c") == module_closure("mfglab.b.late")


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    '''Another doc.'''\n    from .late import g\n    return g() + 1\n",
        "def f():\n    from .late import g\n\n    # why\n    return (g() + 1)\n",
        "'''Module.'''\ndef f():\n    from .late import g\n    return g()+1",
    ],
)
def test_comments_docstrings_and_format_do_not_count(package, text):
    before = code_digest("mfglab.a.one")
    (package / "b/two.py").write_text(text)
    assert code_digest("mfglab.a.one") == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b/late.py", "import mfglab.c\n\ndef g():\n    return 3\n"),
        ("c.py", "z = None\n"),
        ("c.py", "z = 3.0\n"),
        ("c.py", "z = '3'\n"),
        ("a/__init__.py", ""),
        ("alone.py", "y = 1\n"),
    ],
)
def test_code_three_imports_away_counts(package, name, text):
    before = code_digest("mfglab.a.one")
    (package / name).write_text(text)
    assert code_digest("mfglab.a.one") != before


def test_type_checking_import_does_not_count(package):
    before = code_digest("mfglab.a.one")
    (package / "typed.py").write_text("class Shape: x = 1\n")
    assert code_digest("mfglab.a.one") == before


def test_order_and_repeats_do_not_count(package):
    assert code_digest("mfglab.c", "mfglab.alone") == code_digest(
        "mfglab.alone", "mfglab.c", "mfglab.c"
    )


def test_same_code_under_another_name_differs(package):
    (package / "d.py").write_text("z = 3\n")
    assert code_digest("mfglab.c") != code_digest("mfglab.d")


@pytest.mark.parametrize("name", ["mfglab.nowhere", "torch", "mfglab.a.one.f"])
def test_missing_module_is_named(package, name):
    with pytest.raises(ModuleNotFoundError, match=f"'{name}'"):
        code_digest(name)


def test_missing_import_names_the_importer(package):
    (package / "c.py").write_text("import mfglab.gone\n")
    with pytest.raises(ModuleNotFoundError, match=r"'mfglab\.gone', imported by mfglab\.c"):
        module_closure("mfglab.a.one")


def test_modules_are_read_but_not_imported(package):
    (package / "c.py").write_text("raise RuntimeError('imported')\n")
    assert len(code_digest("mfglab.c")) == 64
    assert "mfglab.c" not in sys.modules


def test_real_package_knows_its_own_imports():
    closure = module_closure("mfglab.reporting.ledger")
    assert "mfglab.reporting.judge" in closure
    assert "mfglab.reporting.measurements" in closure
    assert "mfglab.reporting.audit" not in closure
