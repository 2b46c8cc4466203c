"""The page with every table of a recipe and every key in it, each told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from openmm_cgpack.core.reference import HEAD, settings_rows
from openmm_cgpack.core.settings import Settings, hints_of, is_many, nested_in, settings_fields

INTRODUCTION = """\
# Keys of a recipe

Every table of a [recipe](recipe.md), and every key in it. Where *default* is empty the key may be
left out, and *meaning* says what happens then. `cgpack kinds NAME` prints the keys of one kind."""

Shared = dict[str, tuple[list["Table"], dict[str, str]]]
"""Rows that several structures have alike, by the heading under which they are told."""


class Table(NamedTuple):
    """A table that a recipe may have: its name, as ``[pack]``, and the kind that a key chooses."""

    name: str
    kind: str
    cls: type[Settings]

    @property
    def is_structure(self) -> bool:
        """Whether its name is a kind's, as ``[[molecule]]``."""
        return self.name.startswith("[[") and not self.kind

    @property
    def is_entry(self) -> bool:
        """Whether it is one of a list whose entries have kinds, as ``[[pack.forces]]``."""
        return self.name.startswith("[[") and bool(self.kind)

    @property
    def title(self) -> str:
        """Its heading, which all kinds of one list have together."""
        chosen = f', `kind = "{self.kind}"`' if self.kind and not self.is_entry else ""
        return f"`{self.name}`{chosen}"

    @property
    def path(self) -> str:
        """Its name without brackets."""
        return self.name.strip("[]")


def tables_in(cls: type[Settings], within: str = "") -> Iterator[Table]:
    """Yield each table that a file of settings may hold; those in a table follow it."""
    for field in settings_fields(cls):
        hint = hints_of(cls)[field.name]
        nested = nested_in(hint)
        if nested is None:
            continue
        form = "[[{}]]" if is_many(hint) else "[{}]"
        by_kind = field.metadata["by_kind"]
        kinds = vars(nested).get("kinds", {"": nested})
        for kind, member in kinds.items():
            # Kinds that somebody added while this process ran are not the package's.
            if package_of(member) == package_of(nested):
                name = within + (kind if by_kind else field.name)
                yield Table(form.format(name), "" if by_kind else kind, member)
                yield from tables_in(member, f"{name}.")


def package_of(cls: type[Settings]) -> str:
    """Return the name of the package that a class is from."""
    return cls.__module__.split(".")[0]


def tables_by_class(recipe: type[Settings]) -> dict[type[Settings], list[Table]]:
    """Return the tables that each settings class stands for; the first of them is told.

    That is an entry of a list where there is one, so that a list has all of its kinds.
    """
    found: dict[type[Settings], list[Table]] = {}
    for table in dict.fromkeys(tables_in(recipe)):
        found.setdefault(table.cls, []).append(table)
    return {cls: sorted(same, key=lambda table: not table.is_entry) for cls, same in found.items()}


def link(title: str, page: str = "") -> str:
    """Return a heading as a link to it, from another page or from its own."""
    anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    return f"[{title}]({page}#{anchor})"


def summary(cls: type[Settings]) -> str:
    """Return the first lines of a class' docstring."""
    return (cls.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def keys_page(recipe: type[Settings]) -> str:
    """Return the page, in Markdown.

    Keys that several structures have alike are told once for all of them, and the kinds of a
    list, as force terms, in one table.

    Examples
    --------
    >>> from openmm_cgpack.core.settings import setting
    >>> class Blur(Settings):
    ...     "A Gaussian blur."
    ...     width: float = setting("standard deviation", unit="nm", default=2.0, above=0)
    >>> print(keys_page(Blur).splitlines()[-1])
    | `width` | a number > 0 | `2.0` | nm | standard deviation |
    """
    tables = tables_by_class(recipe)
    told = [t for t in dict.fromkeys(tables_in(recipe)) if tables[t.cls][0] == t]
    shared = shared_rows([table for table in told if table.is_structure])
    rows = settings_rows(recipe)
    top = [rows[f.name] for f in settings_fields(recipe) if not f.metadata["by_kind"]]
    parts = [INTRODUCTION, *_overview(told), "## Top of the file", *_keys(top)]
    if shared:
        parts += ["## Keys of several structures", "They are told once, and linked from each."]
    for title, (some, rows) in shared.items():
        parts += [f"### {title}", f"Of {_names(t.title for t in some)}.", *_keys(rows.values())]
    for title, same in groupby(told, lambda table: table.title):
        group = list(same)
        parts.append(f"{'###' if '.' in group[0].path else '##'} {title}")
        parts += _list(group, tables) if group[0].is_entry else _one(group[0], tables, shared)
    return "\n\n".join(parts) + "\n"


def shared_rows(structures: list[Table]) -> Shared:
    """Return the rows that three structures or more have alike; those of all come first."""
    having: dict[tuple[str, str], list[Table]] = {}
    for table in structures:
        for name, row in settings_rows(table.cls).items():
            having.setdefault((name, row), []).append(table)
    by_structures: dict[tuple[Table, ...], dict[str, str]] = {}
    for (name, row), some in sorted(having.items(), key=lambda item: item[1] != structures):
        if len(some) > 2:
            by_structures.setdefault(tuple(some), {})[name] = row
    return {_ends(list(rows)): (list(some), rows) for some, rows in by_structures.items()}


def _ends(names: list[str]) -> str:
    """Return what keys that stand together are called: the first one to the last."""
    return f"`{names[0]}` to `{names[-1]}`"


def _overview(told: list[Table]) -> list[str]:
    """Return a table with each table at the top of the file: what it is, and what is in it."""
    rows = ["| table | what it is | tables in it |", "| --- | --- | --- |"]
    for table in told:
        if "." not in table.path:
            inner = dict.fromkeys(t.path for t in tables_in(table.cls))
            cells = (link(table.title), summary(table.cls), ", ".join(f"`{i}`" for i in inner))
            rows.append(f"| {' | '.join(cells)} |")
    return ["\n".join(rows)] if len(rows) > 2 else []


def _one(table: Table, tables: dict[type[Settings], list[Table]], shared: Shared) -> list[str]:
    """Return what is said of a table: what it is, where else it stands, and its keys."""
    said = [f"{summary(table.cls)} In Python `{table.cls.__name__}`."]
    if len(tables[table.cls]) > 1:
        said.append(f"Also {_names(t.title for t in tables[table.cls][1:])}.")
    if table.cls.through:
        deeper = _names(f"`[{table.path}.{name}]`" for name in table.cls.through)
        said.append(f"Keys of {deeper} may stand here, too.")
    rows = settings_rows(table.cls)
    together = {title: keys for title, (some, keys) in shared.items() if table in some}
    own = {name: row for name, row in rows.items() if not any(name in k for k in together.values())}
    if together:
        said.append(f"It has {_names(link(title) for title in together)}{' and' if own else '.'}")
    return [" ".join(said), *_keys(own.values())]


def _list(kinds: list[Table], tables: dict[type[Settings], list[Table]]) -> list[str]:
    """Return what is said of a list of tables that each name a kind: all kinds in one table."""
    said = ["Each names its `kind`."]
    lists = dict.fromkeys(t.title for t in tables[kinds[0].cls] if t.is_entry)
    if len(lists) > 1:
        said.append(f"Also {_names(list(lists)[1:])}.")
    rows = [f"| kind {HEAD[0]}", f"| --- {HEAD[1]}"]
    for table in kinds:
        first = f"`{table.kind}`, in Python `{table.cls.__name__}`"
        rows.append(f"| {first} | | | | | {summary(table.cls)} |")
        rows += [f"| {row}" for row in settings_rows(table.cls).values()]
        others = [t.title for t in tables[table.cls] if not t.is_entry]
        if others:
            said.append(f"The keys of `{table.kind}` are those of {_names(others)}, too.")
    return [" ".join(said), "\n".join(rows)]


def _keys(rows: Iterable[str]) -> list[str]:
    rows = list(rows)
    return ["\n".join([*HEAD, *rows])] if rows else []


def _names(titles: Iterable[str]) -> str:
    *most, last = titles
    return f"{', '.join(most)} and {last}" if most else last
