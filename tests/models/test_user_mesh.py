import gzip

import numpy as np
import pytest

from openmm_cgpack import MeshFile, UserMesh, mesh_membrane
from openmm_cgpack.models.triangulation import area_of, edges_of, volume_of
from openmm_cgpack.models.user_mesh import checked_surface

CORNERS = 25.0 * np.array(list(np.ndindex(2, 2, 2)))
SIDES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
CUBE = np.array([face for a, b, c, d in SIDES for face in ([a, b, c], [a, c, d])])


def torus(large, small, n=24, m=12):
    i, j = np.divmod(np.arange(n * m), m)
    u, v = 2 * np.pi * i / n, 2 * np.pi * j / m
    out = large + small * np.cos(v)
    points = np.stack([out * np.cos(u), out * np.sin(u), small * np.sin(v)], axis=1)
    a, b = i * m + j, (i + 1) % n * m + j
    d, c = i * m + (j + 1) % m, (i + 1) % n * m + (j + 1) % m
    return points, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def obj(vertices, faces):
    lines = [f"v {x} {y} {z}" for x, y, z in vertices]
    lines += ["f " + " ".join(str(v + 1) for v in face) for face in faces]
    return "\n".join(["mtllib none.mtl", *lines, ""])


def ply(vertices, faces):
    head = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    head += [f"property float {axis}" for axis in "xyz"]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    lines = [f"{x} {y} {z}" for x, y, z in vertices] + [f"3 {a} {b} {c}" for a, b, c in faces]
    return "\n".join([*head, *lines, ""])


def stl(vertices, faces):
    lines = []
    for face in faces:
        lines += ["facet normal 0 0 0", "outer loop"]
        lines += ["vertex {} {} {}".format(*vertices[v]) for v in face]
        lines += ["endloop", "endfacet"]
    return "\n".join(["solid cube", *lines, "endsolid cube", ""])


@pytest.mark.parametrize("write", [obj, ply, stl])
def test_files_become_membranes(write, tmp_path):
    path = tmp_path / f"my cell.{write.__name__}"
    # in Å, and half of the faces turned over
    turned = np.where((np.arange(12) % 2 == 0)[:, None], CUBE, CUBE[:, ::-1])
    path.write_text(write(10 * CORNERS, turned), encoding="utf-8")
    mesh = MeshFile(file=path, scale=0.1, edge=6)
    assert mesh.label == "my cell"
    model = mesh.build()
    assert model.is_closed
    corners = model.positions[model.faces]
    # corners and edges of the cube become round
    assert 0.87 * 25**3 < volume_of(corners) < 25**3
    assert 0.8 * 6 * 25**2 < area_of(corners) < 6 * 25**2
    lengths = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    assert lengths.mean() == pytest.approx(6, rel=0.1)
    assert lengths.std() < 0.2 * 6
    valences = np.bincount(edges_of(model.faces).ravel())
    assert np.isin(valences, (5, 6, 7)).mean() > 0.95
    # on the cube's sides, but for what is sharper than the mesh
    from_middle = np.abs(model.positions - (model.positions.max(0) + model.positions.min(0)) / 2)
    off = np.abs(from_middle.max(axis=1) - 12.5)
    assert np.median(off) < 0.7
    assert off.max() < 6 / 2


def test_a_packed_file_of_a_coarse_one(tmp_path):
    path = tmp_path / "cube.OBJ.gz"
    path.write_bytes(gzip.compress(obj(CORNERS, [*SIDES[:5], *CUBE[10:]]).encode()))
    assert MeshFile(file=path, edge=6).build().is_closed


def test_a_torus_of_arrays_keeps_its_hole():
    vertices, faces = torus(20, 11)
    model = mesh_membrane(vertices, faces, UserMesh(edge=5.5, name="ring"))
    assert model.name == "ring"
    assert model.is_closed
    assert model.n_balls - len(edges_of(model.faces)) + len(model.faces) == 0
    assert model.elasticity.volume == pytest.approx(volume_of(vertices[faces]), rel=0.06)
    # it has waves like all others
    shape = UserMesh(edge=5.5).start_shape(model, seed=1)
    assert 0.1 < (shape - model.positions).std() < 2


def test_a_patch_keeps_its_rim():
    x, y = np.divmod(np.arange(16), 4)
    vertices = 14.0 * np.stack([x, y, 0 * x], axis=1)
    corner = np.flatnonzero((x < 3) & (y < 3))
    faces = np.concatenate(
        [
            np.stack([corner, corner + 4, corner + 5], 1),
            np.stack([corner, corner + 5, corner + 1], 1),
        ]
    )
    model = mesh_membrane(vertices, faces, UserMesh(rim=True))
    assert not model.is_closed
    assert model.elasticity.volume is None
    assert area_of(model.positions[model.faces]) == pytest.approx(42**2, rel=0.01)
    assert np.ptp(model.positions[:, 0]) == pytest.approx(42)


MOEBIUS = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 0, 1]])
TWO = np.concatenate([CUBE, CUBE + 8])


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS, np.empty((0, 3), int), "wanted a triangle mesh, got no triangles with an area"),
        (CORNERS, [[0, 0, 1]], "got no triangles with an area"),
        (CORNERS, [[0, 1, 8]], "faces: wanted vertices 0 to 7, got 8"),
        (CORNERS * [1, 1, np.nan], CUBE, "vertices: wanted finite numbers"),
        (CORNERS, CUBE[1:], "wanted a closed surface, got a rim or holes with 3 edges in all"),
        (CORNERS, [*CUBE, [0, 1, 7]], "got 2 edges where three faces or more meet"),
        (np.concatenate([CORNERS, CORNERS + 40]), TWO, "wanted one surface, got 2 pieces"),
        (np.random.default_rng(1).normal(size=(5, 3)), MOEBIUS, "got one with a single side"),
        (CORNERS / 10, CUBE, "room for 20 triangles of edges of 4 nm, got"),
    ],
)
def test_what_is_no_surface_is_refused(vertices, faces, message):
    settings = UserMesh(rim="single side" in message)
    with pytest.raises(ValueError, match=message):
        mesh_membrane(vertices, faces, settings)


def test_parts_that_meet_in_one_vertex_are_no_surface():
    # two pyramids without floors, tip to tip, and a strip that joins their rims
    ring = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    vertices = [[0, 0, 0], *([x, y, z] for z in (-1, 1) for x, y in ring)]
    fans = [[0, 1 + 4 * k + i, 1 + 4 * k + (i + 1) % 4] for k in (0, 1) for i in range(4)]
    strip = [[1, 5, 6], [1, 6, 2]]
    with pytest.raises(ValueError, match="parts that meet in single vertices, 1 times"):
        checked_surface(vertices, fans + strip, rim=True)


def test_a_bad_file_is_named(tmp_path):
    path = tmp_path / "open.obj"
    path.write_text(obj(CORNERS, CUBE[1:]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"open\.obj: wanted a closed surface"):
        MeshFile(file=path).build()
    path.write_text("no mesh", encoding="utf-8")
    with pytest.raises(ValueError, match=r"open\.obj: wanted a triangle mesh, got no triangles"):
        MeshFile(file=path).build()
    with pytest.raises(ValueError, match=r"cell\.xyz: wanted a mesh whose name ends with \.obj"):
        MeshFile(file=tmp_path / "cell.xyz").build()
    with pytest.raises(FileNotFoundError):
        MeshFile(file=tmp_path / "cell.stl").build()
