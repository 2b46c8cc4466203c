"""The public names of the package, in groups: the reference's page, and the API's for Sphinx."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import openmm_cgpack

HEADS = {
    "core": "Data types",
    "structures": "Structures",
    "models": "Models",
    "forces": "Forces",
    "packing": "Scene and packing",
    "poses": "Poses",
    "density": "Density and labels",
    "imaging": "Tomogram",
    "auditing": "Audit",
    "evaluation": "Scores",
    "io": "Files",
    "recipe": "Recipes",
    "runs": "Runs",
    "export": "Other programs and viewers",
    "datasets": "Data sets",
    "draw": "Pictures",
}
"""What each folder is about, in the order of the data's way."""

INTRODUCTION = """\
# Public names

What is needed every day is in `openmm_cgpack` itself, which these pages import as `cgp`; all else
is in its folders. Names lead to the source, and in the built documentation to a page each, with
parameters, units and examples; `help(cgp.place)` prints the same."""


def groups() -> Iterator[tuple[str, str, list[str]]]:
    """Yield a heading, a module, and its public names: those of `openmm_cgpack` first.

    A name of two folders is told with the first of them.
    """
    top = {name: getattr(openmm_cgpack, name) for name in openmm_cgpack.__all__}
    for folder in _folders():
        module = importlib.import_module(f"openmm_cgpack.{folder}")
        head = HEADS.get(folder, folder.capitalize())
        yield head, "openmm_cgpack", [n for n, value in top.items() if _folder(value) == folder]
        own = [n for n in getattr(module, "__all__", ()) if n not in top]
        inner = [n for n in own if _folder(getattr(module, n)) in ("", folder)]
        yield head, f"openmm_cgpack.{folder}", inner


def in_source(module: str, name: str) -> str:
    """Return a name as a link to the file that it is defined in, from docs/reference."""
    found = importlib.import_module(module)
    source = _source(getattr(found, name), found, name)
    # From the package's folder on: it may be installed elsewhere.
    place = source.relative_to(Path(openmm_cgpack.__file__).parents[1]).as_posix()
    return f"[`{name}`](../../{place})"


def in_sphinx(module: str, name: str) -> str:
    """Return a name as a link to its own page in the built documentation."""
    return f"{{py:obj}}`{name} <{module}.{name}>`"


def names_page(link: Callable[[str, str], str] = in_source) -> str:
    """Return the reference's page: a line for each name, in Markdown."""
    parts = [INTRODUCTION]
    for head, module, names in groups():
        if f"## {head}" not in parts:
            parts.append(f"## {head}")
        if names:
            short = module.replace("openmm_cgpack", "cgp", 1)
            rows = [f"| `{short}.` | what it is |", "| --- | --- |"]
            rows += [f"| {link(module, name)} | {said_of(module, name)} |" for name in names]
            parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def autosummary_page() -> str:
    """Return the page from which Sphinx makes one for each name, in reStructuredText."""
    lines = ["API, name by name", "=================", ""]
    last = ""
    for head, module, names in groups():
        if head != last:
            lines += ["", head, "-" * len(head)]
            last = head
        if names:
            lines += ["", f".. currentmodule:: {module}", "", f"``{module}.NAME``:", ""]
            lines += [".. autosummary::", "   :toctree: generated", "", *(f"   {n}" for n in names)]
    return "\n".join(lines) + "\n"


def said_of(module: str, name: str) -> str:
    """Return the first sentence of a docstring, or of the one below a constant or a type."""
    found = importlib.import_module(module)
    value = getattr(found, name)
    doc = value.__doc__ if _has_docstring(value) else _below(_source(value, found, name), name)
    return (doc or "").strip().split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _has_docstring(value: object) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def _source(value: object, module: ModuleType, name: str) -> Path:
    """Return the file that a name is defined in."""
    defined = value.__module__ if _has_docstring(value) else None
    defined = defined or _imported_from(module, name) or module.__name__
    return Path(importlib.import_module(defined).__file__ or "")


def _imported_from(module: ModuleType, name: str) -> str | None:
    """Return the module that a folder imports a constant from."""
    for node in ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and name in (alias.name for alias in node.names):
            found = importlib.import_module("." * node.level + (node.module or ""), module.__name__)
            return _imported_from(found, name) or found.__name__
    return None


def _below(source: Path, name: str) -> str:
    """Return the docstring below the line that defines a name."""
    body = ast.parse(source.read_text(encoding="utf-8")).body
    for node, after in pairwise(body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        is_it = name in (getattr(target, "id", None) for target in targets)
        if is_it and isinstance(after, ast.Expr):
            return str(ast.literal_eval(after.value))
    return ""


def _folders() -> list[str]:
    """Return the folders that have public names, in the order of the data's way."""
    there = {
        folder
        for _, folder, _ in pkgutil.iter_modules(openmm_cgpack.__path__)
        if folder != "__main__"
        and hasattr(importlib.import_module(f"openmm_cgpack.{folder}"), "__all__")
    }
    there |= {_folder(getattr(openmm_cgpack, name)) for name in openmm_cgpack.__all__} - {""}
    return [f for f in HEADS if f in there] + sorted(there - set(HEADS))


def _folder(value: object) -> str:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module.split(".")[1] if module.startswith("openmm_cgpack.") else ""
