import numpy as np

from openmm_cgpack.core.palette import species_colours


def test_colours_are_within_the_cube_and_far_apart():
    colours = species_colours(24)
    assert colours.shape == (24, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    assert distance[~np.eye(24, dtype=bool)].min() > 0.05


def test_a_species_keeps_its_colour_when_others_join():
    np.testing.assert_array_equal(species_colours(30)[:7], species_colours(7))
    assert species_colours(0).shape == (0, 3)
