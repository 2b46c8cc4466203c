"""Whatever goes wrong ends as one line, with its place, and an exit code that says whose fault."""

import contextlib
import io
import os
import sys

import pytest

from openmm_cgpack.cli import main
from openmm_cgpack.cli.console import interruption_behind
from openmm_cgpack.core import PackingError
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.models import Structure

ERRORS = {
    "ValueError": lambda: ValueError("width: wanted less"),
    "OverflowError": lambda: OverflowError("too large"),
    "MemoryError": lambda: MemoryError("Unable to allocate 7 TiB"),
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "RuntimeError": lambda: RuntimeError("no convergence"),
    "IndexError": lambda: IndexError("\x1b[2J" + "x" * 5000),
    "PackingError": lambda: PackingError("reached 0.21 of 0.40"),
}


@pytest.fixture
def faulty():
    """Register a structure that fails as its setting says, for the time of a test."""

    @kind("faulty")
    class Faulty(Structure):
        """A structure whose building fails."""

        error: str = setting("which error")

        def build(self, *, seed=0):
            if self.error == "by Python":
                return len(self.count)
            if self.error == "bug":
                exec("[][1]", {"__name__": "openmm_cgpack.models"})
            raise ERRORS[self.error]()

    yield
    del Structure.kinds["faulty"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("ValueError", 2, "[[faulty]] a b: width: wanted less"),
        ("OverflowError", 2, "[[faulty]] a b: OverflowError: too large"),
        ("MemoryError", 2, "[[faulty]] a b: needs more memory than there is (Unable to"),
        ("RecursionError", 2, "[[faulty]] a b: nested too deeply"),
        ("by Python", 2, "[[faulty]] a b: object of type 'int' has no len()"),
        ("bug", 1, "this is a bug in openmm_cgpack"),
        ("PackingError", 1, "reached 0.21 of 0.40"),
        ("RuntimeError", 2, "[[faulty]] a b: RuntimeError: no convergence"),
        ("IndexError", 2, "[[faulty]] a b: IndexError: \\x1b[2Jxxx"),
    ],
)
def test_every_error_is_one_line(faulty, tmp_path, capsys, error, code, words):
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'[[faulty]]\nname = "a b"\nerror = "{error}"\n', encoding="utf-8")
    command = ["simulate", str(recipe), "-o", str(tmp_path / "out")]
    assert main(command) == code
    out, err = capsys.readouterr()
    assert out == ""
    told, err = err.split("\n", 1)
    assert told == "will make  1 instances of 1 species, voxels of 1 nm"
    assert words in err
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert len(err) < 700
    assert main(["--traceback", *command]) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[[molecule]]\npdb = "n.pdb"\n', "[[molecule]] n: pdb: {}/n.pdb: no such file"),
        (
            '[[map]]\nfile = "n.mrc"\nresolution = 1\nmass = 9\n',
            "[[map]] n: file: {}/n.mrc: no such file",
        ),
        ('[[molecule]]\nspecies = "1f1g"\n', "[[molecule]] 1f1g: species: no species '1f1g' in"),
    ],
)
def test_a_message_about_a_recipe_names_its_file_table_and_key(table, words, tmp_path, capsys):
    recipe = tmp_path / "r.toml"
    recipe.write_text(table, encoding="utf-8")
    out = str(tmp_path / "out")
    wanted = f"cgpack: {recipe}: {words.format(tmp_path)}"
    for command in ("simulate RECIPE -o", "check RECIPE", "dataset RECIPE -n 10 -o"):
        begin, _, end = command.partition(" RECIPE")
        words_of_it = [begin, str(recipe), *end.split(), *([out] if "-o" in end else [])]
        assert main(words_of_it) == 2
        assert capsys.readouterr().err.startswith(wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["r.toml"]


def test_a_platform_that_is_not_here_ends_it_before_work(tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path / "out"), "--platform", "a\x1b"]) == 2
    assert 'cgpack: --platform: "a\\x1b" is not here, only ' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_path_that_no_recipe_can_name_ends_it_before_work(tmp_path, capsys):
    folder = tmp_path / "b\udcff"
    folder.mkdir()
    recipe = folder / "r.toml"
    recipe.write_text('[[molecule]]\npdb = "a.pdb"\n', encoding="utf-8")
    (folder / "a.pdb").write_text("ATOM", encoding="utf-8")
    assert main(["simulate", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "b\\udcff/a.pdb: wanted a path in UTF-8" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_a_word_that_no_process_is_given(word, capsys):
    for command in (["simulate", "r.toml", "-o", word], ["audit", word]):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert err.startswith("cgpack: wanted words without null characters")
        assert err.count("\n") == 1


def test_what_the_parser_refuses_is_one_line(capsys):
    for words in (["\x1b[2J" * 2000], ["demo", "-o", "a", "--seed", "9" * 5000], ["library", "-x"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err[:-1].isprintable()
        assert len(err) < 600
    assert main(["library", "x\x1b" * 3000]) == 2
    err = capsys.readouterr().err
    assert err[:-1].isprintable()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_output_goes_through_any_encoding(encoding, tmp_path):
    """Also names and paths that it cannot write, and lone bytes of a path."""
    (tmp_path / "日本 Å\udcff.toml").write_text("[[filament]]\nn_bals = 3\n", encoding="utf-8")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        assert main(["coarse-grain", "3hhb"]) == 0
        assert main(["simulate", str(tmp_path / "日本 Å\udcff.toml"), "-o", "x"]) == 2
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert "x/Å" in text or "x/\\xc5" in text
    assert 'unknown key "n_bals"' in text


@pytest.mark.parametrize("name", ["json.py", "numpy.py", "missing.py", "a b.py"])
def test_a_module_takes_no_other_ones_name(name, tmp_path, capsys):
    path = tmp_path / name
    if name != "missing.py":
        path.write_text("raise SystemExit(0)\n", encoding="utf-8")
    assert main(["--import", str(path), "library"]) == 2
    assert f"--import {path}" in capsys.readouterr().err
    assert "dumps" in dir(sys.modules["json"])


def test_a_pipe_is_no_module(tmp_path, capsys):
    os.mkfifo(tmp_path / "mine.py")
    assert main(["--import", str(tmp_path / "mine.py"), "library"]) == 2
    assert "wanted a file, got a pipe" in capsys.readouterr().err


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_that_a_library_renamed_is_found(interruption):
    """As that of a module in C that is interrupted while it is imported."""
    error = ImportError("initialization failed")
    error.__cause__ = interruption
    assert interruption_behind(error) is interruption
    assert interruption_behind(ImportError("no module")) is None
