"""Digest of the package code that a stage uses: its modules and everything they import.

The workflow manager does not track imports, so each rule names the modules that its script
calls and this digest stands for their code. It is computed from the syntax trees of the files
without importing them: comments, formatting and docstrings do not change it, a changed
constant three imports away does.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PACKAGE = "mfglab"
#: Folder of the package; the audit tests point it at a copy.
PACKAGE_ROOT = Path(__file__).resolve().parents[1]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
#: Fields that carry no meaning when the program runs.
_IDLE_FIELDS = frozenset({"kind", "type_comment", "type_ignores"})


@dataclass(frozen=True)
class _Source:
    """What the digest needs of one file: hash of its code and dotted names that it imports."""

    sha256: str
    imports: tuple[str, ...]


def code_digest(*modules: str) -> str:
    """Digest of the named modules and of all modules of the package that they import.

    Args:
        *modules: Dotted names such as ``"mfglab.games.catalogue"``; order and repeats are
            without effect.

    Returns:
        A hexadecimal sha256.

    Raises:
        ModuleNotFoundError: A named or imported module of the package does not exist.
        SyntaxError: A file of the closure is no valid Python.
    """
    total = hashlib.sha256()
    for name in module_closure(*modules):
        total.update(f"{name} {_source(name).sha256}\n".encode())
    return total.hexdigest()


def module_closure(*modules: str) -> tuple[str, ...]:
    """Sorted names of all package modules that importing ``modules`` would run.

    Imports inside functions count, imports under ``if TYPE_CHECKING`` do not, and parent
    packages belong to the closure because Python runs their ``__init__``.

    Raises:
        ModuleNotFoundError: A named or imported module of the package does not exist.
    """
    waiting = [parent for module in modules for parent in _with_parents(_existing(module))]
    closure: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in closure:
            continue
        closure.add(name)
        for imported in _source(name).imports:
            target = _resolve(imported, name)
            waiting.extend(_with_parents(target))
    return tuple(sorted(closure))


def _with_parents(module: str) -> Iterator[str]:
    """``a.b.c`` gives ``a``, ``a.b`` and ``a.b.c``."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def _file_of(module: str) -> Path | None:
    """File of a module of the package, or None when there is none."""
    package, *parts = module.split(".")
    if package != PACKAGE:
        return None
    base = PACKAGE_ROOT.joinpath(*parts)
    candidates = [base / "__init__.py"] + ([base.with_name(base.name + ".py")] if parts else [])
    return next((path for path in candidates if path.is_file()), None)


def _existing(module: str, needed_by: str | None = None) -> str:
    if _file_of(module) is None:
        reason = f", imported by {needed_by}" if needed_by else ""
        raise ModuleNotFoundError(
            f"{module!r}{reason} is no module of the package {PACKAGE!r} in folder "
            f"{PACKAGE_ROOT.name!r}"
        )
    return module


def _resolve(imported: str, importer: str) -> str:
    """Module meant by ``imported``; ``package:name`` is ``from package import name``."""
    base, _, name = imported.partition(":")
    if name and _file_of(f"{base}.{name}") is not None:
        return f"{base}.{name}"
    return _existing(base, importer)


def _source(module: str) -> _Source:
    path = _file_of(module)
    if path is None:
        raise ModuleNotFoundError(f"{module!r} is no module of the package {PACKAGE!r}")
    stamp = path.stat()
    return _parse(path, module, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1024)
def _parse(path: Path, module: str, mtime_ns: int, size: int) -> _Source:
    """Read one file; time and size are in the signature so that an edit is seen."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=path.name)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = tuple(sorted(set(_imports(tree, package))))
    text = _canonical(tree)
    return _Source(hashlib.sha256(text.encode()).hexdigest(), imports)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Imports of package modules below ``node``, see :func:`_resolve` for their form."""
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.split(".")[0] == PACKAGE)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, package)
        if base.split(".")[0] == PACKAGE:
            yield from (base if a.name == "*" else f"{base}:{a.name}" for a in node.names)
    elif isinstance(node, ast.If) and _is_type_checking(node.test):
        for branch in node.orelse:
            yield from _imports(branch, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Module part of ``from ... import``, with leading dots resolved against ``package``."""
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join(base + ([node.module] if node.module else []))


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _canonical(node: object) -> str:
    """Text of a syntax tree without docstrings, positions and empty fields.

    Unlike ``ast.dump`` it leaves out empty fields, which is why the digest of a file is the same
    under Python versions that differ in which optional fields a node has.
    """
    if isinstance(node, list):
        return "[" + ",".join(map(_canonical, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        kept = value[1:] if name == "body" and _starts_with_docstring(node) else value
        # the value of a constant is kept even when it is None
        empty = kept is None and not isinstance(node, ast.Constant)
        if name not in _IDLE_FIELDS and not empty and kept != []:
            fields.append(f"{name}={_canonical(kept)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _starts_with_docstring(node: ast.AST) -> bool:
    if not isinstance(node, _DOCUMENTED) or not node.body:
        return False
    first = node.body[0]
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
