"""Membranes found from hydrophobic belts: made-up barrels, and the channels of the library."""

import numpy as np
import pytest

from openmm_cgpack.core import AtomicStructure, StructureError
from openmm_cgpack.core.structure import ATOM_TABLE
from openmm_cgpack.structures import find_belt, library


def barrel(turn, *, belt=("LEU", "ILE", "PHE"), shift=0.0):
    """Return a hollow barrel of residues 10 nm long, hydrophobic outside for 3 nm in its middle.

    Its inner wall is hydrophobic all along, and more arginines are above the belt than below.
    """
    rows = []
    for radius, wall in ((1.0, "inner"), (2.2, "outer")):
        for z in np.arange(-5, 5.01, 0.35):
            for k in range(round(2 * np.pi * radius / 0.5)):
                angle = k * 0.5 / radius + z
                name = "VAL"
                if wall == "outer":
                    flank = "ARG" if z > 0 and k % 3 == 0 else "GLU" if k % 2 else "SER"
                    name = belt[k % 3] if abs(z - shift) < 1.5 else flank
                rows.append((radius * np.cos(angle), radius * np.sin(angle), z, name))
    places = np.array([row[:3] for row in rows])
    table = np.zeros(len(rows), ATOM_TABLE)
    table["atom"], table["number"] = "CB", np.arange(len(rows))
    table["residue"] = [row[3] for row in rows]
    return AtomicStructure(
        name="barrel", positions=places @ turn.T, masses=np.full(len(rows), 12.0), atom_table=table
    )


@pytest.fixture
def turn():
    q, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def test_barrel_of_any_direction(turn):
    belt = find_belt(barrel(turn, shift=0.8))
    # Arginines are inside: the outer side is that without, -z.
    tilt = np.degrees(np.arccos(np.clip(belt.plane.normal @ turn @ [0, 0, -1], -1, 1)))
    assert tilt < 4
    assert np.linalg.norm(belt.plane.centre - turn @ [0, 0, 0.8]) < 0.2
    assert belt.plane.half_thickness == pytest.approx(1.5, abs=0.25)
    # What looks into the pore looks at its other wall.
    inner = np.linalg.norm(np.cross(belt.residues, turn[:, 2]), axis=1) < 1.5
    assert belt.exposure[inner].max() < 0.15 < belt.exposure[~inner].mean()


def test_glycans_are_outside():
    """Where the charges say otherwise, too."""
    bare = barrel(np.eye(3))
    table = np.zeros(len(bare.positions) + 1, ATOM_TABLE)
    table[:-1] = bare.atom_table
    table[-1] = ("C1", "NAG", "G", 1)
    glycosylated = AtomicStructure(
        name="barrel",
        positions=np.concatenate([bare.positions, [[2.2, 0.0, 5.5]]]),
        masses=np.append(bare.masses, 12.0),
        atom_table=table,
    )
    assert find_belt(glycosylated).plane.normal[2] > 0.99


def test_without_a_belt():
    with pytest.raises(StructureError, match=r"barrel: no hydrophobic belt: .*axis and height"):
        find_belt(barrel(np.eye(3), belt=("SER", "LYS", "GLU")))
    with pytest.raises(StructureError, match="6cnj: wanted all atoms"):
        find_belt(library.load("6cnj"))
    rna = AtomicStructure(
        name="rna", positions=np.zeros((1, 3)), masses=[12.0], atom_table=np.zeros(1, ATOM_TABLE)
    )
    with pytest.raises(StructureError, match="rna: no amino acids"):
        find_belt(rna)


def test_soluble_proteins_have_none(shared):
    atoms = library.load("3hhb", structures=shared / "pdb")
    with pytest.raises(StructureError, match="no hydrophobic belt"):
        find_belt(atoms)


def test_lipids_of_the_entry_lie_in_the_membrane(shared):
    """A second route: where the potassium channel's crystal holds lipids."""
    channel = library.load("2r9r", structures=shared / "pdb")
    plane = find_belt(channel).plane
    lipid = channel.atom_table["residue"] == "PGW"
    heights = (channel.positions[lipid] - plane.centre) @ plane.normal
    assert abs(heights.mean()) < 0.3
    assert np.percentile(np.abs(heights), 95) < 2.3
    assert abs(plane.normal[2]) > np.cos(np.deg2rad(3))
