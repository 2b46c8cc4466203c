"""A smooth bilayer over a mesh of balls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import erf

from ..core.display import described
from ..core.geometry import Mesh, Surface
from .painters import MOST_POINTS, Painter, Skeleton, WeightedPoints, joined, paints

AREA, LIPID, HEAD = 0.643, 1.256, 0.331
"""Area of a lipid, nm², and volumes of it and of its head group, nm³: POPC at 30 °C.

Kučerka, Nieh and Katsaras, Biochim. Biophys. Acta 1808 (2011) 2761. A bilayer of it is ``2 LIPID /
AREA`` = 3.91 nm thick, and its head groups are 3.7 nm apart.
"""

METHYL = 0.0547
"""Volume of the methyl group at the end of a chain, nm³: twice that of a methylene group."""

CONTRASTS = (3.84, 1.64, -0.99)
"""Potential above that of the ice in their place of head groups, chains and methyl groups, V.

From independent atoms, as `openmm_cgpack.imaging` has those of ice and of whole lipids.
"""

HEADS_AT, HEADS_SPREAD, CHAINS_SPREAD, METHYLS_SPREAD = 1.85, 0.3, 0.26, 0.3
"""Depth of the head groups, nm, and standard deviations of where a bilayer's parts are.

The forms are those of Kučerka et al., Biophys. J. 95 (2008) 2356: Gaussians for head groups and
methyl groups, a box with soft edges for the chains. The head groups' spread is that of their 0.9 nm
(Nagle and Tristram-Nagle, Biochim. Biophys. Acta 1469 (2000) 159); the others are usual ones of
fluid bilayers, as in table 1 of Doktorova et al., J. Phys. Chem. B 124 (2020) 5186.
"""

END, NOMINAL = 3.0, 4.0
"""Depth at which the profile ends, and the thickness of a sheet that has it as it is, nm."""

PHONG = 0.5
"""Share of the projection in Phong tessellation.

Where vertices and normals are those of a quadratic surface, this share goes through it, to second
order in the edges; the 0.75 that its authors advise, for looks, lie half as far beyond it again.
"""

SPARSER = 4 / 3
"""How much farther apart points lie along a sheet than across it.

At the distance of one sigma of the Gaussian that blurs them a flat sheet is even to 3e-5.
"""


def profile(depth: np.ndarray, contrasts: tuple[float, float, float] = CONTRASTS) -> np.ndarray:
    """Return the potential of a POPC bilayer above that of ice at depths from its middle, nm: V.

    With other `contrasts` of head groups, chains and methyl groups it is the profile of these.

    >>> profile(np.array([0.0, 1.0, 1.85, 2.9])).round(1).tolist()
    [0.4, 1.6, 2.7, 0.0]
    """
    core = 2 * (LIPID - HEAD) / AREA

    def part(volume: float, place: float, spread: float) -> np.ndarray:
        """Return the part of space that a group of either leaflet takes."""
        z = (np.abs(depth)[..., None] + np.array([-place, place])) / spread
        return volume / AREA * np.exp(-(z**2) / 2).sum(axis=-1) / (np.sqrt(2 * np.pi) * spread)

    soft = np.sqrt(2) * CHAINS_SPREAD
    chains = (erf((depth + core / 2) / soft) - erf((depth - core / 2) / soft)) / 2
    heads = part(HEAD, HEADS_AT, HEADS_SPREAD)
    methyls = part(2 * METHYL, 0.0, METHYLS_SPREAD)
    return np.stack([heads, chains - methyls, methyls], axis=-1) @ np.array(contrasts)


@paints(Mesh)
@described
class SheetPainter(Painter[Mesh]):
    """A bilayer of even thickness along the smooth surface through the balls.

    The surface is the Phong tessellation (Boubekeur and Alexa, ACM Trans. Graph. 27 (2008) 141)
    of the triangles with angle-weighted vertex normals; it goes through every ball. Across the
    sheet the density has the `profile` of a lipid bilayer, stretched with the sheet's thickness.
    """

    def points(self, mesh: Mesh, balls: np.ndarray, *, spacing: float) -> WeightedPoints:
        """Return the bilayer as points whose masses sum to density x thickness x smooth area.

        >>> sheet = Mesh(faces=[[0, 1, 2]], thickness=4.0, density=600.0)
        >>> corners = np.array([[0.0, 0, 0], [8, 0, 0], [0, 8, 0]])
        >>> points = SheetPainter().points(sheet, corners, spacing=0.5)
        >>> bool(np.isclose(points.masses.sum(), 600 * 4.0 * 32))
        True
        """
        return joined(self.parts(mesh, balls, spacing=spacing))

    def filled(self, mesh: Mesh, balls: np.ndarray, *, spacing: float) -> WeightedPoints:
        """Return the sheet as points of even density, as masks want it."""
        return joined(self.parts(mesh, balls, spacing=spacing, filled=True))

    def parts(
        self, mesh: Mesh, balls: np.ndarray, *, spacing: float, filled: bool = False
    ) -> Iterator[WeightedPoints]:
        """Yield the sheet, or the filled one, in pieces of about `MOST_POINTS` points at most."""
        layers = (_even_layers if filled else _layers)(mesh.thickness, spacing)
        corners = mesh.corners(balls)
        cuts = _cuts(corners, SPARSER * spacing)
        normals = _vertex_normals(mesh.faces, corners, len(balls))[mesh.faces]
        for rows in _blocks(corners, cuts**2 * len(layers[0])):
            yield _bilayer(corners[rows], normals[rows], cuts[rows], layers, mesh=mesh)

    def girth(self, mesh: Mesh) -> float:
        """Return half the thickness."""
        return mesh.thickness / 2

    def skeleton(self, mesh: Mesh, balls: np.ndarray, *, spacing: float) -> Skeleton:
        """Return the flat triangles, with the ways out along the rim."""
        corners = mesh.corners(balls)
        sides = np.roll(corners, -1, axis=1) - corners
        cuts = max(1, int(np.ceil(np.linalg.norm(sides, axis=2).max() / spacing)))
        weights, _ = _subdivision(cuts)
        points = np.einsum("wv,fvi->fwi", weights, corners)
        normals = np.cross(sides[:, 0], sides[:, 1])
        ways = np.zeros_like(points)
        rim = _rim(mesh.faces)
        for side in range(3):
            out = np.cross(sides[:, side], normals)
            out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
            # Side 0 lies opposite to corner 2, and so on: that corner's weight is 0 on it.
            on_side = weights[:, (side + 2) % 3] == 0
            ways[np.ix_(rim[:, side], on_side)] = out[rim[:, side], None]
        return Skeleton(
            points=points.reshape(-1, 3),
            outward=ways.reshape(-1, 3),
            reach=mesh.thickness / 2,
        )

    def surface(self, mesh: Mesh, balls: np.ndarray, *, cuts: int = 4) -> Surface:
        """Return the smooth surface in the middle, its triangles turned as those of the mesh.

        Of a sheet that spans a box it is one sheet too, whose rim lies where it goes on across
        faces of the box.
        """
        weights, cells = _subdivision(cuts)
        corners = mesh.corners(balls)
        normals = _vertex_normals(mesh.faces, corners, len(balls))[mesh.faces]
        surface, _ = _phong(corners, normals, weights)
        first, number = _shared_points(mesh.faces, corners - balls[mesh.faces], weights * cuts)
        cells = (cells + len(weights) * np.arange(len(mesh.faces))[:, None, None]).reshape(-1, 3)
        return Surface(vertices=surface.reshape(-1, 3)[first], faces=number[cells])


def _bilayer(
    corners: np.ndarray,
    normals: np.ndarray,
    cuts: np.ndarray,
    layers: tuple[np.ndarray, np.ndarray],
    *,
    mesh: Mesh,
) -> WeightedPoints:
    """Return faces with `corners` and `normals` (f, 3, 3) as points in layers.

    Each face is cut into ``cuts**2`` cells (f,), and a cell has a point in each of the `layers`,
    which are their depths and shares of the mass, both (d,).
    """
    depths, shares = layers
    positions, masses = [], []
    for cut in np.unique(cuts):
        rows = cuts == cut
        weights, cells = _subdivision(int(cut))
        middle, up = (
            a[:, cells].reshape(-1, 3, 3) for a in _phong(corners[rows], normals[rows], weights)
        )
        # The edges of a cell are linear in its depth, and its area is quadratic.
        one, other = (np.stack([a[:, k] - a[:, 0] for a in (middle, up)], axis=1) for k in (1, 2))
        flat = np.cross(one[:, 0], other[:, 0])
        area = np.linalg.norm(flat, axis=1)
        flat /= np.maximum(area, 1e-300)[:, None]
        slope = np.cross(one[:, 0], other[:, 1]) + np.cross(one[:, 1], other[:, 0])
        slope, bend = (
            np.einsum("ci,ci->c", v, flat) for v in (slope, np.cross(one[:, 1], other[:, 1]))
        )
        # Further from the centre of a bend a cell is larger: the density is even, and the mass
        # of a cell is that of its area on the middle surface.
        part = np.maximum(area[:, None] + slope[:, None] * depths + bend[:, None] * depths**2, 0)
        part *= shares
        part *= (area / np.maximum(part.sum(axis=1), 1e-300))[:, None] / 2
        places = middle.mean(axis=1)[:, None] + depths[:, None] * up.mean(axis=1)[:, None]
        positions.append(places.reshape(-1, 3))
        masses.append(part.ravel() * mesh.density * mesh.thickness)
    return WeightedPoints(positions=np.concatenate(positions), masses=np.concatenate(masses))


def _cuts(corners: np.ndarray, spacing: float) -> np.ndarray:
    """Return into how many parts to cut the sides of faces with corners (f, 3, 3): (f,)."""
    sides = corners - np.roll(corners, 1, axis=1)
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    longest = np.linalg.norm(sides, axis=2).max(axis=1)
    # Cells of about spacing^2 or less, and none much longer than that.
    return np.maximum(1, np.ceil(np.maximum(np.sqrt(area), longest / 2) / spacing)).astype(int)


def _blocks(corners: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of faces that lie together, their `sizes` (f,) up to `MOST_POINTS`.

    Faces are halved across their longest extent until they fit.
    """
    waiting = [np.arange(len(sizes))]
    while waiting:
        rows = waiting.pop()
        if len(rows) == 1 or sizes[rows].sum() <= MOST_POINTS:
            yield rows
            continue
        middles = corners[rows].mean(axis=1)
        order = np.argsort(middles[:, np.ptp(middles, axis=0).argmax()], kind="stable")
        half = len(rows) // 2
        waiting += [np.sort(rows[order[half:]]), np.sort(rows[order[:half]])]


def _shared_points(
    faces: np.ndarray, shifts: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of cut faces that are not points of an earlier one, and all as of these.

    Faces share the points on their common sides. `parts` (w, 3) are the points' weights in whole
    parts, `shifts` (f, 3, 3) tell images of one ball apart, nm; the numbers of all points, face by
    face, are (f * w,).
    """
    images = np.concatenate([faces[..., None], np.rint(1e3 * shifts).astype(np.int64)], axis=2)
    _, corner = np.unique(images.reshape(-1, 4), axis=0, return_inverse=True)
    parts = np.rint(parts).astype(np.int64)
    # A point is known by the corners that have part in it, and their parts.
    known = corner.reshape(-1, 1, 3) * (parts.max() + 1) + parts
    known = np.sort(np.where(parts > 0, known, -1), axis=2).reshape(-1, 3)
    _, first, number = np.unique(known, axis=0, return_index=True, return_inverse=True)
    return first, number.reshape(-1)


def _vertex_normals(faces: np.ndarray, corners: np.ndarray, n: int) -> np.ndarray:
    """Return unit normals (n, 3) of vertices: those of the faces, weighted by their angle there."""
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face /= np.maximum(np.linalg.norm(face, axis=1), 1e-300)[:, None]
    after = np.roll(corners, -1, axis=1) - corners
    before = np.roll(corners, 1, axis=1) - corners
    sine = np.linalg.norm(np.cross(after, before), axis=2)
    angle = np.arctan2(sine, np.einsum("fvi,fvi->fv", after, before))
    normals = np.zeros((n, 3))
    np.add.at(normals, faces, angle[..., None] * face[:, None])
    return normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None]


def _phong(
    corners: np.ndarray, normals: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return surface points (f, w, 3) and unit normals at barycentric `weights` (w, 3)."""
    flat = np.einsum("wv,fvi->fwi", weights, corners)
    height = np.einsum("fwvi,fvi->fwv", flat[:, :, None] - corners[:, None], normals)
    lift = np.einsum("wv,fwv,fvi->fwi", weights, height, normals)
    up = np.einsum("wv,fvi->fwi", weights, normals)
    return flat - PHONG * lift, up / np.linalg.norm(up, axis=2)[..., None]


def _subdivision(cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return barycentric weights (w, 3) of the points and the triangles (c, 3) of a split face."""
    rows, columns = np.nonzero(np.add.outer(np.arange(cuts + 1), np.arange(cuts + 1)) <= cuts)
    weights = np.stack([cuts - rows - columns, rows, columns], 1) / cuts
    number = np.full((cuts + 2, cuts + 2), -1)
    number[rows, columns] = np.arange(len(rows))
    up = rows + columns < cuts
    down = rows + columns < cuts - 1
    r, c = rows[up], columns[up]
    first = np.stack([number[r, c], number[r + 1, c], number[r, c + 1]], 1)
    r, c = rows[down], columns[down]
    second = np.stack([number[r + 1, c], number[r + 1, c + 1], number[r, c + 1]], 1)
    return weights, np.concatenate([first, second])


def _even_layers(thickness: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return depths (d,) of an even sheet's layers from its middle, nm, and their shares."""
    count = int(np.ceil(thickness / 2 / spacing - 1e-9))
    edges = np.linspace(0, thickness / 2, count + 1)
    # Each layer at its root mean square depth: the second moment is exact.
    depth = np.sqrt((edges[:-1] ** 2 + edges[:-1] * edges[1:] + edges[1:] ** 2) / 3)
    return np.concatenate([-depth, depth]), np.full(2 * count, 0.5 / count)


def _layers(thickness: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return depths (d,) of a bilayer's layers from its middle, nm, and their shares of the mass.

    A sheet of another thickness than `NOMINAL` has the profile stretched.
    """
    fine = (np.arange(1000) + 0.5) * (END / 1000)
    stretch = thickness / NOMINAL
    first = np.linspace(0, len(fine), max(2, int(np.ceil(END * stretch / spacing))) + 1)[:-1]
    mass = profile(fine)
    share = np.add.reduceat(mass, first.astype(int))
    # Each layer at its root mean square depth: the profile's second moment is exact.
    depth = stretch * np.sqrt(np.add.reduceat(mass * fine**2, first.astype(int)) / share)
    share /= 2 * share.sum()
    return np.concatenate([-depth, depth]), np.concatenate([share, share])


def _rim(faces: np.ndarray) -> np.ndarray:
    """Return which sides of the faces belong to no other face, (f, 3)."""
    sides = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2), axis=2).reshape(-1, 2)
    _, which, counts = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    return (counts[which.ravel()] == 1).reshape(-1, 3)
