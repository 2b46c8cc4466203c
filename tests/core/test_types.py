"""The data types: frozen, checked at the border, one index."""

import dataclasses

import numpy as np
import openmm.unit as unit
import pytest
from helpers import body, chain, random_scene

from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Curve,
    Grid,
    History,
    LabelVolume,
    Line,
    Mesh,
    Obstacle,
    PackedScene,
    ParticleTable,
    Periodic,
    Picks,
    RigidTransforms,
    Scene,
    Surface,
    TiltOptics,
    TiltSeries,
    Volume,
    from_zyz,
)
from openmm_cgpack.core.runtime import integer_seed, stage_seed
from openmm_cgpack.core.units import strip


def test_values_can_not_be_changed():
    model = body("a", 4, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "b"
    with pytest.raises(ValueError, match="read-only"):
        model.positions[0] = 1.0


def test_what_was_given_stays_the_users():
    positions = np.zeros((2, 3))
    structure = AtomicStructure(name="a", positions=positions, masses=[1.0, 1.0])
    positions[0] = 7.0
    assert not structure.positions.any()


def test_quantities_are_stripped_once():
    structure = AtomicStructure(
        name="a", positions=[[10.0, 0, 0]] * unit.angstrom, masses=[1.0] * unit.dalton
    )
    assert structure.positions[0, 0] == pytest.approx(1.0)
    assert strip(1.0 * unit.kilocalorie_per_mole) == pytest.approx(4.184)
    assert strip("plain") == "plain"


def model_with(**changes):
    fields = {"positions": np.eye(3), "radii": np.ones(3), "masses": np.ones(3), "volume": 1.0}
    return BallModel(name="m", **(fields | changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"positions": np.zeros((3, 2))}, r"m: positions: wanted shape \(any, 3\), got \(3, 2\)"),
        ({"positions": [[0, 0, np.nan]] * 3}, r"m: positions: wanted finite numbers, got nan"),
        ({"radii": [1, -2, 1]}, r"m: radii: wanted positive numbers, got -2 for ball 1"),
        ({"radii": [1, 2]}, r"m: radii: wanted shape \(3\), got \(2,\)"),
        ({"masses": [1, 0, 1]}, "m: masses: wanted positive numbers, got 0 for ball 1"),
        ({"bonds": [[0, 3]]}, "m: bonds: wanted balls 0 to 2, got 0 to 3"),
        ({"rigid_groups": ([0, 1], [1, 2])}, "each ball in one group at most"),
        ({"rigid_groups": ([0, 9],)}, "wanted balls 0 to 2"),
        ({"volume": 0.0}, "m: volume: wanted a positive number, got 0"),
        ({"bond_k": -1.0}, "bond_k: wanted a number >= 0"),
        ({"positions": np.empty((0, 3)), "radii": [], "masses": []}, "at least one ball"),
    ],
)
def test_bad_models_say_what_is_wrong(changes, match):
    with pytest.raises(ValueError, match=match):
        model_with(**changes)


@pytest.mark.parametrize("bonds", [[[0.5, 1]], [["a", "b"]]])
def test_bonds_are_whole_numbers(bonds):
    with pytest.raises(TypeError, match="m: bonds"):
        model_with(bonds=bonds)


def test_rest_values_are_those_of_the_positions():
    model = model_with(
        positions=[[1, 0, 0], [0, 0, 0], [0, 2, 0]], bonds=[[0, 1], [1, 2]], angles=[[0, 1, 2]]
    )
    np.testing.assert_allclose(model.bond_lengths, [1, 2])
    np.testing.assert_allclose(model.rest_angles, [np.pi / 2])


def test_one_index():
    scene, _ = random_scene(1)
    assert scene.offsets.tolist() == [0, 3, 6, 13, 20, 25, 30]
    for i in range(scene.n_instances):
        model, balls = scene.model(i), scene.balls(i)
        assert (scene.instance_of_ball[balls] == i).all()
        np.testing.assert_array_equal(scene.radii[balls], model.radii)
        np.testing.assert_array_equal(scene.masses[balls], model.masses)
        moved = scene.transforms[i].apply(model.positions)[0]
        np.testing.assert_allclose(scene.positions[balls], moved, atol=1e-12)
    lengths = np.linalg.norm(np.diff(scene.positions[scene.bonds], axis=1)[:, 0], axis=1)
    expected = np.concatenate([scene.model(i).bond_lengths for i in range(6)])
    np.testing.assert_allclose(lengths, expected)
    assert scene.ball_name(4) == "ball 2 of instance 2 (three)"


@pytest.mark.parametrize(
    ("species", "index", "match"),
    [
        ((chain(),), [], "at least one instance"),
        ((chain(),), [1], "species_index: wanted 0 to 0"),
        ((chain(), chain()), [0], "'chain' stands for 2 models"),
    ],
)
def test_bad_scenes_say_what_is_wrong(species, index, match):
    with pytest.raises(ValueError, match=match):
        Scene(species=species, species_index=index, transforms=RigidTransforms.identity(len(index)))


def test_grids_put_voxel_centres_where_they_say():
    grid = Grid(shape=(2, 3, 4), voxel_size=0.5, origin=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        grid.to_voxels(np.array([[1.0, 2.0, 3.0], [2.5, 3.0, 3.5]])), [[0, 0, 0], [3, 2, 1]]
    )
    np.testing.assert_allclose(grid.size, [2.0, 1.5, 1.0])


def test_volumes_hold_float32_and_labels_whole_numbers():
    volume = Volume(data=np.ones((2, 3, 4)), voxel_size=1.0, origin=np.zeros(3))
    assert volume.data.dtype == np.float32
    assert volume.grid.shape == (2, 3, 4)
    labels = LabelVolume(data=np.ones((2, 2, 2), int), voxel_size=1.0, origin=np.zeros(3))
    assert labels.data.dtype == np.uint32
    with pytest.raises(ValueError, match="finite"):
        Volume(data=np.full((1, 1, 1), np.inf), voxel_size=1.0, origin=np.zeros(3))
    with pytest.raises(ValueError, match="periodic: wanted true or false for x, y and z, got 5"):
        Volume(data=np.zeros((1, 1, 1)), voxel_size=1.0, origin=np.zeros(3), periodic=5)


def test_stages_draw_from_children_of_their_own():
    states = {
        tuple(stage_seed(seed, stage, index).generate_state(2))
        for seed in (0, 1)
        for stage in ("models", "placement", "dynamics", "noise")
        for index in (0, 1)
    }
    assert len(states) == 16
    assert 1 <= integer_seed(stage_seed(1, "noise")) < 2**31


def nouns():
    scene, positions = random_scene(3)
    grid = Grid(shape=(2, 3, 4), voxel_size=0.5, origin=np.zeros(3))
    on_grid = {"voxel_size": 0.5, "origin": np.zeros(3)}
    rows = dict.fromkeys(("radius_of_gyration", "fraction", "overlap", "energy"), np.zeros(500))
    history = History(step=np.arange(500), **rows)
    n = 1000
    table = ParticleTable(
        instance=np.arange(n),
        species=np.full(n, "a"),
        centre=np.zeros((n, 3)),
        radius=np.ones(n),
        rotation=np.tile(np.eye(3), (n, 1, 1)),
    )
    tilts = np.radians(np.arange(-60, 61))
    optics = TiltOptics(
        defocus_um=np.ones((121, 2)),
        astigmatism_angle=np.zeros(121),
        phase_shift=np.zeros(121),
        voltage_kv=300.0,
        cs_mm=2.7,
        amplitude_contrast=0.07,
        hand=-1,
    )
    return [
        scene,
        PackedScene(
            scene=scene,
            positions=positions,
            boundary=Periodic(box=(40, 50, 60.123456789)),
            history=history,
            provenance={"settings": "x" * 5000},
        ),
        AtomicStructure(name="s", positions=np.zeros((n, 3)), masses=np.ones(n)),
        scene.species[0],
        chain(),
        Volume(data=np.zeros(grid.shape), **on_grid),
        LabelVolume(data=np.zeros(grid.shape, int), names=("long name",) * 100, **on_grid),
        grid,
        RigidTransforms.identity(n),
        TiltSeries(
            images=np.zeros((121, 4, 4)),
            angles=tilts,
            pixel_size=0.5,
            dose_e_per_a2=np.ones(121),
            optics=optics,
        ),
        optics,
        table,
        Picks(positions=np.zeros((n, 3)), species=np.full(n, "a")),
        history,
        Obstacle(mask=np.zeros(grid.shape, bool), **on_grid),
        Curve(balls=np.arange(n), radius=2.0, density=800.0),
        Mesh(faces=np.zeros((n, 3), int), thickness=4.0, density=600.0),
        Line(points=np.zeros((n, 3)), radius=1.0),
        Surface(vertices=np.zeros((n, 3)), faces=np.zeros((n, 3), int)),
    ]


@pytest.mark.parametrize("noun", nouns(), ids=lambda noun: type(noun).__name__)
def test_a_repr_is_one_short_line(noun):
    text = repr(noun)
    assert text.startswith(f"{type(noun).__name__}(")
    assert len(text) < 200
    assert "\n" not in text


def test_a_repr_tells_what_a_person_wants_to_know():
    scene, _ = random_scene(3)
    assert f"{scene.n_instances} instances of {len(scene.species)} species" in repr(scene)
    volume = Volume(data=np.zeros((2, 3, 4)), voxel_size=0.5, origin=np.zeros(3))
    assert repr(volume) == "Volume(4 x 3 x 2 voxels of 0.5 nm, float32)"
    assert repr(RigidTransforms.identity(7)) == "RigidTransforms(7)"


@pytest.fixture
def table():
    return ParticleTable(
        instance=[1, 2, 3],
        species=["1f1b", "actin", "1f1b"],
        centre=[(5, 5, 5), (9, 5, 5), (1, 2, 3)],
        radius=[4, 6, 4],
        rotation=from_zyz([(0.1, 0.2, 0.3), (0, 1, 0), (1, 1, 1)]),
    )


def test_rows_of_a_table_are_chosen_as_people_expect(table):
    assert len(table) == 3
    one = table[-1]
    assert (one.instance, one.species, one.centre.tolist()) == (3, "1f1b", [1, 2, 3])
    chosen = {
        "1f1b": [1, 3],
        "actin": [2],
    }
    for name, instances in chosen.items():
        assert table[name].instance.tolist() == instances
    assert table[1:].instance.tolist() == [2, 3]
    assert table[table.radius < 5].instance.tolist() == [1, 3]
    assert table[[True, False, False]].instance.tolist() == [1]
    assert table[[2, 0]].instance.tolist() == [3, 1]
    assert len(table[[]]) == 0
    assert [row.instance for row in table] == [1, 2, 3]
    with pytest.raises(KeyError, match="species 'ribosome': is not here, only 1f1b, actin"):
        table["ribosome"]
    with pytest.raises(IndexError):
        table[3]
    with pytest.raises(IndexError):
        table[[True, False]]


def test_picks_without_species_have_rows_too():
    picks = Picks(positions=[(1, 2, 3), (4, 5, 6)], scores=[0.2, 0.9])
    assert picks[1].species is None
    assert picks[::-1].scores.tolist() == [0.9, 0.2]
    with pytest.raises(KeyError, match="the rows have none"):
        picks["actin"]


def test_tables_become_data_frames_and_back(table):
    pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert list(frame.columns) == [
        *("instance", "species", "x", "y", "z", "radius", "alpha", "beta", "gamma")
    ]
    assert frame.groupby("species").size().to_dict() == {"1f1b": 2, "actin": 1}
    rotations = from_zyz(frame[["alpha", "beta", "gamma"]].to_numpy())
    np.testing.assert_allclose(rotations, table.rotation, atol=1e-12)
