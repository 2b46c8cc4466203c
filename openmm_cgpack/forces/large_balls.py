"""How a few large balls and all others push each other apart.

OpenMM looks for pairs of balls within one distance, that at which its two largest ones touch. One
microtubule, whose balls are ten times as large as a molecule's, would make it try a thousand times
as many pairs. Here those of large balls are listed in numpy, with a skin beyond touching, and
looked for again when a ball has moved by half of it (Verlet 1967).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from ..core import Scene
from ..core.settings import kind, setting
from .terms import ForceTerm, Rigidity, body_numbers

if TYPE_CHECKING:
    import openmm

_SKIN = 1.5
"""How far beyond touching pairs are listed, nm."""


@kind("large_ball_repulsion")
class LargeBallRepulsion(ForceTerm):
    """Large balls push all others: ``U = k/2 (r1 + r2 + gap - r)^2``, as `SoftRepulsion`.

    Beside a `SoftRepulsion` of the others, ``up_to`` the same radius, it is the same as one of all
    balls. The box must keep its size; of a ball and its images the nearest one counts.

    Examples
    --------
    A scene without such balls has no such force:

    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5, radius=2.0).build(), 3)], seed=1)
    >>> LargeBallRepulsion(beyond=3.0).build(scene, "bonds") is None
    True
    """

    k: float = setting("stiffness of a contact", unit="kJ/mol/nm²", default=10_000.0, above=0)
    gap: float = setting(
        "distance that is kept between the surfaces of balls; negative lets them overlap",
        unit="nm",
        default=0.0,
    )
    beyond: float = setting("radius beyond which balls are large", unit="nm", default=4.0, above=0)

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.PythonForce | None:
        """Return the force, or None where no ball is large."""
        import openmm

        if not (scene.radii > self.beyond).any():
            return None
        return openmm.PythonForce(_OfState(scene, self))


class _OfState:
    """The energy and forces in a State, as OpenMM asks for them; it goes into files."""

    def __init__(self, scene: Scene, term: LargeBallRepulsion) -> None:
        self.k, self.radii = term.k, scene.radii + term.gap / 2
        large = np.flatnonzero(scene.radii > term.beyond)
        size = np.ceil(2 * np.log2(self.radii[large]))
        self.classes = [large[size == one] for one in np.unique(size)]
        self.small = np.flatnonzero(scene.radii <= term.beyond)
        self.boundary = scene.boundary
        self.body = body_numbers(scene)
        apart = np.sort(np.concatenate([scene.bonds, scene.exclusions]), axis=1)
        self.excluded = np.unique(apart @ [scene.n_balls, 1])
        widest = 2 * float(self.radii.max())
        edges = self.boundary.repeat[self.boundary.periodic]
        if (edges < widest).any():
            raise ValueError(
                f"wanted edges of at least {widest:.4g} nm, where the largest ball touches its own "
                f"image, got {edges.min():.4g}"
            )
        self.at: np.ndarray | None = None
        self.pairs = np.empty((0, 2), np.int64)

    def __getstate__(self) -> dict:
        """Return what goes into files, which is what does not depend on where the balls are."""
        return vars(self) | {"at": None, "pairs": self.pairs[:0]}

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        positions = np.asarray(state.getPositions(asNumpy=True)._value)
        if not np.isfinite(positions).all():
            # Dynamics that diverges is seen by those who step it.
            return np.nan, np.zeros_like(positions)
        if self.at is None or np.abs(positions - self.at).max() > _SKIN / (2 * np.sqrt(3)):
            self._list(positions)
        first, second = self.pairs.T
        offset = self.boundary.minimum_image(positions[first] - positions[second])
        r = np.sqrt(np.einsum("ki,ki->k", offset, offset))
        depth = self.radii[first] + self.radii[second] - r
        # Sums over these alone are the same to the last bit, whenever the list was made.
        touch = np.flatnonzero(depth > 0)
        first, second, depth = first[touch], second[touch], depth[touch]
        push = (self.k * depth / np.maximum(r[touch], 1e-12))[:, None] * offset[touch]
        n = len(positions)
        forces = [
            np.bincount(first, column, n) - np.bincount(second, column, n) for column in push.T
        ]
        return float(self.k * (depth @ depth) / 2), np.stack(forces, axis=1)

    def _list(self, positions: np.ndarray) -> None:
        """List the pairs with a large ball that touch or nearly do, in rising order."""
        boundary, n = self.boundary, len(positions)
        places, box = boundary.tree_points(positions), boundary.tree_box
        codes = [np.empty(0, np.int64)]
        # In classes of size, so that the largest do not make the search about all as wide.
        for some in self.classes:
            tree = KDTree(places[some], boxsize=box)
            for others in (self.small, *self.classes):
                if not len(others):
                    continue
                reach = self.radii[some].max() + self.radii[others].max() + _SKIN
                other = KDTree(places[others], boxsize=box)
                near = tree.sparse_distance_matrix(other, float(reach), output_type="ndarray")
                i, j = some[near["i"]], others[near["j"]]
                keep = near["v"] < self.radii[i] + self.radii[j] + _SKIN
                keep &= self.body[i] != self.body[j]
                codes.append((np.minimum(i, j) * n + np.maximum(i, j))[keep])
        code = np.setdiff1d(np.concatenate(codes), self.excluded)
        self.pairs, self.at = np.stack(np.divmod(code, n), axis=1), positions.copy()
