"""Settings: declared once, checked when made, to plain values and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from openmm import unit

from openmm_cgpack import Cell, OneStep, Pull, Recipe
from openmm_cgpack.core.settings import Settings, kind, kind_named, setting
from openmm_cgpack.core.tables import from_table, to_table


class Shape(Settings, family=True):
    """A shape."""

    name: str = setting("its name", default="shape")


@kind("circle")
class Circle(Shape):
    """A circle."""

    radius: float = setting("radius", unit="nm", above=0)


@kind("box")
class Box(Shape):
    """A box."""

    edges: tuple[float, float, float] = setting("edges", unit="nm", above=0, default=(1, 2, 3))
    file: Path | None = setting("a file", default=None)


class Inner(Settings):
    """Something inside."""

    size: int = setting("size", default=3, minimum=1)
    colour: Literal["red", "blue"] = setting("colour", default="red")


class Outer(Settings):
    """Something with something inside."""

    one: Inner = setting("one", default=Inner(size=5))
    maybe: Inner | None = setting("perhaps another", default=Inner())
    shape: Shape = setting("a shape", default=Circle(radius=1))
    shapes: tuple[Shape, ...] = setting("shapes", default=())
    extent: float | tuple[float, float, float] | None = setting("extent", default=None, above=0)
    hollow: bool = setting("whether it is hollow", default=False)
    wall: float = setting("thickness of a hollow one's wall", default=1.0, above=0)

    def meaningless(self):
        return {} if self.hollow else {"wall": "unless hollow"}


class Album(Settings):
    """Shapes in tables of their own names."""

    title: str = setting("title", default="")
    shapes: tuple[Shape, ...] = setting("shapes", default=(), by_kind=True)


VALUES = [
    Album(title="a", shapes=(Box(), Box(name="c"), Circle(radius=1))),
    Circle(radius=2),
    Box(name="b", edges=np.array([3, 2, 1])),
    Outer(),
    Outer(one=Inner(size=1, colour="blue"), maybe=None, shape=Box(), hollow=True, wall=0.5),
    Outer(shapes=(Circle(radius=1), Box(), Circle(radius=2, name="c")), extent=(1, 2, 3)),
]


@pytest.mark.parametrize("value", VALUES)
def test_to_plain_values_and_back(value):
    assert from_table(type(value), to_table(value)) == value


def test_values_are_frozen_and_converted():
    circle = Circle(radius=20 * unit.angstrom)
    assert circle.radius == 2.0
    assert isinstance(Circle(radius=np.float32(3)).radius, float)
    assert Box(edges=[np.int64(1), 2, 3]).edges == (1.0, 2.0, 3.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        circle.radius = 3.0


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Circle(radius=0), ValueError, r"^radius: wanted a number > 0, got 0$"),
        (lambda: Circle(radius=np.nan), ValueError, "radius: wanted a number > 0, finite, got nan"),
        (lambda: Circle(radius=10**400), ValueError, "radius: wanted a number > 0, finite"),
        (lambda: Circle(radius=True), TypeError, "radius: wanted a number > 0, got true"),
        (
            lambda: Circle(radius="x" * 999),
            TypeError,
            r'wanted a number > 0, in nm, got "x{70,80}\.\.\.$',
        ),
        (lambda: Box(edges=(1, 2)), TypeError, "edges: wanted a list of 3 numbers > 0"),
        (lambda: Inner(size=1.5), TypeError, "size: wanted a whole number >= 1, got 1.5"),
        (lambda: Inner(colour="green"), ValueError, 'colour: wanted "red" or "blue", got "green"'),
        (lambda: Outer(wall=2.0), ValueError, "wall: means nothing unless hollow"),
        (lambda: Outer(one=3), TypeError, "one: wanted a table, got 3"),
    ],
)
def test_bad_values_are_refused_when_made(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"radius": 0}, r"^\[outer\.shape\]: radius: wanted a number > 0, got 0$"),
        ({"radus": 1}, r'\[outer\.shape\]: unknown key "radus"; the nearest known one is "radius"'),
        ({"kind": "ball"}, r'\[outer\.shape\]: kind: wanted one of circle, box, got "ball"'),
    ],
)
def test_tables_are_refused_in_the_same_words(table, words):
    with pytest.raises(ValueError, match=words):
        from_table(Outer, {"shape": table}, where="[outer]")


def test_a_table_changes_only_what_it_names():
    read = from_table(Outer, {"one": {"colour": "blue"}, "shape": {"name": "round"}})
    assert read.one == Inner(size=5, colour="blue")
    assert read.shape == Circle(radius=1, name="round")
    changed = from_table(Outer, {"maybe": False}, base=Outer(one=Inner(size=9)))
    assert changed == Outer(one=Inner(size=9), maybe=None)


def test_entries_of_a_list_say_their_number():
    with pytest.raises(ValueError, match=r"\[\[shapes\]\] number 2: radius: is missing"):
        from_table(Outer, {"shapes": [{"kind": "box"}, {"kind": "circle"}]})
    with pytest.raises(TypeError, match=r"wanted tables, each begun with \[\[shapes\]\]"):
        from_table(Outer, {"shapes": {"kind": "box"}})


def test_paths_start_at_the_file(tmp_path):
    box = from_table(Box, {"file": "parts/a.pdb"}, folder=tmp_path)
    assert box.file == tmp_path / "parts" / "a.pdb"
    assert to_table(box, folder=tmp_path / "parts")["file"] == "a.pdb"


def test_kinds_have_one_name_each():
    assert kind_named(Shape, "box") is Box
    with pytest.raises(ValueError, match=r"kind 'box': is .*Box already"):

        @kind("box")
        class Other(Shape):
            """Another."""

    with pytest.raises(TypeError, match="belongs to no family"):
        kind("inner")(Inner)


def test_fields_are_in_the_docstring():
    assert "radius : float\n    radius, nm." in Circle.__doc__


def test_tables_may_have_the_names_of_kinds():
    table = {"circle": [{"radius": 1}], "box": [{}, {"name": "b"}]}
    album = from_table(Album, table)
    assert album.shapes == (Circle(radius=1), Box(), Box(name="b"))
    assert to_table(album)["box"][1]["name"] == "b"
    with pytest.raises(
        ValueError, match=r"^\[\[box\]\] number 2: edges: wanted a list of 3 numbers"
    ):
        from_table(Album, {"box": [{}, {"edges": [1, 2, -3]}]})
    with pytest.raises(ValueError, match=r'unknown key "circles"; the nearest .* is "circle"'):
        from_table(Album, {"circles": []})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"fraction": 0.1}, "meant is pack.fraction or fraction in "),
        ({"voxel_size": 0.1}, "meant is density.voxel_size$"),
        ({"pack": {"kind": "cell", "temperature": 9}}, r"\[pack\]: .*; meant is settling.temp"),
        ({"pack": {"kind": "pull", "fraction": 0.1}}, 'kind = "dense"; kind = "pull" has lennard'),
        ({"molecule": [{"n_balls": 4}]}, 'belongs to kind = "filament"; kind = "molecule" has'),
        ({"imaging": {"kind": "one_step", "defocus": 3}}, 'is "defocus_um", of .* defocus_um, '),
    ],
)
def test_a_key_of_another_table_or_kind_is_told_where_it_belongs(table, words):
    with pytest.raises(ValueError, match=words):
        from_table(Recipe, table)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Pull(fraction=0.1), "belongs to Dense; Pull has forces, "),
        (lambda: Cell(temperature=9.0), "meant is settling.temperature$"),
        (lambda: OneStep(defocus=3.0), 'is "defocus_um", an argument of transfer, of '),
    ],
)
def test_an_argument_of_another_class_is_told_where_it_belongs(call, words):
    with pytest.raises(TypeError, match=words):
        call()
