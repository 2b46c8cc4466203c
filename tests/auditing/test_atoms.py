"""Atoms near another molecule's: hand-made distances, and brute force."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from openmm_cgpack.auditing import atom_contacts
from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Open,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)

BOUNDARIES = [Open(), Periodic(box=(7.0, 9.0, 8.0)), Slab(box=(7.0, 9.0, 8.0))]


def molecule(positions, *, name="molecule", elements=None, **fields):
    """Return atoms, and one ball for them."""
    positions = np.asarray(positions, float)
    structure = AtomicStructure(
        name=name, positions=positions, masses=np.full(len(positions), 12.0), elements=elements
    )
    radius = np.linalg.norm(positions, axis=1).max() + 0.2
    return BallModel(
        name=name,
        positions=np.zeros((1, 3)),
        radii=[radius],
        masses=[5000.0],
        volume=1.0,
        structure=structure,
        **fields,
    )


def scene_of(models, index, translations, rotations=None):
    n = len(index)
    if rotations is None:
        rotations = np.tile(np.eye(3), (n, 1, 1))
    return Scene(
        species=tuple(models),
        species_index=index,
        transforms=RigidTransforms(rotations=rotations, translations=translations),
    )


@pytest.mark.parametrize(
    ("gap", "at_25", "at_15"), [(0.149, 2, 2), (0.151, 2, 0), (0.249, 2, 0), (0.251, 0, 0)]
)
def test_two_atoms_at_a_known_distance(gap, at_25, at_15):
    line = molecule([[0, 0, 0], [0, 0, 1], [0, 0, 2]])
    scene = scene_of([line], [0, 0], [[0, 0, 0], [0, 0, 2 + gap]])
    found = atom_contacts(scene, scene.positions, scene.transforms, Open())
    assert [w.atoms for w in found.within] == [at_25, at_15]
    assert [w.molecules for w in found.within] == [at_25, at_15]
    assert found.atoms == 6
    assert found.closest == (pytest.approx(gap) if gap < 0.25 else None)


def test_hydrogens_do_not_count():
    ends = molecule([[0, 0, 0], [0, 0, 1]], elements=np.array(["C", "H"]))
    scene = scene_of([ends], [0, 0], [[0, 0, 0], [0, 0, 1.1]])
    found = atom_contacts(scene, scene.positions, scene.transforms, Open())
    assert found.atoms == 2
    assert found.within[0].atoms == 0


def test_points_that_stand_for_atoms_are_left_out():
    points = molecule([[0, 0, 0]])
    several = AtomicStructure(name="s", positions=[[0, 0, 0]], masses=[100], atoms=[8])
    reduced = BallModel(
        name="s", positions=[[0, 0, 0]], radii=[1], masses=[1], volume=1, structure=several
    )
    scene = scene_of([points, reduced], [0, 1], [[0, 0, 0], [0, 0, 0.1]])
    found = atom_contacts(scene, scene.positions, scene.transforms, Open())
    assert (found.molecules, found.within[0].atoms) == (1, 0)
    alone = scene_of([reduced], [0], [[0, 0, 0]])
    assert atom_contacts(alone, alone.positions, alone.transforms, Open()) is None


def test_a_molecule_meets_its_own_image():
    line = molecule([[0, 0, -0.45], [0, 0, 0.45]])
    scene = scene_of([line], [0], [[0, 0, 0]])
    for boundary, atoms in ((Periodic(box=1.1), 2), (Slab(box=1.1), 0), (Periodic(box=1.2), 0)):
        assert (
            atom_contacts(scene, scene.positions, scene.transforms, boundary).within[0].atoms
            == atoms
        )


def brute_force(structures, index, transforms, boundary, distances):
    """Return counts of atoms and molecules from all pairs of atoms over all images."""
    box = np.zeros(3) if isinstance(boundary, Open) else np.array(boundary.box) * boundary.periodic
    times = [(-1, 0, 1) if edge else (0,) for edge in box]
    atoms = [transforms[i].apply(structures[s])[0] for i, s in enumerate(index)]
    nearest = [np.full(len(a), np.inf) for a in atoms]
    for i, j in itertools.product(range(len(atoms)), repeat=2):
        for step in itertools.product(*times):
            if i == j and not any(step):
                continue
            distance = cdist(atoms[i], atoms[j] + np.array(step) * box).min(axis=1)
            nearest[i] = np.minimum(nearest[i], distance)
    return [
        (sum(int((n < d).sum()) for n in nearest), sum(bool((n < d).any()) for n in nearest))
        for d in distances
    ]


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_against_all_pairs(boundary, seed):
    rng = np.random.default_rng(seed)
    shapes = [rng.normal(size=(n, 3)) * 0.6 * [1, 1, 2] for n in (180, 40, 300)]
    models = [molecule(shape, name=f"m{k}") for k, shape in enumerate(shapes)]
    index = rng.integers(0, 3, 14)
    # Centres lie in any image of the box.
    transforms = RigidTransforms(
        rotations=Rotation.random(14, random_state=seed).as_matrix(),
        translations=rng.uniform(-3.5, 3.5, (14, 3)) * [1, 9 / 7, 8 / 7],
    )
    scene = scene_of(models, index, transforms.translations, transforms.rotations)
    distances = (0.25, 0.15, 0.05)
    expected = brute_force(shapes, index, transforms, boundary, distances)
    assert expected[1][0] > 0
    moved = transforms
    if not isinstance(boundary, Open):
        away = rng.integers(-2, 3, (14, 3)) * np.array(boundary.box) * boundary.periodic
        moved = RigidTransforms(
            rotations=transforms.rotations, translations=transforms.translations + away
        )
    for poses in (transforms, moved):
        found = atom_contacts(scene, scene.positions, poses, boundary, distances=distances)
        assert [(w.atoms, w.molecules) for w in found.within] == expected
