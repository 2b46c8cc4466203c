"""Recipes from TOML and to TOML."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

from ..core.tables import check_names, from_table, to_table
from ..io.toml import read_toml, toml_text
from .sections import Recipe


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : path-like
        A TOML file; relative paths in it start at its folder.

    Returns
    -------
    Recipe
        With every default filled in.

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
    document = read_toml(path)
    try:
        return from_table(Recipe, document, folder=Path(path).parent)
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
    document = read_toml(path)
    try:
        check_names(document, ["seed", "imaging", "tomogram"], "")
        return from_table(Recipe, {"imaging": {}, "tomogram": {}, **document}, base=recipe)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from None


def dump_imaging(recipe: Recipe) -> str:
    """Return the part of a recipe that `load_imaging` reads, as the text of a TOML file."""
    # A tilt series has nothing of the one-step model.
    names = ["imaging", "tomogram"] if recipe.imaging.preset == "paper" else ["imaging"]
    table = to_table(recipe)
    return toml_text({"seed": recipe.seed} | {name: table[name] for name in names})


def demo_recipe() -> Recipe:
    """Return the recipe of ``cgpack demo``, which comes with the package.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> recipe = demo_recipe()
    >>> recipe.name, sum(entry.count for entry in recipe.structures if entry.kind == "molecule")
    ('demo', 100)
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
        Where the file will be; paths of structures are written relative to it.

    Returns
    -------
    str
        What `load_recipe` reads back as an equal recipe. Keys without a value are left out.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> print(dump_recipe(Recipe(structures=(Filament(n_balls=20, count=2),))))
    name = "scene"
    seed = 0
    ...
    [[filament]]
    n_balls = 20
    ...
    """
    return toml_text(to_table(recipe, folder=folder))
