"""The shipped library: every species sound, small, and true to its atoms."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from reduction import write_points
from scipy.spatial import cKDTree

from openmm_cgpack.core import AtomicStructure, StructureError
from openmm_cgpack.core.transforms import from_zyz
from openmm_cgpack.structures import Library, Reading, library, load_structure
from openmm_cgpack.structures.species import DATA, read_points

BACKBONE = {"2gho"}


def test_what_is_in_it():
    assert len(library) == len(library.names) == len(library.entries) >= 20
    assert list(library) == sorted(library.names)
    assert "1f1b" in library
    assert "1F1B" in library
    assert "9zzz" not in library
    assert 5 not in library
    assert library["3hhb"].n_atoms == library.load("3HHB").n_atoms == 4558


def test_printed_as_a_table():
    lines = str(library).splitlines()
    assert len(lines) == len(library) + 1
    assert lines[0].split()[:2] == ["name", "atoms"]
    assert any(re.match(r"3hhb +4558 +60\.0 .*haemoglobin$", line) for line in lines)


def test_small():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 4e6


@pytest.mark.parametrize("name", library.names)
def test_every_species(name):
    entry = library.entry(name)
    points = library.load(name)
    assert points.name == name
    assert points.source.startswith(f"library:{name} {entry.title}")
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert len(points.masses) == entry.n_points
    assert points.n_atoms == entry.n_atoms
    assert points.mass == pytest.approx(entry.mass, rel=1e-9)
    # Heavy atoms of proteins and nucleic acids.
    assert 12.5 < points.mass / points.n_atoms < 14.5
    assert entry.n_atoms / entry.n_points == pytest.approx(entry.atoms_per_point, rel=0.06)
    np.testing.assert_allclose(points.masses @ points.positions / points.mass, 0, atol=1e-12)
    assert points.envelope_volume == entry.envelope_volume
    assert 1.1 < 1000 * points.envelope_volume / points.mass < 1.5
    assert 0 < points.point_variance < 0.02
    assert entry.radius <= points.radius < entry.radius + 0.5
    assert entry.map_correlation_1nm > 0.999
    assert entry.map_error_1nm < 0.04
    assert entry.map_correlation_4nm > 0.99999
    assert entry.map_error_4nm < 0.002
    assert entry.ball_centre_rms < 0.1
    # The largest of 34 for the ribosome.
    assert entry.ball_radius_difference < (0.35 if entry.n_balls < 20 else 0.6)


LARGE = {
    "4v1w": (24 * 1364, 24 * 17997.0),  # the light chain's heavy atoms that are resolved
    "4v8r": (64390, 853338.0),
    "6zu5": (165175, 2296115.0),
}
"""Heavy atoms of the entries and their mass, Da."""


@pytest.mark.parametrize("name", LARGE)
def test_the_large_complexes_are_whole(name):
    atoms, mass = LARGE[name]
    assert library.entry(name).n_atoms == atoms
    assert library.entry(name).mass == pytest.approx(mass, rel=1e-4)


@pytest.mark.parametrize("name", LARGE)
def test_the_large_complexes_against_their_files(shared, name):
    """Counted by gemmi; of the two chaperonins of 4V8R, the first."""
    import gemmi

    chains = gemmi.read_structure(str(shared / "pdb" / library.entry(name).file))[0]
    ours = [chain for chain in chains if name != "4v8r" or chain.name.startswith("A")]
    masses = [atom.element.weight for chain in ours for residue in chain for atom in residue]
    assert (len(masses), sum(masses)) == pytest.approx(LARGE[name], rel=1e-4)


def test_the_files_are_those_that_it_was_made_from(shared):
    for entry in library.entries:
        file = (shared / "pdb" / entry.file).read_bytes()
        assert hashlib.sha256(file).hexdigest() == entry.sha256, entry.name


def test_unknown_names_get_the_nearest():
    with pytest.raises(StructureError, match=r"no species '1f1a' in the library; nearest: 1f1b"):
        library.load("1f1a")
    with pytest.raises(StructureError, match=r"3hhb \(haemoglobin\)"):
        library["hemoglobin"]
    with pytest.raises(StructureError, match=r"4v4r \(30s ribosomal subunit\)"):
        library["ribosom"]


def test_broken_libraries(tmp_path):
    with pytest.raises(StructureError, match="no library in this folder"):
        len(Library(tmp_path))
    index = tmp_path / "index.json"
    for text in ("{", '{"format": 2, "species": [{}]}', "[]"):
        index.write_text(text)
        with pytest.raises(StructureError, match=r"index\.json: .*index of a library"):
            len(Library(tmp_path))
    index.write_text('{"format": 99, "species": []}')
    with pytest.raises(StructureError, match="wanted format 2, got 99"):
        len(Library(tmp_path))
    index.write_text(json.dumps({"format": 2, "species": [dataclasses.asdict(library.entries[0])]}))
    one = Library(tmp_path)
    with pytest.raises(StructureError, match="no file of reduced points"):
        one.load(one.names[0])


def test_written_points_still_hold_every_atom(tmp_path):
    rng = np.random.default_rng(2)
    points = AtomicStructure(
        name="p",
        positions=rng.normal(size=(300, 3)) * 5,
        masses=rng.uniform(20, 600, 300),
        atoms=rng.integers(1, 400, 300),
        spread=rng.uniform(0, 0.8, 300),
    )
    points = dataclasses.replace(
        points, positions=points.positions - np.average(points.positions, 0, points.masses)
    )
    write_points(tmp_path / "p.npz", points)
    again = read_points(
        tmp_path / "p.npz",
        name="p",
        mass=points.mass,
        envelope_volume=3.0,
        point_variance=0.01,
        source="s",
    )
    moved = np.linalg.norm(again.positions - points.positions, axis=1)
    assert moved.max() < 1e-3
    assert (again.spread >= points.spread + moved).all()
    assert (again.spread <= points.spread + 0.005).all()
    np.testing.assert_array_equal(again.atoms, points.atoms)
    np.testing.assert_allclose(again.masses, points.masses, atol=0.01)
    assert again.mass == pytest.approx(points.mass, rel=1e-12)
    np.testing.assert_allclose(again.masses @ again.positions, 0, atol=1e-9)


@pytest.mark.parametrize("name", ["1f1b", "2byu"])
def test_points_against_the_full_atoms(shared, name):
    """What the index says of a species, found again from its file by another route."""
    entry = library.entry(name)
    full = load_structure(shared / "pdb" / entry.file, Reading(assembly=entry.assembly))
    points = library.load(name)
    assert points.n_atoms == full.n_atoms
    assert points.mass == pytest.approx(full.mass, rel=1e-6)
    moments = [
        (s.masses[:, None] * s.positions).T @ s.positions / s.mass + s.point_variance * np.eye(3)
        for s in (points, full)
    ]
    np.testing.assert_allclose(moments[0], moments[1], atol=5e-3)
    probe = np.random.default_rng(1).normal(size=(40, 3)) * 4
    sigma = 1.0 / (2 * np.sqrt(3))
    density = []
    for structure in (full, points):
        variance = sigma**2 + structure.point_variance
        squared = ((probe[:, None] - structure.positions) ** 2).sum(axis=2)
        density.append(np.exp(-squared / (2 * variance)) @ structure.masses / variance**1.5)
    error = np.linalg.norm(density[1] - density[0]) / np.linalg.norm(density[0])
    assert error < 0.06


def test_documented_table_is_the_librarys():
    docs = Path(__file__).parents[2] / "docs" / "reference" / "library.md"
    from build_library import library_table

    assert library_table(library) in docs.read_text(encoding="utf-8")


MEMBRANE_PROTEINS = {"2r9r": "B", "5gjv": "A", "6cnj": "A"}
"""And a chain that crosses the membrane."""


def test_membrane_proteins_have_their_membrane():
    for name in library.names:
        membrane = library.load(name).membrane_plane
        assert (membrane is not None) == (name in MEMBRANE_PROTEINS)
    # The axes of the four and the five subunits are along z in their files, the cytosol below the
    # potassium channel's membrane, the Fab fragments above the receptor's.
    for name in ("2r9r", "6cnj"):
        plane = library.load(name).membrane_plane
        assert plane.normal[2] > np.cos(np.deg2rad(3))
        assert 1.1 < plane.half_thickness < 1.8
    # The filter's potassium ions are in the outer half.
    potassium = np.array([0.379, 2.2223, -1.5])
    channel = library.load("2r9r")
    plane = channel.membrane_plane
    height = (potassium - channel.file_origin - plane.centre) @ plane.normal
    assert 0 < height < plane.half_thickness
    # Less of the receptor is below its membrane than above; of the channel more.
    for name, below in (("2r9r", 0.67), ("6cnj", 0.05), ("5gjv", 0.23)):
        points, plane = library.load(name), library.load(name).membrane_plane
        heights = (points.positions - plane.centre) @ plane.normal
        inner = points.masses[heights < -plane.half_thickness].sum() / points.mass
        assert inner == pytest.approx(below, abs=0.05)


@pytest.mark.parametrize(
    ("name", "rise", "twist", "contacts"),
    [
        ("2zwh", 2.75, -167.5, 10),
        ("2zwh", 5.5, 25.0, 20),
        ("3j6e", -0.887, 25.77, 12),
        ("3j6e", 8.32, 0.0, 20),
    ],
)
def test_subunits_of_helices_are_about_z(name, rise, twist, contacts):
    """Neighbours about z through the file's origin touch, and do not overlap."""
    points = library.load(name)
    places = points.positions + points.file_origin
    turn = from_zyz(np.deg2rad([[twist, 0, 0]]))[0]
    distance, _ = cKDTree(places @ turn.T + [0, 0, rise]).query(places)
    assert distance.min() > 0.25
    assert (distance < 0.7).sum() > contacts
    if twist:
        # Turned the other way, less of them touch.
        other, _ = cKDTree(places @ turn + [0, 0, rise]).query(places)
        assert (other < 0.7).sum() < (distance < 0.7).sum()


def test_a_file_without_its_assembly_is_completed(shared):
    atoms, points = library.load("2r9r", structures=shared / "pdb"), library.load("2r9r")
    assert atoms.n_atoms == points.n_atoms
    np.testing.assert_allclose(atoms.file_origin, points.file_origin, atol=1e-4)
    np.testing.assert_array_equal(atoms.membrane, points.membrane)
    # Four times each chain, and the potassium ions on the axis once.
    chains = atoms.atom_table["chain"]
    assert sorted(set(chains.tolist())) == [f"{c}{i}" for c in "AB" for i in range(1, 5)]
    ions = atoms.atom_table["residue"] == "K"
    assert ions.sum() == 4
    places = atoms.positions[ions] + atoms.file_origin
    np.testing.assert_allclose(places[:, :2], np.tile([0.379, 2.2223], (4, 1)), atol=1e-9)


def test_file_origins_are_those_of_the_files(shared):
    for name in ("2zwh", "3hhb"):
        atoms = library.load(name, structures=shared / "pdb")
        np.testing.assert_allclose(library.load(name).file_origin, atoms.file_origin, atol=1e-4)


def test_every_atom_where_the_files_are(shared, tmp_path):
    points, atoms = library.load("3HHB"), library.load("3HHB", structures=shared / "pdb")
    assert atoms.name == points.name == "3hhb"
    assert len(atoms.positions) == atoms.n_atoms == points.n_atoms > len(points.positions)
    assert atoms.mass == pytest.approx(points.mass, rel=1e-6)
    assert atoms.positions.mean(axis=0) == pytest.approx([0, 0, 0], abs=0.1)
    elsewhere = library.load("3hhb", structures=tmp_path)
    np.testing.assert_array_equal(elsewhere.positions, points.positions)
