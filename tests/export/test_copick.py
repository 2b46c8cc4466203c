"""Projects that copick opens, and meshes."""

import json
import struct

import numpy as np
import pytest
import world

from openmm_cgpack.export import Copick, Relion5
from openmm_cgpack.export.truth import plain_name, unique_names
from openmm_cgpack.io.balls_and_meshes import write_glb
from openmm_cgpack.io.zarr_images import read_ome_zarr

CONFIG = "copick_config.json"
VOXEL = 10 * world.GRID.voxel_size


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copick") / "project"
    return Copick().save(folder, world.molecules()[1]) / CONFIG


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copick") / "project"
    return Copick().save(folder, world.everything()[1]) / CONFIG


def open_run(config):
    copick = pytest.importorskip("copick")
    root = copick.from_file(str(config))
    return root, root.get_run("world")


def poses_of(root, run):
    poses = []
    for picks in run.picks:
        name = root.get_object(picks.pickable_object_name).metadata["species"]
        points, transforms = picks.numpy()
        centres = points + transforms[:, :3, 3]
        poses += [(name, c, t[:3, :3]) for c, t in zip(centres, transforms, strict=True)]
    return poses


def test_molecules_at_the_picks_read_are_the_density(simple):
    root, run = open_run(simple)
    poses = poses_of(root, run)
    assert len(poses) == 3
    (spacing,) = run.voxel_spacings
    assert spacing.voxel_size == pytest.approx(VOXEL)
    assert sorted(t.tomo_type for t in spacing.tomograms) == ["density", "tomogram"]
    (density,) = spacing.get_tomograms("density")
    density = density.numpy()
    assert density.dtype == np.float32
    assert world.agreement(poses, density, VOXEL) > 0.99
    for name, wrong in world.wrong_worlds(poses, density.shape, VOXEL):
        assert world.agreement(wrong, density, VOXEL) < 0.98, name


def test_masks_and_picks_have_the_same_numbers(full):
    root, run = open_run(full)
    truth = world.everything()[1]
    multilabel = run.get_segmentations(is_multilabel=True)
    assert [s.name for s in multilabel] == ["all"]
    semantic = multilabel[0].numpy()
    assert (semantic == truth.semantic.data).all()
    seen = {}
    for segmentation in run.get_segmentations(is_multilabel=None, is_instance=True):
        data = segmentation.numpy()
        label = root.get_object(segmentation.name).label
        assert ((data > 0) == (semantic == label)).all()
        assert (data[data > 0] == truth.instances.data[data > 0]).all()
        seen[segmentation.name] = set(np.unique(data)) - {0}
        (binary,) = run.get_segmentations(name=segmentation.name, is_multilabel=False)
        assert (binary.numpy() == (data > 0)).all()
    assert seen == {"one-A": {1, 5}, "filament": {2, 7}, "two-of-them": {3}, "membrane": {4}}
    for picks in run.picks:
        numbers = {point.instance_id for point in picks.points}
        assert numbers == seen[picks.pickable_object_name]


def test_picks_along_filaments_are_in_their_masks(full):
    _, run = open_run(full)
    instances = world.everything()[1].instances.data
    (picks,) = run.get_picks(object_name="filament")
    for number in (2, 7):
        mine = [point.location for point in picks.points if point.instance_id == number]
        # The outermost lie on the flat ends of the tube.
        places = np.array([[at.z, at.y, at.x] for at in mine[1:-1]]) / VOXEL
        assert (instances[tuple(np.rint(places).astype(int).T)] == number).all()


def test_filaments(full):
    root, run = open_run(full)
    packed, _ = world.everything()
    (filaments,) = run.filaments
    assert root.get_object("filament").is_filament
    assert root.get_object("filament").radius == pytest.approx(18.0)
    assert [f.instance_id for f in filaments.filaments] == [2, 7]
    for filament in filaments.filaments:
        points = np.array(filament.points)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert steps.max() <= VOXEL + 1e-6
        # Five balls in a row with a radius of 1.8 nm: a tube of 18 nm from end to end.
        assert steps.sum() == pytest.approx(180, rel=1e-4)
        balls = packed.positions[packed.scene.balls(filament.instance_id - 1)] - world.GRID.origin
        nearest = np.linalg.norm(points[None] - 10 * balls[:, None], axis=2).min(axis=1)
        assert nearest.max() < VOXEL / 2 + 0.1


def test_meshes(full):
    pytest.importorskip("trimesh")
    _, run = open_run(full)
    _, truth = world.everything()
    (mesh,) = run.meshes
    assert mesh.pickable_object_name == "membrane"
    scene = mesh.mesh
    (name,) = scene.geometry
    assert name == "instance-4"
    geometry = scene.geometry[name]
    assert geometry.area == pytest.approx(100 * 14 * 21, rel=1e-3)
    # All of it but its rim is in the membrane's mask, and not in that of a transposed world.
    rim = np.unique(geometry.outline().referenced_vertices)
    inner = np.delete(geometry.vertices, rim, axis=0) / VOXEL
    assert len(inner) > 70
    assert (values_at(truth.instances.data, inner[:, ::-1]) == 4).mean() > 0.95
    for wrong in (inner[:, [2, 0, 1]], inner[:, [1, 2, 0]]):
        assert (values_at(truth.instances.data, wrong) == 4).mean() < 0.7


def values_at(data, places):
    index = np.rint(places).astype(int)
    inside = ((index >= 0) & (index < data.shape)).all(axis=1)
    values = np.zeros(len(index), int)
    values[inside] = data[tuple(index[inside].T)]
    return values


def test_names_that_copick_refuses_are_kept_in_metadata(full):
    root, _ = open_run(full)
    assert [o.name for o in root.pickable_objects] == [
        "one-A",
        "filament",
        "two-of-them",
        "membrane",
    ]
    assert [o.metadata["species"] for o in root.pickable_objects][2] == "two of them"
    assert [o.is_particle for o in root.pickable_objects] == [True, True, True, False]


def test_copick_writes_relion_as_we_do(simple, tmp_path):
    formats = pytest.importorskip("copick.util.formats")
    from openmm_cgpack.io.star import read_star

    truth = world.molecules()[1]
    Relion5().write(tmp_path, truth)
    table = read_star(tmp_path / "particles.star")["particles"]
    transforms = np.tile(np.eye(4), (3, 1, 1))
    transforms[:, :3, :3] = truth.particles.rotation
    theirs = formats.build_relion_particles_df(
        10 * truth.particles.centre,
        transforms,
        tomogram_center=10 * truth.grid.size / 2,
        tilt_series_pixel_size=VOXEL,
    )
    for column in theirs:
        ours = np.array(table[column], float)
        assert ours == pytest.approx(theirs[column].to_numpy(float), abs=1e-4), column


def test_more_objects_than_sixteen_bits_hold(tmp_path):
    from dataclasses import replace

    truth = world.molecules()[1]
    numbers = truth.instances.data.astype(np.uint32)
    numbers[numbers == 3] = 70_000
    table = replace(truth.particles, instance=[1, 2, 70_000])
    large = replace(truth, instances=replace(truth.instances, data=numbers), particles=table)
    Copick().save(tmp_path / "p", large)
    folder = tmp_path / "p" / "ExperimentRuns" / "world" / "InstanceSegmentations"
    mask = read_ome_zarr(folder / f"{VOXEL:.3f}_cgpack_0_one-A.zarr")
    assert mask.data.dtype == np.uint32
    assert mask.data.max() == 70_000
    from openmm_cgpack.io import write_mrc

    with pytest.raises(ValueError, match="wanted labels up to 65535, as MRC holds, got 70000"):
        write_mrc(tmp_path / "a.mrc", large.instances)


def test_glb_by_hand(tmp_path):
    """Chunks and lengths by the standard; numbers back to what they were."""
    surfaces = world.everything()[1].surfaces
    meshes = {i: (surface.vertices, surface.faces) for i, surface in surfaces.items()}
    write_glb(tmp_path / "a.glb", meshes)
    raw = (tmp_path / "a.glb").read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sII I4s", raw[:20])
    assert (magic, version, length, kind) == (b"glTF", 2, len(raw), b"JSON")
    assert size % 4 == 0
    head = json.loads(raw[20 : 20 + size])
    assert head["meshes"][0]["extras"] == {"instance_id": 4}
    view = head["bufferViews"][head["accessors"][0]["bufferView"]]
    start = 28 + size + view["byteOffset"]
    vertices = np.frombuffer(raw[start : start + view["byteLength"]], "<f4").reshape(-1, 3)
    assert vertices == pytest.approx(10 * surfaces[4].vertices, rel=1e-5)


def test_names():
    assert plain_name(" a_b/c ") == "a-b-c"
    assert len({n.lower() for n in unique_names(["a b", "a_b", "A-b", "a-b-2"]).values()}) == 4
    with pytest.raises(ValueError, match="wanted one with letters"):
        plain_name("__")


def test_names_are_what_copick_takes():
    escape = pytest.importorskip("copick.util.escape")
    for name in ("70S ribosome_1", "a:b*c?", "x<y>|z", "Ä_ß", "tab\tand\x7f"):
        assert plain_name(name) == escape.sanitize_name(name, suppress_warnings=True)
