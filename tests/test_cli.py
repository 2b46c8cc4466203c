"""The command: what it prints, and one clear line for input that is not good."""

import gzip
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from openmm_cgpack import __version__
from openmm_cgpack.cli import main

CHAIN = "[[filament]]\nn_balls = 4\n"
QUICK = """
[files]
trajectory = true
frame_interval = 50
overview = false
[pack]
max_steps = 100
block = 50
relax_steps = 40
"""
ATOM = "ATOM  {:5d}  CA  ALA A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           C\n"


def fails(capsys, *arguments):
    """Run the command; return its one line on standard error, without `cgpack: `."""
    assert main([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("cgpack: ")]
    # What a run will make may be said before a file turns out to be no good.
    told = [line for line in err.splitlines() if not line.startswith("will make  ")]
    assert len(told) == len(lines) == 1
    assert out == ""
    return lines[0].removeprefix("cgpack: ")


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def pdb_recipe(tmp_path, recipe):
    """Return a function that writes a structure file and a recipe with it."""

    def write(content, name="a.pdb"):
        (tmp_path / name).write_bytes(content)
        return recipe(f'[[molecule]]\npdb = "{name}"\ncount = 1\n')

    return write


def atoms(n=40):
    rng = np.random.default_rng(1)
    return "".join(ATOM.format(i, i, *xyz) for i, xyz in enumerate(rng.normal(size=(n, 3)) * 9, 1))


def test_missing_recipe(capsys, tmp_path):
    line = fails(capsys, "simulate", tmp_path / "none.toml", "-o", tmp_path / "out")
    assert line == f"{tmp_path / 'none.toml'}: no such file"


def test_empty_recipe(capsys, tmp_path, recipe):
    line = fails(capsys, "simulate", recipe(""), "-o", tmp_path / "out")
    assert "empty" in line


def test_unknown_key(capsys, tmp_path, recipe):
    line = fails(capsys, "simulate", recipe(CHAIN + "radios = 1\n"), "-o", tmp_path / "out")
    assert '"radios"' in line
    assert '"radius"' in line


@pytest.mark.parametrize("key", ["radius = -2.0", "count = -3", "radius = nan"])
def test_numbers_out_of_range(capsys, tmp_path, recipe, key):
    line = fails(capsys, "simulate", recipe(CHAIN + key + "\n"), "-o", tmp_path / "out")
    assert key.split()[0] in line
    assert key.split()[-1].rstrip(".0") in line


def test_unknown_species(capsys, tmp_path, recipe):
    text = '[[molecule]]\nspecies = "3hbb"\ncount = 1\n'
    line = fails(capsys, "simulate", recipe(text), "-o", tmp_path / "out")
    assert "3hbb" in line
    assert "3hhb" in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recipe.toml"]


def test_missing_structure_file(capsys, tmp_path, recipe):
    text = '[[molecule]]\npdb = "none.pdb"\ncount = 1\n'
    line = fails(capsys, "simulate", recipe(text), "-o", tmp_path / "out")
    assert str(tmp_path / "none.pdb") in line


def test_corrupt_pdb(capsys, tmp_path, pdb_recipe):
    broken = atoms().replace(
        "ATOM     20  CA  ALA A  20     ", "ATOM     20  CA  ALA A  20   xx", 1
    )
    line = fails(capsys, "simulate", pdb_recipe(broken.encode()), "-o", tmp_path / "out")
    assert "a.pdb" in line


def test_file_without_atoms(capsys, tmp_path, pdb_recipe):
    line = fails(capsys, "simulate", pdb_recipe(b"no structure\n"), "-o", tmp_path / "out")
    assert "a.pdb" in line


def test_truncated_gzip(capsys, tmp_path, pdb_recipe):
    packed = gzip.compress(atoms(400).encode())
    path = pdb_recipe(packed[: len(packed) // 2], "a.pdb.gz")
    line = fails(capsys, "simulate", path, "-o", tmp_path / "out")
    assert "a.pdb.gz" in line


def test_coordinates_that_are_not_finite(capsys, tmp_path, pdb_recipe):
    lines = atoms().splitlines(keepends=True)
    lines[6] = lines[6][:30] + "     nan" + lines[6][38:]
    line = fails(capsys, "simulate", pdb_recipe("".join(lines).encode()), "-o", tmp_path / "out")
    assert "a.pdb" in line


def test_unknown_platform_lists_those_here(capsys, tmp_path, recipe):
    path = recipe(CHAIN)
    line = fails(
        capsys, "simulate", path, "-o", tmp_path / "out", "--platform", "Abacus", "--quiet"
    )
    assert "Abacus" in line
    assert "Reference" in line


def test_folder_that_exists(capsys, tmp_path, recipe):
    (tmp_path / "out").mkdir()
    line = fails(capsys, "simulate", recipe(CHAIN), "-o", tmp_path / "out")
    assert str(tmp_path / "out") in line


def test_seed_that_is_negative(capsys, tmp_path, recipe):
    line = fails(capsys, "simulate", recipe(CHAIN), "-o", tmp_path / "out", "--seed", "-1")
    assert "seed" in line


def test_simulate_writes_and_says_what(capsys, tmp_path, recipe):
    path = recipe(CHAIN + "count = 3\n" + QUICK)
    where = ["-o", str(tmp_path / "out"), "--platform", "CPU", "--threads", "1"]
    assert main(["simulate", str(path), *where]) == 0
    out, err = capsys.readouterr()
    assert "3 instances of 1 species" in out
    assert "tomogram.mrc" in out
    assert "packing" in err
    assert main(["simulate", str(path), *where, "--force", "--quiet", "--seed", "5"]) == 0
    assert capsys.readouterr() == ("", "")
    assert "seed = 5" in (tmp_path / "out" / "recipe.toml").read_text()
    assert "threads = 1" in (tmp_path / "out" / "recipe.toml").read_text()


def test_coarse_grain_prints_and_writes_the_balls(capsys, tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text(atoms())
    assert main(["coarse-grain", str(path), "-o", str(tmp_path / "a.bild")]) == 0
    out, _ = capsys.readouterr()
    rows = [line.split() for line in out.splitlines() if line[:4].strip().isdigit()]
    balls = [
        line.split()[1:]
        for line in (tmp_path / "a.bild").read_text().splitlines()
        if line.startswith(".sphere")
    ]
    assert "40 atoms" in out
    assert len(rows) == 3
    np.testing.assert_allclose(np.array(rows, float)[:, 1:], np.array(balls, float), atol=0.0011)


def test_coarse_grain_knows_the_library(capsys):
    assert main(["coarse-grain", "3hhb", "--radius", "volume"]) == 0
    assert "4558 atoms" in capsys.readouterr().out


def test_coarse_grain_keeps_what_is_there(capsys, tmp_path):
    path = tmp_path / "a.bild"
    path.write_text("mine")
    assert "--force" in fails(capsys, "coarse-grain", "3HHB", "-o", path)
    assert path.read_text() == "mine"
    assert main(["coarse-grain", "3HHB", "-o", str(path), "--force"]) == 0
    assert ".sphere" in path.read_text()


def test_coarse_grain_draws_the_membrane(capsys, tmp_path):
    path = tmp_path / "membrane.png"
    assert main(["coarse-grain", "6cnj", "--membrane", str(path)]) == 0
    assert "membrane 28.0 Å thick" in capsys.readouterr().out
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "--force" in fails(capsys, "coarse-grain", "6cnj", "--membrane", path)
    other = tmp_path / "other.png"
    assert "axis and height" in fails(capsys, "coarse-grain", "3hhb", "--membrane", other)
    assert not other.exists()


def test_coarse_grain_refuses(capsys, tmp_path):
    assert "--seed" in fails(capsys, "coarse-grain", "3hhb", "--seed", "-5")
    assert "waters: means nothing" in fails(capsys, "coarse-grain", "3hhb", "--waters")
    assert "none.pdb" in fails(capsys, "coarse-grain", tmp_path / "none.pdb")
    assert main(["coarse-grain", "3hhb", "-o", str(tmp_path / "a.xyz")]) == 2
    assert ".bild or .cmm" in capsys.readouterr().err


def test_library(capsys):
    assert main(["library"]) == 0
    assert "haemoglobin" in capsys.readouterr().out
    assert main(["library", "3hhb"]) == 0
    assert "4558" in capsys.readouterr().out
    assert "nearest: 3hhb" in fails(capsys, "library", "3hh")


def test_check(capsys):
    assert main(["check"]) == 0
    out, _ = capsys.readouterr()
    assert "openmm " in out
    assert "Reference      works" in out


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"cgpack {__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interrupted_command_leaves_nothing(tmp_path, recipe, number, code):
    path = recipe(
        CHAIN + "count = 60\n[pack]\nmax_steps = 10000000\ntolerance = 0\npatience = 99999\n"
        "checkpoint_every = 10000000\n"
    )
    command = [sys.executable, "-c", "from openmm_cgpack.cli import main; raise SystemExit(main())"]
    process = subprocess.Popen(
        [*command, "simulate", path, "-o", tmp_path / "out", "--platform", "CPU", "--threads", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr.readline().startswith("will make")
        assert process.stderr.readline().startswith("takes")
        assert process.stderr.readline().startswith("models")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out.unfinished", "recipe.toml"]
        time.sleep(1)
        process.send_signal(number)
        try:
            _, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            # Seen once: what is raised while a library is being loaded can be lost in it.
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert "interrupted; nothing was written" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recipe.toml"]


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "openmm_cgpack", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "cgpack"
