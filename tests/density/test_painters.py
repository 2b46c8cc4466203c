"""A geometry of a user's own: drawn, labelled, listed, exported and kept in files."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from drawing import make_packed

from openmm_cgpack.core import BallModel, Geometry, Line
from openmm_cgpack.density import (
    Painter,
    Skeleton,
    WeightedPoints,
    box_grid,
    painter_of,
    paints,
    particle_table,
    render_density,
    render_labels,
    visibility,
)
from openmm_cgpack.export import ground_truth
from openmm_cgpack.io.scenes import load_scene, save_scene


@dataclass(frozen=True, kw_only=True, eq=False)
class Rod(Geometry):
    """A rod of square section from one ball to another."""

    kind: ClassVar[str] = "test-rod"

    ends: np.ndarray
    width: float
    density: float
    label: str = "rod"


@paints(Rod)
class RodPainter(Painter[Rod]):
    def points(self, rod, balls, *, spacing):
        along = np.linspace(*balls[rod.ends], 60)
        across = (np.arange(8) - 3.5) / 8 * rod.width
        x, y = (grid.ravel() for grid in np.meshgrid(across, across))
        section = np.stack([x, y, np.zeros_like(x)], axis=1)
        places = (along[:, None] + section).reshape(-1, 3)
        length = np.linalg.norm(np.diff(balls[rod.ends], axis=0))
        mass = rod.density * rod.width**2 * length
        return WeightedPoints(positions=places, masses=np.full(len(places), mass / len(places)))

    def girth(self, rod):
        return rod.width

    def line(self, rod, balls, *, spacing):
        return Line(points=balls[rod.ends], radius=rod.width / 2)

    def skeleton(self, rod, balls, *, spacing):
        points = np.linspace(*balls[rod.ends], 200)
        return Skeleton(points=points, outward=np.zeros_like(points), reach=rod.width / 2)


ROD = BallModel(
    name="rod",
    positions=[[0, 0, -10.0], [0, 0, 0], [0, 0, 10]],
    radii=np.full(3, 3.0),
    masses=np.ones(3),
    bonds=[[0, 1], [1, 2]],
    volume=20 * 36.0,
    geometry=Rod(ends=np.array([0, 2]), width=6.0, density=800.0),
)


def test_it_is_drawn_labelled_and_listed():
    packed = make_packed([(ROD, np.eye(3), np.zeros(3))])
    grid = box_grid(50.0)
    density = render_density(packed, grid=grid)
    assert density.data.sum(dtype=float) == pytest.approx(800 * ROD.volume, rel=1e-3)
    labels = render_labels(packed, grid=grid)
    # Its sides are parallel to the voxels: a layer more or less is a quarter of it.
    assert (labels.instances.data == 1).sum() == pytest.approx(ROD.volume, rel=0.25)
    assert visibility(packed, grid=grid).fraction.tolist() == [1.0]
    assert particle_table(packed, grid=grid).radius.tolist() == [16.0]
    truth = ground_truth(packed, labels=labels, maps={"density": density}, name="x")
    assert list(truth.lines) == [1]
    assert truth.surfaces == {}


def test_files_keep_it(tmp_path):
    save_scene(tmp_path / "s.npz", make_packed([(ROD, np.eye(3), np.zeros(3))]).scene)
    rod = load_scene(tmp_path / "s.npz").species[0].geometry
    assert type(rod) is Rod
    assert (rod.ends.tolist(), rod.width, rod.density, rod.label) == ([0, 2], 6.0, 800.0, "rod")


def test_files_of_a_geometry_that_is_not_there_say_so(tmp_path):
    save_scene(tmp_path / "s.npz", make_packed([(ROD, np.eye(3), np.zeros(3))]).scene)
    known = Geometry.kinds.pop("test-rod")
    try:
        with pytest.raises(ValueError, match=r"geometry: wanted one of curve, helix.*'test-rod'"):
            load_scene(tmp_path / "s.npz")
    finally:
        Geometry.kinds["test-rod"] = known


def test_a_geometry_without_a_painter_is_named():
    class Blob(Geometry):
        kind = "test-blob"

    with pytest.raises(TypeError, match="Blob has no painter"):
        painter_of(Blob())


def test_a_derived_geometry_is_painted_as_what_it_derives_from():
    class Beam(Rod):
        kind = "test-beam"

    beam = Beam(ends=np.array([0, 2]), width=6.0, density=800.0)
    assert painter_of(beam) is painter_of(ROD.geometry)
