"""The audit as a whole."""

import dataclasses
import json

import numpy as np
import pytest
from cells import RADIUS, small_cell
from helpers import body, chain, random_scene

from openmm_cgpack import place
from openmm_cgpack.auditing import AuditSettings, audit, ball_overlap
from openmm_cgpack.auditing.composition import structure_masses
from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    History,
    Links,
    Open,
    PackedScene,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)
from openmm_cgpack.models.triangulation import area_of, volume_of
from openmm_cgpack.packing import overlaps
from openmm_cgpack.structures import load_structure

NOTHING = History(step=[], radius_of_gyration=[], fraction=[], overlap=[], energy=[])
COARSE = AuditSettings(voxel_size=1.0)
BOUNDARIES = [Open(), Periodic(box=60), Slab(box=60)]


def packed_of(scene, positions=None, boundary=None):
    return PackedScene(
        scene=scene,
        positions=scene.positions if positions is None else positions,
        boundary=boundary or Open(),
        history=NOTHING,
    )


@pytest.fixture(scope="module")
def scene():
    return place([(body("a", 7, 1), 6), (body("b", 3, 2), 7), (chain(n=7), 2)], seed=1)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda b: type(b).__name__)
def test_everything_is_json_and_text(scene, boundary):
    packed = packed_of(scene, boundary=boundary)
    found = audit(packed, COARSE, asked={"a": 6, "b": 7, "chain": 2})
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["n_instances"] == 15
    assert record["boundary"] == type(boundary).__name__.lower()
    assert [(s["asked"], s["placed"]) for s in record["species"]] == [(6, 6), (7, 7), (2, 2)]
    assert record["contacts"] is None
    text = str(found)
    assert f"{found.fraction:.4f}" in text
    assert "15 of 3 species, 15 asked" in text


def test_what_is_missing_is_named(scene):
    found = audit(packed_of(scene), COARSE, asked={"a": 9, "b": 7, "chain": 2})
    assert "6 of 9 asked" in str(found)
    assert "7 of 7" not in str(found)
    assert "asked not known" in str(audit(packed_of(scene), COARSE))


def test_bad_arguments(scene):
    with pytest.raises(ValueError, match="asked: no species is called 'c', only a, b, chain"):
        audit(packed_of(scene), asked={"c": 1})
    with pytest.raises(ValueError, match="voxel_size: wanted a number > 0, got 0"):
        AuditSettings(voxel_size=0.0)
    with pytest.raises(ValueError, match="distances: wanted a list of numbers > 0, got -1"):
        AuditSettings(distances=(0.2, -1))
    with pytest.raises(ValueError, match="distances: wanted one or more, got none"):
        AuditSettings(distances=())


def test_the_boundary_is_that_at_the_end(scene):
    found = audit(packed_of(scene, boundary=Periodic(box=(50, 60, 70))))
    assert found.region_volume == pytest.approx(50 * 60 * 70)
    assert found.fraction == found.fraction_of_box


def test_deepest_overlap_of_balls():
    found_scene, positions = random_scene(3)
    squeezed = positions * 0.3
    pairs, depth = overlaps(found_scene, squeezed)
    found = ball_overlap(found_scene, squeezed, Open())
    assert found.deepest == pytest.approx(depth.max())
    assert found.pairs.sum() == len(depth)
    first, second = pairs[np.argmax(depth)]
    assert {found_scene.ball_name(first), found_scene.ball_name(second)} == set(
        found.where.split(", ")
    )


def test_balls_of_two_images_overlap():
    model = BallModel(name="m", positions=[[0, 0, 0]], radii=[2.0], masses=[1], volume=33.5)
    scene = Scene(
        species=(model,),
        species_index=[0],
        transforms=RigidTransforms.identity(1),
    )
    assert ball_overlap(scene, scene.positions, Periodic(box=3.0)).deepest == pytest.approx(0.25)
    assert ball_overlap(scene, scene.positions, Periodic(box=4.1)).deepest == 0.0
    assert ball_overlap(scene, scene.positions, Open()).where == ""


def test_concentration_by_hand():
    """100 Da in each of two molecules, in a box of 1000 nm^3."""
    structure = AtomicStructure(name="m", positions=[[0, 0, 0]], masses=[100.0], atoms=[8])
    model = BallModel(
        name="m", positions=[[0, 0, 0]], radii=[1], masses=[5000], volume=1.0, structure=structure
    )
    scene = Scene(
        species=(model,),
        species_index=[0, 0],
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (2, 1, 1)), translations=[[0, 0, 0], [0, 0, 4]]
        ),
    )
    found = audit(packed_of(scene, boundary=Periodic(box=10)))
    # 200 Da = 3.3211e-22 g in 1e-18 mL.
    assert found.mg_per_ml == pytest.approx(200 * 1.66053907e-24 * 1e3 / 1e-18)
    assert found.nominal_fraction == pytest.approx(2 / 1000)
    assert found.contacts is None


def test_hydrogens_are_estimated_from_the_heavy_atoms(shared):
    """Against molecules of known composition; a file with its hydrogens counts those."""
    weights = {"C": 12.011, "N": 14.007, "O": 15.999, "P": 30.974, "S": 32.06, "H": 1.008}

    def structure(counts):
        elements = [e for e, n in counts.items() for _ in range(n)]
        masses = [weights[e] for e in elements]
        rng = np.random.default_rng(0)
        return AtomicStructure(
            name="x",
            positions=rng.normal(size=(len(masses), 3)),
            masses=masses,
            elements=np.array(elements),
        )

    # Ubiquitin, C378 H629 N105 O118 S1, and one of each RNA nucleotide, H 43 in all.
    ubiquitin = {"C": 378, "N": 105, "O": 118, "S": 1}
    heavy, whole = structure_masses(structure(ubiquitin))
    assert whole - heavy == pytest.approx(629 * 1.008, rel=0.05)
    rna = {"C": 38, "N": 15, "O": 28, "P": 4}
    heavy, whole = structure_masses(structure(rna))
    assert whole - heavy == pytest.approx(45 * 1.008, rel=0.1)
    heavy, whole = structure_masses(structure({**ubiquitin, "H": 629}))
    assert whole - heavy == pytest.approx(629 * 1.008)
    # A ribosomal subunit is two thirds RNA.
    heavy, whole = structure_masses(load_structure(shared / "pdb" / "4v4r_30S.pdb.gz"))
    assert 1.04 < whole / heavy < 1.06


def test_membranes_by_hand():
    """A vesicle swollen by 2 % along every axis, with a protein in its wall tilted by 30°."""
    scene = small_cell()
    channel = scene.model(15)
    structure = dataclasses.replace(
        channel.structure, membrane=[[0, -np.sin(np.pi / 6), -np.cos(np.pi / 6)], [0, 0, 0]]
    )
    species = (*scene.species[:-1], dataclasses.replace(channel, structure=structure))
    scene = dataclasses.replace(scene, species=species)
    positions = np.array(scene.positions)
    positions[scene.balls(0)] *= 1.02
    found = audit(packed_of(scene, positions, scene.boundary), COARSE).membranes
    assert found.crossings.total == 0
    (shape,) = found.shapes
    assert (shape.name, shape.n) == ("vesicle", 1)
    vesicle = scene.model(0)
    corners, rest = vesicle.geometry.corners(vesicle.positions), vesicle.elasticity
    assert shape.stretched == pytest.approx(1.02**2 * area_of(corners) / rest.area - 1)
    assert shape.swollen == pytest.approx(1.02**3 * volume_of(corners) / rest.volume - 1)
    assert shape.area == pytest.approx(4 * np.pi * (1.02 * RADIUS) ** 2, rel=0.03)
    (tilt,) = found.tilts
    assert tilt.n == 1
    assert tilt.reversed == 0
    assert tilt.mean_deg == tilt.largest_deg == pytest.approx(30, abs=3)
    # Its plane's middle is half a unit below its centre, which is where the wall was; faces lie
    # by up to 0.2 nm inside the sphere.
    middle = [0, -np.sin(np.pi / 6) / 2, RADIUS - np.cos(np.pi / 6) / 2]
    assert tilt.farthest == pytest.approx(1.02 * RADIUS - np.linalg.norm(middle), abs=0.25)


def test_a_protein_does_not_share_the_room_of_its_own_membrane():
    joined, strange = small_cell(), small_cell()
    strange = dataclasses.replace(strange, links=Links())
    shared = [
        audit(packed_of(scene, boundary=scene.boundary), COARSE).occupancy.shared_voxels
        for scene in (joined, strange)
    ]
    assert shared[0] == 0
    assert shared[1] > 3
    text = str(audit(packed_of(strange, boundary=strange.boundary), COARSE))
    assert "instance 16 (channel) on both sides of instance 1 (vesicle)" in text
