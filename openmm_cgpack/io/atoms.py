"""Scenes as mmCIF: all atoms of all molecules, and all balls with the bonds that join them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import frozen
from ..core.model import BallModel
from ..core.scene import Scene
from ..core.structure import AtomicStructure
from ..core.transforms import RigidTransforms
from ..core.units import ANGSTROM_PER_NM
from .files import atomic_path
from .star import quoted

_COLUMNS = """
    group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id
    label_seq_id Cartn_x Cartn_y Cartn_z occupancy auth_seq_id auth_asym_id pdbx_PDB_model_num
"""
_CONNECTIONS = """
    id conn_type_id
    ptnr1_label_asym_id ptnr1_label_comp_id ptnr1_label_seq_id ptnr1_label_atom_id
    ptnr2_label_asym_id ptnr2_label_comp_id ptnr2_label_seq_id ptnr2_label_atom_id
"""
_POLYMER = """
    ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL SEC PYL
    A C G U I DA DC DG DT DU DI
"""
_POLYMER_NAMES = frozenset(_POLYMER.split())

_INSTANCE = "\0"
_BLOCK = 50_000
"""Atoms formatted at once: blocks of a few MB."""


def write_atoms(
    path: str | os.PathLike[str],
    scene: Scene,
    transforms: RigidTransforms | Sequence[RigidTransforms],
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> int:
    """Write every atom of every molecule at its place as one mmCIF file, in Å.

    Chain A of instance 12 is chain ``A-12``, both as the author's and as the label's name, and that
    of the third monomer of a helix ``A-12.3``;
    entities are the scene's species. Filaments and membranes stand for no atoms and are left out.
    Atoms are written as they are made, so that millions need no more memory than a few.

    Parameters
    ----------
    path : path-like
        The file, ``.cif``.
    scene : Scene
        The scene; the structures of its species must hold atoms with their names.
    transforms : RigidTransforms, or a sequence of them
        A transform from the body frame for each instance: those of the scene, or those that were
        extracted from a packed one; of a scene with helices, those of all copies of each
        instance's structure (`openmm_cgpack.poses.structure_poses`).
    origin : (3,) array, optional
        Point that becomes 0 in the file, nm: the first voxel's centre, where the atoms shall lie
        over a map written with its origin at 0.

    Returns
    -------
    int
        Number of atoms written.

    Raises
    ------
    ValueError
        A species' structure has points in place of atoms, as those of the library have; the scene
        holds no molecules; or the transforms are not one for each instance.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core.structure import ATOM_TABLE
    >>> table = np.array([("O", "HOH", "A", 1)], dtype=ATOM_TABLE)
    >>> one = AtomicStructure(
    ...     name="water", positions=[[0, 0, 0]], masses=[16], elements=["O"],
    ...     atom_table=table,
    ... )
    >>> ball = BallModel(name="water", positions=[[0, 0, 0]], radii=[0.2], masses=[16],
    ...                  volume=0.03, structure=one)
    >>> scene = Scene(species=(ball,), species_index=[0], transforms=RigidTransforms.identity(1))
    >>> with TemporaryDirectory() as folder:
    ...     write_atoms(Path(folder, "w.cif"), scene, scene.transforms, origin=[0, 0, -1])
    ...     print(Path(folder, "w.cif").read_text().splitlines()[-1])
    1
    HETATM 1 O O . HOH A-1 1 . 0.000 0.000 10.000 1 1 A-1 1
    """
    poses = list(transforms)
    if len(poses) != scene.n_instances:
        raise ValueError(
            f"transforms: wanted {scene.n_instances}, one for each instance, got {len(poses)}"
        )
    origin = frozen(origin, "origin", (3,))
    molecules = _molecules(scene)
    blocks = {index: list(_templates(model, index)) for index, model in molecules.items()}
    written = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("data_scene\n#\nloop_\n_entity.id\n_entity.type\n_entity.pdbx_description\n")
        for index, model in molecules.items():
            file.write(f"{index + 1} polymer {quoted(model.name)}\n")
        file.write("#\n" + _loop("atom_site", _COLUMNS))
        for instance, index in enumerate(scene.species_index.tolist()):
            if index not in molecules:
                continue
            copies, wanted = poses[instance], molecules[index].copies
            if len(copies) != wanted:
                raise ValueError(
                    f"transforms: wanted {wanted} of instance {instance + 1}, the copies of its "
                    f"structure, got {len(copies)}"
                )
            for copy, (turn, shift) in enumerate(
                zip(copies.rotations, copies.translations, strict=True), start=1
            ):
                number = f"{instance + 1}" if len(copies) == 1 else f"{instance + 1}.{copy}"
                for points, template in blocks[index]:
                    values = np.empty((len(points), 4))
                    values[:, 0] = np.arange(written + 1, written + 1 + len(points))
                    values[:, 1:] = points @ turn.T
                    values[:, 1:] += shift - origin
                    values[:, 1:] *= ANGSTROM_PER_NM
                    file.write(template.replace(_INSTANCE, number) % tuple(values.ravel().tolist()))
                    written += len(points)
    return written


def _molecules(scene: Scene) -> dict[int, BallModel]:
    """Return the species that stand for atoms, or say which of them have none to write."""
    present = np.unique(scene.species_index).tolist()
    molecules = {i: scene.species[i] for i in present if scene.species[i].structure is not None}
    without = [
        model.name
        for model in molecules.values()
        if model.structure is not None
        and (model.structure.atom_table is None or model.structure.elements is None)
    ]
    if without:
        raise ValueError(
            f"scene: wanted species with atoms, got points that stand for atoms in "
            f"{', '.join(without)}: load these from files"
        )
    if not molecules:
        raise ValueError("scene: wanted molecules, got none that stands for atoms")
    return molecules


def _templates(model: BallModel, index: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield blocks of positions and the text of their lines, but for number, place and instance."""
    structure = model.structure
    if not isinstance(structure, AtomicStructure) or structure.atom_table is None:
        return
    table, elements = structure.atom_table, structure.elements
    if elements is None:
        return
    quoted = {
        name: _field(name) for key in ("atom", "residue") for name in set(table[key].tolist())
    }
    symbols = {symbol: _field(symbol.upper() or "X") for symbol in set(elements.tolist())}
    chains = {chain: _chain_field(chain) for chain in set(table["chain"].tolist())}
    lines = []
    for (atom, residue, chain, number), element in zip(
        table.tolist(), elements.tolist(), strict=True
    ):
        group, position = ("ATOM", number) if residue in _POLYMER_NAMES else ("HETATM", ".")
        lines.append(
            f"{group} %.0f {symbols[element]} {quoted[atom]} . {quoted[residue]} {chains[chain]} "
            f"{index + 1} {position} %.3f %.3f %.3f 1 {number} {chains[chain]} 1\n"
        )
    for start in range(0, len(lines), _BLOCK):
        rows = slice(start, start + _BLOCK)
        yield structure.positions[rows], "".join(lines[rows])


def _chain_field(chain: str) -> str:
    """Return the name of a chain of an instance whose number is put in later."""
    # Quoted as with any number: the mark that stands for it would call for quotes of its own.
    before, _, after = _field(f"{chain}-1" if chain else "1").rpartition("1")
    return f"{before}{_INSTANCE}{after}"


def _field(value: str) -> str:
    """Return a value for a template, in which a percent sign stands for itself."""
    value = " ".join(value.split())
    return quoted(value).replace("%", "%%") if value else "."


def write_topology(
    path: str | os.PathLike[str],
    scene: Scene,
    positions: np.ndarray,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write balls and bonds as mmCIF, which VMD, ChimeraX, mdtraj and OpenMM open.

    An instance is a chain of one residue with the species' name, and atom i is ball i. The bonds
    are those that join each instance, `Scene.skeleton`: of a rigid body of k balls k - 1, whatever
    bonds keep its shape.

    Parameters
    ----------
    path : path-like
        The file, ``.cif``.
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm; the file holds them in Å with three decimals.
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
    positions = frozen(positions, "positions", (scene.n_balls, 3))
    shifted = (positions - frozen(origin, "origin", (3,))) * ANGSTROM_PER_NM
    index, ends = scene.species_index.tolist(), scene.offsets.tolist()
    pairs = [model.skeleton.tolist() for model in scene.species]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("data_cell\n#\n")
        if any(pairs[s] for s in set(index)):
            file.write(_loop("struct_conn", _CONNECTIONS))
            links = [_link_lines(*each) for each in zip(scene.species, pairs, strict=True)]
            written = 0
            for instance, s in enumerate(index, start=1):
                numbers = range(written + 1, written + 1 + len(pairs[s]))
                file.write(links[s].replace(_INSTANCE, f"{instance}") % tuple(numbers))
                written += len(numbers)
            file.write("#\n")
        file.write(_loop("atom_site", _COLUMNS))
        balls = [_ball_lines(model) for model in scene.species]
        for instance, s in enumerate(index):
            rows = np.arange(ends[instance], ends[instance + 1])
            values = np.column_stack([rows + 1, shifted[rows]])
            lines = balls[s].replace(_INSTANCE, f"{instance + 1}")
            file.write(lines % tuple(values.ravel().tolist()))


def _loop(category: str, columns: str) -> str:
    """Return the head of a table."""
    return "loop_\n" + "".join(f"_{category}.{column}\n" for column in columns.split())


def _link_lines(model: BallModel, pairs: list[list[int]]) -> str:
    """Return the text of a model's bonds, but for their numbers and the instance's."""
    residue = f"{_INSTANCE} {_field(model.name)} 1"
    return "".join(f"bond%d covale {residue} B{a + 1} {residue} B{b + 1}\n" for a, b in pairs)


def _ball_lines(model: BallModel) -> str:
    """Return the text of a model's balls, but for number, place and instance."""
    name = _field(model.name)
    return "".join(
        f"HETATM %.0f ? B{ball + 1} . {name} {_INSTANCE} ? 1 %.3f %.3f %.3f 0 1 {_INSTANCE} 1\n"
        for ball in range(model.n_balls)
    )
