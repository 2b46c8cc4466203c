"""What other programs need to know of a scene: an OpenMM Topology, and files of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..core import Scene
from ..core.units import ANGSTROM_PER_NM
from ..io.files import atomic_path

if TYPE_CHECKING:
    import openmm
    import openmm.app


def to_topology(scene: Scene) -> openmm.app.Topology:
    """Return the Topology of a scene: one chain and one residue an instance, an atom a ball.

    Parameters
    ----------
    scene : Scene
        The scene. Ball i is atom i.

    Returns
    -------
    openmm.app.Topology
        Chains are numbered from 1, residues have the species' names, atoms are B1, B2, ... and
        have no element. ``mdtraj.Topology.from_openmm`` takes it.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> topology = to_topology(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> topology.getNumChains(), topology.getNumAtoms(), topology.getNumBonds()
    (2, 10, 8)
    """
    import openmm.app

    topology = openmm.app.Topology()
    for i in range(scene.n_instances):
        model = scene.model(i)
        chain = topology.addChain(str(i + 1))
        residue = topology.addResidue(model.name, chain, "1")
        atoms = [topology.addAtom(f"B{ball + 1}", None, residue) for ball in range(model.n_balls)]
        for first, second in model.bonds.tolist():
            topology.addBond(atoms[first], atoms[second])
    return topology


def write_topology(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """Write balls and bonds as mmCIF, which VMD, ChimeraX and mdtraj open.

    Parameters
    ----------
    path : path-like
        The file, ``*.cif``.
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    origin : (3,) array, optional
        What becomes 0 in the file, nm: give a volume's origin to lay the balls over it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> with TemporaryDirectory() as folder:
    ...     write_topology(Path(folder, "balls.cif"), scene, scene.positions)
    ...     print(Path(folder, "balls.cif").read_text().count("HETATM"))
    10
    """
    import openmm.app

    topology = to_topology(scene)
    # Unlike the rest of OpenMM, its writers take bare numbers for angstroms.
    shifted = (np.asarray(positions) - origin) * ANGSTROM_PER_NM
    with atomic_path(path) as temporary, open(temporary, "w") as file:
        openmm.app.PDBxFile.writeFile(topology, shifted, file, keepIds=True)


class FrameReporter:
    """An OpenMM reporter that keeps the positions of every n-th step.

    Parameters
    ----------
    interval : int
        Steps between frames.

    Attributes
    ----------
    frames : list of (b, 3) float32 arrays
        Ball centres, nm.
    steps : list of int
        Step of each frame.

    Raises
    ------
    ValueError
        The interval is not a whole number from 1 up.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, Run, pack_scene, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> frames = FrameReporter(50)
    >>> short, cpu = Pull(max_steps=100, relax_steps=0), Run(platform="CPU")
    >>> packed = pack_scene(scene, short, run=cpu, seed=1, reporters=[frames])
    >>> frames.steps, frames.frames[0].shape
    ([50, 100], (10, 3))
    """

    def __init__(self, interval: int) -> None:
        if int(interval) != interval or interval < 1:
            raise ValueError(f"interval: wanted a whole number >= 1, got {interval}")
        self.interval = int(interval)
        self.frames: list[np.ndarray] = []
        self.steps: list[int] = []

    def describeNextReport(self, simulation: openmm.app.Simulation) -> dict:
        """Return when the next frame is due, as OpenMM asks."""
        due = self.interval - simulation.currentStep % self.interval
        return {"steps": due, "periodic": False, "include": ["positions"]}

    def report(self, simulation: openmm.app.Simulation, state: openmm.State) -> None:
        """Keep the frame that OpenMM hands over."""
        import openmm.unit

        positions = state.getPositions(asNumpy=True).value_in_unit(openmm.unit.nanometer)
        self.frames.append(positions.astype(np.float32))
        self.steps.append(simulation.currentStep)
