"""What is too near: heavy atoms of two molecules, and balls of two instances that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core import AtomicStructure, Boundary, RigidTransforms, Scene
from ..core.arrays import freeze, noun
from ..core.boundary import close_pairs
from ..core.display import described
from ..core.progress import tracked
from ..packing import overlaps
from ..poses import structure_poses

_LEAF = 64


@described
@dataclass(frozen=True, kw_only=True)
class Within:
    """How much comes within a distance of another molecule's atoms.

    Parameters
    ----------
    distance : float
        The distance, nm.
    atoms, molecules : int
        Heavy atoms that have one of another molecule nearer than that, and their molecules.
    """

    distance: float
    atoms: int
    molecules: int


@described
@dataclass(frozen=True, kw_only=True)
class Contacts:
    """Heavy atoms near heavy atoms of other molecules.

    Parameters
    ----------
    atoms, molecules : int
        How many heavy atoms and molecules were looked at: those whose points are real atoms.
    within : tuple of Within
        One for each distance asked for.
    closest : float or None
        Shortest distance between atoms of two molecules, nm; None where it is not below the
        largest distance asked for.
    """

    atoms: int
    molecules: int
    within: tuple[Within, ...]
    closest: float | None


def has_atoms(structure: AtomicStructure | None) -> bool:
    """Whether the points of a structure are real atoms."""
    return (
        structure is not None and bool((structure.atoms == 1).all()) and not structure.spread.any()
    )


def heavy_atoms(structure: AtomicStructure) -> np.ndarray:
    """Return which points of a structure are no hydrogens, (n,) bool."""
    if structure.elements is None:
        return np.ones(len(structure.positions), bool)
    return ~np.isin(structure.elements, ("H", "D"))


def atom_contacts(
    scene: Scene,
    positions: np.ndarray,
    transforms: RigidTransforms,
    boundary: Boundary,
    *,
    distances: Sequence[float] = (0.25, 0.15),
    progress: bool = True,
) -> Contacts | None:
    """Count the heavy atoms near another molecule's; None where no instance has real atoms.

    Of a scene with balls `positions` (b, 3), nm, poses and boundary as at the end, molecules and
    helices' monomers with real atoms are looked at; near are centres of atoms within `distances`,
    nm. A molecule near its own image counts too; monomers of one helix do not, whose lattice has
    them as near as they are.

    Every species has one tree of its atoms in the body frame. Pairs of molecules come from their
    bounding spheres; of one, only the clusters of atoms near the other are moved into its frame.
    `progress` is whether to show a bar.
    """
    bodies = {
        s: _Body(model.structure)
        for s, model in enumerate(scene.species)
        if model.structure is not None and has_atoms(model.structure)
    }
    instances = np.flatnonzero(np.isin(scene.species_index, list(bodies)))
    if len(instances) == 0:
        return None
    held = [
        structure_poses(scene, i, positions=positions, transforms=transforms)
        for i in instances.tolist()
    ]
    members = np.repeat(instances, [len(copies) for copies in held])
    species = scene.species_index[members]
    reach = max(distances)
    middle = np.array([bodies[s].middle for s in species])
    radii = np.array([bodies[s].radius for s in species])
    poses = RigidTransforms(
        rotations=np.concatenate([copies.rotations for copies in held]),
        translations=np.concatenate([copies.translations for copies in held]),
    )
    centres = np.einsum("nij,nj->ni", poses.rotations, middle) + poses.translations
    keys, lengths = [np.empty(0, np.int64)], [np.empty(0)]
    widest = max(len(body.positions) for body in bodies.values())
    near = zip(*close_pairs(boundary, centres, radii, gap=reach), strict=True)
    for i, j, shift in tracked(near, "contacts", show=progress):
        if members[i] == members[j] and not shift.any():
            continue
        turn = poses.rotations[i].T @ poses.rotations[j]
        move = poses.rotations[i].T @ (poses.translations[j] + shift - poses.translations[i])
        a, b, length = bodies[species[i]].near(bodies[species[j]], turn, move, reach)
        keys += [i * widest + a, j * widest + b]
        lengths += [length, length]
    key, length = np.concatenate(keys), np.concatenate(lengths)
    within = []
    for distance in distances:
        atoms = np.unique(key[length < distance])
        within.append(
            Within(
                distance=float(distance),
                atoms=len(atoms),
                molecules=len(np.unique(atoms // widest)),
            )
        )
    return Contacts(
        atoms=int(sum(len(bodies[s].positions) for s in species)),
        molecules=len(members),
        within=tuple(within),
        closest=float(length.min()) if len(length) else None,
    )


class _Body:
    """Heavy atoms of a species, their tree, and the tree's leaves as spheres."""

    def __init__(self, structure: AtomicStructure) -> None:
        self.positions = structure.positions[heavy_atoms(structure)]
        if len(self.positions) == 0:
            raise ValueError(f"{structure.name}: wanted at least one heavy atom, got none")
        self.tree = cKDTree(self.positions, leafsize=_LEAF)
        self.middle = (self.positions.min(axis=0) + self.positions.max(axis=0)) / 2
        self.radius = float(np.linalg.norm(self.positions - self.middle, axis=1).max())
        self.leaves: list[np.ndarray] = []
        nodes = [self.tree.tree]
        while nodes:
            node = nodes.pop()
            if node.split_dim == -1:
                self.leaves.append(np.asarray(node.indices))
            else:
                nodes += [node.lesser, node.greater]
        self.leaf_centres = np.array([self.positions[leaf].mean(axis=0) for leaf in self.leaves])
        self.leaf_radii = np.array(
            [
                np.linalg.norm(self.positions[leaf] - centre, axis=1).max()
                for leaf, centre in zip(self.leaves, self.leaf_centres, strict=True)
            ]
        )

    def near(
        self, other: _Body, turn: np.ndarray, move: np.ndarray, reach: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pairs of atoms nearer than `reach`: ours, the other's, and their distances."""
        none = np.empty(0, np.int64)
        centres = other.leaf_centres @ turn.T + move
        bound = other.leaf_radii + reach
        out = np.linalg.norm(centres - self.middle, axis=1) - self.radius
        leaves = np.flatnonzero(out < bound)
        if len(leaves):
            nearest, _ = self.tree.query(centres[leaves], distance_upper_bound=bound[leaves].max())
            leaves = leaves[nearest < bound[leaves]]
        if len(leaves) == 0:
            return none, none, np.empty(0)
        atoms = np.concatenate([other.leaves[leaf] for leaf in leaves])
        places = other.positions[atoms] @ turn.T + move
        nearest, _ = self.tree.query(places, distance_upper_bound=reach)
        hit = nearest < reach
        atoms, places = atoms[hit], places[hit]
        if len(atoms) == 0:
            return none, none, np.empty(0)
        found = self.tree.query_ball_point(places, reach)
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        ours = np.concatenate([np.asarray(f, np.int64) for f in found])
        theirs = np.repeat(np.arange(len(atoms)), sizes)
        length = np.linalg.norm(self.positions[ours] - places[theirs], axis=1)
        return ours, atoms[theirs], length


_DEPTHS = np.linspace(0, 1, 51)


@noun
class BallOverlap:
    """Overlaps of balls of different instances.

    Parameters
    ----------
    deepest : float
        ``1 - distance / (sum of radii)`` of the deepest: 0 is touching, 1 the same place.
    where : str
        The two balls, in words; empty where nothing overlaps.
    edges, pairs : (k + 1,) array, (k,) int array
        Edges of the bins of depth, and overlapping pairs of balls in each.
    """

    deepest: float
    where: str
    edges: np.ndarray
    pairs: np.ndarray

    def __post_init__(self) -> None:
        freeze(self, edges=(None,))
        freeze(self, dtype=np.int64, pairs=(len(self.edges) - 1,))


def ball_overlap(scene: Scene, positions: np.ndarray, boundary: Boundary) -> BallOverlap:
    """Return how deep balls of different instances, or of two images of one, overlap."""
    pairs, depth = overlaps(scene, positions, boundary=boundary)
    where = ""
    if len(depth):
        first, second = pairs[np.argmax(depth)].tolist()
        where = f"{scene.ball_name(first)}, {scene.ball_name(second)}"
    return BallOverlap(
        deepest=float(depth.max(initial=0.0)),
        where=where,
        edges=_DEPTHS,
        pairs=np.histogram(depth, _DEPTHS)[0],
    )
