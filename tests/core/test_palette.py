import numpy as np
import pytest

from openmm_cgpack.core.palette import COLOUR_BLIND, oklab, species_colours


def nearest(linear):
    """Return how far apart the two most alike colours are, in Oklab."""
    lab = oklab(linear)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    return distance[~np.eye(len(lab), dtype=bool)].min()


@pytest.mark.parametrize(
    ("n", "apart", "blind"), [(6, 0.2, 0.1), (12, 0.11, 0.06), (24, 0.07, 0.04)]
)
def test_colours_are_far_apart_for_everybody(n, apart, blind):
    """A just noticeable difference is about 0.02."""
    colours = species_colours(n)
    assert colours.shape == (n, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    assert nearest(linear) > apart
    for name, matrix in COLOUR_BLIND.items():
        assert nearest(np.clip(linear @ np.transpose(matrix), 0, 1)) > blind, name


def test_a_species_keeps_its_colour_when_others_join():
    np.testing.assert_array_equal(species_colours(30)[:7], species_colours(7))
    assert species_colours(0).shape == (0, 3)


def test_there_are_colours_for_any_number_of_species():
    many = species_colours(3000)
    assert many.shape == (3000, 3)
    assert len(np.unique(many[:1000], axis=0)) == 1000
