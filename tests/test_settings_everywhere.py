"""What holds for every settings class of the package, those that come later included."""

import contextlib
import dataclasses
import math
import re
import tomllib
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

import pytest
from settings_pages import REFERENCE, reference_pages, settings_of

import openmm_cgpack
from openmm_cgpack import MapSettings
from openmm_cgpack.core.keys import reached
from openmm_cgpack.core.reference import settings_rows
from openmm_cgpack.core.settings import (
    hints_of,
    is_many,
    nested_in,
    options_of,
    settings_fields,
)
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.io.files import toml_text

CLASSES = settings_of(openmm_cgpack)
FIELDS = [(cls, field) for cls in CLASSES for field in settings_fields(cls)]
BOUNDS = ("minimum", "above", "maximum", "below")
NEEDS = {
    "DensityMap": lambda: {"threshold": 1.0},
    "Vesicle": lambda: {"radius": 20.0},
    "Ellipsoid": lambda: {"radii": (20.0, 20.0, 20.0)},
    "Tube": lambda: {"radius": 20.0, "length": 100.0},
    "MembraneProtein": lambda: {"species": "6cnj"},
    "Molecule": lambda: {"species": "1f1b"},
    "Helix": lambda: {"species": "2zwh", "lattice": "actin"},
    "Choose": lambda: {"choose": ("a", "b")},
    "Recipe": lambda: {"structures": (openmm_cgpack.models.Molecule(species="1f1b"),)},
}
"""What a class refuses to be without, by its name."""


def named(value):
    return value.__name__ if isinstance(value, type) else getattr(value, "name", None)


def within(field):
    """Return a whole number in a field's range."""
    low, above, high, below = (field.metadata[name] for name in BOUNDS)
    floor = -math.inf if low is None and above is None else low if above is None else above + 1
    ceiling = math.inf if high is None and below is None else high if below is None else below - 1
    return int(min(math.ceil(max(1, floor)), ceiling))


def sample(hint, field):
    """Return a value of a type, inside the field's bounds."""
    nested = nested_in(hint)
    if nested is not None:
        kinds = list(vars(nested).get("kinds", {}).values())
        value = make(kinds[0] if kinds else nested)
        return (value,) if is_many(hint) else value
    option = next(option for option in options_of(hint) if option is not NoneType)
    if get_origin(option) is Literal:
        return get_args(option)[0]
    if get_origin(option) is tuple:
        return tuple(sample(m, field) for m in get_args(option) if m is not Ellipsis)
    if option is bool:
        return True
    if option in (int, float):
        return option(within(field))
    return option("some_name")


def required(cls):
    hints = hints_of(cls)
    given = {
        field.name: sample(hints[field.name], field)
        for field in settings_fields(cls)
        if field.default is dataclasses.MISSING
    }
    return given | NEEDS.get(cls.__name__, dict)()


def make(cls):
    return cls(**required(cls))


@pytest.fixture(scope="module")
def pages():
    return reference_pages()


@pytest.mark.parametrize("name", ["recipe_keys.md", "settings.md", "api.md"])
def test_the_reference_in_the_repository_is_what_the_code_makes(name, pages):
    held = (REFERENCE / name).read_text(encoding="utf-8")
    assert held == pages[name], "run: python docs/settings_pages.py"


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_to_toml_and_back(cls):
    value = make(cls)
    assert from_table(cls, tomllib.loads(toml_text(to_table(value)))) == value


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_the_reference_has_every_field(cls, pages):
    assert f"| `{cls.__name__}` |" in pages["settings.md"]
    rows = settings_rows(cls)
    told = pages["recipe_keys.md"] + pages["settings.md"]
    for field in settings_fields(cls):
        assert field.metadata["by_kind"] or rows[field.name] in told
        assert len(field.metadata["doc"]) > 3


def test_the_keys_of_a_recipe_are_told_once(pages):
    """Those of tables that are held by several others, and those that all structures have."""
    text = pages["recipe_keys.md"]
    for key in ("inside", "ball_mass", "bending_modulus_kt", "epsilon", "tolerated", "camera"):
        assert text.count(f"| `{key}` |") == 1


def test_links_lead_to_headings_of_the_pages(pages):
    anchors = {
        name: {
            re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
            for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        for name, text in pages.items()
    }
    found = 0
    for name, text in pages.items():
        for page, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", text):
            assert anchor in anchors[page or name]
            found += 1
    assert found > 100


def test_every_public_name_says_what_it_is(pages):
    lines = [line for line in pages["api.md"].splitlines() if line.startswith("| [`")]
    listed = [line.split("`")[1] for line in lines]
    assert set(openmm_cgpack.__all__) - {"__version__"} <= set(listed)
    assert all(len(line.split(" | ")[1]) > 10 for line in lines)
    sources = {REFERENCE / re.search(r"\]\((.*?)\)", line)[1] for line in lines}
    assert [path for path in sources if not path.exists()] == []


SUFFIXES = {"°": "_deg", "µm": "_um", "mm": "_mm", "kV": "_kv", "e/Å²": "_e_per_a2", "Å": "_a"}
SUFFIXES |= {"kT": "_kt", "mN/m": "_mn_per_m", "kPa": "_kpa"}


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_units_that_are_not_openmms_stand_in_the_name(cls):
    for field in settings_fields(cls):
        assert field.name.endswith(SUFFIXES.get(field.metadata["unit"], "")), field.name


def beyond(field):
    """Yield numbers outside a field's range."""
    low, above, high, below = (field.metadata[name] for name in BOUNDS)
    yield from (bound - 1 for bound in (low,) if bound is not None)
    yield from (bound for bound in (above, below) if bound is not None)
    yield from (bound + 1 for bound in (high,) if bound is not None)


def refused(cls, name, value):
    """Return what Python and a table say to a bad value of one field."""
    said = []
    with pytest.raises((TypeError, ValueError)) as caught:
        cls(**{**required(cls), name: value})
    said.append((caught.type, str(caught.value)))
    plain = list(value) if isinstance(value, tuple) else value
    with pytest.raises((TypeError, ValueError)) as caught:
        from_table(cls, {**to_table(make(cls)), name: plain})
    return [*said, (caught.type, str(caught.value))]


def shaped(hint, value):
    """Return a value, in a tuple where the field has no other form."""
    option = next(option for option in options_of(hint) if option is not NoneType)
    if get_origin(option) is not tuple:
        return value
    members = get_args(option)
    return (value,) * (1 if Ellipsis in members else len(members))


@pytest.mark.parametrize(
    ("cls", "field"),
    [(c, f) for c, f in FIELDS if any(f.metadata[b] is not None for b in BOUNDS)],
    ids=named,
)
def test_bounds_are_enforced_with_the_same_words(cls, field):
    hint = hints_of(cls)[field.name]
    for number in beyond(field):
        python, table = refused(cls, field.name, shaped(hint, number))
        assert python == table
        assert python[0] is ValueError
        assert python[1].startswith(f"{field.name}: wanted ")


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_a_wrong_name_is_told_with_the_nearest_and_all_others(cls):
    names = [field.name for field in settings_fields(cls)]
    wrong = f"{names[0]}x" if names else "x"
    with pytest.raises(TypeError) as caught:
        cls(**{wrong: 1})
    assert str(caught.value).startswith(f'{cls.__name__}: unknown argument "{wrong}"')
    for name in names:
        assert re.search(rf"\b{name}\b", str(caught.value).partition(";")[2])
    with pytest.raises(TypeError, match=rf"^{cls.__name__}: wanted arguments by name, got 1"):
        cls(1)


@pytest.mark.parametrize(
    ("cls", "field"), [(c, f) for c, f in FIELDS if f.metadata["usual"]], ids=named
)
def test_what_is_hardly_meant_is_taken_with_a_note(cls, field):
    low, high = field.metadata["usual"]
    defaults = field.default if isinstance(field.default, tuple) else (field.default,)
    for number in defaults:
        assert not isinstance(number, float) or low <= number <= high
    hint = hints_of(cls)[field.name]
    in_nm = field.metadata["unit"] == "nm"
    # What is five times too large may be in Å; a share is not, and ends at 1.
    number, said = (5 * high, " Å are ") if in_nm else (1.2 * high, "beyond the usual")
    given = {**required(cls), field.name: shaped(hint, number)}
    # Beside other values it may be none at all.
    refusal = contextlib.suppress(ValueError)
    with pytest.warns(UserWarning, match=rf"^{field.name}: .*{said}") as noted, refusal:
        cls(**given)
    assert Path(noted[0].filename) == Path(__file__)


def test_a_note_of_a_recipe_says_its_table():
    with pytest.warns(UserWarning, match=r"^\[density\]: voxel_size: 10 nm .*; 10 Å are 1 nm$"):
        from_table(MapSettings, {"voxel_size": 10, "resolution": 40}, where="[density]")


def is_tuple(option):
    return get_origin(option) is tuple


def is_number(hint):
    members = [m for o in options_of(hint) for m in (get_args(o) if is_tuple(o) else (o,))]
    return int in members or float in members


@pytest.mark.parametrize(
    ("cls", "field"), [(c, f) for c, f in FIELDS if is_number(hints_of(c)[f.name])], ids=named
)
def test_every_number_has_a_smallest_and_a_largest_size(cls, field):
    hint = hints_of(cls)[field.name]
    whole = "float" not in str(hint)
    for number in (
        10**400,
        -(10**400),
        2**63,
        *(() if whole else (1e300, -1e300, 1e-300, -1e-300)),
    ):
        python, table = refused(cls, field.name, shaped(hint, number))
        assert python == table
        assert python[1].startswith(f"{field.name}: wanted ")
        assert len(python[1]) < 250


def of_words(hint):
    members = [m for o in options_of(hint) for m in (get_args(o) if is_tuple(o) else (o,))]
    return any(get_origin(member) is Literal for member in members)


@pytest.mark.parametrize(
    ("cls", "field"), [(c, f) for c, f in FIELDS if of_words(hints_of(c)[f.name])], ids=named
)
def test_other_words_are_refused(cls, field):
    python, table = refused(cls, field.name, shaped(hints_of(cls)[field.name], "no such word"))
    assert python == table
    assert python[1].startswith(f"{field.name}: wanted ")


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_unknown_keys_are_refused(cls):
    with pytest.raises(ValueError, match='unknown key "no_such_key"'):
        from_table(cls, {**to_table(make(cls)), "no_such_key": 1})


def test_tables_of_a_recipe_are_all_listed(pages):
    text = pages["recipe_keys.md"]
    value = to_table(make(openmm_cgpack.Recipe))
    for name, held in value.items():
        if isinstance(held, dict):
            assert f"## `[{name}]`" in text
        elif isinstance(held, list) and held and isinstance(held[0], dict):
            assert f"## `[[{name}]]`" in text
        else:
            assert f"| `{name}` |" in text


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.through], ids=named)
def test_a_key_that_may_stand_higher_has_its_name_alone(cls):
    fields = [field.name for field in settings_fields(cls)]
    keys = [key for name in cls.through for key in everything_of(nested_in(hints_of(cls)[name]))]
    assert len(set(keys)) == len(keys)
    assert reached(cls).keys() == set(keys) - set(fields)


def everything_of(cls):
    own = [field.name for field in settings_fields(cls)]
    return own + [
        key for name in cls.through for key in everything_of(nested_in(hints_of(cls)[name]))
    ]
