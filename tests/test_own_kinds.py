"""Kinds of a user's own, each one file outside the package: from Python, recipe and command."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.core.reference import families
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.testing import (
    check_force_term,
    check_format,
    check_protocol,
    check_stage,
    check_structure,
)

OWN = Path(__file__).resolve().parents[1] / "examples" / "own"
FILES = ("ring", "tether", "settle", "vignette", "xyz")


@pytest.fixture(scope="module")
def own():
    """Import the user's modules; forget what they registered afterwards."""
    before = {family: dict(family.kinds) for family in families()}
    modules = {}
    for name in FILES:
        spec = importlib.util.spec_from_file_location(name, OWN / f"{name}.py")
        modules[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[name])
    yield modules
    for family, kinds in before.items():
        family.kinds.clear()
        family.kinds.update(kinds)
    for name in FILES:
        del sys.modules[name]


RECIPE = """
seed = 3
[[ring]]
n_balls = 8
count = 3
[[molecule]]
species = "3hhb"
count = 2
[start]
extent = 50
[pack]
kind = "settle"
n_steps = 1000
[[pack.forces]]
kind = "tether"
species = "ring"
k = 200.0
point = [5, 0, 0]
[density]
voxel_size = 2
[[imaging.stages]]
kind = "vignette"
radius = 12.0
[run]
platform = "CPU"
threads = 1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the recipe by command, with --import as a user would; return the folder."""
    folder = tmp_path_factory.mktemp("own")
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    imports = [word for name in FILES for word in ("--import", str(OWN / f"{name}.py"))]
    assert main([*imports, "simulate", str(path), "-o", str(folder / "out"), "--quiet"]) == 0
    return folder / "out"


def test_the_contracts(own):
    check_structure(own["ring"].Ring())
    check_force_term(own["tether"].Tether(species="filament"))
    check_protocol(own["settle"].Settle(n_steps=100))
    check_stage(own["vignette"].Vignette(radius=9.0))
    check_format(own["xyz"].Xyz())


def test_a_recipe_with_them_by_command(own, finished):
    manifest = json.loads((finished / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in manifest["species"]] == ["ring", "3hhb"]
    assert manifest["settings"]["pack"]["kind"] == "settle"
    packed = cgp.load_packed(finished / "packed.npz")
    rings = packed.scene.species_index == 0
    # The tether has pulled the rings, and nothing else, towards its point.
    balls = rings[packed.scene.instance_of_ball]
    away = np.linalg.norm(packed.positions - [5, 0, 0], axis=1)
    before = np.linalg.norm(packed.scene.positions - [5, 0, 0], axis=1)
    assert away[balls].mean() < 0.9 * before[balls].mean()
    assert away[~balls].mean() > 0.9 * before[~balls].mean()


def test_the_same_from_python(own, finished):
    recipe = cgp.load_recipe(finished / "recipe.toml")
    made = cgp.simulate(recipe)
    packed = cgp.load_packed(finished / "packed.npz")
    np.testing.assert_array_equal(made.packed.positions, packed.positions)
    assert from_table(type(recipe), to_table(recipe)) == recipe
    dark = cgp.render(made.density, cgp.OneStep(), seed=1).signal.data
    corner = cgp.render(made.density, recipe.imaging, seed=1).signal.data
    assert np.abs(corner[:, 0, 0]).max() < 0.5 * np.abs(dark[:, 0, 0]).max()


def test_the_format_by_command(own, finished, tmp_path, capsys):
    command = ["--import", str(OWN / "xyz.py"), "export", str(finished), "--format", "xyz"]
    assert main([*command, "--to", str(tmp_path)]) == 0
    lines = (tmp_path / "xyz" / "out.xyz").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "5"
    assert len(lines) == 7
    assert lines[2].startswith("ring ")


def test_kinds_lists_them(own, capsys):
    assert main(["--import", str(OWN / "ring.py"), "kinds", "ring"]) == 0
    assert "| `n_balls` | a whole number >= 3 | `12` |" in capsys.readouterr().out


def test_a_module_that_fails_is_one_line(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("1/0\n", encoding="utf-8")
    assert main(["--import", str(tmp_path / "broken.py"), "kinds"]) == 2
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert main(["--import", "no_such_module", "kinds"]) == 2
    assert "no_such_module" in capsys.readouterr().err
