import numpy as np
import pytest

from openmm_cgpack.imaging import (
    Carbon,
    Gold,
    Ice,
    Specimen,
    add_carbon,
    add_gold,
    in_ice,
    potential,
)
from openmm_cgpack.imaging.optics import interaction_constant
from openmm_cgpack.imaging.specimen import MATERIALS, ice_grain

from .conftest import as_volume


def test_inner_potentials_by_hand():
    # Water: 47.878 V Å^2 x 0.94 g/cm^3 x 0.602214 / 18.015 per Å^3 x (2 x 0.528 + 1.982) Å.
    ice = 47.878 * 0.94 * 0.602214 / 18.015 * (2 * 0.528 + 1.982)
    gold = 47.878 * 19.3 * 0.602214 / 196.967 * 10.558
    assert MATERIALS["gold"].contrast == pytest.approx(gold - ice, rel=1e-4)


def test_protein_of_its_own_density_has_its_contrast():
    # A block of protein: all atoms 1.37 g/cm^3, of which hydrogens are 7 %.
    heavy = 1.37 * 602.214 * (1 - 7.7583 * 1.008 / 111.12)
    block = as_volume(np.full((4, 4, 4), heavy, np.float32))
    assert potential(block).data.mean() == pytest.approx(3.47, abs=0.01)
    assert potential(as_volume(np.zeros((4, 4, 4)))).data.max() == 0


def test_one_relation_does_for_protein_and_nucleic_acid():
    protein, rna = (MATERIALS[name].contrast_per_density for name in ("protein", "nucleic_acid"))
    assert rna / protein == pytest.approx(1.03, abs=0.01)
    assert MATERIALS["lipid"].contrast_per_density / protein == pytest.approx(0.82, abs=0.01)


@pytest.mark.parametrize(("kv", "known"), [(100, 9.244e-3), (200, 7.288e-3), (300, 6.526e-3)])
def test_interaction_constant(kv, known):
    assert interaction_constant(kv) == pytest.approx(known, rel=1e-3)


def test_ice_slab_planes():
    volume = as_volume(np.zeros((20, 4, 4)), voxel_size=2.0)
    assert in_ice(volume, Ice()).thickness == 40 + 2 * 40
    assert in_ice(volume, Ice(cover=5)).thickness == 50
    assert in_ice(volume, Ice()).ice_planes == slice(0, 20)
    assert in_ice(volume, Ice(thickness=20.0)).ice_planes == slice(5, 15)
    assert in_ice(volume, Ice(thickness=100.0)).ice_planes == slice(0, 20)


def test_thicker_ice_than_the_volume_is_as_grainy_as_all_of_it():
    volume = as_volume(np.zeros((20, 4, 4)))
    assert in_ice(volume, Ice(cover=0)).grain_deviation == pytest.approx(ice_grain(1.0))
    thick = in_ice(volume, Ice(thickness=80.0))
    assert thick.grain_deviation == pytest.approx(2 * ice_grain(1.0))


def test_gold_lies_at_the_faces_and_its_labels_count_the_beads():
    empty = in_ice(as_volume(np.zeros((60, 80, 90))), Ice(thickness=40.0))
    specimen, labels = add_gold(empty, Gold(count=12, diameter=10.0), seed=4)
    assert set(np.unique(labels.data)) == set(range(13))
    gold = MATERIALS["gold"].contrast
    assert specimen.potential.data.max() == pytest.approx(gold)
    inside = 0
    for bead in range(1, 13):
        z, y, x = np.nonzero(labels.data == bead)
        assert z.min() >= 10
        assert z.max() < 50
        assert z.min() <= 11 or z.max() >= 48
        if y.min() > 0 and y.max() < 79 and x.min() > 0 and x.max() < 89:
            inside += 1
            assert len(z) == pytest.approx(np.pi / 6 * 1000, rel=0.05)
    assert inside > 3
    # All of the gold is in the labelled voxels and their partly filled neighbours.
    total = specimen.potential.data.sum() / gold
    assert total == pytest.approx((labels.data > 0).sum(), rel=0.02)


def test_gold_that_does_not_fit():
    empty = in_ice(as_volume(np.zeros((12, 20, 20))), Ice())
    with pytest.raises(ValueError, match="count: 10 beads of 10 nm do not fit into the ice"):
        add_gold(empty, Gold(count=10, place="inside"), seed=1)
    with pytest.raises(
        ValueError, match="diameter: wanted gold thinner than the ice in the box, 12"
    ):
        add_gold(empty, Gold(count=1, diameter=20.0), seed=1)
    with pytest.raises(ValueError, match='place: wanted "faces" or "inside", got "top"'):
        Gold(count=1, place="top")


def test_a_straight_carbon_edge():
    empty = in_ice(as_volume(np.zeros((40, 30, 50))), Ice())
    specimen, labels = add_carbon(empty, Carbon(edge=12.0, thickness=8.0), seed=2)
    expected = np.zeros((40, 30, 50), bool)
    expected[:8, :, :13] = True
    np.testing.assert_array_equal(labels.data > 0, expected)
    film = specimen.potential.data[:8, :, :12]
    carbon = MATERIALS["carbon"]
    assert film.mean() == pytest.approx(carbon.contrast, rel=0.01)
    assert film.std() == pytest.approx(ice_grain(1.0, carbon), rel=0.05)
    assert not specimen.potential.data[8:].any()


def test_the_edge_of_a_round_hole():
    empty = in_ice(as_volume(np.zeros((10, 101, 60))), Ice())
    _, labels = add_carbon(empty, Carbon(edge=5.0, thickness=4.0, hole_radius=60.0), seed=2)
    y, x = np.indices((101, 60))
    hole = (x - 65.0) ** 2 + (y - 50.0) ** 2 < 60.0**2
    film = labels.data[0] > 0
    assert not film[hole & (np.hypot(x - 65, y - 50) < 59)].any()
    assert film[(np.hypot(x - 65, y - 50) > 61)].all()
    assert labels.names == ("carbon",)


def test_bad_arguments():
    volume = as_volume(np.zeros((4, 4, 4)))
    with pytest.raises(ValueError, match="material: wanted one of protein, nucleic_acid, lipid"):
        potential(volume, material="wood")
    with pytest.raises(ValueError, match="thickness: wanted a positive number, got 0"):
        Specimen(potential=volume, thickness=0.0, grain=1.0)
    with pytest.raises(ValueError, match="grain: wanted a number >= 0, got -1"):
        Ice(grain=-1.0)
    with pytest.raises(ValueError, match="cover: means nothing with a thickness"):
        Ice(thickness=100, cover=10)
