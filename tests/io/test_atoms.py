"""All atoms as one mmCIF, read back by gemmi, mdtraj and this project's own reader."""

import gemmi
import mdtraj
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import AtomicStructure, RigidTransforms, Scene
from openmm_cgpack.core.structure import ATOM_TABLE
from openmm_cgpack.io import atoms as module
from openmm_cgpack.io.atoms import write_atoms
from openmm_cgpack.models import Filament, coarse_grain
from openmm_cgpack.structures import load_structure


def molecule(name, rows, elements, seed):
    positions = np.random.default_rng(seed).normal(size=(len(rows), 3))
    return AtomicStructure(
        name=name,
        positions=positions - positions.mean(axis=0),
        masses=np.full(len(rows), 12.0),
        elements=elements,
        atom_table=np.array(rows, dtype=ATOM_TABLE),
        envelope_volume=1.0,
    )


PROTEIN = molecule(
    "first protein",
    [
        ("N", "GLY", "A", 7),
        ("CA", "GLY", "A", 7),
        ("N", "ALA", "A", 8),
        ("CA", "ALA", "A", 8),
        ("CA", "SER", "B", 1),
        ("ZN", "ZN", "B", 900),
    ],
    ["N", "C", "N", "C", "C", "Zn"],
    1,
)
# names that CIF must quote, a chain without a name, and a percent sign
NUCLEIC = molecule(
    "it's 100% RNA",
    [("O5'", "A", "", -2), ("'H'", "A", "", -2), ("C%d", "U", "", 1), ("P", "U", "", 1)],
    ["O", "H", "C", "P"],
    2,
)
ORIGIN = np.array([-10.0, -20.0, 3.0])


def make_scene(*structures, instances=3):
    models = [coarse_grain(structure, seed=1) for structure in structures]
    models.append(Filament(n_balls=3).build())
    index = np.tile(np.arange(len(models)), instances)
    return Scene(
        species=tuple(models),
        species_index=index,
        transforms=RigidTransforms(
            rotations=Rotation.random(len(index), random_state=3).as_matrix(),
            translations=np.random.default_rng(4).uniform(-60, 60, (len(index), 3)),
        ),
    )


@pytest.fixture
def scene():
    return make_scene(PROTEIN, NUCLEIC)


def expected_positions(scene):
    parts = []
    for i, species in enumerate(scene.species_index):
        structure = scene.species[species].structure
        if structure is not None:
            turn = Rotation.from_matrix(scene.transforms.rotations[i])
            parts.append(turn.apply(structure.positions.copy()) + scene.transforms.translations[i])
    return (np.concatenate(parts) - ORIGIN) * 10


def test_gemmi_reads_every_atom_at_its_place(scene, tmp_path):
    path = tmp_path / "atoms.cif"
    assert write_atoms(path, scene, scene.transforms, origin=ORIGIN) == 30
    block = gemmi.cif.read(str(path)).sole_block()
    structure = gemmi.make_structure_from_block(block)
    (model,) = structure
    # each molecule's chains are its own: instances 1, 2, 4, 5, 7, 8 are no filaments
    assert [chain.name for chain in model] == [
        "A-1", "B-1", "2", "A-4", "B-4", "5", "A-7", "B-7", "8"
    ]  # fmt: skip
    rows = [(a, r, c) for c in model for r in c for a in r]
    np.testing.assert_allclose(
        [a.pos.tolist() for a, _, _ in rows], expected_positions(scene), atol=6e-4
    )
    table = np.concatenate([PROTEIN.atom_table, NUCLEIC.atom_table] * 3)
    assert [a.name for a, _, _ in rows] == table["atom"].tolist()
    assert [r.name for _, r, _ in rows] == table["residue"].tolist()
    assert [r.seqid.num for _, r, _ in rows] == table["number"].tolist()
    elements = [*PROTEIN.elements, *NUCLEIC.elements] * 3
    assert [a.element.name for a, _, _ in rows] == elements
    assert [a.serial for a, _, _ in rows] == list(range(1, 31))
    assert [r.het_flag for _, r, _ in rows[:6]] == ["A"] * 5 + ["H"]
    names = [gemmi.cif.as_string(x) for x in block.find_loop("_entity.pdbx_description")]
    assert names == ["first protein", "it's 100% RNA"]
    assert {r.entity_id for _, r, _ in rows} == {"1", "2"}


def test_mdtraj_reads_the_same(scene, tmp_path):
    write_atoms(tmp_path / "atoms.cif", scene, scene.transforms, origin=ORIGIN)
    trajectory = mdtraj.load(str(tmp_path / "atoms.cif"))
    assert trajectory.n_atoms == 30
    np.testing.assert_allclose(trajectory.xyz[0], expected_positions(scene) / 10, atol=1e-4)
    assert trajectory.topology.n_chains == 9
    assert trajectory.topology.atom(5).element.symbol == "Zn"


def test_blocks_smaller_than_a_molecule_change_nothing(scene, tmp_path, monkeypatch):
    write_atoms(tmp_path / "whole.cif", scene, scene.transforms)
    monkeypatch.setattr(module, "_BLOCK", 4)
    write_atoms(tmp_path / "blocks.cif", scene, scene.transforms)
    assert (tmp_path / "whole.cif").read_text() == (tmp_path / "blocks.cif").read_text()


def test_a_real_entry_comes_back_where_it_was_put(shared, tmp_path):
    structure = load_structure(shared / "pdb" / "3hhb.pdb.gz", name="hb")
    scene = make_scene(structure, instances=2)
    write_atoms(tmp_path / "atoms.cif", scene, scene.transforms)
    back = load_structure(tmp_path / "atoms.cif")
    assert back.n_atoms == 2 * structure.n_atoms
    expected = np.concatenate(
        [t.apply(structure.positions)[0] for t in scene.transforms[np.array([0, 2])]]
    )
    np.testing.assert_allclose(back.positions + back.file_origin, expected, atol=6e-5)
    np.testing.assert_array_equal(back.elements, np.tile(structure.elements, 2))
    np.testing.assert_allclose(back.masses, np.tile(structure.masses, 2), atol=1e-6)


def test_points_in_place_of_atoms_are_refused_by_name(scene, tmp_path):
    points = AtomicStructure(
        name="reduced", positions=np.eye(3) * 5, masses=np.ones(3), atoms=[20] * 3,
        envelope_volume=1.0,
    )  # fmt: skip
    mixed = make_scene(PROTEIN, points)
    with pytest.raises(ValueError, match="got points that stand for atoms in reduced: load"):
        write_atoms(tmp_path / "atoms.cif", mixed, mixed.transforms)
    alone = make_scene()
    with pytest.raises(ValueError, match="wanted molecules, got none"):
        write_atoms(tmp_path / "atoms.cif", alone, alone.transforms)
    with pytest.raises(ValueError, match="transforms: wanted 9, one for each instance, got 2"):
        write_atoms(tmp_path / "atoms.cif", scene, scene.transforms[:2])
    assert not list(tmp_path.iterdir())
