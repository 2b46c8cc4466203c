"""Names with signs that mean something to a format are read back by others as they are."""

import ast
import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import gemmi
import numpy as np
import openmm.app
import pytest
import world

from openmm_cgpack.core import AtomicStructure, BallModel, RigidTransforms, Scene
from openmm_cgpack.core.structure import ATOM_TABLE
from openmm_cgpack.draw.style import blank_figure, drawn_name
from openmm_cgpack.export import ChimeraX, Napari, Relion5
from openmm_cgpack.io import (
    read_particles,
    write_atoms,
    write_bild,
    write_cmm,
    write_particles,
    write_topology,
)
from openmm_cgpack.io.star import read_star
from openmm_cgpack.recipe import recipe_from

NAMES = (
    "70S ribosome",
    'a "b" c',
    "it's 'x' y",
    "a' b\" c",
    "#1",
    "loop_",
    "data_x",
    "_cell.length_a 1",
    ";1",
    "<&>]]> x",
    "a; runscript x.py; .b",
    "$\\frac{1}",
    "日本 Müller",
    "=1+1,2",
    "ALA",
    "A",
    "%s {0} \\N",
    "x" * 80,
)


@pytest.fixture(scope="module")
def scene():
    models = tuple(
        BallModel(
            name=name,
            positions=[[0, 0, 0], [3, 0, 0]],
            radii=[1, 1],
            masses=[1, 1],
            bonds=[[0, 1]],
            volume=8,
        )
        for name in NAMES
    )
    index = np.arange(len(NAMES))
    return Scene(
        species=models, species_index=index, transforms=RigidTransforms.identity(len(NAMES))
    )


def test_mmcif_of_balls(tmp_path, scene):
    write_topology(tmp_path / "a.cif", scene, scene.positions)
    block = gemmi.cif.read(str(tmp_path / "a.cif")).sole_block()
    column = block.find_values("_atom_site.label_comp_id")
    assert [gemmi.cif.as_string(value) for value in column][::2] == list(NAMES)
    read = openmm.app.PDBxFile(str(tmp_path / "a.cif")).topology
    assert [residue.name for residue in read.residues()] == list(NAMES)
    assert read.getNumBonds() == len(NAMES)


def test_mmcif_of_atoms(tmp_path, scene):
    table = np.array([("O", "HOH", "A", 1), ("C'", "A B", 'x"y', 2)], dtype=ATOM_TABLE)
    models = [
        replace(
            model,
            structure=AtomicStructure(
                name=model.name,
                positions=np.eye(3)[:2],
                masses=[16, 12],
                elements=["O", "C"],
                atom_table=table,
            ),
        )
        for model in scene.species
    ]
    whole = replace(scene, species=tuple(models))
    write_atoms(tmp_path / "a.cif", whole, scene.transforms)
    block = gemmi.cif.read(str(tmp_path / "a.cif")).sole_block()
    entities = block.find_values("_entity.pdbx_description")
    assert [gemmi.cif.as_string(value) for value in entities] == list(NAMES)
    assert len(block.find_values("_atom_site.id")) == 2 * len(NAMES)


def test_markers_are_xml(tmp_path, scene):
    write_cmm(tmp_path / "a.cmm", scene, scene.positions)
    markers = ET.parse(tmp_path / "a.cmm").getroot().findall("marker")
    notes = [f"{name} {number}" for number, name in enumerate(NAMES, start=1)]
    assert [marker.get("note") for marker in markers][::2] == notes
    write_bild(tmp_path / "a.bild", scene, scene.positions)
    lines = (tmp_path / "a.bild").read_text(encoding="utf-8").splitlines()
    assert {line.split()[0] for line in lines} == {".comment", ".color", ".sphere"}


def named(truth, names):
    """Return a truth whose first species have other names."""
    new = dict(zip(truth.species, names, strict=False))
    models = [replace(m, name=new.get(m.name, m.name)) for m in truth.scene.species]
    species = [new.get(name, name) for name in truth.particles.species.tolist()]
    return replace(
        truth,
        scene=replace(truth.scene, species=tuple(models)),
        particles=replace(truth.particles, species=np.array(species)),
    )


def test_lists_and_scripts(tmp_path):
    """ChimeraX ends a word in quotes at a quotation mark before a blank, a command at ;."""
    truth = named(world.molecules()[1], ['a; runscript x.py; "b" \'c\\', '=1,2 "x"'])
    volume = truth.maps["density"]
    truth = replace(truth, maps={**truth.maps, "a; runscript y.py; b": volume})
    ChimeraX().write(tmp_path, truth)
    script = (tmp_path / "view.cxc").read_text(encoding="utf-8")
    bare = re.sub(r'"[^"]*"(?=\s|$)', "", script)
    assert script.count("runscript") == 2
    assert "runscript" not in bare
    assert ";" not in bare
    Napari().write(tmp_path, truth)
    tree = ast.parse((tmp_path / "view_napari.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert set(truth.species) <= texts
    write_particles(tmp_path / "a.csv", truth.particles)
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        assert {row["species"] for row in csv.DictReader(file)} == set(truth.species)
    assert read_particles(tmp_path / "a.csv").species.tolist() == truth.particles.species.tolist()
    Relion5().save(tmp_path / "relion", truth)
    for path in (tmp_path / "relion").rglob("*.star"):
        assert read_star(path)


def test_a_map_whose_name_no_program_takes_is_refused():
    truth = world.molecules()[1]
    for name in ("a\nb", "../a", "a; runscript x.py; ", 'a"b', ""):
        with pytest.raises(ValueError, match=r"^map: wanted"):
            replace(truth, maps={name: truth.maps["density"]})


@pytest.mark.parametrize("name", ["a\nb", "", "x" * 5000, "__", "\u202ea"])
def test_a_recipe_with_a_name_that_is_none(name):
    table = {"filament": [{"n_balls": 5}, {"n_balls": 5, "name": name}]}
    with pytest.raises(ValueError, match=r"^\[\[filament\]\] number 2: name: wanted"):
        recipe_from(table)
    with pytest.raises(ValueError, match=r"^name: wanted"):
        recipe_from({"name": name, "filament": [{"n_balls": 5}]})


def test_a_path_that_is_none():
    with pytest.raises(TypeError, match=r"number 1: pdb: wanted a path, got \"a\\x00b\""):
        recipe_from({"molecule": [{"pdb": "a\0b"}]})


def test_names_are_no_formulas():
    figure = blank_figure((2, 2))
    figure.text(0, 0, drawn_name("$\\frac{1} $x"))
    figure.canvas.draw()
    assert drawn_name("x" * 80).endswith("…")
