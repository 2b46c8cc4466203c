"""How far molecules point the same way, against what chance alone gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import chi2

from ..core import BallModel, Boundary, RigidTransforms, Scene
from ..core.display import described

_DRAWS = 2000
_MANY = 200


@described
@dataclass(frozen=True, kw_only=True)
class OrderParameter:
    """How parallel axes are that have no head, beside what chance alone gives.

    Parameters
    ----------
    name : str
        What was looked at.
    n : int
        Number of axes, or of pairs of axes.
    order : float
        Of axes, the largest eigenvalue of the mean of ``(3 u u^T - 1) / 2``: 1 where all are
        parallel. Of pairs, the mean of ``(3 cos^2 - 1) / 2`` of the angle between the two: 1
        parallel, -1/2 at right angles.
    random, random_spread : float
        Mean and standard deviation of the order of as many random axes, or pairs: 0 and
        ``1 / sqrt(5 n)`` for pairs.
    """

    name: str
    n: int
    order: float
    random: float
    random_spread: float

    @property
    def deviation(self) -> float:
        """How many standard deviations the order is above that of random axes."""
        return (self.order - self.random) / self.random_spread


@described
@dataclass(frozen=True, kw_only=True)
class OrientationOrder:
    """Orientations of the rigid molecules and of the filaments.

    Parameters
    ----------
    nematic : tuple of OrderParameter
        Of the long axes of all molecules, of those of each species that has 5 or more, and of the
        end-to-end directions of each species of filaments that has 5 or more.
    neighbours : OrderParameter or None
        Of nearest neighbours among the molecules; None for fewer than 2.
    polar_p, axial_p : float
        Probability that rotations drawn evenly have as large a mean of their vectors (``l = 1``)
        and of their tensors (``l = 2``), over all directions and body axes: a value below 0.001
        says that some orientation is preferred.
    """

    nematic: tuple[OrderParameter, ...]
    neighbours: OrderParameter | None
    polar_p: float
    axial_p: float


def orientation_order(
    scene: Scene, positions: np.ndarray, transforms: RigidTransforms, boundary: Boundary
) -> OrientationOrder | None:
    """Return the order of orientations and that of chance; None for fewer than two rigid ones.

    Ball centres `positions` (b, 3) in nm, poses and boundary are those at the end.
    """
    rigid = np.array([model.is_rigid for model in scene.species])[scene.species_index]
    members = np.flatnonzero(rigid)
    if len(members) < 2:
        return None
    poses = transforms[members]
    body_axes = np.array([long_axis(model) for model in scene.species])
    species = scene.species_index[members]
    axes = np.einsum("nij,nj->ni", poses.rotations, body_axes[species])
    nematic = [nematic_order("all molecules", axes)]
    for s, model in enumerate(scene.species):
        directions = axes[species == s] if model.is_rigid else _end_to_end(scene, positions, s)
        if len(directions) >= 5:
            nematic.append(nematic_order(model.name, directions))
    polar, axial = uniformity(poses.rotations)
    return OrientationOrder(
        nematic=tuple(nematic),
        neighbours=neighbour_order(poses.translations, axes, boundary),
        polar_p=polar,
        axial_p=axial,
    )


def long_axis(model: BallModel) -> np.ndarray:
    """Return the axis along which a model extends most, (3,), a unit vector in its body frame."""
    if model.body is None:
        points, weights = model.positions, np.ones(model.n_balls)
    else:
        points, weights = model.body.positions, model.body.masses
    centred = points - np.average(points, axis=0, weights=weights)
    return np.linalg.eigh((weights[:, None] * centred).T @ centred)[1][:, -1]


def nematic_order(name: str, axes: np.ndarray) -> OrderParameter:
    """Return the nematic order of unit vectors (n, 3), and that of as many random ones.

    Examples
    --------
    >>> nematic_order("rods", np.tile([0.0, 0, 1], (9, 1))).order
    1.0
    """
    n = len(axes)
    mean, spread = _random_level(n)
    tensor = (3 * axes.T @ axes / n - np.eye(3)) / 2
    return OrderParameter(
        name=name,
        n=n,
        order=float(np.linalg.eigvalsh(tensor)[-1]),
        random=mean,
        random_spread=spread,
    )


@lru_cache(maxsize=256)
def _random_level(n: int) -> tuple[float, float]:
    """Return mean and standard deviation of the order of n random axes.

    Drawn with a seed of its own, so that an audit is a plain function of its scene. For many axes
    the order is that of a Gaussian tensor over sqrt(n).
    """
    rng = np.random.default_rng(n if n < _MANY else 0)
    drawn = min(n, _MANY)
    axes = rng.standard_normal((_DRAWS, drawn, 3))
    axes /= np.linalg.norm(axes, axis=2, keepdims=True)
    tensors = (3 * np.einsum("dni,dnj->dij", axes, axes) / drawn - np.eye(3)) / 2
    orders = np.linalg.eigvalsh(tensors)[:, -1] * np.sqrt(drawn / n)
    return float(orders.mean()), max(float(orders.std()), 1e-12)


def neighbour_order(
    centres: np.ndarray, axes: np.ndarray, boundary: Boundary
) -> OrderParameter | None:
    """Return how parallel the axes (n, 3) of nearest neighbours are; None for fewer than two."""
    if len(centres) < 2:
        return None
    nearest = _nearest(centres, boundary)
    pairs = np.unique(np.sort(np.stack([np.arange(len(centres)), nearest], axis=1)), axis=0)
    cosine = (axes[pairs[:, 0]] * axes[pairs[:, 1]]).sum(axis=1)
    return OrderParameter(
        name="nearest neighbours",
        n=len(pairs),
        order=float((1.5 * cosine**2 - 0.5).mean()),
        random=0.0,
        random_spread=float(1 / np.sqrt(5 * len(pairs))),
    )


def uniformity(rotations: np.ndarray) -> tuple[float, float]:
    """Return the probabilities of the means of rotations' vectors and tensors, were they even.

    The elements of the representations l = 1 (the matrix) and l = 2 (its action on traceless
    symmetric tensors) have mean 0 and variance 1 / (2 l + 1) over even rotations, and are
    uncorrelated (Peter and Weyl), so that ``n (2 l + 1) |mean|^2`` follows chi-square with
    ``(2 l + 1)^2`` degrees of freedom.
    """
    n = len(rotations)
    vectors = rotations.mean(axis=0)
    tensors = np.einsum("aij,nik,njl,bkl->ab", _TENSORS, rotations, rotations, _TENSORS) / n
    return (
        float(chi2.sf(3 * n * (vectors**2).sum(), 9)),
        float(chi2.sf(5 * n * (tensors**2).sum(), 25)),
    )


def _tensors() -> np.ndarray:
    """Return an orthonormal basis (5, 3, 3) of the traceless symmetric tensors."""
    basis = np.zeros((5, 3, 3))
    for row, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        basis[row, i, j] = basis[row, j, i] = np.sqrt(0.5)
    basis[3] = np.diag([1, -1, 0]) / np.sqrt(2)
    basis[4] = np.diag([1, 1, -2]) / np.sqrt(6)
    return basis


_TENSORS = _tensors()


def _nearest(centres: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Return the nearest other centre of each, (n,), over all images."""
    places = boundary.tree_points(centres)
    _, two = cKDTree(places, boxsize=boundary.tree_box).query(places, k=2)
    # Of two centres in one place the first may be the other one.
    return np.where(two[:, 0] == np.arange(len(places)), two[:, 1], two[:, 0])


def _end_to_end(scene: Scene, positions: np.ndarray, species: int) -> np.ndarray:
    """Return the unit vectors between the ends of a species' chains, (k, 3); none for others."""
    geometry = scene.species[species].geometry
    balls = getattr(geometry, "balls", None)
    members = np.flatnonzero(scene.species_index == species)
    if balls is None or len(members) == 0:
        return np.empty((0, 3))
    first = scene.offsets[members]
    between = positions[first + balls[-1]] - positions[first + balls[0]]
    return between / np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-12)
