"""Frames as DCD and as trajectories of mdtraj, both ways."""

import mdtraj
import numpy as np
import pytest
from helpers import random_scene

from openmm_cgpack.core import History, Open, PackedScene, Periodic
from openmm_cgpack.io import from_mdtraj, to_mdtraj, write_trajectory


def test_mdtraj_reads_what_we_write(plain_path):
    frames = np.random.default_rng(1).normal(size=(3, 7, 3))
    write_trajectory(plain_path / "a.dcd", frames, origin=(0, 1, 5))
    with mdtraj.formats.DCDTrajectoryFile(str(plain_path / "a.dcd")) as file:
        read, lengths, _ = file.read()
    np.testing.assert_allclose(read, 10 * (frames - [0, 1, 5]), atol=1e-5)
    assert lengths is None


def test_bytes_are_those_of_mdtraj_but_for_its_titles(plain_path):
    """Its titles hold the time of writing, followed by bytes that nobody set."""
    frames = np.random.default_rng(1).normal(size=(3, 7, 3)).astype(np.float32)
    with mdtraj.formats.DCDTrajectoryFile(str(plain_path / "theirs.dcd"), "w") as file:
        file.write(frames)
    write_trajectory(plain_path / "ours.dcd", frames / 10)
    ours, theirs = ((plain_path / f"{name}.dcd").read_bytes() for name in ("ours", "theirs"))
    titles = slice(100, 100 + 160)
    assert ours[titles] == b"openmm_cgpack".ljust(160)
    assert ours[: titles.start] == theirs[: titles.start]
    assert ours[titles.stop : titles.stop + 20] == theirs[titles.stop : titles.stop + 20]
    assert len(ours) == len(theirs)
    write_trajectory(plain_path / "again.dcd", frames / 10)
    assert (plain_path / "again.dcd").read_bytes() == ours


def test_a_trajectory_wants_frames_of_one_size(tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        write_trajectory(tmp_path / "t.dcd", [])
    with pytest.raises(ValueError, match=r"frames: wanted shape \(7, 3\)"):
        write_trajectory(tmp_path / "t.dcd", [np.zeros((7, 3)), np.zeros((6, 3))])
    assert not list(tmp_path.iterdir())


def test_a_scene_as_a_trajectory_and_back():
    scene, x = random_scene(1)
    trajectory = to_mdtraj(scene, [x, x + 1])
    topology = trajectory.topology
    assert topology.n_chains == topology.n_residues == scene.n_instances
    bonds = sorted((a.index, b.index) for a, b in topology.bonds)
    assert bonds == sorted(map(tuple, scene.skeleton.tolist()))
    names = [scene.model(i).name for i in scene.instance_of_ball]
    assert [atom.residue.name for atom in topology.atoms] == names
    np.testing.assert_allclose(from_mdtraj(trajectory, scene), [x, x + 1], atol=1e-4)
    # What mdtraj computes of it: distances of two balls.
    distances = mdtraj.compute_distances(trajectory, [[0, 1]], periodic=False)
    np.testing.assert_allclose(distances[:, 0], np.linalg.norm(x[1] - x[0]), rtol=1e-4)


def test_files_of_mdtraj_come_back_as_frames(plain_path):
    scene, x = random_scene(2)
    to_mdtraj(scene, [x, x + 1]).save(str(plain_path / "t.xtc"))
    read = mdtraj.load(str(plain_path / "t.xtc"), top=to_mdtraj(scene).topology)
    np.testing.assert_allclose(from_mdtraj(read, scene), [x, x + 1], atol=1e-3)


def test_a_packed_scene_has_its_box():
    scene, x = random_scene(1)
    nothing = dict.fromkeys(("radius_of_gyration", "fraction", "overlap", "energy"), np.zeros(0))
    history = History(step=np.zeros(0, int), **nothing)
    for boundary, cell in ((Periodic(box=(90.0, 80.0, 70.0)), [[90, 80, 70]]), (Open(), None)):
        packed = PackedScene(scene=scene, positions=x, boundary=boundary, history=history)
        trajectory = to_mdtraj(packed)
        np.testing.assert_allclose(trajectory.xyz[0], x, atol=1e-4)
        if cell is None:
            assert trajectory.unitcell_lengths is None
        else:
            np.testing.assert_allclose(trajectory.unitcell_lengths, cell)


def test_another_scene_is_refused():
    scene, x = random_scene(1)
    trajectory = to_mdtraj(scene, [x])
    fewer = trajectory.atom_slice(range(trajectory.n_atoms - 1))
    with pytest.raises(ValueError, match="trajectory: wanted the scene's"):
        from_mdtraj(fewer, scene)
