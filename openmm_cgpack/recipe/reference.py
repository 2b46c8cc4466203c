"""The recipe reference, from the settings themselves."""

from __future__ import annotations

from ..core.reference import settings_table
from ..core.settings import hints_of, nested_in, settings_fields
from ..models import Structure
from .sections import Recipe


def key_table() -> str:
    """Return every key of a recipe, with type, default and unit, as Markdown tables.

    Examples
    --------
    >>> print(key_table().splitlines()[0])
    ## Top of the file
    """
    parts = ["## Top of the file", "", settings_table(Recipe), ""]
    for name, cls in Structure.kinds.items():
        parts += [f"## `[[{name}]]`", "", settings_table(cls), ""]
    for field in settings_fields(Recipe):
        section = nested_in(hints_of(Recipe)[field.name])
        if section is not None and not field.metadata["by_kind"]:
            parts += [f"## `[{field.name}]`", "", settings_table(section), ""]
    return "\n".join(parts)
