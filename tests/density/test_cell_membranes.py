"""Membranes of a cell: sheets across a box, vesicles, and proteins in them."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from openmm_cgpack import Sheet, Vesicle
from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Grid,
    Links,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)
from openmm_cgpack.density import (
    MapSettings,
    painter_of,
    render_density,
    render_labels,
    scene_mass,
    visibility,
)
from openmm_cgpack.density.painters import MOST_POINTS
from openmm_cgpack.density.rooms import CLEARANCE
from openmm_cgpack.density.sheets import profile
from openmm_cgpack.packing import as_packed

FINE = MapSettings(voxel_size=1.0, resolution=2.0)


def packed_of(model, *, balls=None, boundary=None):
    scene = Scene(
        species=(model,),
        species_index=[0],
        transforms=RigidTransforms.identity(1),
        **({} if boundary is None else {"boundary": boundary}),
    )
    packed = as_packed(scene)
    return packed if balls is None else dataclasses.replace(packed, positions=balls)


def wavy(box, edge=6.0):
    """Return a sheet across a box, and its balls on waves that go on across the box."""
    model = Sheet(size=box, edge=edge).build()
    x, y, _ = model.positions.T
    waves = 2.5 * np.sin(2 * np.pi * x / box[0] + 1) + 1.5 * np.cos(2 * np.pi * y / box[1])
    return model, model.positions + waves[:, None] * [0, 0, 1]


def test_a_sheet_across_a_box_is_the_same_wherever_the_box_begins():
    box = (36.0, 28.0)
    model, balls = wavy(box)
    boundary = Slab(box=(*box, 24.0))
    maps, masks = [], []
    rng = np.random.default_rng(3)
    for shift in (np.zeros(3), np.array([17.0, 9.0, 0.0])):
        moved = balls + shift
        if shift.any():
            # Any image of each ball, as it may come from a program that wraps them.
            moved = moved + rng.integers(-1, 2, (len(balls), 3)) * [*box, 0.0]
        packed = packed_of(model, balls=moved, boundary=boundary)
        back = -shift[::-1].astype(int)
        maps.append(np.roll(render_density(packed, FINE).data, back, axis=(0, 1, 2)))
        masks.append(np.roll(render_labels(packed, FINE).instances.data, back, axis=(0, 1, 2)))
    assert np.abs(maps[0] - maps[1]).max() < 1e-3 * maps[0].max()
    assert np.array_equal(*masks)
    # Whole: every column along z holds the sheet, also at the faces of the box.
    columns = masks[0].sum(axis=0)
    assert columns.min() >= 4
    painter = painter_of(model.geometry)
    drawn = painter.points(model.geometry, balls, spacing=0.5).masses.sum()
    assert maps[0].sum(dtype=float) == pytest.approx(drawn, rel=2e-3)
    assert masks[0].sum() == pytest.approx(drawn / model.geometry.density, rel=0.03)
    packed = packed_of(model, balls=balls, boundary=boundary)
    assert scene_mass(packed, FINE) == pytest.approx(drawn, rel=2e-3)
    assert visibility(packed, FINE).fraction == pytest.approx(1.0)


def test_larger_maps_have_no_seam_either():
    box = (36.0, 28.0)
    model, balls = wavy(box)
    packed = packed_of(model, balls=balls, boundary=Slab(box=(*box, 24.0)))
    grid = Grid(shape=(24, 42, 54), voxel_size=1.0, origin=(-27, -21, -12))
    for merge in ("add", "max"):
        settings = dataclasses.replace(FINE, merge=merge)
        one = render_density(packed, settings).data
        more = render_density(packed, settings, grid=grid).data
        wrapped = np.pad(one, ((0, 0), (7, 7), (9, 9)), mode="wrap")
        assert np.abs(more - wrapped).max() < 1e-3 * one.max()


@pytest.fixture(scope="module")
def vesicle():
    return Vesicle(radius=11.0).build()


def test_a_vesicle_has_the_mass_of_its_sphere_and_its_profile_along_the_normal(vesicle):
    geometry = vesicle.geometry
    radius = float(np.linalg.norm(vesicle.positions, axis=1).mean())
    sphere = 4 * np.pi * radius**2 * geometry.thickness
    settings = MapSettings(voxel_size=0.5, resolution=1.0)
    volume = render_density(packed_of(vesicle), settings)
    total = volume.data.sum(dtype=float) * volume.voxel_size**3
    assert total == pytest.approx(sphere * geometry.density, rel=0.01)
    # Around it the density is even, so that the shell at a radius has the profile's there.
    axes = [np.arange(n) * 0.5 + o for n, o in zip(volume.data.shape, volume.origin, strict=True)]
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij"))) - radius
    at = np.linspace(-6, 6, 2401)
    sigma = settings.sigma
    blur = np.exp(-(at**2) / (2 * sigma**2)) * 0.005 / (np.sqrt(2 * np.pi) * sigma)
    wanted = np.convolve(profile(at), blur, mode="same") / (profile(at).sum() * 0.005)
    wanted *= geometry.density * geometry.thickness
    for depth in (-1.85, -1.0, 0.0, 1.0, 1.85):
        shell = volume.data[np.abs(distance - depth) < 0.1]
        assert shell.mean() == pytest.approx(np.interp(depth, at, wanted), rel=0.06)
        assert shell.std() < 0.08 * shell.mean()
    lines = volume.data[np.abs(np.abs(distance) - 1.85) < 0.1].mean()
    assert lines > 2 * volume.data[np.abs(distance) < 0.1].mean()
    even = render_density(packed_of(vesicle), dataclasses.replace(settings, deformables="even"))
    middle = even.data[np.abs(distance) < 1.0]
    assert np.abs(middle / geometry.density - 1).max() < 0.06
    assert even.data.sum(dtype=float) == pytest.approx(volume.data.sum(dtype=float), rel=1e-3)


def test_the_mask_of_a_vesicle_is_closed_and_has_its_volume(vesicle):
    # Moved, as heat moves it: the threshold is that of the shape at rest.
    rng = np.random.default_rng(1)
    waves = vesicle.positions @ rng.normal(size=(3, 3))
    balls = vesicle.positions * (1 + 0.01 * np.sin(waves.sum(axis=1)))[:, None]
    packed = packed_of(vesicle, balls=balls)
    labels = render_labels(packed, FINE).instances
    mask = labels.data == 1
    points = painter_of(vesicle.geometry).filled(vesicle.geometry, balls, spacing=0.5)
    drawn = points.masses.sum() / vesicle.geometry.density
    assert mask.sum() * labels.voxel_size**3 == pytest.approx(drawn, rel=0.03)
    _, pieces = ndimage.label(~mask, np.ones((3, 3, 3)))
    assert pieces == 2


def test_a_surface_is_closed_or_goes_on_across_the_box(vesicle):
    closed = painter_of(vesicle.geometry).surface(vesicle.geometry, vesicle.positions)
    sides = np.sort(closed.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    counts = np.unique(sides, axis=0, return_counts=True)[1]
    assert (counts == 2).all()
    assert len(closed.vertices) - len(counts) + len(closed.faces) == 2
    box = (36.0, 28.0)
    model, balls = wavy(box)
    spans = painter_of(model.geometry).surface(model.geometry, balls)
    corners = spans.vertices[spans.faces]
    assert np.ptp(corners, axis=1).max() < 3.0
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    drawn = painter_of(model.geometry).points(model.geometry, balls, spacing=0.5).masses.sum()
    assert area.sum() / 2 * 4.0 * model.geometry.density == pytest.approx(drawn, rel=5e-3)


def test_large_membranes_come_in_parts_that_lie_together(vesicle):
    geometry, spacing = vesicle.geometry, 0.15
    parts = list(painter_of(geometry).parts(geometry, vesicle.positions, spacing=spacing))
    assert len(parts) > 1
    assert max(len(points.masses) for points in parts) <= MOST_POINTS
    coarse = painter_of(geometry).points(geometry, vesicle.positions, spacing=0.5)
    assert sum(points.masses.sum() for points in parts) == pytest.approx(
        coarse.masses.sum(), rel=2e-3
    )
    # Drawn from parts, a map is the one that the sum of its points has.
    settings = MapSettings(voxel_size=0.25, resolution=0.15 / 0.75 * np.sqrt(12), merge="max")
    grid = Grid(shape=(24, 24, 24), voxel_size=0.25, origin=(-3, -3, 8))
    drawn = render_density(packed_of(vesicle), settings, grid=grid).data
    added = dataclasses.replace(settings, merge="add")
    assert np.array_equal(drawn, render_density(packed_of(vesicle), added, grid=grid).data)


def channel(*, marked=True, library=False):
    """Return a ring of atoms about z: outer radius 2.5, pore 1.2 nm, 7 nm high, off its middle."""
    step = 0.25
    axis = np.arange(-3.5, 3.5 + step / 2, step)
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    ring = np.hypot(*places[:, :2].T)
    places = places[(ring > 1.2) & (ring < 2.5)]
    structure = AtomicStructure(
        name="channel",
        positions=places,
        masses=np.full(len(places), 13.0),
        atoms=np.full(len(places), 20 if library else 1),
        spread=np.full(len(places), 0.3 if library else 0.0),
        envelope_volume=100.0,
        membrane=[[0, 0, -1.5], [0, 0, 1.5]] if marked else None,
    )
    return BallModel(
        name="channel",
        positions=[[0, 0, 0.0]],
        radii=[4.0],
        masses=[5000],
        volume=100.0,
        structure=structure,
    )


def with_channel(vesicle, protein, *, joined=True, boundary=None):
    """Return a vesicle with a channel that stands askew to x, in it at its farthest place."""
    turn = np.array([[0.0, 0.6, 0.8], [0.0, -0.8, 0.6], [1.0, 0.0, 0.0]])
    radius = np.linalg.norm(vesicle.positions, axis=1).mean()
    seat = radius * turn[:, 2]
    nearest = int(np.argmin(np.linalg.norm(vesicle.positions - seat, axis=1)))
    slack = 0.0 if joined else 1.0
    scene = Scene(
        species=(vesicle, protein),
        species_index=[0, 1],
        transforms=RigidTransforms(rotations=[np.eye(3), turn], translations=[np.zeros(3), seat]),
        links=Links(
            pairs=[[nearest, vesicle.n_balls]], lengths=[1.0], constants=[1.0], slacks=[slack]
        ),
        **({} if boundary is None else {"boundary": boundary}),
    )
    return as_packed(scene), turn, seat


@pytest.mark.parametrize("library", [False, True])
def test_a_channel_replaces_lipid_and_its_pore_stays_empty(vesicle, library):
    protein = channel(library=library)
    apart, turn, seat = with_channel(vesicle, protein, joined=False)
    settings = MapSettings(voxel_size=0.5, resolution=1.2)
    whole = render_density(apart, settings)
    packed, _, _ = with_channel(vesicle, protein)
    volume = render_density(packed, settings, grid=whole.grid)
    missing = (whole.data - volume.data).sum(dtype=float) * 0.5**3
    geometry = vesicle.geometry
    outer = 2.5 + CLEARANCE + 0.3 * library
    plug = np.pi * outer**2 * geometry.thickness * geometry.density
    # A lattice's atoms reach not quite to the radii of the ring.
    assert missing == pytest.approx(plug, rel=0.12)
    assert scene_mass(packed) == pytest.approx(scene_mass(apart) - missing, rel=2e-3)
    assert volume.data.sum(dtype=float) * 0.5**3 == pytest.approx(scene_mass(packed), rel=3e-3)
    labels = render_labels(packed, settings, grid=whole.grid).semantic
    places = np.argwhere(labels.data > 0)[:, ::-1] * 0.5 + labels.origin
    owner = labels.data[labels.data > 0]
    body = (places - seat) @ turn
    ring = np.hypot(*body[:, :2].T)
    near = np.abs(body[:, 2]) < 3.0
    assert not ((owner == 1) & near & (ring < 2.5)).any()
    assert ((owner == 1) & near & (ring > 3.0) & (ring < 4.0)).any()
    assert not (near & (ring < 0.8)).any()
    inside = (ring > 1.6) & (ring < 2.2) & near
    assert (owner[inside] == 2).all()


def test_lipid_gives_way_across_the_faces_of_a_box_too(vesicle):
    protein = channel()
    free, _, _ = with_channel(vesicle, protein)
    boundary = Periodic(box=(40.0, 40.0, 40.0))
    packed, _, _ = with_channel(vesicle, protein, boundary=boundary)
    shifted = packed.positions.copy()
    shifted[vesicle.n_balls :] -= [40.0, 0.0, 40.0]
    packed = dataclasses.replace(packed, positions=shifted)
    assert scene_mass(packed) == pytest.approx(scene_mass(free), rel=1e-9)


def test_without_a_marked_membrane_only_what_is_in_the_protein_gives_way(vesicle):
    masses = []
    for marked in (True, False):
        packed, _, _ = with_channel(vesicle, channel(marked=marked))
        masses.append(scene_mass(packed))
    pore = np.pi * (1.2 - CLEARANCE) ** 2 * vesicle.geometry.thickness * vesicle.geometry.density
    assert masses[1] - masses[0] == pytest.approx(pore, rel=0.3)
