"""Helices: their lattice, straight and bent, and the chain that bends."""

import csv
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from openmm_cgpack import (
    Helix,
    MapSettings,
    Molecule,
    Periodic,
    Pull,
    Recipe,
    Scene,
    as_packed,
    load_scene,
    pack_scene,
    place,
    render_density,
)
from openmm_cgpack.auditing import atom_contacts, occupancy
from openmm_cgpack.core import RigidTransforms
from openmm_cgpack.core.volume import Grid
from openmm_cgpack.density import centre_lines, monomer_table, render_labels
from openmm_cgpack.export.copick import Copick
from openmm_cgpack.export.dynamo import Dynamo
from openmm_cgpack.export.relion5 import Relion5
from openmm_cgpack.export.truth import ground_truth
from openmm_cgpack.io import save_scene, write_curves, write_monomers
from openmm_cgpack.io.star import read_star
from openmm_cgpack.models.helix import worm_like_chain
from openmm_cgpack.poses import structure_poses

ATOMS = [(20, 0, 0), (34, 2, -9), (28, 9, 3), (24, 4, 12), (30, -8, 9), (22, -6, -4)]
"""Of a monomer without symmetry, Å, in the frame of its file."""


@pytest.fixture
def monomer(tmp_path):
    path = tmp_path / "arm.pdb"
    lines = [
        f"ATOM  {i:5d}  CA  GLY A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
        for i, (x, y, z) in enumerate(ATOMS, 1)
    ]
    path.write_text("\n".join(lines))
    return path


def left_handed(monomer, **more):
    given = {"rise": 3.0, "twist_deg": -40.0, "persistence_length": 200.0, "length": 60.0}
    return Helix(pdb=monomer, **given | more)


def arc(model, radius):
    """Return the balls of a chain bent to an arc of a circle in the plane of x and z."""
    angle = model.positions[:, 2] / radius
    return radius * np.stack([1 - np.cos(angle), 0 * angle, np.sin(angle)], axis=1)


def steps(poses):
    """Return the pose of each monomer in the frame of the one before it."""
    return poses[np.arange(len(poses) - 1)].invert().compose(poses[np.arange(1, len(poses))])


def alone(model, balls=None, rotation=None, translation=(0.0, 0.0, 0.0)):
    rotation = np.eye(3) if rotation is None else rotation
    return as_packed(
        Scene(
            species=(model,),
            species_index=[0],
            transforms=RigidTransforms(rotations=[rotation], translations=[translation]),
            placed=balls,
        )
    )


def test_a_straight_helix_is_its_file_turned_and_moved(monomer):
    model = left_handed(monomer).build()
    poses = model.geometry.monomers(model.positions, np.eye(3))
    assert len(poses) == 20
    heights = 3.0 * (np.arange(20) - 9.5)
    centre = np.mean(ATOMS, axis=0) / 10
    for k, (x, y, z) in enumerate(poses.apply(model.structure.positions).mean(axis=1)):
        turned = Rotation.from_euler("z", -40 * k, degrees=True).apply(centre)
        np.testing.assert_allclose((x, y, z), (*turned[:2], heights[k]), atol=1e-9)
        wanted = Rotation.from_euler("z", -40 * k, degrees=True).as_matrix()
        np.testing.assert_allclose(poses.rotations[k], wanted, atol=1e-12)


def test_a_microtubule_has_a_seam_and_else_one_lattice(monomer):
    model = Helix(pdb=monomer, lattice="microtubule", length=83.2).build()
    lattice = model.geometry
    along, turn = (values.reshape(10, 13) for values in (lattice.along, lattice.turn))
    np.testing.assert_allclose(np.diff(along, axis=0), 8.32)
    np.testing.assert_allclose(np.diff(along, axis=1), -0.96)
    np.testing.assert_allclose(np.degrees(np.diff(turn, axis=1)), 360 / 13)
    # Across the seam the neighbour is off by a monomer: half a dimer.
    seam = (along[3, 0] - along[2, 12] - (-0.96)) / 8.32 % 1
    assert seam == pytest.approx(0.5)
    assert np.linalg.norm(lattice.arm) == pytest.approx(11.2)


def test_a_microtubule_is_as_stiff_as_measured():
    # 5.2 mm: Gittes et al. 1993, J. Cell Biol. 120, 923.
    given = Helix(lattice="microtubule", length=100.0, persistence_length=5.2e6)
    model, default = given.build(), Helix(lattice="microtubule", length=100.0).build()
    assert model.angle_k / default.angle_k == pytest.approx(5.2e6 / 5e6)


@pytest.mark.parametrize("shape", ["arc", "thermal"])
def test_twist_and_handedness_stay_along_a_bend(monomer, shape):
    helix = left_handed(monomer, persistence_length=2000.0)
    model = helix.build()
    balls = arc(model, 40.0) if shape == "arc" else helix.start_shape(model, seed=3)
    found = steps(model.geometry.monomers(balls, np.eye(3)))
    straight = steps(model.geometry.monomers(model.positions, np.eye(3)))
    twists = Rotation.from_matrix(found.rotations).as_rotvec(degrees=True)
    # Left-handed: forwards along z it turns backwards about z.
    assert (twists[:, 2] < -35).all()
    assert np.abs(twists[:, 2] + 40).max() < 1.0
    off = np.linalg.norm(found.translations - straight.translations, axis=1)
    assert off.max() < 0.35


def test_frames_do_not_turn_about_a_curve_in_a_plane(monomer):
    model = left_handed(monomer, twist_deg=0.0).build()
    poses = model.geometry.monomers(arc(model, 30.0), np.eye(3))
    np.testing.assert_allclose(poses.rotations[:, :, 1], np.tile([0, 1, 0], (20, 1)), atol=1e-9)


def test_the_first_turn_is_that_of_the_placement(monomer):
    model = left_handed(monomer).build()
    turn = Rotation.from_rotvec([0.3, -1.0, 2.0]).as_matrix()
    packed = alone(model, rotation=turn, translation=(5.0, 6.0, 7.0))
    start = {"positions": packed.positions, "transforms": packed.scene.transforms}
    found = structure_poses(packed.scene, 0, **start)
    rest = model.geometry.monomers(model.positions, np.eye(3))
    np.testing.assert_allclose(found.rotations, turn @ rest.rotations, atol=1e-9)
    np.testing.assert_allclose(
        found.translations, rest.translations @ turn.T + [5, 6, 7], atol=1e-9
    )


def test_balls_hold_all_atoms_of_a_bend(monomer):
    helix = left_handed(monomer, persistence_length=100.0)
    model = helix.build()
    for balls in (model.positions, arc(model, 80.0)):
        atoms = model.geometry.monomers(balls, np.eye(3)).apply(model.structure.positions)
        distance, _ = cKDTree(balls).query(atoms.reshape(-1, 3))
        assert distance.max() <= model.radii[0]


def test_bonds_and_exclusions_leave_nothing_to_push(monomer):
    model = left_handed(monomer).build()
    joined = {*map(tuple, model.bonds.tolist()), *map(tuple, model.exclusions.tolist())}
    first, second = np.triu_indices(model.n_balls, 1)
    distance = np.linalg.norm(model.positions[first] - model.positions[second], axis=1)
    meet = distance < 2 * model.radii[0]
    assert joined == set(zip(first[meet].tolist(), second[meet].tolist(), strict=True))
    assert not set(map(tuple, model.bonds.tolist())) & set(map(tuple, model.exclusions.tolist()))


def test_the_chain_has_its_persistence_length():
    """Tangents lose their correlation as exp(-s/P), from exact samples of the discrete chain."""
    segment, persistence = 2.0, 60.0
    chains = [
        worm_like_chain(40, segment, stiffness=persistence / segment, seed=seed)
        for seed in range(300)
    ]
    tangents = np.diff(chains, axis=1) / segment
    lags = np.arange(1, 20)
    correlation = [
        np.einsum("cki,cki->ck", tangents[:, lag:], tangents[:, :-lag]).mean() for lag in lags
    ]
    slope = np.polyfit(lags * segment, np.log(correlation), 1)[0]
    assert -1 / slope == pytest.approx(persistence, rel=0.1)


def test_no_bend_is_sharper_than_asked(monomer):
    helix = left_handed(monomer, persistence_length=20.0, max_curvature=0.01)
    model = helix.build()
    balls = helix.start_shape(model, seed=1)
    tangents = np.diff(balls, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1)[:, None]
    angles = np.arccos(np.clip((tangents[1:] * tangents[:-1]).sum(axis=1), -1, 1))
    assert 0 < angles.max() <= 0.01 * model.bond_lengths[0] + 1e-9
    np.testing.assert_allclose(balls.mean(axis=0), 0, atol=1e-9)


def test_the_map_is_that_of_the_monomers_put_there_by_hand(monomer):
    model = left_handed(monomer, length=15.0).build()
    settings = MapSettings(voxel_size=0.4, resolution=1.6)
    grid = Grid(shape=(56, 30, 30), voxel_size=0.4, origin=(-5.8, -5.8, -11.0))
    found = render_density(alone(model), settings, grid=grid).data
    atoms = np.array(ATOMS) / 10 - [0, 0, np.mean(ATOMS, axis=0)[2] / 10]
    turns = [Rotation.from_euler("z", -40 * k, degrees=True).apply(atoms) for k in range(5)]
    points = [turned + np.array([0, 0, 3.0 * (k - 2)]) for k, turned in enumerate(turns)]
    z, y, x = (o + 0.4 * np.arange(n) for o, n in zip(grid.origin[::-1], grid.shape, strict=True))
    sigma = settings.sigma
    wanted = np.zeros(grid.shape)
    for a, b, c in np.concatenate(points):
        line = [np.exp(-((axis - at) ** 2) / 2 / sigma**2) for axis, at in ((z, c), (y, b), (x, a))]
        wanted += np.einsum("i,j,k->ijk", *line)
    wanted *= 12.011 / (np.sqrt(2 * np.pi) * sigma) ** 3
    assert np.abs(found - wanted).max() < 0.03 * wanted.max()
    assert np.abs(found[:, ::-1] - wanted).max() > 0.5 * wanted.max()


def test_its_mask_has_the_volume_of_its_monomers(monomer):
    model = left_handed(monomer, length=30.0).build()
    packed = alone(model, balls=arc(model, 60.0))
    labels = render_labels(packed, MapSettings(voxel_size=0.25, resolution=1.0))
    taken = (labels.instances.data == 1).sum() * labels.instances.voxel_size**3
    assert taken == pytest.approx(model.volume, rel=0.1)


def test_a_scene_with_a_helix_comes_back_from_its_file(monomer, tmp_path):
    model = left_handed(monomer).build()
    scene = alone(model, balls=arc(model, 50.0)).scene
    save_scene(tmp_path / "s.npz", scene)
    again = load_scene(tmp_path / "s.npz")
    read, wrote = (s.species[0].geometry.monomers(s.positions, np.eye(3)) for s in (again, scene))
    np.testing.assert_array_equal(read.rotations, wrote.rotations)
    np.testing.assert_array_equal(read.translations, wrote.translations)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"twist_deg": None}, "twist_deg: wanted a number, or a lattice"),
        ({"rise": 0.0}, "rise: wanted a number > 0"),
        ({"um_per_um3": 300.0, "count": 5}, "count: means nothing beside um_per_um3"),
        ({"stagger": 1.0}, "stagger: means nothing with one protofilament"),
        ({"length": 1.0}, "length: wanted room for one monomer, "),
    ],
)
def test_what_makes_no_helix_is_refused(monomer, given, words):
    with pytest.raises(ValueError, match=words):
        left_handed(monomer, **given)


@pytest.mark.parametrize(
    ("file", "lattice", "closest"),
    [
        ("2zwh.pdb.gz", "actin", 0.25),
        ("3j6e_dimer.pdb.gz", "microtubule", 0.2),
        ("3j6e_dimer.pdb.gz", "microtubule_14", 0.2),
    ],
)
def test_monomers_do_not_run_into_each_other(shared, file, lattice, closest):
    model = Helix(pdb=shared / "pdb" / file, lattice=lattice, length=17.0).build()
    poses = model.geometry.monomers(model.positions, np.eye(3))
    if lattice == "microtubule_14":
        # As measured on the deposited lattice, which does not close to a tenth of a degree.
        step = steps(poses)[3]
        turn = np.degrees(Rotation.from_matrix(step.rotations[0]).as_rotvec())[2]
        assert (turn, step.translations[0, 2]) == pytest.approx((25.77, -0.887), abs=0.06)
    inner = len(poses) // 2
    atoms = poses.apply(model.structure.positions)
    tree = cKDTree(atoms[inner])
    others = np.delete(np.arange(len(poses)), inner)
    assert min(tree.query(atoms[j], distance_upper_bound=1.0)[0].min() for j in others) > closest


def test_monomers_reach_the_lists_with_their_poses(monomer, tmp_path):
    """In RELION's file a monomer's angles, composed as RELION does, are its own rotation."""
    model = left_handed(monomer, length=30.0).build()
    packed = as_packed(
        Scene(
            species=(model,),
            species_index=[0],
            transforms=RigidTransforms.identity(1),
            boundary=Periodic(box=(40, 40, 40)),
            placed=arc(model, 60.0) + np.array([0, 0, 10]),
        )
    )
    labels = render_labels(packed, MapSettings(voxel_size=2.0, resolution=4.0))
    grid = labels.instances.grid
    table = monomer_table(packed, grid=grid)
    # What lies beyond the face of the box comes in at the other.
    assert ((table.centre > -1) & (table.centre < 39)).all()
    truth = ground_truth(packed, labels=labels, maps={}, name="t")
    Relion5().write(tmp_path, truth)
    rows = read_star(tmp_path / "particles" / "arm.star")["particles"]
    tomo, particle = (
        Rotation.from_euler(
            "ZYZ",
            np.array([rows[f"{name}{a}"] for a in ("Rot", "Tilt", "Psi")], float).T,
            degrees=True,
        ).inv()
        for name in ("rlnTomoSubtomogram", "rlnAngle")
    )
    np.testing.assert_allclose((tomo * particle).as_matrix(), table.rotation, atol=1e-5)
    np.testing.assert_allclose(
        np.array(rows["rlnHelicalTrackLengthAngst"], float), 30.0 * np.arange(10), atol=1e-3
    )
    assert set(rows["rlnHelicalTubeID"]) == {"1"}
    centred = [rows[f"rlnCenteredCoordinate{axis}Angst"] for axis in "XYZ"]
    np.testing.assert_allclose(
        np.array(centred, float).T / 10 + grid.size / 2, table.centre, atol=1e-4
    )
    write_monomers(tmp_path / "m.csv", table)
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[3].split(",")[:3] == ["1", "arm", "3"]


@pytest.fixture
def known(monomer):
    """Return what is known of two helices, one bent, of 10 monomers each, and a molecule."""
    model = left_handed(monomer, length=30.0).build()
    single = Molecule(species="3hhb").build()
    places = np.array([[0.0, 0, 5], [10, 0, 0], [-12, 0, 3]])
    shapes = (arc(model, 60.0), model.positions, single.positions)
    packed = as_packed(
        Scene(
            species=(model, single),
            species_index=[0, 0, 1],
            transforms=RigidTransforms(rotations=[np.eye(3)] * 3, translations=places),
            boundary=Periodic(box=(50, 50, 50)),
            placed=np.concatenate([s + p for s, p in zip(shapes, places, strict=True)]),
        )
    )
    labels = render_labels(packed, MapSettings(voxel_size=2.0, resolution=4.0))
    truth = ground_truth(packed, labels=labels, maps={}, name="t")
    return packed, truth, labels.instances.grid


def test_curves_are_written_point_by_point(known, tmp_path):
    packed, truth, grid = known
    write_curves(tmp_path / "c.csv", centre_lines(packed, grid=grid), {1: "arm", 2: "arm"})
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["instance"] for row in rows} == {"1", "2"} == {str(n) for n in truth.lines}
    for number in (1, 2):
        own = [row for row in rows if row["instance"] == str(number)]
        assert [int(row["point"]) for row in own] == list(range(1, len(own) + 1))
        points = np.array([[row[f"{axis}_angst"] for axis in "xyz"] for row in own], float) / 10
        # Every ball is on the line, in the scene's frame.
        balls = packed.positions[packed.scene.balls(number - 1)]
        fine = [np.linspace(a, b, 40) for a, b in pairwise(points)]
        assert cKDTree(np.concatenate(fine) + grid.origin).query(balls)[0].max() < 0.05
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert steps.max() < 1.01 * grid.voxel_size
        track = np.array([row["track_angst"] for row in own], float) / 10
        np.testing.assert_allclose(np.diff(track), steps, atol=1e-3)


def test_dynamo_has_the_monomers_with_their_filament(known, tmp_path):
    packed, truth, grid = known
    Dynamo().write(tmp_path, truth)
    table = np.loadtxt(tmp_path / "t.tbl")
    assert table[:, 0].tolist() == [3, *range(4, 24)]
    assert table[:, 30].tolist() == [3] + [1] * 10 + [2] * 10
    assert table[:, 21].tolist() == [2] + [1] * 20
    monomers = monomer_table(packed, grid=grid)
    np.testing.assert_allclose(table[1:, 23:26] * grid.voxel_size, monomers.centre, atol=1e-4)
    turns = Rotation.from_euler("zxz", table[1:, 6:9], degrees=True).inv()
    np.testing.assert_allclose(turns.as_matrix(), monomers.rotation, atol=1e-6)


def test_a_spacing_of_places_means_nothing_of_monomers(known):
    _, truth, _ = known
    with pytest.raises(ValueError, match="copick: filament_spacing: means nothing of helices"):
        Copick(filament_spacing=4.0).check(truth)
    Copick().check(truth)


def test_an_audit_counts_monomers_of_two_filaments_and_not_of_one(monomer):
    model = left_handed(monomer, length=15.0).build()
    facing = np.diag([-1.0, -1.0, 1.0])
    for apart, near in ((7.0, True), (20.0, False)):
        pair = Scene(
            species=(model,),
            species_index=[0, 0],
            transforms=RigidTransforms(
                rotations=[np.eye(3), facing], translations=[[0, 0, 0], [apart, 0, 0]]
            ),
        )
        found = atom_contacts(
            pair, pair.positions, pair.transforms, pair.boundary, distances=(1.2,)
        )
        assert found.molecules == 10
        assert (found.within[0].atoms > 0) == near
    taken = occupancy(pair, pair.positions, pair.transforms, pair.boundary).union
    assert taken == pytest.approx(2 * model.volume, rel=0.1)


def test_the_pull_refuses_to_crumple_helices(monomer):
    with pytest.raises(ValueError, match="Pull crumples helices, got arm; wanted Cell"):
        pack_scene(place([(left_handed(monomer).build(), 1)], seed=1), Pull(), seed=1)
    with pytest.raises(ValueError, match=r'arm: \[\[helix\]\]: is for cells: wanted kind = "cell"'):
        Recipe(structures=(left_handed(monomer),))


def test_a_length_per_volume_gives_the_number():
    actin = Helix(lattice="actin", length=100.0, um_per_um3=500.0)
    assert actin.number(actin.build(), 2e6) == 10
    # To whole monomers, of 8.32 nm: 16.64 nm.
    short = Helix(lattice="microtubule", length=20.0, um_per_um3=500.0)
    assert short.number(short.build(), 2e6) == 60
