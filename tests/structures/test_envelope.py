"""The envelope against closed forms, and what it is of."""

import dataclasses

import numpy as np
import pytest
from reduction import reduce_structure
from scipy.integrate import quad

from openmm_cgpack.core import AtomicStructure
from openmm_cgpack.structures import envelope_mask, envelope_volume, load_structure


def molecule(positions, **options):
    positions = np.atleast_2d(np.asarray(positions, dtype=float))
    return AtomicStructure(
        name="m", positions=positions, masses=np.full(len(positions), 12.0), **options
    )


def sphere(radius):
    return 4 / 3 * np.pi * radius**3


@pytest.mark.parametrize("shift", [0.0, 0.031, 0.077, 0.149])
def test_one_sphere_at_any_place_on_the_grid(shift):
    one = molecule([shift, 2 * shift, -shift])
    volume = envelope_volume(one, atom_radius=1.0, spacing=0.1)
    assert volume == pytest.approx(sphere(1.0), rel=0.01)


def test_two_spheres_far_apart():
    two = molecule([[0, 0, 0], [2.4, 0.1, 0]])
    assert envelope_volume(two, atom_radius=1.0, spacing=0.1) == pytest.approx(
        2 * sphere(1.0), rel=0.01
    )


def two_spheres_with_neck(radius, probe, distance):
    """Volume of two balls and the neck that a probe rolling between them leaves."""
    reach = radius + probe
    waist = np.sqrt(reach**2 - (distance / 2) ** 2)
    assert waist > probe
    touch = distance / 2 * probe / reach
    neck, _ = quad(lambda x: np.pi * (waist - np.sqrt(probe**2 - x**2)) ** 2, 0, touch)
    ball, _ = quad(
        lambda x: np.pi * (radius**2 - (x - distance / 2) ** 2), touch, distance / 2 + radius
    )
    return 2 * (neck + ball)


@pytest.mark.parametrize(("distance", "probe"), [(1.5, 0.5), (2.0, 0.5), (2.2, 0.7)])
def test_the_neck_between_two_spheres(distance, probe):
    axis = np.array([0.6, 0.0, 0.8])
    two = molecule([-distance / 2 * axis, distance / 2 * axis])
    volume = envelope_volume(two, atom_radius=1.0, probe=probe, spacing=0.15)
    exact = two_spheres_with_neck(1.0, probe, distance)
    overlap = np.pi * max(2 - distance, 0) ** 2 * (distance + 4) / 12
    assert exact > 1.005 * (2 * sphere(1.0) - overlap)
    assert volume == pytest.approx(exact, rel=0.02)


def test_mask_holds_every_atom_and_its_grid_is_in_the_body_frame():
    rng = np.random.default_rng(3)
    positions = rng.uniform(-1, 1, (60, 3)) * [1, 2, 3]
    mask, grid = envelope_mask(molecule(positions), spacing=0.1)
    i, j, k = np.rint(grid.to_voxels(positions)).astype(int).T
    assert mask[k, j, i].all()
    assert not mask[0].any()
    assert not mask[-1].any()
    assert not mask[:, 0].any()
    assert not mask[:, :, -1].any()
    centres = np.argwhere(mask)[:, ::-1] * grid.voxel_size + grid.origin
    distance = np.linalg.norm(centres[:, None] - positions, axis=2).min(axis=1)
    # Nothing farther from all atoms than radius and probe together.
    assert distance.max() < 0.18 + 0.14


def test_hydrogens_do_not_count():
    heavy = molecule([0, 0, 0], elements=["C"])
    both = molecule([[0, 0, 0], [0.3, 0, 0]], elements=["C", "H"])
    assert envelope_volume(both) == envelope_volume(heavy)
    with pytest.raises(ValueError, match="at least one heavy atom"):
        envelope_volume(molecule([0, 0, 0], elements=["H"]))


def test_stored_volume_is_for_the_defaults():
    one = molecule([0, 0, 0], envelope_volume=123.0)
    assert envelope_volume(one) == 123.0
    assert envelope_volume(one, spacing=0.1) < 1


def test_reduced_points_have_only_a_stored_volume():
    points = molecule([[0, 0, 0]], atoms=[5], spread=[0.2])
    with pytest.raises(ValueError, match="stand for several atoms"):
        envelope_volume(points)
    known = dataclasses.replace(points, envelope_volume=2.0)
    assert envelope_volume(known) == 2.0
    with pytest.raises(ValueError, match="stand for several atoms"):
        envelope_volume(known, probe=0.2)


@pytest.mark.parametrize("option", ["atom_radius", "probe", "spacing"])
@pytest.mark.parametrize("value", [0, -1, np.nan])
def test_lengths_must_be_positive(option, value):
    with pytest.raises(ValueError, match=option):
        envelope_volume(molecule([0, 0, 0]), **{option: value})


def test_haemoglobin(shared):
    """A protein fills 1.2 to 1.4 cubic Angstrom a dalton; a turned one as much."""
    structure = load_structure(shared / "pdb" / "3hhb.pdb.gz")
    volume = envelope_volume(structure)
    assert 1.2 < 1000 * volume / structure.mass < 1.4
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    turned = dataclasses.replace(structure, positions=structure.positions @ turn + 0.07)
    assert envelope_volume(turned) == pytest.approx(volume, rel=0.01)
    assert envelope_volume(reduce_structure(known(structure, volume))) == volume


def known(structure, volume):
    return dataclasses.replace(structure, envelope_volume=volume)
