"""Balls as BILD and marker files, read back by their own grammar."""

from xml.etree import ElementTree

import numpy as np
import pytest

from openmm_cgpack.core import BallModel, RigidTransforms, Scene
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.io import write_bild, write_cmm
from openmm_cgpack.models import Filament

ORIGIN = np.array([-3.0, 4.0, 1.5])


@pytest.fixture
def scene():
    body = BallModel(
        name='a "b" <&> c',
        positions=[[0, 0, 0], [4, 0, 0], [0, 3, 1]],
        radii=[1.0, 2.5, 1.5],
        masses=[1, 1, 1],
        bonds=[[0, 1], [0, 2], [1, 2]],
        rigid_groups=(np.arange(3),),
        volume=1.0,
    )
    rotation = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    return Scene(
        species=(body, Filament(n_balls=4).build()),
        species_index=[1, 0, 1],
        transforms=RigidTransforms(
            rotations=np.stack([np.eye(3), rotation, rotation]),
            translations=[[0, 0, 0], [20, 1, 2], [-30, 0, 5]],
        ),
    )


def test_bild_has_every_ball_at_its_place_in_its_colour(scene, tmp_path):
    write_bild(tmp_path / "balls.bild", scene, scene.positions, origin=ORIGIN)
    spheres, colour = [], None
    for line in (tmp_path / "balls.bild").read_text().splitlines():
        word, *rest = line.split()
        if word == ".color":
            colour = [float(value) for value in rest]
        elif word == ".sphere":
            spheres.append([float(value) for value in rest] + colour)
        else:
            assert word == ".comment"
    species = np.repeat([1, 0, 1], [4, 3, 4])
    order = np.argsort(species, kind="stable")
    expected = np.column_stack(
        [(scene.positions - ORIGIN) * 10, scene.radii * 10, species_colours(2)[species]]
    )[order]
    np.testing.assert_allclose(spheres, expected, atol=6e-4)


def test_markers_are_balls_and_links_are_bonds(scene, tmp_path):
    moved = scene.positions[::-1].copy()
    write_cmm(tmp_path / "balls.cmm", scene, moved, origin=ORIGIN)
    root = ElementTree.parse(tmp_path / "balls.cmm").getroot()
    assert root.tag == "marker_set"
    markers = root.findall("marker")
    assert [int(m.get("id")) for m in markers] == list(range(1, 12))
    places = [[float(m.get(key)) for key in ("x", "y", "z", "radius")] for m in markers]
    expected = np.column_stack([moved - ORIGIN, scene.radii]) * 10
    np.testing.assert_allclose(places, expected, atol=6e-4)
    assert markers[4].get("note") == 'a "b" <&> c 2'
    links = [(int(k.get("id1")) - 1, int(k.get("id2")) - 1) for k in root.findall("link")]
    assert links == list(map(tuple, scene.skeleton.tolist()))
    assert min(float(k.get("radius")) for k in root.findall("link")) > 0
    write_cmm(tmp_path / "balls.cmm", scene, moved, links=False)
    assert not ElementTree.parse(tmp_path / "balls.cmm").getroot().findall("link")


@pytest.mark.parametrize("write", [write_bild, write_cmm])
def test_positions_of_another_scene_leave_no_file(write, scene, tmp_path):
    with pytest.raises(ValueError, match=r"positions: wanted shape \(11, 3\), got \(10, 3\)"):
        write(tmp_path / "balls", scene, scene.positions[1:])
    with pytest.raises(ValueError, match="positions: wanted finite numbers, got nan"):
        write(tmp_path / "balls", scene, np.where(np.eye(11, 3) > 0, np.nan, 0))
    assert not list(tmp_path.iterdir())
