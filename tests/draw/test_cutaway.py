"""Pictures into closed membranes."""

import numpy as np
import pytest
from drawing import make_filament, make_packed, make_vesicle

from openmm_cgpack import BallModel, Volume
from openmm_cgpack.core import LabelVolume
from openmm_cgpack.draw import overview_figure, plot_molecules
from openmm_cgpack.draw.cutaway import balls_of, cut_open

RED, BLUE, GREEN = np.eye(3)[[0, 2, 1]]


@pytest.fixture(scope="module")
def packed():
    """Return a closed membrane with a dot in it, another dot above, and a filament beside."""
    dot = BallModel(name="dot", positions=[[0, 0, 0]], radii=[2.5], masses=[1], volume=65.0)
    still = np.eye(3)
    return make_packed(
        [
            (make_vesicle(), still, [0, 0, 0]),
            (dot, still, [0, 0, -3.0]),
            (dot, still, [0, 30, 5.0]),
            (make_filament(n=4), still, [20, 0, 12.0]),
        ]
    )


def test_a_cut_goes_through_surfaces_and_leaves_the_others_whole(packed):
    left = cut_open(packed, balls_of(packed), height=0.0)
    assert np.bincount(left.instance, minlength=4).tolist() == [5, 1, 0, 4]
    assert left.positions[left.instance == 0, 2].max() == 0


def test_the_inside_is_seen_where_it_is_cut_open(packed):
    # From +x and above: y is to the right.
    places = {}
    for height in (None, 0.0):
        figure = plot_molecules(
            packed, colours=np.array([RED, BLUE, GREEN]), view_deg=(0, 70), size=80, cut_at=height
        )
        red, _, blue = np.moveaxis(np.asarray(figure.axes[0].images[0].get_array(), int), 2, 0)
        places[height] = np.nonzero(blue - red > 60)[1]
        membrane = np.nonzero(red - blue > 60)[1]
        assert len(membrane) > 100
        assert len(places[height]) > 10
        # The dot above the cut is beside the membrane, the other one in it.
        inside = places[height] < membrane.max()
        assert inside.all() if height is not None else not inside.any()


def test_the_overview_of_a_scene_with_an_inside_is_cut_open(packed):
    grid = {"voxel_size": 2.0, "origin": (-30.0, -30.0, -30.0)}
    flat = Volume(data=np.zeros((30, 30, 30)), **grid)
    labels = LabelVolume(data=np.zeros((30, 30, 30), np.uint16), **grid)
    figure = overview_figure(packed, density=flat, labels=labels, tomogram=flat)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles == ["balls after packing, cut open", "what they stand for, cut open"]
