"""What is said to a user: nothing that a terminal acts on, no long input, and where it arose."""

import os
import re
from pathlib import Path

import pytest

from openmm_cgpack import load_packed, load_scene
from openmm_cgpack.core import PackingError, StructureError
from openmm_cgpack.core.messages import (
    one_line,
    path_from_text,
    path_text,
    printable,
    said_of,
    shell_word,
    shown,
    within,
)
from openmm_cgpack.core.names import (
    checked_file_name,
    checked_map_name,
    checked_name,
    name_of_file,
    plain_name,
    unique_names,
)

NASTY = {
    "escape": "a\x1b[2Jb",
    "line end": "a\nb",
    "zero": "a\0b",
    "backspace": "a\bb",
    "C1 control": "a\x9bb",
    "right to left": "a\u202eb",
    "line separator": "a\u2028b",
    "invisible": "a\u200bb",
    "no text": "a\udcffb",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_a_terminal_would_act_on_is_escaped(text):
    for said in (printable(text), shown(text), one_line(ValueError(text)), shell_word(text)):
        assert said.isprintable()
    with pytest.raises(ValueError, match="name: wanted printable characters"):
        checked_name(text)
    assert checked_name(name_of_file(text)).startswith("a")


@pytest.mark.parametrize(
    "message",
    ["got {}", "got '{}'", 'got "{}", wanted 3', "{}: no such file", "a/{}/b: no such file"],
)
@pytest.mark.parametrize("text", ["x" * 5000, "\x1b" * 5000, "'" * 5000, "/x" * 2500])
def test_no_long_input_is_repeated(message, text):
    assert len(one_line(message.format(text))) < 200


def test_long_values_are_cut():
    for value in ("x y" * 5000, 10**5000, [1] * 5000, {"a": "\0" * 5000}):
        assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 7 TiB"), "more memory than there is .Unable to"),
        (RecursionError("maximum depth"), "nested too deeply"),
        (ValueError("x: wanted 1"), "x: wanted 1"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
    ],
)
def test_what_a_value_leads_to_begins_with_its_place(error, words):
    with pytest.raises(ValueError, match=rf"^\[pack\]: .*{words}"), within("[pack]"):
        raise error
    with pytest.raises(ValueError, match=rf"^a.star: wanted y: .*{words}"), said_of("a.star", "y"):
        raise error
    with pytest.raises(ValueError, match=r"^\[pack\]: OverflowError: too large"), within("[pack]"):
        raise OverflowError("too large")


def test_errors_keep_their_kind():
    with pytest.raises(TypeError, match=r"^n: wanted"), within("n"):
        raise TypeError("wanted a number")
    with pytest.raises(StructureError, match=r"^a\.pdb: broken"), said_of("a.pdb"):
        raise StructureError("broken")
    with pytest.raises(ValueError, match=r"^a.json: there is no \"x\""), said_of("a.json"):
        raise KeyError("x")
    with pytest.raises(FileNotFoundError), said_of("a.json"):
        Path("none.json").read_text(encoding="utf-8")
    with pytest.raises(PackingError, match=r"^reached 0\.2"), within("n"):
        raise PackingError("reached 0.2")
    with pytest.raises(ValueError, match=r"^\[pack\]: IndexError: list"), within("[pack]"):
        [][1]
    # A fault of the program is no fault of a value.
    with pytest.raises(IndexError), within("n"):
        exec("[][1]", {"__name__": "openmm_cgpack.packing"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"ATOM", "another kind of"),
        (b"PK\x03\x04\0\xff", "another kind of"),
    ],
)
@pytest.mark.parametrize("read", [load_packed, load_scene])
def test_another_kind_of_file_is_told_without_the_words_of_a_library(
    read, content, words, tmp_path
):
    path = tmp_path / "empty.pdb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: wanted a scene") as caught:
        read(path)
    assert f", got {words}" in str(caught.value)


def test_paths_become_text_and_back():
    for name in ("Müller", "日本", "a b"):
        assert path_text(path_from_text(name)) == name
    raw = os.fsdecode(b"M\xfcller")
    assert path_from_text(path_text(raw)) == raw


def test_names_that_are_taken():
    for name in ("70S ribosome", 'a "b" c', "it's #1; loop_ <&>", "日本", "e\u0301t", "-x", "$a$"):
        assert len(checked_name(name)) <= len(name)
    assert checked_name("e\u0301") == checked_name("é")
    assert checked_map_name("renders/über 2/tomogram") == "renders/über 2/tomogram"


@pytest.mark.parametrize("name", ["", " ", "...", "_", "/", " a", "a ", "x" * 81, 3, None])
def test_names_that_are_none(name):
    with pytest.raises((ValueError, TypeError), match=r"^name: wanted"):
        checked_name(name)


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "-a", "a.", "CON", "com1.txt", "a:b", "a|b"])
def test_names_that_are_none_of_files(name):
    with pytest.raises(ValueError, match=r"^name: wanted a file name"):
        checked_file_name(name)
    with pytest.raises(ValueError, match=r"^map: wanted"):
        checked_map_name(f"renders/{name}x/../y")
    assert checked_file_name(plain_name(name))


def test_plain_names_differ_as_files_do():
    names = ["a b", "a_b", "A-B", "ä", "a\u0308x"[:2], "ß", "ss", "x" * 300, "x" * 301, "NUL"]
    plain = list(unique_names(names).values())
    assert len({name.casefold() for name in plain}) == len(dict.fromkeys(names))
    assert max(len(name.encode()) for name in plain) < 200
