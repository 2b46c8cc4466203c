"""Scenes in files."""

import dataclasses
import io
import zipfile
from typing import ClassVar

import numpy as np
import pytest
from helpers import body, chain

from openmm_cgpack import Filament, as_packed, place
from openmm_cgpack.core import (
    AtomicStructure,
    BallModel,
    Curve,
    History,
    Mesh,
    Obstacle,
    Open,
    PackedScene,
    Periodic,
    RigidTransforms,
    Scene,
    Slab,
)
from openmm_cgpack.core.structure import ATOM_TABLE
from openmm_cgpack.io.files import write_npz
from openmm_cgpack.io.scenes import (
    FORMAT,
    FORMAT_VERSION,
    load_packed,
    load_scene,
    save_packed,
    save_scene,
)


def models():
    plain = body("plain", 4, 1)
    structure = AtomicStructure(
        name="s",
        positions=np.arange(6.0).reshape(2, 3),
        masses=[12.0, 16.0],
        elements=np.array(["C", "O"]),
        atom_table=np.array([("CA", "GLY", "A", 1), ("O", "HOH", "B-2", 2)], ATOM_TABLE),
        envelope_volume=0.5,
        point_variance=0.01,
        file_origin=[1.0, 2.0, 3.0],
        source="x.pdb",
    )
    common = {"radii": np.ones(3), "masses": np.ones(3), "volume": 2.0}
    sheet = Mesh(faces=[[0, 1, 2]], thickness=4.0, density=600.0)
    tube = Curve(balls=[0, 1, 2], radius=2.0, density=800.0)
    points = np.eye(3)
    return (
        plain,
        chain(),
        BallModel(name="molecule", positions=points, structure=structure, **common),
        BallModel(name="sheet", positions=points, geometry=sheet, **common),
        BallModel(name="tube", positions=points, geometry=tube, bonds=[[0, 1]], **common),
    )


@pytest.fixture
def packed():
    scene = Scene(
        species=models(),
        species_index=[0, 0, 1, 2, 3, 4],
        transforms=RigidTransforms.identity(6),
    )
    rows = {key: np.arange(3.0) for key in ("radius_of_gyration", "fraction", "overlap", "energy")}
    return PackedScene(
        scene=scene,
        positions=scene.positions + 1.0,
        boundary=Open(),
        history=History(step=[0, 5, 9], **rows),
        provenance={"seed": 1, "platform": "CPU"},
    )


def same(a, b):
    """Whether two frozen values hold the same, field by field."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(
            same(getattr(a, f), getattr(b, f)) for f in a.__dataclass_fields__
        )
    return a == b


def test_all_of_it_comes_back(tmp_path, packed):
    save_packed(tmp_path / "p.npz", packed)
    assert same(load_packed(tmp_path / "p.npz"), packed)
    assert same(load_scene(tmp_path / "p.npz"), packed.scene)
    save_scene(tmp_path / "s.npz", packed.scene)
    assert same(load_scene(tmp_path / "s.npz"), packed.scene)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Channel(Periodic):
    """A boundary of a user's own: it repeats along x only."""

    kind: ClassVar[str] = "test-channel"
    periodic: ClassVar[np.ndarray] = np.array([True, False, False])
    lining: str = "none"


def test_a_boundary_of_a_users_own_comes_back(tmp_path, packed):
    channel = Channel(box=(30.0, 20.0, 25.0), lining="lipid")
    smaller = channel.scaled([0.5, 1, 1])
    assert smaller == Channel(box=(15.0, 20.0, 25.0), lining="lipid")
    scene = dataclasses.replace(packed.scene, boundary=channel)
    save_packed(tmp_path / "p.npz", dataclasses.replace(packed, scene=scene, boundary=smaller))
    again = load_packed(tmp_path / "p.npz")
    assert (again.scene.boundary, again.boundary) == (channel, smaller)


def test_equal_scenes_give_equal_bytes(tmp_path, packed):
    save_packed(tmp_path / "a.npz", packed)
    save_packed(tmp_path / "b.npz", packed)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_scene_is_no_packed_scene(tmp_path, packed):
    save_scene(tmp_path / "s.npz", packed.scene)
    with pytest.raises(ValueError, match="wanted a packed scene, got a scene"):
        load_packed(tmp_path / "s.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short"])
def test_files_of_others_are_named(tmp_path, content):
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"s\.npz: wanted a scene of openmm_cgpack"):
        load_scene(path)


def test_arrays_of_others_are_named(tmp_path):
    np.savez(tmp_path / "s.npz", header=np.zeros(3))
    with pytest.raises(ValueError, match=r"s\.npz: wanted a scene"):
        load_scene(tmp_path / "s.npz")


@pytest.mark.parametrize("boundary", [Periodic(box=(30.0, 20.0, 25.0)), Slab(box=40.0)])
def test_boxes_fixed_instances_and_obstacles_are_kept(tmp_path, packed, boundary):
    mask = np.random.default_rng(1).random((3, 4, 5)) < 0.5
    obstacle = Obstacle(mask=mask, voxel_size=0.5, origin=[1.0, 2.0, 3.0], beyond=True)
    fixed = np.arange(6) == 2
    scene = dataclasses.replace(packed.scene, boundary=boundary, fixed=fixed, obstacle=obstacle)
    smaller = boundary.scaled([0.9, 0.9, 0.8])
    save_packed(tmp_path / "a.npz", dataclasses.replace(packed, scene=scene, boundary=smaller))
    read = load_packed(tmp_path / "a.npz")
    assert read.scene.boundary == boundary
    assert read.boundary == smaller
    assert read.scene.fixed.tolist() == fixed.tolist()
    assert read.scene.obstacle.beyond
    np.testing.assert_array_equal(read.scene.obstacle.mask, mask)
    np.testing.assert_array_equal(read.scene.obstacle.origin, obstacle.origin)


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, FORMAT_VERSION + 1])
def test_a_file_of_another_version_is_named(version, tmp_path):
    path = tmp_path / "other.npz"
    write_npz(path, {"kind": "packed scene"}, {}, kind=FORMAT, version=version)
    with pytest.raises(
        ValueError, match=rf"other.npz: wanted .* version {FORMAT_VERSION}, got .* {version}"
    ):
        load_packed(path)


def rewritten(path, change):
    """Write the members of an archive anew, with a change to them by name."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def array_bytes(array):
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


def claims(shape):
    """Return the head of an array of a shape, and none of its numbers."""
    held = io.BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(held, head)
    return held.getvalue()


POSITIONS = "packed/positions.npy"
BROKEN = {
    "lost": lambda m: m.pop(POSITIONS),
    "of another type": lambda m: m.update({POSITIONS: array_bytes(np.array("text"))}),
    "of another shape": lambda m: m.update({POSITIONS: array_bytes(np.zeros(3))}),
    "of other numbers": lambda m: m.update({POSITIONS: array_bytes(np.zeros((10, 3)))}),
    "larger than memory": lambda m: m.update({POSITIONS: claims((10**13, 3))}),
    "of negative size": lambda m: m.update({POSITIONS: claims((-1, 3))}),
    "no array": lambda m: m.update({POSITIONS: b"x"}),
    "without header": lambda m: m.pop("header.npy"),
    "header of text": lambda m: m.update({"header.npy": array_bytes(np.array("{}"))}),
    "header of a list": lambda m: m.update(
        {"header.npy": array_bytes(np.frombuffer(b"[1]", np.uint8))}
    ),
    "header nested deeply": lambda m: m.update(
        {"header.npy": array_bytes(np.frombuffer(b"[" * 10**5, np.uint8))}
    ),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_scene_is_said_in_one_line(change, tmp_path):
    path = tmp_path / "broken.npz"
    save_packed(path, as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1)))
    rewritten(path, change)
    with pytest.raises(
        ValueError, match=r"broken\.npz: wanted a scene of openmm_cgpack: "
    ) as caught:
        load_packed(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_nobody_asked_for_is_not_read(tmp_path):
    path = tmp_path / "a.npz"
    save_packed(path, as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1)))
    rewritten(path, lambda m: m.update({"more.npy": claims((10**13, 3)), "other": b"x"}))
    assert load_packed(path).scene.n_instances == 2
