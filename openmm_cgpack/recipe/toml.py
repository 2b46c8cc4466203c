"""Recipes from TOML and to TOML."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from .fields import Section
from .sections import (
    Density,
    Filament,
    Files,
    Forces,
    Imaging,
    Membrane,
    Molecule,
    Pack,
    Recipe,
    Run,
    SceneSection,
    Tomogram,
)

LISTS: dict[str, type[Section]] = {
    "molecule": Molecule,
    "filament": Filament,
    "membrane": Membrane,
}
"""Tables that may come several times, ``[[molecule]]``."""

TABLES: dict[str, type[Section]] = {
    "scene": SceneSection,
    "forces": Forces,
    "pack": Pack,
    "density": Density,
    "tomogram": Tomogram,
    "imaging": Imaging,
    "files": Files,
    "run": Run,
}
"""Tables that come once, ``[scene]``."""

TOP_KEYS = ("name", "seed", "index")


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : path-like
        A TOML file.

    Returns
    -------
    Recipe
        With every default filled in; relative paths start at the file's folder.

    Raises
    ------
    ValueError
        The file is no TOML, a key is unknown or missing, or a value is out of its range.
    TypeError
        A value is of another type than its key wants.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from openmm_cgpack.recipe import demo_recipe
    >>> demo_recipe().name
    'demo'
    """
    path = Path(path)
    document = _document(path)
    try:
        return _recipe(document, path.parent)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from None


def load_imaging(path: str | os.PathLike[str], recipe: Recipe) -> Recipe:
    """Read how a tomogram of a scene that is packed already shall come about.

    Parameters
    ----------
    path : path-like
        A TOML file with ``[imaging]`` and ``[tomogram]``, of which one may be missing, and at the
        top, where wanted, a ``seed`` for the noise.
    recipe : Recipe
        The recipe of the scene.

    Returns
    -------
    Recipe
        The scene's, with these tables in place of its own; what they leave out has its default.

    Raises
    ------
    ValueError, TypeError, OSError
        As for `load_recipe`.
    """
    path = Path(path)
    document = _document(path)
    tables = ("imaging", "tomogram")
    try:
        _check_names(document, ["seed", *tables], "imaging")
        values: dict[str, Any] = {"seed": document.get("seed", recipe.seed)}
        for name in tables:
            values[name] = _section(TABLES[name], _table(document, name), f"[{name}]")
        return dataclasses.replace(recipe, **values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from None


def dump_imaging(recipe: Recipe) -> str:
    """Return the part of a recipe that `load_imaging` reads, as the text of a TOML file."""
    lines = [f"seed = {recipe.seed}"]
    # A tilt series has nothing of the one-step model.
    names = ["imaging", "tomogram"] if recipe.imaging.preset == "paper" else ["imaging"]
    for name in names:
        lines += ["", f"[{name}]", *_table_lines(getattr(recipe, name))]
    return "\n".join(lines) + "\n"


def demo_recipe() -> Recipe:
    """Return the recipe of ``cgpack demo``, which comes with the package.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> recipe = demo_recipe()
    >>> recipe.name, len(recipe.molecule), sum(entry.count for entry in recipe.molecule)
    ('demo', 12, 100)
    """
    with as_file(files("openmm_cgpack") / "recipes" / "demo.toml") as path:
        return load_recipe(path)


def dump_recipe(recipe: Recipe, *, folder: str | os.PathLike[str] | None = None) -> str:
    """Return a recipe as the text of a TOML file, with all its values.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : path-like, optional
        Where the file will be; paths of structures are written relative to it. Left out, they
        start where the recipe's do.

    Returns
    -------
    str
        What `load_recipe` reads back as the same recipe. Keys without a value are left out.

    Examples
    --------
    >>> from openmm_cgpack.recipe import Filament
    >>> print(dump_recipe(Recipe(filament=(Filament(n_balls=20, count=2),))))
    name = "scene"
    seed = 0
    ...
    [[filament]]
    name = "filament"
    count = 2
    n_balls = 20
    ...
    """
    lines = _lines({name: getattr(recipe, name) for name in TOP_KEYS})
    for name in LISTS:
        for entry in getattr(recipe, name):
            values = {k: v for k, v in _values(entry).items() if k not in entry.unused}
            if values.get("pdb") is not None and folder is not None:
                target = (recipe.folder / values["pdb"]).resolve()
                values["pdb"] = Path(os.path.relpath(target, Path(folder).resolve())).as_posix()
            lines += ["", f"[[{name}]]", *_lines(values)]
    for name in TABLES:
        body = _table_lines(getattr(recipe, name))
        if body:
            lines += ["", f"[{name}]", *body]
    return "\n".join(lines) + "\n"


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error}") from None


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise TypeError(f"{name}: wanted one table, begun with [{name}]")
    return table


def _table_lines(table: Section) -> list[str]:
    return _lines({k: v for k, v in _values(table).items() if k not in table.unused})


def _recipe(document: Mapping[str, Any], folder: Path) -> Recipe:
    known = [*TOP_KEYS, *LISTS, *TABLES]
    _check_names(document, known, "recipe")
    values: dict[str, Any] = {name: document[name] for name in TOP_KEYS if name in document}
    for name, section in LISTS.items():
        entries = document.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise TypeError(f"{name}: wanted tables, each begun with [[{name}]]")
        values[name] = tuple(
            _section(section, entry, f"[[{name}]] number {number}")
            for number, entry in enumerate(entries, start=1)
        )
    for name, section in TABLES.items():
        values[name] = _section(section, _table(document, name), f"[{name}]")
    return Recipe(**values, folder=folder)


def _section(section: type[Section], table: Mapping[str, Any], where: str) -> Section:
    fields = dataclasses.fields(section)
    _check_names(table, [field.name for field in fields], where)
    for field in fields:
        if field.default is dataclasses.MISSING and field.name not in table:
            raise ValueError(f"{where}: {field.name} is missing")
    try:
        return section(**table)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from None


def _check_names(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name in table:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ValueError(f'{where}: unknown key "{name}"; the nearest known one is "{nearest}"')


def _values(section: Section) -> dict[str, Any]:
    return {field.name: getattr(section, field.name) for field in dataclasses.fields(section)}


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {text(value)}" for name, value in values.items() if value is not None]


def text(value: object) -> str:
    """Return a value as TOML has it.

    Examples
    --------
    >>> text((1.0, 2.0)), text("a"), text(False)
    ('[1.0, 2.0]', '"a"', 'false')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(text(member) for member in value)}]"
    if isinstance(value, str):
        # A JSON string is a TOML string but for the one control character that JSON lets through.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
