"""The recipes that come with the package, by name: their files, titles and scenes."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ..core.display import Rows, described
from ..core.messages import shown, within
from ..io.files import read_toml
from ..io.inputs import read_text
from .drawing import drawn, first_distribution
from .settings import Recipe, load_recipe, recipe_from

FOLDER = Path(__file__).resolve().parents[1] / "recipes"


@described
class Recipes:
    """The recipes of a folder, each for one scene or for a data set; `recipes` are the shipped.

    Examples
    --------
    >>> from openmm_cgpack import recipes
    >>> "shrec" in recipes, recipes.path("shrec").name
    (True, 'shrec.toml')
    >>> recipes.title("demo").partition(":")[0]
    'A small piece of a cell'
    """

    def __init__(self, folder: str | os.PathLike[str] = FOLDER) -> None:
        self._folder = Path(folder)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.toml")))

    def path(self, name: str) -> Path:
        """Return the file of a recipe.

        Raises
        ------
        ValueError
            There is none of that name; the message has those that there are.
        """
        if name not in self.names:
            near = difflib.get_close_matches(name.lower(), self.names, n=1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise ValueError(
                f"wanted a recipe that comes along, one of {', '.join(self.names)}, got "
                f"{shown(name)}{hint}"
            )
        return self._folder / f"{name}.toml"

    def text(self, name: str) -> str:
        """Return a recipe as it is written, with its comments."""
        return read_text(self.path(name))

    def title(self, name: str) -> str:
        """Return what a recipe makes, in one line: the first of its file."""
        return self.text(name).partition("\n")[0].removeprefix("# ")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def summary(self) -> str:
        """Return what the repr says."""
        return ", ".join(self.names)

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        return [(name, self.title(name)) for name in self.names]

    def __str__(self) -> str:
        return "\n".join(f"{name:10s} {self.title(name)}" for name in self.names)


recipes = Recipes()
"""The recipes that come with the package."""


def find_recipe(given: str | os.PathLike[str]) -> Path:
    """Return the file of a recipe that is said by its path or, of those shipped, by its name.

    A file counts for more than a name.

    Examples
    --------
    >>> find_recipe("shrec").name, find_recipe("mine.toml").name
    ('shrec.toml', 'mine.toml')
    """
    path = Path(given)
    if str(given) in recipes and not path.exists():
        return recipes.path(str(given))
    return path


def first_scene(path: str | os.PathLike[str]) -> Recipe:
    """Return the recipe of a file, or the first scene of a data set's.

    Raises
    ------
    ValueError, TypeError, OSError
        As of `load_recipe`.
    """
    tables = read_toml(path)
    if first_distribution(tables) is None:
        return load_recipe(path)
    with within(str(path)):
        plain, _ = drawn(tables, tables.get("seed", 0), 0)
    return recipe_from(plain, folder=Path(path).parent, source=path)


def demo_recipe(name: str = "demo") -> Recipe:
    """Return a recipe that comes with the package, as ``cgpack demo`` runs it.

    Parameters
    ----------
    name : str, optional
        One of `recipes`; of those for data sets it is their first scene.

    Raises
    ------
    ValueError
        There is no recipe of that name.

    Examples
    --------
    >>> recipe = demo_recipe("paper")
    >>> recipe.name, sum(entry.count for entry in recipe.structures)
    ('paper', 400)
    """
    # It is no file of the user's, of which messages would tell.
    return dataclasses.replace(first_scene(recipes.path(name)), source="")
