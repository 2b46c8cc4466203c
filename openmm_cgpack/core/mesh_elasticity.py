"""The elastic energy of fluid membranes on triangle meshes, and its exact gradient.

**Bending.** The area A of a mesh has the gradient ``L x``, with the cotangent Laplacian L of the
shape as it is. Over a vertex it is the normal times twice the mean curvature H, integrated over the
vertex' area A_v, a third of the triangles around it. So ``kappa/2 integral (2 H)² dA`` becomes
``kappa/2 sum over vertices of |L x|² / A_v`` (Wardetzky et al. 2007), which spheres, spheroids and
cylinders of even meshes have to a per cent. Vertices of a rim have no bending energy.

**Area and volume** are those of each membrane as a whole: a fluid resists no shear, and lipids flow
to where there are too few.

**Evenness.** A mesh has to stay even while heat moves its vertices, and nothing that keeps it so
may resist the membrane's bending. Springs would: a net of them is a solid shell, whose Young's
modulus stiffens the long waves of a closed membrane. Instead every vertex is held to the middle of
its neighbours, but only sideways: ``c/2 sum of |P L0 x|² / A0_v``, with L0 and A0 those of the mesh
at rest, and P what takes away the part along the vertex' normal. It is 0 for every shape whose
triangles have the angles that they have at rest (harmonic maps: Pinkall and Polthier 1993), and any
smooth shape has such a mesh. There are as many terms as ways for the vertices to move sideways, so
that they can follow whatever the shape does: at any temperature its waves do not feel this energy.
How much a triangle may grow or shrink has a bound, seldom met.

**Heat.** The fewer places a vertex has along its normal, the less its entropy: n vertices push the
area to grow by ``kT/2 sum of log A_v``, a tension of 0.15 mN/m at edges of 4 nm, which no real
membrane has. That energy, with a plus, takes it away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from .model import BallModel

_BLOCK = 4096
"""Triangles at a time, whose arrays stay in a processor's cache."""

_SLACK = 0.5
_STIFFNESS = 100.0
"""Part of its area by which a triangle is free to grow or shrink; and its modulus beyond, in
kJ/mol/nm²."""


class ElasticMeshes:
    """The membranes of some models, their balls one after the other.

    Parameters
    ----------
    models : sequence of BallModel
        Each with an elasticity, and a mesh as geometry.
    evenness : float, optional
        c, what keeps the mesh as even as that of the model at rest, kJ/mol.
    heat : float, optional
        kT of the vertices, whose pressure on the area is taken away, kJ/mol.

    Raises
    ------
    ValueError
        A model has no elasticity, or a volume or pressure and is not closed.

    Examples
    --------
    A tetrahedron's area and volume:

    >>> import numpy as np
    >>> from openmm_cgpack.core import BallModel, Elasticity, Mesh
    >>> corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    >>> model = BallModel(
    ...     name="tetrahedron", positions=corners, radii=[1] * 4, masses=[1] * 4, volume=1.0,
    ...     geometry=Mesh(
    ...         faces=[[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], thickness=4.0, density=500.0
    ...     ),
    ...     elasticity=Elasticity(bending=50.0, area=13.0, area_modulus=145.0),
    ... )
    >>> meshes = ElasticMeshes([model])
    >>> [values.round(3).tolist() for values in meshes.areas_and_volumes(corners)]
    [[13.856], [2.667]]
    >>> energy, gradient = meshes.energy_and_gradient(corners)
    >>> round(energy, 1), gradient.shape
    (466.0, (4, 3))
    """

    def __init__(
        self, models: Sequence[BallModel], *, evenness: float = 0.0, heat: float = 0.0
    ) -> None:
        first = np.cumsum([0] + [model.n_balls for model in models])
        faces = [model.faces + start for model, start in zip(models, first[:-1], strict=True)]
        self.n_balls = int(first[-1])
        self.faces = np.ascontiguousarray(np.concatenate(faces).T)
        counts = [len(model.faces) for model in models]
        self._starts = np.cumsum([0, *counts[:-1]])
        self._of_face = np.repeat(np.arange(len(models)), counts)
        n_corners = self.faces.size
        self._to_balls = sparse.csr_matrix(
            (np.ones(n_corners), (self.faces.ravel(), np.arange(n_corners))),
            shape=(self.n_balls, n_corners),
        )
        n_faces = n_corners // 3
        self._around = sparse.csr_matrix(
            (np.ones(n_corners), (self.faces.ravel(), np.tile(np.arange(n_faces), 3))),
            shape=(self.n_balls, n_faces),
        )
        self._set_constants(models)
        period = np.array([model.mesh.period for model in models])[self._of_face].T
        self._period = period if period.any() else None
        self._set_rest(models, evenness)
        self._heat = np.where(self._bending > 0, heat, 0.0)

    def _set_constants(self, models: Sequence[BallModel]) -> None:
        elastic = []
        for model in models:
            of_model = model.elasticity
            if of_model is None:
                raise ValueError(f"{model.name}: wanted an elasticity")
            if not model.is_closed and (of_model.volume is not None or of_model.pressure):
                raise ValueError(
                    f"{model.name}: elasticity: a volume or pressure wants a closed membrane"
                )
            elastic.append(of_model)
        sizes = [model.n_balls for model in models]
        bends = np.concatenate([_inner(model) for model in models])
        self._bending = bends * np.repeat([part.bending for part in elastic], sizes)
        self._tension = np.array([part.tension for part in elastic])
        self._area = np.array([part.area for part in elastic])
        self._area_modulus = np.array([part.area_modulus for part in elastic])
        self._pressure = np.array([part.pressure for part in elastic])
        kept = [part.volume is not None for part in elastic]
        self._volume = np.array([part.volume or 1.0 for part in elastic])
        self._volume_modulus = np.where(kept, [part.volume_modulus for part in elastic], 0.0)

    def _set_rest(self, models: Sequence[BallModel], evenness: float) -> None:
        """Take the mesh at rest from the models, and its areas, scaled to the rest area."""
        at_rest = self._triangles(np.concatenate([model.positions for model in models]))
        self._rest_weights = at_rest.weights
        self._rest_area = at_rest.area * (self._area / self._sums(at_rest.area))[self._of_face]
        ball_area = self._around @ self._rest_area / 3
        self._centring = np.where(self._bending > 0, evenness, 0.0) / ball_area
        self._stiffness = _STIFFNESS if evenness else 0.0

    def _triangles(self, positions: np.ndarray, part: slice = slice(None)) -> _Triangles:
        """Return the triangles at some positions, each in one piece."""
        corners = np.take(positions.T, self.faces[:, part], axis=1)
        if self._period is not None:
            period = self._period[:, None, part]
            edge = np.where(period > 0, period, np.inf)
            corners -= period * np.rint((corners - corners[:, :1]) / edge)
        return _Triangles(corners)

    def _sums(self, of_faces: np.ndarray) -> np.ndarray:
        """Return the sums over the triangles of each membrane."""
        return np.add.reduceat(of_faces, self._starts)

    def _at_balls(self, at_corners: np.ndarray) -> np.ndarray:
        """Return the sums over the corners at each ball, of one component after the other."""
        return np.stack([self._to_balls @ component.ravel() for component in at_corners])

    def areas_and_volumes(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the area (nm²) and the volume inside (nm³; of closed ones) of each membrane."""
        triangles = self._triangles(positions)
        return self._sums(triangles.area), self._sums(triangles.cone)

    def bending_energies(self, positions: np.ndarray) -> np.ndarray:
        """Return the bending energy of every ball, (b,) kJ/mol, at positions (b, 3), nm."""
        triangles = self._triangles(positions)
        normal = self._at_balls(_by_corners(triangles.weights * triangles.edges))
        area = self._around @ triangles.area / 3
        return self._bending / 2 * (normal**2).sum(axis=0) / area

    def energy_and_gradient(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the energy of all membranes, and its derivatives by the positions.

        Parameters
        ----------
        positions : (b, 3) array
            Of all balls, nm.

        Returns
        -------
        energy : float
            kJ/mol.
        gradient : (b, 3) array
            kJ/mol/nm.
        """
        n_faces = self.faces.shape[1]
        parts = [slice(k, min(k + _BLOCK, n_faces)) for k in range(0, n_faces, _BLOCK)]
        places = np.asfortranarray(positions)
        blocks = [self._triangles(places, part) for part in parts]
        bend, lean = np.empty((2, 3, 3, n_faces))
        for part, block in zip(parts, blocks, strict=True):
            bend[:, :, part] = _by_corners(block.weights * block.edges)
            lean[:, :, part] = _by_corners(self._rest_weights[:, part] * block.edges)
        bend, lean = self._at_balls(bend), self._at_balls(lean)
        up = np.stack(
            [
                self._around @ np.concatenate(component)
                for component in zip(*(block.normal for block in blocks), strict=True)
            ]
        )
        face_area = np.concatenate([block.area for block in blocks])
        ball_area = self._around @ face_area / 3
        # The derivative of the bending energy by L x, and less that by the balls' areas.
        pull = self._bending * bend / ball_area
        density = (_dot(pull, bend) - self._heat) / (2 * ball_area)
        # The same of the evenness, by what leans sideways, and by the direction of up.
        height = _dot(lean, up) / _dot(up, up)
        centring = self._centring * (lean - height * up)
        turning = -height * centring
        area = self._sums(face_area)
        volume = self._sums(np.concatenate([block.cone for block in blocks]))
        stretch, swelling = area - self._area, volume - self._volume
        tension = self._tension + self._area_modulus * stretch / self._area
        pressure = self._pressure - self._volume_modulus * swelling / self._volume
        energy = float(
            _dot(pull, bend).sum() / 2
            + _dot(centring, lean).sum() / 2
            + self._heat @ np.log(ball_area) / 2
            + self._tension @ area
            + (self._area_modulus * stretch**2 / self._area).sum() / 2
            + (self._volume_modulus * swelling**2 / self._volume).sum() / 2
            - self._pressure @ volume
        )
        by_corners = np.empty((3, 3, n_faces))
        for part, block in zip(parts, blocks, strict=True):
            faces, member = self.faces[:, part], self._of_face[part]
            excess = block.area / self._rest_area[part] - 1
            beyond = excess - np.clip(excess, -_SLACK, _SLACK)
            energy += float(self._stiffness / 2 * self._rest_area[part] @ beyond**2)
            by_area = tension[member] + self._stiffness * beyond - density[faces].sum(axis=0) / 3
            by_normal = np.take(turning, faces, axis=1).sum(axis=1)
            by_edges = block.by_edges(np.take(pull, faces, axis=1), by_area)
            by_edges += self._rest_weights[:, part] * _along_edges(np.take(centring, faces, axis=1))
            by_edges[:, 0] += _cross(block.edges[:, 1], by_normal)
            by_edges[:, 1] += _cross(by_normal, block.edges[:, 0])
            by_corners[:, :, part] = _by_corners(by_edges)
            by_corners[:, :, part] -= (pressure[member] / 6 * block.normal)[:, None]
        return energy, self._at_balls(by_corners).T


class _Triangles:
    """Triangles, their corners given as component, corner, triangle (3, 3, f), nm.

    Attributes
    ----------
    edges : (3, 3, f) array
        Edges, each with the number of the corner opposite it, counterclockwise.
    weights : (3, f) array
        Half of the cotangent of the angle opposite each edge.
    normal : (3, f) array
        Normal, twice as long as the triangle is large.
    area, cone : (f,) arrays
        Area, and the volume of the cone over the triangle with its tip in the origin.
    """

    def __init__(self, corners: np.ndarray) -> None:
        self.edges = _along_edges(corners)
        self.normal = _cross(self.edges[:, 0], self.edges[:, 1])
        self.area = np.sqrt(_dot(self.normal, self.normal)) / 2
        self.cone = _dot(corners[:, 0], self.normal) / 6
        squares = _dot(self.edges, self.edges)
        self.weights = (squares.sum(axis=0) - 2 * squares) / (8 * self.area)

    def by_edges(self, pull: np.ndarray, by_area: np.ndarray) -> np.ndarray:
        """Return the derivatives of an energy by the edges, (3, 3, f).

        The energy has ``pull . L x`` with a constant vector at every corner, (3, 3, f), of which
        each edge contributes ``weight * (change of pull) . edge``; and a derivative by the area.
        """
        change = _along_edges(pull)
        work = _dot(change, self.edges)
        along = (work.sum(axis=0) - 2 * work) / (4 * self.area)
        along += (by_area - _dot(self.weights, work) / self.area) * self.weights
        return self.weights * change + along * self.edges


def _along_edges(at_corners: np.ndarray) -> np.ndarray:
    """Return what values at the corners, (3, 3, f), change by along each edge."""
    changes = np.empty_like(at_corners)
    for k in range(3):
        np.subtract(at_corners[:, k - 1], at_corners[:, k - 2], out=changes[:, k])
    return changes


def _by_corners(by_edges: np.ndarray) -> np.ndarray:
    """Return derivatives by the corners, (3, 3, f), where those by the edges are known."""
    by_corners = np.empty_like(by_edges)
    for k in range(3):
        np.subtract(by_edges[:, k - 2], by_edges[:, k - 1], out=by_corners[:, k])
    return by_corners


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products of vectors, (3, f)."""
    (ax, ay, az), (bx, by, bz) = a, b
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sum over the first axis of a product."""
    return np.einsum("i...,i...->...", a, b)


def _inner(model: BallModel) -> np.ndarray:
    """Return which balls are on no rim, (b,) bool."""
    sides = np.sort(model.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, count = np.unique(sides, axis=0, return_counts=True)
    inner = np.ones(model.n_balls, bool)
    inner[edges[count == 1]] = False
    return inner
