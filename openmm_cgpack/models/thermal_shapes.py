"""The shapes that heat gives membranes, drawn at once.

Waves as long as a vesicle take millions of steps to grow and fade, so a membrane starts with those
of a temperature, never as the even surface that its model is.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from ..core.elasticity import Elasticity
from ..core.geometry import Mesh
from ..core.model import BallModel
from ..core.units import KT
from .triangulation import area_vectors, volume_of

SHORTEST = 47.9
"""The square of the shortest wave's number times that of the edge, for which the integral below is
the sum over the waves of an even lattice of triangles, with the Laplacian that a mesh has."""

LONGEST_CLOSED, LONGEST_SPANNING = 48.0, 17.0
"""The square of the longest wave's number times the area: from the sums over a sphere's waves, of
which the first has l = 2, and over those of a square that repeats."""

_FLATTER = 0.75
"""Factor to waves that would make a membrane meet itself."""


def excess_area(elasticity: Elasticity, edge: float, *, closed: bool) -> float:
    """Return by how much a membrane's area exceeds that of the even surface, for heat, over that.

    ``kT / (8 pi kappa) ln((q_max² + sigma / kappa) / (q_min² + sigma / kappa))`` (Helfrich and
    Servuss 1984, Nuovo Cimento D 3, 137), with the waves that a mesh of edges `edge` nm has.

    >>> sphere = Elasticity(bending=20 * KT, area=4 * np.pi * 40**2, area_modulus=145.0)
    >>> round(excess_area(sphere, 4.0, closed=True), 4)
    0.0142
    """
    ratio = elasticity.tension / elasticity.bending
    shortest = SHORTEST / edge**2
    longest = (LONGEST_CLOSED if closed else LONGEST_SPANNING) / elasticity.area
    waves = np.log((shortest + ratio) / (longest + ratio))
    return float(KT / (8 * np.pi * elasticity.bending) * waves)


def thermal_shape(model: BallModel, *, seed: int | np.random.SeedSequence) -> np.ndarray:
    """Return the balls of an elastic membrane as heat has them at 300 K, (b, 3) nm.

    The displacement along the normals is Gaussian with the energy, to second order in it,
    ``kappa/2 integral (lap u + S u)² + 2/3 S |grad u|² dA + sigma/2 integral |grad u|² dA``, S the
    sum of the squared principal curvatures: the change of the mean curvature, and what keeping
    area and volume adds. For a plane that is Helfrich's ``kT / (A (kappa q⁴ + sigma q²))``
    exactly; for a sphere it has the exact ``kT / (kappa (l-1) (l+2) (l (l+1) + sigma R²/kappa))``
    for l = 2, and within 4 % for all others; for a tube its waves within a factor of 1.6, but is
    too stiff for its bending as a whole. Motions as a whole are left out. A closed membrane is
    then scaled to keep its volume. Where the waves would bring it to meet itself, they are made
    flatter.

    Parameters
    ----------
    model : BallModel
        With an elasticity, and a mesh as geometry.
    seed : int or numpy.random.SeedSequence
        Of the waves.

    Examples
    --------
    >>> from openmm_cgpack import Vesicle
    >>> model = Vesicle(radius=25).build()
    >>> balls = thermal_shape(model, seed=1)
    >>> bool(0.2 < np.linalg.norm(balls, axis=1).std() < 2)
    True
    """
    mesh, elasticity = model.mesh, model.elasticity
    if elasticity is None:
        raise ValueError(f"{model.name}: wanted a membrane with an elasticity")
    shape = _Shape(mesh, model.positions)
    waves = shape.draw(elasticity, np.random.default_rng(seed))
    height = shape.without_motions(waves, spans=model.spans)
    while True:
        balls = model.positions + height[:, None] * shape.normals
        if model.is_closed:
            before, after = (volume_of(mesh.corners(x)) for x in (model.positions, balls))
            balls *= np.cbrt(before / after)
        if not _meets_itself(model, mesh, balls):
            return balls
        height *= _FLATTER


class _Shape:
    """A mesh as it is: areas, normals and curvatures at its vertices, and its Laplacian.

    Attributes
    ----------
    difference : (3 f, v) sparse array
        Takes values at vertices to their differences along the faces' sides.
    weights : (3 f,) array
        Of the sides, half the cotangents of the angles opposite: ``difference.T @ weights *
        difference`` is minus the Laplace-Beltrami operator, integrated over the vertices' areas.
    mean_curvature, curvature : (v,) arrays
        Sum of the principal curvatures, nm^-1, and of their squares, nm^-2.
    """

    def __init__(self, mesh: Mesh, vertices: np.ndarray) -> None:
        count, faces = len(vertices), mesh.faces
        corners = mesh.corners(vertices)
        up = area_vectors(corners)
        size = np.linalg.norm(up, axis=1)
        # Side k lies opposite to corner k.
        start, end = faces[:, [1, 2, 0]].ravel(), faces[:, [2, 0, 1]].ravel()
        sides = corners[:, [2, 0, 1]] - corners[:, [1, 2, 0]]
        squares = np.einsum("fki,fki->fk", sides, sides)
        cotangents = (squares.sum(axis=1, keepdims=True) - 2 * squares) / (4 * size[:, None])
        rows = np.arange(faces.size)
        to_sides = sparse.csr_array((np.ones(faces.size), (rows, end)), shape=(faces.size, count))
        from_sides = sparse.csr_array(
            (np.ones(faces.size), (rows, start)), shape=(faces.size, count)
        )
        at_corners = sparse.csr_array(
            (np.ones(faces.size), (faces.ravel(), rows)), shape=(count, faces.size)
        )
        self.vertices = vertices
        self.difference = to_sides - from_sides
        self.weights = cotangents.ravel() / 2
        self.area = at_corners @ np.repeat(size / 3, 3)
        normals = at_corners @ np.repeat(up, 3, axis=0)
        self.normals = normals / np.linalg.norm(normals, axis=1)[:, None]
        edges, number = np.unique(
            np.minimum(start, end) * count + np.maximum(start, end), return_counts=True
        )
        self.inner = np.ones(count, bool)
        self.inner[np.concatenate(np.divmod(edges[number == 1], count))] = False
        mean = self.difference.T @ (self.weights[:, None] * sides.reshape(-1, 3))
        self.mean_curvature = np.einsum("vi,vi->v", mean, self.normals) / self.area
        gaussian = 2 * np.pi - at_corners @ np.arctan2(1, cotangents).ravel()
        squared = np.einsum("vi,vi->v", mean, mean) / self.area**2 - 2 * gaussian / self.area
        self.curvature = np.where(self.inner, squared, 0).clip(min=0)
        # As means over neighbours: single vertices of a coarse mesh say little.
        near = (abs(self.difference.T) @ abs(self.difference)) @ sparse.diags_array(self.area)
        self.curvature = (near @ self.curvature) / near.sum(axis=1)

    def draw(self, elasticity: Elasticity, rng: np.random.Generator) -> np.ndarray:
        """Return a displacement along the normals, (v,) nm, drawn at 300 K.

        The energy is half the sum of the squares of ``factor @ u``. With independent Gaussian
        numbers z, the minimum of half the squares of ``factor @ u - sqrt(kT) z`` is a draw (perturb
        and solve: Papandreou and Yuille 2010): all waves at the price of one sparse solution.
        """
        kappa = elasticity.bending
        laplacian = self.difference.T @ sparse.diags_array(self.weights) @ self.difference
        change = laplacian - sparse.diags_array(self.area * self.curvature)
        bends = sparse.diags_array(np.sqrt(kappa / self.area) * self.inner) @ change
        on_sides = abs(self.difference) @ self.curvature / 2
        tension = elasticity.tension + 2 / 3 * kappa * on_sides
        slopes = sparse.diags_array(np.sqrt(self.weights.clip(min=0) * tension)) @ self.difference
        # What no energy holds back, as moving a sheet, is taken out later.
        held = sparse.diags_array(np.sqrt(kappa * self.area) / self.area.sum())
        factor = sparse.csc_array(sparse.vstack([bends, slopes, held]))
        pulls = factor.T @ (np.sqrt(KT) * rng.normal(size=factor.shape[0]))
        options = {"SymmetricMode": True}
        solver = splu(
            sparse.csc_array(factor.T @ factor),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options=options,
        )
        return solver.solve(pulls)

    def without_motions(self, height: np.ndarray, *, spans: bool) -> np.ndarray:
        """Return a displacement that moves and, unless it `spans` a box, turns nothing as a whole.

        Nor does it change volume and area, but by the squares of the waves.
        """
        swelling = np.stack([np.ones(len(height)), self.mean_curvature], axis=1)
        motions = [swelling, self.normals]
        if not spans:
            motions.append(np.cross(self.vertices, self.normals))
        weight = np.sqrt(self.area)[:, None]
        columns = np.concatenate(motions, axis=1)
        parts = np.linalg.lstsq(weight * columns, weight[:, 0] * height, rcond=1e-6)[0]
        return height - columns @ parts


def _meets_itself(model: BallModel, mesh: Mesh, balls: np.ndarray) -> bool:
    """Whether a face is turned over, or balls meet that shall not."""
    before, after = (area_vectors(mesh.corners(x)) for x in (model.positions, balls))
    if (np.einsum("fi,fi->f", before, after) <= 0).any():
        return True
    period = mesh.period
    places = np.where(period > 0, balls % np.where(period > 0, period, 1.0), balls)
    touching = KDTree(places, boxsize=period).query_pairs(2 * model.radii[0], output_type="ndarray")
    sizes = [model.n_balls, 1]
    return not np.isin(np.sort(touching, axis=1) @ sizes, model.exclusions @ sizes).all()
