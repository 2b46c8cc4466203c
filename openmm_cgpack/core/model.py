"""A molecule, filament or membrane as balls."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from .arrays import freeze, frozen, noun, positive
from .display import Rows
from .elasticity import Elasticity
from .geometry import Geometry, Mesh
from .names import checked_name
from .structure import AtomicStructure


@noun
class BallModel:
    """Balls, the bonds and angles between them, and which of them move as one rigid body.

    Whether something is a molecule, a filament or a membrane follows from what it holds; nothing
    downstream asks for its kind.

    Parameters
    ----------
    name : str
        Name of the species.
    positions : (b, 3) array
        Ball centres in the body frame, nm. For a molecule the frame's origin is the centre of mass
        of its heavy atoms, whatever balls stand for it; for a deformable the mean of its balls.
    radii, masses : (b,) arrays
        Of the balls, nm and Da. The masses are for the dynamics; density comes from atomic masses.
    bonds : (m, 2) int array, optional
        Bonded pairs; their rest lengths are those of `positions`.
    angles : (p, 3) int array, optional
        Angle triples, the vertex in the middle; their rest angles are those of `positions`.
    bond_k, angle_k : float, optional
        Constants of ``k/2 (r - r0)^2``, kJ/mol/nm^2, and ``k/2 (theta - theta0)^2``,
        kJ/mol/rad^2; 0 bends freely.
    exclusions : (q, 2) int array, optional
        Pairs that do not push each other apart though no bond joins them: those of a deformable
        that are in each other, or nearly, at rest.
    rigid_groups : tuple of int arrays, optional
        Balls that keep their distances: all balls for a molecule, nothing for a filament.
    volume : float
        Volume of what the balls stand for (the molecular envelope, a tube, a sheet), nm^3.
    geometry, structure : Geometry, AtomicStructure, optional
        What painters draw, and the molecule, whose atoms have the density; of a deformable with
        both, the geometry says where copies of the structure stand (`Geometry.monomers`).
    elasticity : Elasticity, optional
        Of a membrane, whose geometry is a `Mesh`: what resists bending and stretching.

    Examples
    --------
    A dumbbell that keeps its shape:

    >>> dumbbell = BallModel(
    ...     name="dumbbell", positions=[[-3, 0, 0], [3, 0, 0]], radii=[2, 2], masses=[1, 1],
    ...     bonds=[[0, 1]], rigid_groups=([0, 1],), volume=67.0,
    ... )
    >>> dumbbell.is_rigid, dumbbell.radius, dumbbell.bond_lengths
    (True, 5.0, array([6.]))
    """

    name: str
    positions: np.ndarray
    radii: np.ndarray
    masses: np.ndarray
    bonds: np.ndarray = ()  # type: ignore[assignment]
    angles: np.ndarray = ()  # type: ignore[assignment]
    bond_k: float = 0.0
    angle_k: float = 0.0
    exclusions: np.ndarray = ()  # type: ignore[assignment]
    rigid_groups: tuple[np.ndarray, ...] = ()
    volume: float
    geometry: Geometry | None = None
    structure: AtomicStructure | None = None
    elasticity: Elasticity | None = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        name = checked_name(self.name)
        set_field(self, "name", name)
        freeze(self, name, positions=(None, 3))
        n = len(self.positions)
        if n == 0:
            raise ValueError(f"{name}: wanted at least one ball, got none")
        freeze(self, name, radii=(n,), masses=(n,))
        for key in ("radii", "masses"):
            values = getattr(self, key)
            if (values <= 0).any():
                ball = int(np.argmax(values <= 0))
                raise ValueError(
                    f"{name}: {key}: wanted positive numbers, got {values[ball]:g} for ball {ball}"
                )
        freeze(self, name, np.int64, bonds=(None, 2), angles=(None, 3), exclusions=(None, 2))
        for key in ("bonds", "angles", "exclusions"):
            values = getattr(self, key)
            if values.size and not (values.min() >= 0 and values.max() < n):
                raise ValueError(
                    f"{name}: {key}: wanted balls 0 to {n - 1}, got {values.min()} to "
                    f"{values.max()}"
                )
        groups = tuple(
            frozen(group, f"{name}: rigid_groups", (None,), np.int64) for group in self.rigid_groups
        )
        members = np.concatenate(groups) if groups else np.empty(0, np.int64)
        if len(np.unique(members)) != len(members):
            raise ValueError(f"{name}: rigid_groups: wanted each ball in one group at most")
        if members.size and not (members.min() >= 0 and members.max() < n):
            raise ValueError(f"{name}: rigid_groups: wanted balls 0 to {n - 1}")
        set_field(self, "rigid_groups", groups)
        for key in ("bond_k", "angle_k"):
            set_field(self, key, positive(getattr(self, key), f"{name}: {key}", zero=True))
        set_field(self, "volume", positive(self.volume, f"{name}: volume"))
        if self.elasticity is not None and not len(self.faces):
            raise ValueError(f"{name}: elasticity: wanted a Mesh as geometry beside it")

    def summary(self) -> str:
        """Return what the repr says."""
        move = "rigid" if self.is_rigid else f"{len(self.bonds)} bonds"
        return f"{self.name!r}, {self.n_balls} balls, {move}, {self.volume:.4g} nm³"

    def facts(self) -> Rows:
        """Return the rows of a notebook's table."""
        low, high = self.radii.min(), self.radii.max()
        rows = [
            ("radius of all", f"{self.radius:.4g} nm"),
            ("radii of the balls", f"{low:.4g} to {high:.4g} nm"),
        ]
        if self.structure is not None:
            rows.append(("stands for", self.structure.summary()))
        if len(self.faces):
            rows.append(("surface", f"{len(self.faces)} faces"))
        return rows

    @property
    def n_balls(self) -> int:
        """Number of balls."""
        return len(self.positions)

    @property
    def is_rigid(self) -> bool:
        """Whether all balls move as one body; a lone ball does."""
        return self.n_balls == 1 or (
            len(self.rigid_groups) == 1 and len(self.rigid_groups[0]) == self.n_balls
        )

    @property
    def copies(self) -> int:
        """How many copies of its structure the model holds: one of a molecule, none without."""
        if self.structure is None:
            return 0
        return 1 if self.geometry is None else len(self.geometry.track) or 1

    @property
    def body(self) -> AtomicStructure | None:
        """The structure that moves with all balls, of a rigid model that has one."""
        return self.structure if self.is_rigid else None

    @property
    def mesh(self) -> Mesh:
        """The mesh of a model that is a surface; ValueError for others."""
        if not isinstance(self.geometry, Mesh):
            raise ValueError(f"{self.name}: wanted a surface, which has a Mesh as geometry")
        return self.geometry

    @property
    def faces(self) -> np.ndarray:
        """Triangles of balls where the model is a surface, (f, 3); else none."""
        return self.geometry.faces if isinstance(self.geometry, Mesh) else np.empty((0, 3), int)

    @property
    def spans(self) -> bool:
        """Whether the model is a surface that goes on in the next image of its box."""
        return isinstance(self.geometry, Mesh) and bool(self.geometry.period.any())

    @property
    def has_rim(self) -> bool:
        """Whether the model is a surface that ends somewhere; not where it spans a box."""
        sides = np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        return bool((np.unique(sides, axis=0, return_counts=True)[1] != 2).any())

    @property
    def is_closed(self) -> bool:
        """Whether the model is a surface without a rim, which has an inside."""
        return len(self.faces) > 0 and not self.spans and not self.has_rim

    @property
    def skeleton(self) -> np.ndarray:
        """The bonds that hold the model together, (m, 2): of a rigid group a tree of short ones.

        A group of k balls has up to k (k - 1) / 2 bonds, and k - 1 that join all of them: what is
        drawn and written of a scene grows with its balls, and not with their square.
        """
        group = np.full(self.n_balls, -1)
        for number, members in enumerate(self.rigid_groups):
            group[members] = number
        first, second = self.bonds.T
        inner = (group[first] == group[second]) & (group[first] >= 0)
        # A tree depends on the order of lengths alone; to scipy a bond of length 0 is none.
        edges = coo_array(
            (1 + self.bond_lengths[inner], (first[inner], second[inner])),
            shape=(self.n_balls, self.n_balls),
        )
        tree = minimum_spanning_tree(edges.tocsr()).tocoo()
        pairs = np.concatenate([np.stack([tree.row, tree.col], axis=1), self.bonds[~inner]])
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    @property
    def bond_lengths(self) -> np.ndarray:
        """Rest lengths of the bonds, (m,) nm."""
        first, second = self.bonds.T
        return np.linalg.norm(self.positions[first] - self.positions[second], axis=1)

    @property
    def rest_angles(self) -> np.ndarray:
        """Rest angles, (p,) rad."""
        i, vertex, k = self.angles.T
        a = self.positions[i] - self.positions[vertex]
        b = self.positions[k] - self.positions[vertex]
        sine = np.linalg.norm(np.cross(a, b), axis=1)
        return np.arctan2(sine, np.einsum("ij,ij->i", a, b))

    @property
    def radius(self) -> float:
        """Radius of the sphere around the body's origin that holds every ball, nm."""
        return float((np.linalg.norm(self.positions, axis=1) + self.radii).max())

    @property
    def radius_of_gyration(self) -> float:
        """Root mean square distance of the ball centres from their mean, nm."""
        return float(np.sqrt(self.positions.var(axis=0).sum()))
