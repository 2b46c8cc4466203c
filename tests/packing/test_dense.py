"""Packing to a volume fraction: each protocol on small scenes."""

import dataclasses
from contextlib import nullcontext

import numpy as np
import pytest
from dense_scenes import BY_DYNAMICS, atoms, blob, closest_atoms
from helpers import PLATFORMS

from openmm_cgpack.core import (
    Grid,
    Obstacle,
    Open,
    PackingError,
    Periodic,
    PlacementError,
    RigidTransforms,
    Slab,
)
from openmm_cgpack.models import Filament
from openmm_cgpack.packing import (
    ClashRemoval,
    Compression,
    Dense,
    Insertion,
    Placement,
    Run,
    Start,
    as_packed,
    box_fraction,
    compress,
    crowding_series,
    fit_box,
    fit_counts,
    insert,
    overlaps,
    pack_scene,
    place,
    remove_clashes,
)
from openmm_cgpack.packing.clashes import check_clear
from openmm_cgpack.poses import extract_transforms

TWO = [(blob("a"), 12), (blob("b", 2, n=250), 12)]


@pytest.fixture(scope="module")
def start():
    return insert(TWO, fraction=0.15, seed=1)


def test_insertion_keeps_counts_fraction_and_distances(start):
    assert np.bincount(start.species_index).tolist() == [12, 12]
    assert box_fraction(start, start.boundary) == pytest.approx(0.15, rel=1e-9)
    # Voxels are 0.5 nm; atoms at their edges come closer than that.
    assert closest_atoms(as_packed(start)) > 0.05
    assert np.abs(start.transforms.translations).max() <= start.boundary.box[0] / 2


def test_insertion_repeats(start):
    again = insert(TWO, fraction=0.15, seed=1)
    np.testing.assert_array_equal(again.transforms.translations, start.transforms.translations)
    other = insert(TWO, fraction=0.15, seed=2)
    assert not np.array_equal(other.transforms.translations, start.transforms.translations)


def test_insertion_says_when_there_is_no_room():
    with pytest.raises(PlacementError, match=r"no room: \d+ of 24 instances fit into") as caught:
        insert(TWO, fraction=0.8, seed=1)
    assert 0.1 < caught.value.fraction < 0.8
    # A start in a box of its own is as full as it can.
    few, slab = Insertion(tries=300), fit_box(TWO, fraction=0.25, shape=Slab(box=(2, 2, 1)))
    with pytest.raises(PlacementError):
        insert(TWO, few, boundary=slab, seed=1)
    begun = Start(boundary="slab", insertion=few).scene(TWO, fraction=0.3, seed=1)
    assert 0.05 < box_fraction(begun, begun.boundary) < 0.25


def test_contradictions_show_the_arithmetic():
    volume = sum(model.volume * count for model, count in TWO)
    with pytest.raises(ValueError, match=rf"contradict.*{volume:.4g} nm\^3 in 20 x 20 x 20 = 8000"):
        insert(TWO, boundary=Periodic(box=20.0), fraction=0.3, seed=1)
    with pytest.raises(ValueError, match="wanted a boundary or a fraction"):
        insert(TWO, seed=1)
    with pytest.raises(ValueError, match="got Open"):
        insert(TWO, boundary=Open(), seed=1)


def test_two_of_counts_box_and_fraction_give_the_third():
    box = fit_box(TWO, fraction=0.2, shape=Slab(box=(2, 2, 1)))
    assert isinstance(box, Slab)
    assert box.box[0] == pytest.approx(2 * box.box[2])
    counts = fit_counts([(model, 1.0) for model, _ in TWO], fraction=0.2, boundary=box)
    assert [count for _, count in counts] == [12, 12]
    with pytest.raises(ValueError, match="contradict"):
        fit_counts([(TWO[0][0], 1.0)], fraction=0.2, boundary=Periodic(box=4.0))
    grid = Grid(shape=(8, 8, 8), voxel_size=1.0, origin=[-3.5] * 3)
    block = Obstacle(mask=np.ones(grid.shape, bool), voxel_size=1.0, origin=grid.origin)
    larger = fit_box(TWO, fraction=0.2, obstacle=block)
    assert larger.volume == pytest.approx(fit_box(TWO, fraction=0.2).volume + 512)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_compression_reaches_the_fraction_and_keeps_bodies(start, platform):
    packed = compress(start, fraction=0.3, run=Run(platform=platform), seed=1)
    assert packed.scene.n_instances == 24
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.3, rel=0.005)
    assert packed.history.fraction[-1] == pytest.approx(0.3, rel=0.005)
    poses = extract_transforms(packed)
    assert poses.rms.max() < 1e-4
    assert not poses.mirrored.any()
    means = poses.positions
    assert (np.abs(means) <= np.array(packed.boundary.box) / 2 + 1e-6).all()
    depth = overlaps(packed.scene, packed.positions, boundary=packed.boundary)[1]
    assert depth.max(initial=0.0) < 0.3


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pack_scene_ends_at_the_fraction_with_no_atom_in_another(platform):
    scene = place(TWO, boundary=Periodic(box=20.0), seed=1)
    protocol = Dense(fraction=0.3, squeeze=BY_DYNAMICS)
    packed = pack_scene(scene, protocol, run=Run(platform=platform), seed=1)
    assert packed.provenance["platform"] == platform
    assert packed.scene.n_instances == 24
    assert packed.scene.species_index.tolist() == scene.species_index.tolist()
    volume = sum(model.volume * count for model, count in TWO)
    assert volume / packed.boundary.volume == pytest.approx(0.3, rel=0.005)
    assert packed.provenance["clash_removal"]["points_too_close"] == 0
    assert closest_atoms(packed) > 0.25


def test_clash_removal_keeps_bodies_and_says_what_it_left(start):
    # Bodies at opposite faces of the smaller box stand in each other.
    packed = dataclasses.replace(as_packed(start), boundary=start.boundary.scaled([0.9] * 3))
    assert closest_atoms(packed) < 0.2
    unfinished, cleared = remove_clashes(packed, ClashRemoval(max_steps=3)), remove_clashes(packed)
    for some in (unfinished, cleared):
        closest = min(closest_atoms(some), 0.28)
        assert closest == pytest.approx(some.provenance["clash_removal"]["closest"], abs=1e-4)
    assert cleared.provenance["clash_removal"]["points_too_close"] == 0
    assert unfinished.provenance["clash_removal"]["points_too_close"] > 0
    assert extract_transforms(cleared).rms.max() < 1e-4
    moved = cleared.boundary.minimum_image(cleared.positions - packed.positions)
    assert np.abs(moved).max() < 2.0


def test_atoms_left_in_each_other_are_a_failure_unless_they_are_tolerated(start):
    left = ClashRemoval(max_steps=0, distance=0.9, closest=0.85)
    protocol = Dense(fraction=0.3, squeeze=BY_DYNAMICS, clash_removal=left)
    with pytest.raises(PackingError, match=r"atoms of \d+ instances are within 0\.85 nm") as caught:
        pack_scene(start, protocol, run=Run(platform="CPU"), seed=1)
    best = caught.value.best
    record = best.provenance["clash_removal"]
    assert box_fraction(best.scene, best.boundary) == pytest.approx(0.3)
    assert closest_atoms(best) == pytest.approx(record["closest"], abs=1e-4)
    assert record["steps"] == 0
    # Beyond 0.33 a few may stay, if they are not too deep.
    for few, closest, fraction, fails in (
        (1, 0.2, 0.33, True),
        (1, 0.2, 0.4, False),
        (1, 0.14, 0.4, True),
        (10, 0.2, 0.4, True),
    ):
        found = record | {"points": 20_000, "points_too_close": few, "closest": closest}
        packed = dataclasses.replace(
            best,
            history=dataclasses.replace(best.history, fraction=[fraction] * len(best.history.step)),
            provenance={"clash_removal": found},
        )
        check_clear(packed, ClashRemoval(tolerated=1.0))
        with pytest.raises(PackingError) if fails else nullcontext():
            check_clear(packed, ClashRemoval())


@pytest.mark.parametrize(
    ("platform", "compression"),
    # Where it jams it takes long, and where its steps run out it need not.
    [("CPU", Compression()), *((platform, Compression(max_steps=1500)) for platform in PLATFORMS)],
)
def test_an_impossible_fraction_fails_and_keeps_the_best(start, platform, compression):
    protocol = Dense(fraction=0.95, compression=compression)
    with pytest.raises(PackingError, match=r"a fraction of 0.95 was not reached") as caught:
        pack_scene(start, protocol, run=Run(platform=platform), seed=1)
    best = caught.value.best
    assert 0.3 < box_fraction(best.scene, best.boundary) < 0.95
    assert best.scene.n_instances == 24


def test_bodies_far_apart_have_no_clashes():
    for count, fraction in ((1, 0.05), (2, 0.001)):
        cleared = remove_clashes(insert([(blob("a"), count)], fraction=fraction, seed=1))
        assert cleared.provenance["clash_removal"]["steps"] <= 1
        assert cleared.provenance["clash_removal"]["points_too_close"] == 0


def test_a_box_too_small_for_its_balls_is_a_fraction_not_reached():
    two = insert([(blob("a"), 2)], fraction=0.02, seed=1)
    with pytest.raises(
        PackingError, match="too few molecules for the size of their balls"
    ) as caught:
        compress(two, fraction=0.9, run=Run(platform="CPU"), seed=1)
    assert 0.02 < box_fraction(two, caught.value.best.boundary) < 0.9


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_series_has_the_same_molecules_at_each_fraction(platform):
    scene = place(TWO, boundary=Periodic(box=25.0), seed=1)
    protocol = Dense(squeeze=BY_DYNAMICS)
    series = crowding_series(scene, [0.1, 0.2, 0.3], protocol, run=Run(platform=platform), seed=1)
    assert [box_fraction(p.scene, p.boundary) for p in series] == pytest.approx([0.1, 0.2, 0.3])
    assert len({p.scene.species_index.tobytes() for p in series}) == 1
    with pytest.raises(ValueError, match="rising"):
        crowding_series(scene, [0.3, 0.2], seed=1)
    with pytest.raises(ValueError, match="means nothing beside fractions"):
        crowding_series(scene, [0.1, 0.2], Dense(fraction=0.3), seed=1)


def test_boundary_and_fraction_go_together(start):
    with pytest.raises(ValueError, match="Dense: is for scenes in a Periodic or Slab boundary"):
        pack_scene(place(TWO, seed=1), Dense(fraction=0.3), seed=1)
    with pytest.raises(ValueError, match="compress: is for scenes in a Periodic or Slab"):
        compress(place(TWO, seed=1), fraction=0.3, seed=1)
    with pytest.raises(ValueError, match="Pull is for open scenes"):
        pack_scene(start, seed=1)
    with pytest.raises(ValueError, match=r"^fraction: wanted a number > 0 and < 1, got 1\.5"):
        Dense(fraction=1.5)
    with pytest.raises(ValueError, match="only shrinks"):
        compress(start, fraction=0.1, seed=1)


def test_without_a_fraction_the_box_stays_as_it_is(start):
    packed = pack_scene(start, Dense(), run=Run(platform="CPU"), seed=1)
    assert packed.boundary == start.boundary
    # All keep apart as they are.
    assert np.array_equal(packed.positions, start.positions)
    assert closest_atoms(packed) > 0.25


def test_a_box_that_meets_the_fraction_is_kept(start):
    own = box_fraction(start, start.boundary)
    for factor, kept in ((1.004, True), (0.996, True), (1.006, False)):
        packed = pack_scene(start, Dense(fraction=factor * own), seed=1)
        assert (packed.boundary == start.boundary) == kept


def test_what_insertion_reaches_is_not_touched_again(start):
    seen = []
    packed = pack_scene(start, Dense(fraction=0.22), seed=1, watch=lambda b: seen.append(b.stage))
    assert set(seen) == {"insertion"}
    assert packed.provenance["insertion"]["fraction"] == 0.22
    assert closest_atoms(packed) > 0.25
    # What bends is to bend.
    soft = [*TWO, (Filament(n_balls=4, radius=0.5).build(), 2)]
    scene = place(soft, boundary=Periodic(box=25.0), seed=1)
    packed = pack_scene(scene, Dense(fraction=0.1), run=Run(platform="CPU"), seed=1)
    assert {"insertion", "compression", "clash_removal"} <= set(packed.provenance)


def test_settings_reach_their_stages(start):
    protocol = Dense(
        fraction=0.3,
        squeeze=BY_DYNAMICS,
        compression=Compression(gap=0.0, block=10),
        clash_removal=ClashRemoval(max_steps=0, tolerated=1.0),
    )
    steps = []
    packed = pack_scene(
        start, protocol, run=Run(platform="CPU"), seed=1, watch=lambda b: steps.append(b.steps)
    )
    assert set(steps) == {0, 10}
    assert packed.provenance["clash_removal"]["steps"] == 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_slab_keeps_everything_between_its_walls(platform):
    scene = insert(TWO, boundary=fit_box(TWO, fraction=0.1, shape=Slab(box=(3, 3, 1))), seed=1)
    protocol = Dense(fraction=0.3, squeeze=BY_DYNAMICS)
    packed = pack_scene(scene, protocol, run=Run(platform=platform), seed=1)
    assert isinstance(packed.boundary, Slab)
    height = packed.boundary.box[2]
    highest = max(np.abs(points[:, 2]).max() for points in atoms(packed))
    assert highest < height / 2 + 0.05
    assert packed.boundary.box[0] == pytest.approx(3 * height)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_fixed_instances_and_the_obstacle_are_respected(platform):
    grid = Grid(shape=(24, 24, 24), voxel_size=0.25, origin=[-2.875] * 3)
    obstacle = Obstacle.inside_of(lambda points: np.linalg.norm(points, axis=1) < 2.5, grid)
    pose = RigidTransforms(rotations=np.eye(3)[None], translations=[[4.5, 0.0, 0.0]])
    scene = insert(
        TWO,
        boundary=Periodic(box=16.0),
        obstacle=obstacle,
        poses=[(TWO[0][0], pose)],
        fixed=True,
        seed=1,
    )
    assert scene.fixed.sum() == 1
    protocol = Dense(fraction=0.25, squeeze=BY_DYNAMICS)
    dense = pack_scene(scene, protocol, run=Run(platform=platform), seed=1)
    # Inserted to the precision of voxels, cleared to that of atoms.
    for packed, slack in ((as_packed(scene), 0.87), (dense, 0.2)):
        poses = extract_transforms(packed)
        # A GPU has its place in single precision.
        off = 1e-9 if platform in ("CPU", "Reference") else 1e-6
        np.testing.assert_allclose(poses.transforms.translations[-1], [4.5, 0, 0], atol=off)
        nearest = min(
            np.linalg.norm(packed.boundary.wrap(points), axis=1).min() for points in atoms(packed)
        )
        assert nearest > 2.5 - slack
    assert box_fraction(packed.scene, packed.boundary) == pytest.approx(0.25, rel=0.005)
    room = packed.boundary.volume - obstacle.volume_in(packed.boundary.box)
    assert packed.scene.volume / room == pytest.approx(0.25, rel=0.005)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_spans_the_box_keeps_its_length(platform):
    rod = dataclasses.replace(Filament(n_balls=8, radius=1.0, persistence_length=1000.0).build())
    pose = RigidTransforms(rotations=np.eye(3)[None], translations=[[0.0, 0.0, 0.0]])
    scene = place(TWO, boundary=Periodic(box=17.0), poses=[(rod, pose)], seed=1)
    packed = compress(scene, fraction=0.25, run=Run(platform=platform), seed=1)
    balls = packed.positions[packed.scene.balls(packed.scene.n_instances - 1)]
    assert np.linalg.norm(balls[-1] - balls[0]) == pytest.approx(14.0, rel=0.02)
    assert packed.boundary.box[2] > 15.5
    assert packed.boundary.box[0] < 15


def test_placing_in_a_box_sees_images():
    scene = place(TWO, boundary=Periodic(box=14.0), seed=1)
    pairs, _ = overlaps(scene, scene.positions)
    assert len(pairs) == 0
    positions = scene.positions
    offset = scene.boundary.minimum_image(positions[:, None] - positions[None])
    gap = np.linalg.norm(offset, axis=2) - scene.radii[:, None] - scene.radii
    gap[scene.instance_of_ball[:, None] == scene.instance_of_ball] = 1
    assert gap.min() >= 0
    with pytest.raises(PlacementError, match="or use insert"):
        place(TWO, boundary=Periodic(box=6.0), seed=1)
    with pytest.raises(ValueError, match="extent"):
        place(TWO, Placement(extent=10), boundary=Periodic(box=20.0), seed=1)


def test_overlaps_across_the_boundary_are_those_of_a_shifted_scene(start):
    rng = np.random.default_rng(1)
    squeezed = Periodic(box=np.array(start.boundary.box) * 0.75)
    positions = start.positions
    one = overlaps(start, positions, boundary=squeezed)[1]
    shift = rng.uniform(-20, 20, 3)
    other = overlaps(start, positions + shift, boundary=squeezed)[1]
    assert len(one) > 0
    np.testing.assert_allclose(np.sort(one), np.sort(other), atol=1e-9)
