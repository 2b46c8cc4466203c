"""Pages with every settings class of the package, made from the classes themselves.

    python docs/settings_pages.py

writes them anew, beside the pages that are written by hand.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from inspect import isabstract
from pathlib import Path
from types import ModuleType

from openmm_cgpack.core.reference import settings_table
from openmm_cgpack.core.settings import (
    Settings,
    all_settings,
    family_of,
    hints_of,
    is_many,
    nested_in,
    settings_fields,
)

REFERENCE = Path(__file__).parent / "reference"


def reference_pages() -> dict[str, str]:
    """Return the text of each page that is made from the code, by its name in docs/reference."""
    import openmm_cgpack

    keys = "# Keys of a recipe\n\nEvery table of a [recipe](recipe.md), and the tables in it.\n\n"
    return {
        "recipe_keys.md": keys + file_tables(openmm_cgpack.Recipe),
        "settings.md": settings_page(openmm_cgpack),
    }


def settings_page(package: ModuleType) -> str:
    """Return a page with the settings of a package, by folder and family.

    Parameters
    ----------
    package : module
        A package; all its modules are imported.

    Returns
    -------
    str
        A heading, the first lines of the docstring and `settings_table` for each class.
    """
    parts = ["# Settings", "", "Every value that can be set, by the folder that uses it.", ""]
    folder = ""
    for cls in sorted(settings_of(package), key=lambda c: (_folder(c), _family(c), c.__name__)):
        if _folder(cls) != folder:
            folder = _folder(cls)
            parts += [f"## {folder}", ""]
        what = f'`kind = "{cls.kind}"` of `{_family(cls)}`. ' if cls.kind else ""
        summary = (cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        parts += [f"### `{cls.__name__}`", "", f"{what}{summary}", "", settings_table(cls), ""]
    return "\n".join(parts)


def file_tables(cls: type[Settings], name: str = "Top of the file") -> str:
    """Return the tables of a file that holds settings, those that they hold in turn included.

    Parameters
    ----------
    cls : type
        The class that the whole file stands for.
    name : str, optional
        Heading of its first table.

    Returns
    -------
    str

    Examples
    --------
    >>> from openmm_cgpack.core.settings import setting
    >>> class Blur(Settings):
    ...     "A Gaussian blur."
    ...     width: float = setting("standard deviation", unit="nm", default=2.0, above=0)
    >>> print(file_tables(Blur).splitlines()[0])
    ## Top of the file
    """
    parts = [f"## {name}", "", settings_table(cls), ""]
    within = name.strip("`[]").partition("]")[0] + "." if name.startswith("`[") else ""
    if cls.through:
        deeper = " and ".join(f"`[{within}{field}]`" for field in cls.through)
        parts += [f"Keys of {deeper} may stand here, too.", ""]
    for field in settings_fields(cls):
        nested = nested_in(hints_of(cls)[field.name])
        if nested is None:
            continue
        form = "`[[{}]]`" if is_many(hints_of(cls)[field.name]) else "`[{}]`"
        kinds = nested.kinds.values() if "kinds" in vars(nested) else [nested]
        # Kinds that somebody added while this process ran are not the package's.
        for member in (k for k in kinds if _package(k) == _package(nested)):
            if field.metadata["by_kind"]:
                head = form.format(f"{within}{member.kind}")
            else:
                head = form.format(f"{within}{field.name}")
                head += f' with `kind = "{member.kind}"`' if member.kind else ""
            parts.append(file_tables(member, head))
    return "\n".join(parts)


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
    if _package(cls) != package.__name__:
        return False
    return vars(sys.modules[cls.__module__]).get(cls.__name__) is cls


def _package(cls: type[Settings]) -> str:
    return cls.__module__.split(".")[0]


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
