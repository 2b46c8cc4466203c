"""Numbers that tell how tight a droplet is, and how far a filament or membrane has bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from openmm_cgpack import BallModel, LabelVolume, PackedScene, extract_transforms
from openmm_cgpack.core.transforms import superpose

CLASH = 0.35
"""Library points (six atoms each) of two molecules nearer than this stand in each other, nm."""

CYTOPLASM = (0.20, 0.30)
"""Volume fraction of macromolecules in cells (Ellis 2001, the paper's reference 17)."""

KEPT = 0.02
"""Root mean square change of bond lengths up to which they count as kept."""


@dataclass(frozen=True, kw_only=True)
class Droplet:
    """How tight an open packing of molecules is, whatever balls stood for them.

    All of it is measured on the molecules' own points at their final poses, so that models of
    different balls can be compared. `fraction` is the volume of the molecules' envelopes over that
    of the uniform ball with their radius of gyration; the inner sphere, about the centre of all
    molecules, holds half of their volume.
    """

    fraction: float
    inner_fraction: float  # of the inner sphere
    roundness: float  # smallest over largest principal radius of gyration; 1 for a ball
    inner_radius: float  # nm
    centre: np.ndarray  # (3,) nm


def measure_droplet(packed: PackedScene) -> Droplet:
    """Measure how tight an open packing of molecules with structures is."""
    points, volumes, _ = molecule_points(packed)
    total = volumes.sum()
    centre = volumes @ points / total
    offset = points - centre
    spread = np.linalg.eigvalsh((offset * volumes[:, None]).T @ offset / total)
    radius = np.sqrt(5 / 3 * spread.sum())
    distance = np.linalg.norm(offset, axis=1)
    order = np.argsort(distance)
    half = float(np.interp(total / 2, np.cumsum(volumes[order]), distance[order]))
    return Droplet(
        fraction=float(total / (4 / 3 * np.pi * radius**3)),
        inner_fraction=float(total / 2 / (4 / 3 * np.pi * half**3)),
        roundness=float(np.sqrt(spread[0] / spread[-1])),
        inner_radius=half,
        centre=centre,
    )


def molecule_points(packed: PackedScene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points (p, 3) of all molecules of a scene where they ended, nm.

    With them each point's share of its molecule's envelope (p,), nm^3, and its instance (p,).
    """
    scene = packed.scene
    transforms = extract_transforms(packed).transforms
    points, volumes, instances = [], [], []
    for i in range(scene.n_instances):
        structure = scene.model(i).structure
        if structure is None:
            continue
        points.append(transforms[i].apply(structure.positions)[0])
        volumes.append(scene.model(i).volume * structure.atoms / structure.n_atoms)
        instances.append(np.full(len(structure.positions), i))
    return np.concatenate(points), np.concatenate(volumes), np.concatenate(instances)


def clash_share(packed: PackedScene) -> float:
    """Return the share of the molecules' points that are nearer than `CLASH` to another molecule's.

    In a periodic box images count.
    """
    points, _, instance = molecule_points(packed)
    boundary = packed.boundary
    tree = cKDTree(boundary.tree_points(points), boxsize=boundary.tree_box)
    pairs = tree.query_pairs(CLASH, output_type="ndarray")
    pairs = pairs[instance[pairs[:, 0]] != instance[pairs[:, 1]]]
    return len(np.unique(pairs)) / len(points)


def nearest_gaps(packed: PackedScene) -> np.ndarray:
    """Return how near each molecule's points come to those of the nearest other one, (n,) nm."""
    points, _, instance = molecule_points(packed)
    trees = [cKDTree(points[instance == i]) for i in np.unique(instance)]
    nearest = np.full(len(trees), np.inf)
    for i, one in enumerate(trees):
        for j, other in enumerate(trees):
            if i != j:
                nearest[i] = min(nearest[i], one.query(other.data)[0].min())
    return nearest


def touching_pairs(packed: PackedScene) -> int:
    """Return how many pairs of instances have balls that touch within 2 %."""
    scene, positions = packed.scene, packed.positions
    gap = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = gap <= 1.02 * (scene.radii[:, None] + scene.radii)
    body = scene.instance_of_ball
    return len({(int(body[i]), int(body[j])) for i, j in np.argwhere(near) if body[i] < body[j]})


def gaps(labels: LabelVolume, centre: np.ndarray, radius: float) -> tuple[float, float]:
    """Return how far, nm, empty space in a sphere is from the nearest molecule of instance masks.

    The mean over its voxels, and the largest: the radius of the largest ball that would fit.
    """
    empty = labels.data == 0
    distance = distance_transform_edt(empty, sampling=labels.voxel_size)
    index = np.indices(empty.shape)[::-1]
    place = labels.origin[:, None, None, None] + labels.voxel_size * index
    squared = ((place - np.asarray(centre)[:, None, None, None]) ** 2).sum(axis=0)
    inside = empty & (squared < radius**2)
    if not inside.any():
        return 0.0, 0.0
    return float(distance[inside].mean()), float(distance[inside].max())


@dataclass(frozen=True, kw_only=True)
class Bending:
    """How far a filament or membrane is from its straight or flat rest shape.

    The ends of a filament are its first and last ball, those of a membrane opposite corners, of
    which the mean over both pairs is taken. `departure` is the root mean square distance of the
    balls from the rest shape, best superposed, over that shape's radius of gyration.
    """

    end_to_end: float  # distance over that at rest
    bond_spread: float  # root mean square of length / rest length - 1
    bond_worst: float  # largest absolute value of the same
    bend: float  # mean angle by which straight triples of balls are bent, degrees
    departure: float

    @property
    def shrink(self) -> float:
        """By how much the ends have come together, over their distance at rest."""
        return 1 - self.end_to_end

    def cells(self) -> tuple[str, ...]:
        """Return the cells of a table with the head `BENDING_HEAD`."""
        return (
            f"{self.end_to_end:.2f}",
            f"{self.bend:.0f}°",
            f"{self.departure:.2f}",
            f"{self.bond_spread:.2%}",
            f"{self.bond_worst:.2%}",
        )


BENDING_HEAD = ("end to end", "bend", "departure", "bonds, rms", "bonds, worst")


def measure_bending(model: BallModel, balls: np.ndarray) -> Bending:
    """Measure how far a deformable with balls at (b, 3) nm is from its rest shape.

    The same numbers for chains and meshes: both list every three balls in a row as an angle that
    is straight at rest.

    Examples
    --------
    >>> from openmm_cgpack import Filament
    >>> chain = Filament(n_balls=3, radius=2.0).build()
    >>> right_angle = np.array([[0.0, 0, 0], [4, 0, 0], [4, 4, 0]])
    >>> shape = measure_bending(chain, right_angle)
    >>> round(shape.bend), round(shape.end_to_end, 3), shape.bond_worst
    (90, 0.707, 0.0)
    """
    first, second = model.bonds.T
    strain = np.linalg.norm(balls[first] - balls[second], axis=1) / model.bond_lengths - 1
    i, vertex, k = model.angles.T
    a, b = balls[vertex] - balls[i], balls[k] - balls[vertex]
    turned = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("ij,ij->i", a, b))
    # The balls that are farthest apart at rest: ends of a chain, opposite corners of a sheet.
    gap = np.linalg.norm(model.positions[:, None] - model.positions[None], axis=2)
    one, other = np.argwhere(np.triu(gap) > gap.max() * (1 - 1e-9)).T
    apart = np.linalg.norm(balls[one] - balls[other], axis=1) / gap[one, other]
    return Bending(
        end_to_end=float(apart.mean()),
        bond_spread=float(np.sqrt((strain**2).mean())),
        bond_worst=float(np.abs(strain).max()),
        bend=float(np.degrees(turned).mean()),
        departure=float(superpose(model.positions, balls).rms[0]) / model.radius_of_gyration,
    )
