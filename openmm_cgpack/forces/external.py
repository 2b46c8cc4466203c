"""Forces on single balls: the centre pull, and what keeps balls out of walls and the obstacle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Obstacle, Scene
from ..core.settings import kind, setting
from .terms import BOX_EDGES, SLAB_HEIGHT, ForceTerm, Rigidity

if TYPE_CHECKING:
    import openmm

PULL_SCALE = "pull_scale"
"""Global parameter of the Context that scales the centre pull: 1 is all of it, 0 none."""


@kind("centre_pull")
class CentrePull(ForceTerm):
    """The paper's eq. 8: a force towards the centre, ``k r`` up to `radius`, constant beyond.

    Its potential is ``k/2 min(r^2, R^2) + k R (sqrt(max(r^2, R^2)) - R)``, which has no square
    root near the centre. The default constant is the paper's 10 kcal/mol/Å².

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> CentrePull(k=0.01).build(scene, "bonds").getNumParticles()
        15
    """

    k: float = setting("force constant", unit="kJ/mol/nm²", default=4184.0, above=0)
    radius: float = setting("where the force stops growing", unit="nm", default=30.0, above=0)
    centre: tuple[float, float, float] = setting("the centre", unit="nm", default=(0.0, 0.0, 0.0))

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomExternalForce:
        """Return the force on all balls."""
        import openmm

        x, y, z = self.centre
        # Of a ball in a box that repeats, the image nearest to the centre counts.
        square = f"(x - {x!r})^2 + (y - {y!r})^2 + (z - {z!r})^2"
        if scene.boundary.bounded:
            square = f"periodicdistance(x, y, z, {x!r}, {y!r}, {z!r})^2"
        force = openmm.CustomExternalForce(
            f"{PULL_SCALE}*(0.5*pull_k*min(r2, pull_radius^2)"
            " + pull_k*pull_radius*(sqrt(max(r2, pull_radius^2)) - pull_radius));"
            f" r2 = {square}"
        )
        force.addGlobalParameter(PULL_SCALE, 1.0)
        force.addGlobalParameter("pull_k", self.k)
        force.addGlobalParameter("pull_radius", self.radius)
        for ball in range(scene.n_balls):
            force.addParticle(ball, ())
        return force


@kind("walls")
class Walls(ForceTerm):
    """The walls of a slab push balls back: ``U = k/2 (|z| + radius - height/2)^2`` beyond them.

    Examples
    --------
    Only a slab has walls:

    >>> from openmm_cgpack import Slab, Filament, place
    >>> tubes = [(Filament(n_balls=5).build(), 3)]
    >>> Walls().build(place(tubes, boundary=Slab(box=60), seed=1), "bonds").getNumParticles()
    15
    >>> Walls().build(place(tubes, seed=1), "bonds") is None
    True
    """

    k: float = setting("stiffness", unit="kJ/mol/nm²", default=10_000.0, above=0)

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomExternalForce | None:
        """Return the force, or None where the scene has no walls."""
        import openmm

        if not scene.boundary.walls[2]:
            return None
        force = openmm.CustomExternalForce(
            f"0.5*wall_k*max(0, height + radius - 0.5*{SLAB_HEIGHT})^2;"
            " height = periodicdistance(x, y, z, x, y, 0)"
        )
        force.addGlobalParameter("wall_k", self.k)
        force.addGlobalParameter(SLAB_HEIGHT, scene.boundary.box[2])
        force.addPerParticleParameter("radius")
        for ball, radius in enumerate(scene.radii.tolist()):
            force.addParticle(ball, [radius])
        return force


@kind("obstacle_wall")
class ObstacleWall(ForceTerm):
    """The scene's obstacle pushes balls out: ``U = k/2 depth^2``.

    The depth of a ball is its radius less the distance of its centre from the obstacle, from a
    map of signed distances on the obstacle's grid.

    Examples
    --------
    Filaments that stay inside a sphere:

    >>> from openmm_cgpack import Filament, place
    >>> from openmm_cgpack.core import Grid, Obstacle
    >>> from openmm_cgpack.packing import Placement
    >>> tube = Filament(n_balls=5).build()
    >>> grid = Grid(shape=(40, 40, 40), voxel_size=2.0, origin=[-39] * 3)
    >>> cell = Obstacle.outside_of(lambda points: np.linalg.norm(points, axis=1) < 35, grid)
    >>> scene = place([(tube, 3)], Placement(extent=60), obstacle=cell, seed=1)
    >>> ObstacleWall(k=1000.0).build(scene, "bonds").getNumBonds()
    15
    """

    k: float = setting("stiffness", unit="kJ/mol/nm²", default=10_000.0, above=0)

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.CustomCompoundBondForce | None:
        """Return the force, or None where the scene has no obstacle."""
        import openmm

        if scene.obstacle is None:
            return None
        radii = scene.radii
        depths, low, high = obstacle_depths(scene.obstacle, float(radii.max()))
        terms, definitions = [], []
        force = openmm.CustomCompoundBondForce(1, "")
        for axis, a, b in zip("xyz", low.tolist(), high.tolist(), strict=True):
            place = f"{axis}1"
            if scene.boundary.bounded:
                edge = BOX_EDGES["xyz".index(axis)]
                place = f"{axis}1 - {edge}*floor({axis}1/{edge} + 0.5)"
                force.addGlobalParameter(edge, float(scene.boundary.box["xyz".index(axis)]))
            definitions += [
                f"{axis}n = min({b!r}, max({a!r}, {axis}w))",
                f"{axis}w = {place}",
            ]
            terms.append(f"abs({axis}w - {axis}n)")
        # Beyond its range the map goes on as at its edge, and rises where all beyond is forbidden.
        beyond = f" + {' + '.join(terms)}" if scene.obstacle.beyond else ""
        force.setEnergyFunction(
            "0.5*obstacle_k*max(0, depths(xn, yn, zn) + radius - reach"
            f"{beyond})^2; " + "; ".join(definitions)
        )
        force.addGlobalParameter("obstacle_k", self.k)
        force.addGlobalParameter("reach", float(radii.max()))
        force.addPerBondParameter("radius")
        shape = depths.shape[::-1]
        # OpenMM's tables run fastest along x, as [z, y, x] arrays do.
        bounds = [edge for pair in zip(low.tolist(), high.tolist(), strict=True) for edge in pair]
        table = openmm.Continuous3DFunction(*shape, depths.ravel().tolist(), *bounds)
        force.addTabulatedFunction("depths", table)
        for ball in np.flatnonzero(~scene.fixed[scene.instance_of_ball]).tolist():
            force.addBond([ball], [float(radii[ball])])
        return force


def obstacle_depths(
    obstacle: Obstacle, reach: float, *, most: int = 64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how deep a ball of radius `reach` stands in an obstacle, on a grid of centres.

    That is `reach` less the centre's signed distance from the obstacle, at least 0: (z, y, x) nm,
    of at most `most` points along an axis, since OpenMM fits a spline to them. With it come the
    first and the last point, (3,) nm each; they are `reach` beyond the obstacle.
    """
    from scipy.ndimage import distance_transform_edt, map_coordinates

    size = obstacle.voxel_size
    pad = int(np.ceil(reach / size)) + 1
    mask = np.pad(obstacle.mask, pad, constant_values=obstacle.beyond)
    outside = distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    inside = distance_transform_edt(mask) if not mask.all() else np.full(mask.shape, np.inf)
    # Half a voxel lies between a voxel's centre and the face between it and the next.
    signed = size * np.where(mask, 0.5 - inside, outside - 0.5)
    depths = np.clip(reach - signed, 0.0, None)
    low = obstacle.origin - pad * size
    high = low + (np.array(mask.shape[::-1]) - 1) * size
    counts = [min(n, most) for n in mask.shape]
    lines = [np.linspace(0, n - 1, m) for n, m in zip(mask.shape, counts, strict=True)]
    coarse = map_coordinates(depths, np.meshgrid(*lines, indexing="ij"), order=1)
    return coarse, low, high
