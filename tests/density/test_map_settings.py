"""What a user can choose of a density map: one value for the map, the labels and a recipe."""

import dataclasses

import numpy as np
import pytest
from drawing import make_filament, make_packed

from openmm_cgpack import Periodic
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.density import (
    MapSettings,
    Sampling,
    bounding_grid,
    box_grid,
    render_density,
    render_labels,
    scene_grid,
    visibility,
)


def packed(**changed):
    return dataclasses.replace(make_packed([(make_filament(4), np.eye(3), np.zeros(3))]), **changed)


@pytest.mark.parametrize("cls", [Sampling, MapSettings])
def test_a_resolution_too_fine_for_the_voxels_is_refused_when_the_value_is_made(cls):
    with pytest.raises(ValueError, match=r"resolution: wanted a Gaussian with sigma >= 1 nm"):
        cls(voxel_size=2.0, resolution=2.0)
    # The same resolution by another convention is wider.
    wide = cls(voxel_size=2.0, resolution=2.5, convention="fwhm")
    assert wide.sigma == pytest.approx(1.0616, rel=1e-3)


def test_labels_too_fine_for_the_voxels_are_refused_when_the_value_is_made():
    with pytest.raises(ValueError, match="label_resolution: wanted a Gaussian with sigma"):
        MapSettings(voxel_size=1.0, label_resolution=1.0)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"voxel_size": 0}, "voxel_size: wanted a number > 0, got 0"),
        ({"convention": "half"}, 'wanted "situs" or "molmap" or "fwhm", got "half"'),
        ({"box": [10, 20]}, "box: wanted .*3 numbers"),
        (
            {"deformables": "beads"},
            'deformables: wanted "smooth" or "even" or "balls", got "beads"',
        ),
    ],
)
def test_python_and_recipes_refuse_the_same_in_the_same_words(table, words):
    with pytest.raises((ValueError, TypeError), match=words):
        MapSettings(**table)
    with pytest.raises((ValueError, TypeError), match=words):
        from_table(MapSettings, table)


def test_settings_go_to_a_table_and_back():
    settings = MapSettings(voxel_size=0.5, resolution=2.0, box=(10, 20, 30), label_resolution=1.5)
    assert from_table(MapSettings, to_table(settings)) == settings


def same_grid(a, b):
    return a.shape == b.shape and a.voxel_size == b.voxel_size and (a.origin == b.origin).all()


def test_the_grid_is_the_box_or_that_of_the_scene():
    box = Periodic(box=30.0)
    one = packed(boundary=box)
    assert same_grid(MapSettings(voxel_size=2.0).grid(one), scene_grid(box, voxel_size=2.0))
    assert same_grid(MapSettings(box=(40, 20, 10)).grid(one), box_grid((40, 20, 10)))
    free = packed()
    assert same_grid(MapSettings(voxel_size=0.5).grid(free), bounding_grid(free, voxel_size=0.5))


def test_map_labels_and_visibility_are_on_the_grid_of_one_value():
    one, settings = packed(), MapSettings(voxel_size=2.0, box=24.0)
    density, labels = render_density(one, settings), render_labels(one, settings)
    assert density.data.shape == labels.instances.data.shape == (12, 12, 12)
    assert visibility(one, settings).fraction[0] == 1.0
    assert visibility(one, MapSettings(box=8.0)).fraction[0] == pytest.approx(0.5, abs=0.05)


def test_blurrier_labels_are_less_sharp():
    one = packed()
    blurred = render_labels(one, MapSettings(label_resolution=8.0)).instances.data
    assert (blurred != render_labels(one).instances.data).any()
