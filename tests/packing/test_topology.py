"""What other programs read of a scene."""

import mdtraj
import numpy as np
import openmm.app
import pytest
from helpers import random_scene

from openmm_cgpack import BallModel
from openmm_cgpack.io import write_topology, write_trajectory
from openmm_cgpack.packing import to_topology


def test_mdtraj_takes_the_topology():
    scene, _ = random_scene(1)
    topology = mdtraj.Topology.from_openmm(to_topology(scene))
    assert topology.n_atoms == scene.n_balls
    assert topology.n_chains == topology.n_residues == scene.n_instances
    assert topology.n_bonds == len(scene.skeleton)


@pytest.mark.parametrize("reader", ["mdtraj", "openmm"])
def test_files_come_back(tmp_path, reader):
    scene, x = random_scene(1)
    x = x + 200.0  # beyond what the PDB format could hold
    origin = np.array([1.0, -2.0, 3.0])
    path = tmp_path / "topology.cif"
    write_topology(path, scene, x, origin=origin)
    if reader == "mdtraj":
        read = mdtraj.load(str(path))
        positions, bonds, atoms = read.xyz[0], read.topology.n_bonds, list(read.topology.atoms)
    else:
        file = openmm.app.PDBxFile(str(path))
        positions = file.getPositions(asNumpy=True)._value
        bonds = file.topology.getNumBonds()
        atoms = list(file.topology.atoms())
        assert "Created" not in path.read_text(encoding="utf-8")  # a date: not the same tomorrow
    np.testing.assert_allclose(positions, x - origin, atol=1e-4)
    assert bonds == len(scene.skeleton)
    assert [a.residue.name for a in atoms] == [scene.model(i).name for i in scene.instance_of_ball]


def test_trajectories_come_back_without_a_cell(plain_path):
    scene, x = random_scene(1)
    write_topology(plain_path / "t.cif", scene, x)
    write_trajectory(plain_path / "t.dcd", [x, x + 1.0], origin=(0, 0, 5))
    read = mdtraj.load(str(plain_path / "t.dcd"), top=str(plain_path / "t.cif"))
    np.testing.assert_allclose(read.xyz, np.stack([x, x + 1.0]) - [0, 0, 5], atol=1e-4)
    assert read.unitcell_lengths is None


def test_what_joins_a_body_grows_with_its_balls():
    """A tree of the shortest bonds; bonds of what bends are all there."""
    line = np.arange(6.0)[:, None] * [1.0, 0, 0]
    every = np.stack(np.triu_indices(5, 1), axis=1)
    model = BallModel(
        name="five and a tail",
        positions=line[[0, 2, 1, 4, 3, 5]],
        radii=np.ones(6),
        masses=np.ones(6),
        bonds=np.concatenate([every, [[5, 3], [5, 4]]]),
        rigid_groups=(np.arange(5),),
        volume=20.0,
    )
    assert model.skeleton.tolist() == [[0, 2], [1, 2], [1, 4], [3, 4], [5, 3], [5, 4]]
