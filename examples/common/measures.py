"""Numbers that tell how tight a droplet is, and how far a filament or membrane has bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from openmm_cgpack.core import BallModel, LabelVolume, PackedScene
from openmm_cgpack.core.superposition import superpose
from openmm_cgpack.poses import extract_transforms

CLASH = 0.35
"""Library points (six atoms each) of two molecules nearer than this stand in each other, nm."""

CYTOPLASM = (0.20, 0.30)
"""Volume fraction of macromolecules in cells (Ellis 2001, the paper's reference 17)."""


@dataclass(frozen=True, kw_only=True)
class Droplet:
    """How tight an open packing of molecules is, whatever balls stood for them.

    All of it is measured on the molecules' own points at their final poses, so that models of
    different balls can be compared.

    Parameters
    ----------
    fraction : float
        Volume of the molecules' envelopes over that of the uniform ball with their radius of
        gyration.
    inner_fraction : float
        The envelope volume fraction inside the sphere, about the centre of all molecules, that
        holds half of their volume.
    roundness : float
        Smallest over largest of the radii of gyration along the principal axes; 1 for a ball.
    inner_radius : float
        Radius of the sphere of `inner_fraction`, nm.
    centre : (3,) array
        Its centre, nm.
    """

    fraction: float
    inner_fraction: float
    roundness: float
    inner_radius: float
    centre: np.ndarray


def measure_droplet(packed: PackedScene) -> Droplet:
    """Measure how tight an open packing of molecules is.

    Parameters
    ----------
    packed : PackedScene
        Every instance a molecule with a structure.

    Returns
    -------
    Droplet
    """
    points, volumes, _ = molecule_points(packed)
    total = volumes.sum()
    centre = volumes @ points / total
    offset = points - centre
    spread = np.linalg.eigvalsh((offset * volumes[:, None]).T @ offset / total)
    radius = np.sqrt(5 / 3 * spread.sum())
    distance = np.linalg.norm(offset, axis=1)
    order = np.argsort(distance)
    inside = np.cumsum(volumes[order])
    half = float(np.interp(total / 2, inside, distance[order]))
    return Droplet(
        fraction=float(total / (4 / 3 * np.pi * radius**3)),
        inner_fraction=float(total / 2 / (4 / 3 * np.pi * half**3)),
        roundness=float(np.sqrt(spread[0] / spread[-1])),
        inner_radius=half,
        centre=centre,
    )


def molecule_points(packed: PackedScene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of all molecules of a scene, where they ended.

    Parameters
    ----------
    packed : PackedScene
        The scene.

    Returns
    -------
    points : (p, 3) array
        Places, nm.
    volumes : (p,) array
        Each point's share of its molecule's envelope, nm^3.
    instance : (p,) int array
        Instance of each.
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

    Parameters
    ----------
    packed : PackedScene
        Every instance a molecule with a structure; in a periodic box images count.

    Returns
    -------
    float
    """
    points, _, instance = molecule_points(packed)
    boundary = packed.boundary
    tree = cKDTree(boundary.tree_points(points), boxsize=boundary.tree_box)
    pairs = tree.query_pairs(CLASH, output_type="ndarray")
    pairs = pairs[instance[pairs[:, 0]] != instance[pairs[:, 1]]]
    return len(np.unique(pairs)) / len(points)


def nearest_gaps(packed: PackedScene) -> np.ndarray:
    """Return how near each molecule's points come to those of the nearest other molecule.

    Parameters
    ----------
    packed : PackedScene
        A small scene of at least two molecules.

    Returns
    -------
    (n,) array
        Distances, nm.
    """
    points, _, instance = molecule_points(packed)
    trees = [cKDTree(points[instance == i]) for i in np.unique(instance)]
    nearest = np.full(len(trees), np.inf)
    for i, one in enumerate(trees):
        for j, other in enumerate(trees):
            if i != j:
                nearest[i] = min(nearest[i], one.query(other.data)[0].min())
    return nearest


def gaps(labels: LabelVolume, centre: np.ndarray, radius: float) -> tuple[float, float]:
    """Return how far empty space inside a sphere is from the nearest molecule.

    Parameters
    ----------
    labels : LabelVolume
        Instance masks.
    centre : (3,) array
        Centre of the sphere, nm.
    radius : float
        Its radius, nm.

    Returns
    -------
    mean : float
        Mean distance of empty voxels from the nearest voxel that is not empty, nm.
    largest : float
        The largest: the radius of the largest ball that would fit, nm.
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

    Parameters
    ----------
    end_to_end : float
        Distance of the ends over that at rest: of a filament its first and last ball, of a
        membrane the mean over the two pairs of opposite corners.
    bond_spread : float
        Root mean square of ``length / rest length - 1`` over its bonds.
    bond_worst : float
        Largest absolute value of the same.
    bend : float
        Mean angle by which its straight triples of balls are bent, degrees.
    departure : float
        Root mean square distance of its balls from the rest shape, best superposed, over that
        shape's radius of gyration.
    """

    end_to_end: float
    bond_spread: float
    bond_worst: float
    bend: float
    departure: float


def measure_bending(model: BallModel, balls: np.ndarray) -> Bending:
    """Measure how far a deformable is from its rest shape.

    The same numbers for chains and meshes: both list every three balls in a row as an angle that
    is straight at rest.

    Parameters
    ----------
    model : BallModel
        The filament or membrane.
    balls : (b, 3) array
        Where its balls are, nm.

    Returns
    -------
    Bending

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
    ends = _ends(model)
    apart = np.linalg.norm(balls[ends[:, 0]] - balls[ends[:, 1]], axis=1)
    rest = np.linalg.norm(model.positions[ends[:, 0]] - model.positions[ends[:, 1]], axis=1)
    return Bending(
        end_to_end=float((apart / rest).mean()),
        bond_spread=float(np.sqrt((strain**2).mean())),
        bond_worst=float(np.abs(strain).max()),
        bend=float(np.degrees(turned).mean()),
        departure=_departure(model.positions, balls) / model.radius_of_gyration,
    )


def _ends(model: BallModel) -> np.ndarray:
    """Return the pairs of balls that are farthest apart at rest: ends, or opposite corners."""
    gap = np.linalg.norm(model.positions[:, None] - model.positions[None], axis=2)
    pairs = np.argwhere(gap > gap.max() * (1 - 1e-9))
    return pairs[pairs[:, 0] < pairs[:, 1]]


def _departure(rest: np.ndarray, balls: np.ndarray) -> float:
    return float(superpose(rest, balls).rms[0])
