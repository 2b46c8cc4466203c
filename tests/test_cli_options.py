"""Options of commands that are made from settings."""

import argparse
from pathlib import Path
from typing import Literal

import pytest

from openmm_cgpack.cli.options import add_settings, from_options, kinds_from_options
from openmm_cgpack.core.settings import Settings, kind, setting


class Inner(Settings):
    """Settings inside others."""

    width: int = setting("width", default=1)


class Sample(Settings):
    """One field of each type."""

    length: float = setting("length of 100 % of them", unit="nm", default=2.5, above=0)
    turns: int = setting("turns", default=3, minimum=0)
    mode: Literal["fast", "exact"] = setting("way", default="fast")
    dark_ground: bool = setting("whether the ground is dark", default=True)
    file: Path | None = setting("file", default=None)
    box: tuple[float, float, float] = setting("edges", default=(1.0, 2.0, 3.0))
    scales: tuple[int, ...] = setting("scales", default=())
    edge: float | tuple[float, float, float] | None = setting("edge", default=4.0)
    inner: Inner = setting("other settings", default=Inner())


class Shape(Settings, family=True):
    """A shape."""

    colour: str = setting("colour", default="red")


@kind("circle")
class Circle(Shape):
    """A circle."""

    radius: float = setting("radius", unit="nm", above=0)


@kind("square")
class Square(Shape):
    """A square."""

    colour: str = setting("colour", default="blue")
    edge: float = setting("edge", unit="nm", default=2.0, above=0)


def read(cls, *words, **options):
    parser = argparse.ArgumentParser()
    add_settings(parser, cls, **options)
    return from_options(cls, parser.parse_args(words))


def test_several_kinds_take_each_its_own():
    parser = argparse.ArgumentParser()
    add_settings(parser, Shape, kind_option=None)
    options = parser.parse_args(["--edge", "3"])
    assert kinds_from_options(Shape, options, ["square"]) == [Square(edge=3.0)]
    with pytest.raises(ValueError, match=r"^--edge: means nothing without square$"):
        kinds_from_options(Shape, options, ["circle"])
    with pytest.raises(ValueError, match=r"^--edge: wanted a number > 0, got -1$"):
        kinds_from_options(Shape, parser.parse_args(["--edge", "-1"]), ["square"])


def test_nothing_given_is_the_defaults():
    assert read(Sample) == Sample()


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--length", "3"], {"length": 3.0}),
        (["--turns", "0"], {"turns": 0}),
        (["--mode", "exact"], {"mode": "exact"}),
        (["--no-dark-ground"], {"dark_ground": False}),
        (["--dark-ground"], {}),
        (["--file", "a/b"], {"file": Path("a/b")}),
        (["--box", "3", "2", "1"], {"box": (3.0, 2.0, 1.0)}),
        (["--scales", "3", "2"], {"scales": (3, 2)}),
        (["--edge", "3"], {"edge": 3.0}),
        (["--edge", "3", "2", "1"], {"edge": (3.0, 2.0, 1.0)}),
        (["--edge", "false"], {"edge": None}),
    ],
)
def test_each_type(words, values):
    assert read(Sample, *words) == Sample(**values)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--length", "0"], "^--length: wanted a number > 0, got 0$"),
        (["--turns", "-1"], "^--turns: wanted a whole number >= 0, got -1$"),
        (["--turns", "1.5"], "^--turns: wanted a whole number >= 0, got 1.5$"),
        (["--length", "x"], '^--length: wanted a number > 0, in nm, got "x"$'),
        (["--edge", "3", "2"], "^--edge: wanted a number or a list of 3 numbers"),
    ],
)
def test_values_are_checked_by_the_settings(words, message):
    with pytest.raises((TypeError, ValueError), match=message):
        read(Sample, *words)


def test_words_to_choose_from_are_checked_by_the_parser(capsys):
    with pytest.raises(SystemExit):
        read(Sample, "--mode", "own")
    assert "argument --mode: invalid choice: 'own'" in capsys.readouterr().err


def test_help_is_the_fields():
    parser = argparse.ArgumentParser()
    add_settings(parser, Sample)
    text = " ".join(parser.format_help().split())
    assert "length of 100 % of them, nm, > 0; default 2.5" in text
    assert "--mode {fast,exact}" in text
    assert "--no-dark-ground" in text
    assert "edges; default (1.0, 2.0, 3.0)" in text
    assert "--inner" not in text


def test_kinds_of_a_family():
    assert read(Shape, default=Square()) == Square()
    how = {"kind_option": "--shape"}
    assert read(Shape, "--shape", "circle", "--radius", "2", **how) == Circle(radius=2)
    assert read(Shape, "--shape", "square", "--colour", "black", **how) == Square(colour="black")
    with pytest.raises(ValueError, match=r"^--radius: is missing$"):
        read(Shape, "--shape", "circle", **how)
    with pytest.raises(ValueError, match=r"^--edge: means nothing for circle$"):
        read(Shape, "--shape", "circle", "--radius", "2", "--edge", "2", **how)
    with pytest.raises(SystemExit):
        read(Shape, **how)


def test_help_of_a_family_says_which_kind_has_what():
    parser = argparse.ArgumentParser()
    add_settings(parser, Shape, default=Square())
    text = " ".join(parser.format_help().split())
    assert "--kind {circle,square} circle: A circle.; square: A square." in text
    assert "colour; default red for circle, blue for square" in text
    assert "radius, nm, > 0; default none: must be given; for circle" in text
