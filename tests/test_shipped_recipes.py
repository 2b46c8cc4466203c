"""The recipes that come with the package: listed, written out, and good in every scene."""

import re

import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.datasets.plan import plan_of
from openmm_cgpack.io.files import read_toml
from openmm_cgpack.recipe import drawn, find_recipe, recipe_from, recipes
from openmm_cgpack.structures import library


def test_they_are_listed_with_a_line_each(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes)
    assert all(60 < len(line) <= 120 for line in lines)
    assert {"paper", "cytoplasm", "shrec", "czii", "membranes", "filaments", "demo"} <= set(recipes)
    assert main(["recipes", "czii"]) == 0
    assert capsys.readouterr().out == recipes.text("czii")


def test_one_is_written_out_and_overwrites_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shrec"]) == 0
    assert (tmp_path / "shrec.toml").read_text(encoding="utf-8") == recipes.text("shrec")
    (tmp_path / "shrec.toml").write_text("mine")
    assert main(["init", "shrec"]) == 2
    assert "shrec.toml: exists" in capsys.readouterr().err
    assert (tmp_path / "shrec.toml").read_text() == "mine"
    assert main(["init", "demo", "-o", "other.toml"]) == 0
    assert cgp.load_recipe("other.toml") == cgp.demo_recipe()
    assert main(["init", "shrek"]) == 2
    assert "nearest: shrec" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.toml", "shrec.toml"]


def test_a_file_counts_for_more_than_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe("paper") == recipes.path("paper")
    (tmp_path / "paper").write_text("")
    assert find_recipe("paper").resolve() == tmp_path / "paper"


def test_a_data_set_is_made_of_a_name():
    """Drawn as from the file."""
    plan = plan_of("shrec", seed=5)
    assert plan.seed == 5
    assert plan.table == {**read_toml(recipes.path("shrec")), "seed": 5}
    with pytest.raises(FileNotFoundError):
        plan_of("shreck", seed=5)


def test_check_knows_their_names(capsys):
    assert main(["check", "droplet"]) == 0
    assert "maps and masks" in capsys.readouterr().out
    assert main(["check", "droplets"]) == 2
    assert "droplets" in capsys.readouterr().err


@pytest.mark.parametrize("name", recipes)
def test_every_scene_is_a_good_recipe_of_the_library(name):
    tables = read_toml(recipes.path(name))
    found = set()
    for index in range(12):
        plain, _ = drawn(tables, 7, index)
        scene = recipe_from(plain)
        assert scene.name == name
        species = {getattr(entry, "species", None) for entry in scene.structures} - {None}
        assert species <= set(library.names)
        found |= species
    # All that it names is in one of the scenes.
    named = re.findall(r'"(\d\w{3})"', re.sub("#.*", "", recipes.text(name)))
    assert set(named) <= found


def counts(name, kind="molecule"):
    """Return how many of each structure of a kind the first scenes of a recipe have."""
    tables = read_toml(recipes.path(name))
    scenes = [recipe_from(drawn(tables, 3, index)[0]) for index in range(10)]
    return [[e.count for e in scene.structures if e.kind == kind] for scene in scenes]


def test_shrec_has_the_contest_s_numbers():
    scenes = counts("shrec")
    totals = list(map(sum, scenes))
    assert {len(scene) for scene in scenes} == {13}
    assert 1000 <= min(totals) < max(totals) <= 3000
    scene = cgp.demo_recipe("shrec")
    assert scene.start.box == (512, 512, 180)
    scheme = scene.imaging.microscope.scheme
    assert len(scheme) == 61
    assert 100 <= scheme.total_dose_e_per_a2 <= 120
    assert 7 <= scene.imaging.gold.count <= 14
    vesicles = [sum(scene) for scene in counts("shrec", "ellipsoid")]
    assert 2 <= min(vesicles) < max(vesicles) <= 7


def test_czii_is_as_dense_as_the_stand_in_for_the_phantom():
    scene = cgp.demo_recipe("czii")
    x, y, z = scene.start.box
    assert (x, y, z) == (630, 630, 184)
    asked = 15 * x * y * z / (100 * 300 * 300)
    mean = sum(map(sum, counts("czii"))) / (10 * 5)
    assert mean == pytest.approx(asked, rel=0.05)
    assert len(scene.imaging.microscope.scheme) == 31


def test_the_cytoplasm_s_ribosomes_are_at_their_published_concentration():
    """14 000 in a cubic micrometre at 0.25 of the volume, by the envelopes."""
    tables = read_toml(recipes.path("cytoplasm"))
    shares = []
    for index in range(10):
        crowd = recipe_from(drawn(tables, 3, index)[0]).structures
        volume = sum(e.count * library.entry(e.species).envelope_volume for e in crowd) / 1e9
        (ribosomes,) = (e.count for e in crowd if e.name == "ribosome")
        shares.append((volume, ribosomes * 0.25 / volume))
    volumes, ribosomes = zip(*shares, strict=True)
    assert sum(volumes) / 10 == pytest.approx(0.25, abs=0.02)
    assert sum(ribosomes) / 10 == pytest.approx(14000, rel=0.1)
