"""What the issue promises of rigid bodies, on molecules of the library."""

import numpy as np
import pytest

from openmm_cgpack.models import Filament, Membrane, coarse_grain
from openmm_cgpack.packing import Pull, Run, pack_scene, place
from openmm_cgpack.poses import extract_transforms
from openmm_cgpack.structures import library

NAMES = ("3hhb", "1f1b", "2h12", "1bxn", "1u6g", "3d2f", "1oel", "2byu")


@pytest.fixture(scope="module")
def scene():
    counts = [(coarse_grain(library[name], seed=1), 4) for name in NAMES]
    return place(
        [*counts, (Filament(n_balls=9).build(), 1), (Membrane(shape=(4, 4)).build(), 1)], seed=1
    )


def shape_errors(scene, packed):
    poses = extract_transforms(packed)
    rigid = poses.rigid
    sizes = np.array([scene.model(i).radius_of_gyration for i in range(scene.n_instances)])
    return poses.rms[rigid], sizes[rigid], poses.mirrored[rigid]


@pytest.mark.slow
def test_bonds_keep_the_shape_within_two_per_cent(scene):
    packed = pack_scene(scene, Pull(rigidity="bonds"), run=Run(platform="CPU", threads=1), seed=1)
    rms, sizes, mirrored = shape_errors(scene, packed)
    assert mirrored.sum() < len(rms) / 2
    assert (rms / sizes)[~mirrored].max() < 0.02


@pytest.fixture(scope="module")
def packed(scene):
    """Return the scene packed with bodies held by constraints."""
    return pack_scene(scene, run=Run(platform="CPU", threads=1), seed=1)


@pytest.mark.slow
def test_constraints_keep_the_shape_exactly_and_the_hand(scene, packed):
    rms, _, mirrored = shape_errors(scene, packed)
    assert rms.max() < 1e-4
    assert not mirrored.any()


@pytest.mark.slow
def test_deformables_bend_and_keep_their_bond_lengths(scene, packed):
    for i in (scene.n_instances - 2, scene.n_instances - 1):
        model, balls = scene.model(i), packed.positions[scene.balls(i)]
        first, second = model.bonds.T
        lengths = np.linalg.norm(balls[first] - balls[second], axis=1)
        np.testing.assert_allclose(lengths, model.bond_lengths, rtol=0.03)
        ends = np.linalg.norm(balls[-1] - balls[0]) / np.linalg.norm(
            model.positions[-1] - model.positions[0]
        )
        assert ends < 0.98
