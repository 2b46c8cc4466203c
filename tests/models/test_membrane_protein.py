"""Proteins in membranes: where they sit, what holds them, and that it does."""

import dataclasses

import numpy as np
import openmm
import pytest
from pdb_text import record

from openmm_cgpack import MembraneProtein
from openmm_cgpack.core import (
    Links,
    Periodic,
    PlacementError,
    RigidTransforms,
    Scene,
    StructureError,
    from_zyz,
)
from openmm_cgpack.forces import HarmonicBonds, MembraneElasticity, SoftRepulsion
from openmm_cgpack.forces.bonded import LinkBonds
from openmm_cgpack.models import NoSeat, Sheet, Vesicle
from openmm_cgpack.models.embedding import membrane_plane, standing
from openmm_cgpack.packing.populating import populate
from openmm_cgpack.packing.system import create_system

MIDDLE = np.full(3, 1 / 3)
CHANNEL = MembraneProtein(species="6cnj", membrane="vesicle", atoms_per_ball=2500)


@pytest.fixture(scope="module")
def channel():
    return CHANNEL.build(seed=1)


@pytest.fixture(scope="module")
def vesicle():
    return Vesicle(radius=20.0).build()


def axis_and_middle(model, seat):
    plane = membrane_plane(model)
    return seat.rotation @ plane.normal, seat.rotation @ plane.centre + seat.translation


@pytest.mark.parametrize(("outward", "sign"), [(1.0, 1), (0.0, -1)])
def test_upright_on_a_sphere(channel, vesicle, outward, sign):
    settings = dataclasses.replace(CHANNEL, outward=outward)
    for face in (0, 100, 700):
        rng = np.random.default_rng(face)
        seat = settings.seat(
            channel, vesicle, vesicle.positions, face=face, weights=MIDDLE, rng=rng
        )
        axis, middle = axis_and_middle(channel, seat)
        place = vesicle.positions[vesicle.faces[face]].mean(axis=0)
        np.testing.assert_allclose(middle, place, atol=1e-9)
        assert sign * axis @ middle / np.linalg.norm(middle) > np.cos(np.deg2rad(1.5))
        np.testing.assert_allclose(seat.rotation @ seat.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(seat.rotation) == pytest.approx(1)
        cosine, offset = standing(
            channel, seat.rotation, seat.translation, vesicle, vesicle.positions
        )
        assert sign * cosine == pytest.approx(1)
        assert offset < 1e-9


def test_turns_and_sides_are_drawn(channel, vesicle):
    half = dataclasses.replace(CHANNEL, outward=0.5)
    rng = np.random.default_rng(2)
    seats = [
        half.seat(channel, vesicle, vesicle.positions, face=7, weights=MIDDLE, rng=rng)
        for _ in range(40)
    ]
    outer = [axis_and_middle(channel, seat) for seat in seats]
    outward = sum(axis @ middle > 0 for axis, middle in outer)
    assert 10 < outward < 30
    assert len({round(float(np.trace(seat.rotation)), 6) for seat in seats}) == 40


def test_links_fix_all_but_nothing_is_strained(channel, vesicle):
    rng = np.random.default_rng(3)
    seat = CHANNEL.seat(channel, vesicle, vesicle.positions, face=5, weights=MIDDLE, rng=rng)
    links = seat.links
    ours = channel.positions[links.pairs[:, 0]] @ seat.rotation.T + seat.translation
    offset = ours - vesicle.positions[links.pairs[:, 1]]
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), links.lengths)
    assert links.joined.all()
    # How the lengths change as the protein moves and turns: no way is free, none much softer.
    ways = offset / links.lengths[:, None]
    _, middle = axis_and_middle(channel, seat)
    jacobian = np.hstack([ways, np.cross(ours - middle, ways)])
    stiffness = np.linalg.eigvalsh(jacobian.T @ (links.constants[:, None] * jacobian))
    # Heat alone moves it by less than 0.05 nm and turns it by less than a degree.
    kt = 2.494
    assert np.sqrt(kt / stiffness[0]) < 0.05
    # The membrane around is held, not all of it.
    assert 6 <= len(np.unique(links.pairs[:, 1])) <= 20


def test_across_the_side_of_a_box(channel):
    sheet = Sheet(size=(60.0, 52.0)).build()
    # A face that goes on through the box' side.
    spans = np.ptp(sheet.positions[sheet.faces], axis=1).max(axis=1)
    face = int(spans.argmax())
    assert spans[face] > 40
    rng = np.random.default_rng(4)
    seat = CHANNEL.seat(channel, sheet, sheet.positions, face=face, weights=MIDDLE, rng=rng)
    axis, _ = axis_and_middle(channel, seat)
    np.testing.assert_allclose(axis, [0, 0, 1], atol=1e-9)
    ours = channel.positions[seat.links.pairs[:, 0]] @ seat.rotation.T + seat.translation
    offset = Periodic(box=(60.0, 52.0, 80.0)).minimum_image(
        ours - sheet.positions[seat.links.pairs[:, 1]]
    )
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), seat.links.lengths)
    cosine, offset = standing(channel, seat.rotation, seat.translation, sheet, sheet.positions)
    assert cosine == pytest.approx(1)
    assert offset < 1e-9


def test_a_mesh_that_rocks_is_stood_on_by_its_mean(channel):
    """Waves of 60 nm, and each vertex off by itself: the axis follows the waves."""
    sheet = Sheet(size=(60.0, 52.0)).build()
    x = sheet.positions[:, 0]
    slope = 2 * 2 * np.pi / 60
    noise = np.random.default_rng(5).normal(0, 0.3, len(x))
    bent = sheet.positions + np.stack(
        [0 * x, 0 * x, 2 * np.sin(2 * np.pi * x / 60) + noise], axis=1
    )
    for face in (20, 111, 300):
        rng = np.random.default_rng(6)
        seat = CHANNEL.seat(channel, sheet, bent, face=face, weights=MIDDLE, rng=rng)
        axis, middle = axis_and_middle(channel, seat)
        normal = np.array([-slope * np.cos(2 * np.pi * middle[0] / 60), 0, 1])
        assert axis @ normal / np.linalg.norm(normal) > np.cos(np.deg2rad(6))


def test_standing_gets_a_tilt_and_an_offset_back(channel, vesicle):
    rng = np.random.default_rng(7)
    seat = CHANNEL.seat(channel, vesicle, vesicle.positions, face=40, weights=MIDDLE, rng=rng)
    axis, middle = axis_and_middle(channel, seat)
    turn = from_zyz(np.deg2rad([[30.0, 0.0, 0.0]]))[0]
    across = np.cross(axis, [0, 0, 1])
    across /= np.linalg.norm(across)
    frame = np.stack([np.cross(across, axis), axis, across], axis=1)
    turn = frame @ turn @ frame.T
    rotation = turn @ seat.rotation
    translation = (
        middle + 0.4 * middle / np.linalg.norm(middle) - rotation @ membrane_plane(channel).centre
    )
    box = Periodic(box=(90.0, 90.0, 90.0))
    for image in ([0, 0, 0], [90, 0, -180]):
        cosine, offset = standing(
            channel, rotation, translation + image, vesicle, vesicle.positions, box
        )
        assert np.degrees(np.arccos(cosine)) == pytest.approx(30, abs=0.1)
        assert offset == pytest.approx(0.4, abs=0.01)


def test_stays_upright_while_the_membrane_moves(channel):
    membrane = Vesicle(radius=14.0).build()
    seats, faces = [], []
    rng = np.random.default_rng(8)
    directions = membrane.positions[membrane.faces].mean(axis=1)
    for way in ([0, 0, 1], [0, 0, -1]):
        faces.append(int((directions @ way).argmax()))
        seats.append(
            CHANNEL.seat(
                channel, membrane, membrane.positions, face=faces[-1], weights=MIDDLE, rng=rng
            )
        )
    n, b = membrane.n_balls, channel.n_balls
    scene = Scene(
        species=(membrane, channel),
        species_index=[0, 1, 1],
        transforms=RigidTransforms(
            rotations=np.stack([np.eye(3), *(seat.rotation for seat in seats)]),
            translations=np.stack([np.zeros(3), *(seat.translation for seat in seats)]),
        ),
        links=Links(
            pairs=np.concatenate(
                [seat.links.pairs + np.array([n + b * k, 0]) for k, seat in enumerate(seats)]
            ),
            lengths=np.concatenate([seat.links.lengths for seat in seats]),
            constants=np.concatenate([seat.links.constants for seat in seats]),
            slacks=np.concatenate([seat.links.slacks for seat in seats]),
        ),
    )
    terms = [HarmonicBonds(), MembraneElasticity(), SoftRepulsion(), LinkBonds()]
    system = create_system(scene, forces=terms, rigidity="constraints")
    # A push of 100 kJ/mol/nm to one side on each protein, which no crowd exceeds for long.
    push = openmm.CustomExternalForce("-100*x")
    for k in range(2):
        push.addParticle(n + b * k)
    system.addForce(push)
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.05)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPositions(scene.positions)
    integrator.step(400)
    x = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    moved = x[:n] - scene.positions[:n]
    assert np.linalg.norm(moved - moved.mean(axis=0), axis=1).max() > 0.2
    for k in (0, 1):
        places = x[scene.balls(1 + k)]
        turn, translation = fitted(channel.positions, places)
        cosine, offset = standing(channel, turn, translation, membrane, x[:n])
        assert np.degrees(np.arccos(cosine)) < 10
        assert offset < 0.5


def fitted(body, places):
    """Return the rotation and translation of a rigid body, by singular values."""
    u, _, vt = np.linalg.svd((body - body.mean(axis=0)).T @ (places - places.mean(axis=0)))
    turn = (u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt).T
    return turn, places.mean(axis=0) - turn @ body.mean(axis=0)


def test_axis_and_height_that_are_said():
    """In the file's frame: the channel's own plane, said, is that of the library nearly."""
    found = CHANNEL.read()
    plane, origin = found.membrane_plane, found.file_origin
    height = float((plane.centre + origin) @ plane.normal)
    axis = tuple((3 * plane.normal).tolist())
    said = dataclasses.replace(CHANNEL, axis=axis, height=height).read().membrane_plane
    np.testing.assert_allclose(said.normal, plane.normal)
    assert (said.centre - plane.centre) @ plane.normal == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(said.centre - plane.centre) < 0.6
    # A soluble protein too, where somebody wants it there.
    MembraneProtein(species="3hhb", membrane="m", axis=(0, 0, 1), height=1.2).read()


def test_as_its_file_marks_it(tmp_path):
    """OPM's dummy atoms, N on the inner and O on the outer boundary."""
    atoms = [(10.0, 0.0, 4.0), (14.0, 0.0, 4.0)]
    rows = [record(i, " CA ", "ALA", "A", i, xyz) for i, xyz in enumerate(atoms, start=1)]
    for name, z in ((" N  ", -15.0), (" O  ", 15.0)):
        for xyz in ((0, 0, z), (20, 0, z), (0, 20, z)):
            rows.append(record(9, name, "DUM", " ", 9, xyz, kind="HETATM", element="  "))
    path = tmp_path / "opm.pdb"
    path.write_text("\n".join(rows))
    with pytest.warns(UserWarning, match="6 dummy atoms"):
        plane = MembraneProtein(pdb=path, membrane="m").read().membrane_plane
    np.testing.assert_allclose(plane.normal, [0, 0, 1], atol=1e-12)
    assert plane.half_thickness == pytest.approx(1.5)
    assert plane.centre[2] == pytest.approx(-0.4)


def test_numbers(channel):
    assert CHANNEL.number(channel, 5000.0) == 1
    assert dataclasses.replace(CHANNEL, count=20).number(channel, 5000.0) == 20
    per_area = MembraneProtein(species="6cnj", membrane=("a", "b"), per_area=0.002)
    assert per_area.number(channel, 5000.0) == 10
    assert per_area.hosts == ("a", "b")
    assert per_area.cellular


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "single"}, 'model: wanted "balls": one ball has no axis'),
        ({"axis": (0, 0, 1)}, "axis and height: wanted both or neither"),
        ({"axis": (0, 0, 0), "height": 1.0}, r"axis: wanted a direction, got \(0, 0, 0\)"),
        ({"count": 3, "per_area": 0.1}, "count: .*beside per_area"),
        ({"fraction": 0.1}, "fraction: .*for what sits in a membrane"),
        ({"outward": 1.5}, "outward: wanted"),
        ({"membrane": ()}, "membrane: wanted at least one name"),
    ],
)
def test_settings_without_meaning(given, message):
    with pytest.raises(ValueError, match=message):
        MembraneProtein(**({"species": "6cnj", "membrane": "vesicle"} | given))


def test_proteins_that_do_not_fit(channel):
    with pytest.raises(StructureError, match=r"1f1b: .*wanted all atoms.*axis and height"):
        MembraneProtein(species="1f1b", membrane="vesicle").build()
    with pytest.raises(StructureError, match=r"6cnj: height: wanted .* from -\d.* got 40"):
        MembraneProtein(species="6cnj", membrane="m", axis=(0, 0, 1), height=40.0).build()
    small = Vesicle(radius=5.0, edge=2.0, thickness=2.0)
    message = "6cnj: too wide for vesicle, whose shape at rest curves"
    model, rng = small.build(), np.random.default_rng()
    with pytest.raises(NoSeat, match=message):
        CHANNEL.seat(channel, model, model.positions, face=3, weights=MIDDLE, rng=rng)
    with pytest.raises(PlacementError, match=message):
        populate([small, CHANNEL], boundary=Periodic(box=(40.0, 40.0, 40.0)), seed=1)
    with pytest.raises(ValueError, match=r'6cnj: membrane: wanted .*, got "nucleus"'):
        populate(
            [small, dataclasses.replace(CHANNEL, membrane="nucleus")],
            boundary=Periodic(box=(40.0, 40.0, 40.0)),
            seed=1,
        )
