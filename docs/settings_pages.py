"""Pages of the reference that are made from the code: keys of recipes, settings, public names.

    python docs/settings_pages.py

writes them anew, beside the pages that are written by hand.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from inspect import isabstract
from itertools import groupby
from pathlib import Path
from types import ModuleType

from public_names import names_page
from recipe_tables import Table, keys_page, link, package_of, summary, tables_by_class

from openmm_cgpack.core.reference import settings_rows, settings_table
from openmm_cgpack.core.settings import Settings, all_settings, family_of

REFERENCE = Path(__file__).parent / "reference"

INTRODUCTION = """\
# Settings

What a function can be told is a value of one of these classes, and its keys are the arguments in
Python. Keys of those that have a table in a recipe are on [its page](recipe_keys.md), and those of
the others below."""


def reference_pages() -> dict[str, str]:
    """Return the text of each page that is made from the code, by its name in docs/reference."""
    import openmm_cgpack

    return {
        "recipe_keys.md": keys_page(openmm_cgpack.Recipe),
        "settings.md": settings_page(openmm_cgpack, openmm_cgpack.Recipe),
        "api.md": names_page(),
    }


def settings_page(package: ModuleType, recipe: type[Settings]) -> str:
    """Return a page with the settings of a package, by folder.

    Parameters
    ----------
    package : module
        A package; all its modules are imported.
    recipe : type
        The settings of a file, whose keys are on a page of their own.

    Returns
    -------
    str
        A line for each class, and `settings_table` for each that has no keys on the other page.
    """
    tables = tables_by_class(recipe)
    classes = sorted(settings_of(package), key=lambda c: (_folder(c), _family(c), c.__name__))
    rows = ["| class | what it is | keys |", "| --- | --- | --- |"]
    parts = []
    for folder, some in groupby(classes, _folder):
        told_here = []
        for cls in some:
            where = _elsewhere(cls, tables) or ("" if settings_rows(cls) else "none")
            if not where and cls is not recipe:
                where = link(f"`{cls.__name__}`")
                what = f'`kind = "{cls.kind}"` of `{_family(cls)}`. ' if cls.kind else ""
                told_here += [f"### `{cls.__name__}`", what + summary(cls), settings_table(cls)]
            rows.append(
                f"| `{cls.__name__}` | {summary(cls)} | {where or '[all](recipe_keys.md)'} |"
            )
        parts += [f"## {folder}", *told_here] if told_here else []
    return "\n\n".join([INTRODUCTION, "\n".join(rows), *parts]) + "\n"


def _elsewhere(cls: type[Settings], tables: dict[type[Settings], list[Table]]) -> str:
    """Return a link to the table of a recipe that has the keys of a class, or of one made of it."""
    if cls in tables:
        return link(tables[cls][0].title, "recipe_keys.md")
    rows = settings_rows(cls)
    for other, (table, *_) in tables.items():
        if rows and issubclass(other, cls) and rows.items() <= settings_rows(other).items():
            names = ", ".join(f"`{name}`" for name in rows)
            return f"{names} of {link(table.title, 'recipe_keys.md')}"
    return ""


def settings_of(package: ModuleType) -> list[type[Settings]]:
    """Return the settings classes of a package, bases of a family's kinds left out."""
    for name in modules_of(package):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            # One that needs an extra which is not installed declares no settings.
            if (error.name or "").startswith(package.__name__):
                raise
    found = dict.fromkeys(all_settings())
    return [cls for cls in found if _inside(cls, package) and _can_be_made(cls)]


def modules_of(package: ModuleType) -> Iterator[str]:
    """Yield the names of all modules of a package but those that run on import."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            yield module.name


def _inside(cls: type[Settings], package: ModuleType) -> bool:
    # What a docstring's example declares says that it is of the module, and is not in it.
    if package_of(cls) != package.__name__:
        return False
    return vars(sys.modules[cls.__module__]).get(cls.__name__) is cls


def _can_be_made(cls: type[Settings]) -> bool:
    """Whether a class is no mere base of a family's kinds."""
    return bool(cls.kind) or not _family(cls) or not (cls.__subclasses__() or isabstract(cls))


def _folder(cls: type[Settings]) -> str:
    return cls.__module__.split(".")[1]


def _family(cls: type[Settings]) -> str:
    return family_of(cls).__name__ if any("kinds" in vars(c) for c in cls.__mro__) else ""


if __name__ == "__main__":
    for page, text in reference_pages().items():
        (REFERENCE / page).write_text(text, encoding="utf-8")
