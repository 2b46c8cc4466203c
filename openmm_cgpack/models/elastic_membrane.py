"""What elastic membranes share: their settings, and the ball model over a triangle mesh."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree

from ..core.boundary import Boundary
from ..core.elasticity import Elasticity
from ..core.geometry import Mesh
from ..core.model import BallModel
from ..core.settings import Settings, setting
from ..core.transforms import from_zyz
from ..core.units import KPA, KT, MN_PER_M
from .structure import Structure
from .thermal_shapes import excess_area, thermal_shape
from .triangulation import adjacency, area_of, edges_of, volume_of

NEAR = 1.3
"""Distance of balls that are two edges apart, over the sum of their radii, below which they do not
push each other: they touch where the membrane is flat, and come nearer where it bends."""

MOST_BALLS = 10**6
"""Of one membrane."""


class Bilayer(Settings):
    """What a membrane looks like."""

    thickness: float = setting(
        "thickness of the bilayer painted; at 4 nm its head groups are 3.7 nm apart, as of POPC",
        default=4.0,
        unit="nm",
        above=0,
        usual=(2, 10),
    )
    # POPC (Kučerka, Nieh, Katsaras 2011, BBA Biomembranes 1808, 2761): two lipids of 677.4 Da
    # without hydrogens on 0.643 nm², 2107 Da/nm². In ice, lipid has 0.816 of the contrast of as
    # much protein (`openmm_cgpack.imaging.MATERIALS`), which makes 1720 Da/nm².
    density: float = setting(
        "mean density through the bilayer, as heavy atoms of protein with its contrast in ice, so "
        "that one number turns a scene's density into potential; 0.82 of POPC's own",
        default=430.0,
        unit="Da/nm³",
        above=0,
    )


class ElasticMembrane(Structure, Bilayer):
    """A fluid bilayer over a triangle mesh whose vertices are balls.

    Balls reach from the middle of every triangle to the bilayer's two faces, so that nothing
    passes between them. No bonds join them: forces follow from the model's `Elasticity`.
    """

    edge: float = setting(
        "length of the mesh's edges; waves shorter than twice as much are not resolved",
        default=4.0,
        unit="nm",
        above=0,
        usual=(1, 20),
    )
    # Lipid bilayers: 10 to 25 kT (Rawicz et al. 2000, Biophys. J. 79, 328; Dimova 2014, Adv.
    # Colloid Interface Sci. 208, 225), cells' membranes, with cholesterol, the upper half.
    bending_modulus_kt: float = setting(
        "bending modulus at 300 K", default=20.0, unit="kT", above=0
    )
    # Rawicz et al. 2000: 230 to 265 mN/m, whatever the chains.
    area_modulus_mn_per_m: float = setting(
        "area modulus: tension over the relative growth of area",
        default=240.0,
        unit="mN/m",
        above=0,
    )
    # Cells' plasma membranes, their cortex left out: 0.003 to 0.15 mN/m (Morris and Homann 2001,
    # J. Membrane Biol. 179, 79); it would tear at 5 to 10.
    tension_mn_per_m: float = setting(
        "tension of the membrane", default=0.02, unit="mN/m", minimum=0, maximum=10
    )
    at: tuple[float, float, float] | None = setting(
        "where the mean of its balls is, in a box around 0; left out, wherever there is room",
        default=None,
        unit="nm",
    )
    angles_deg: tuple[float, float, float] | None = setting(
        "how it is turned: angles about its own z, y and z axis, one after the other; left out, "
        "at random",
        default=None,
        unit="°",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at is not None and (self.count > 1 or self.fraction is not None):
            raise ValueError("at: wanted for a count of 1: there is one place")

    def meaningless(self) -> dict[str, str]:
        """Return what a membrane without bonds has no use for."""
        return super().meaningless() | {"bond_k": "for a membrane that has no bonds"}

    @property
    def cellular(self) -> bool:
        """Whether only a cell can hold it: it always needs the forces of its elasticity."""
        return True

    @property
    def is_membrane(self) -> bool:
        """It is."""
        return True

    @property
    def fixed_centre(self) -> np.ndarray | None:
        """Where it has to be, (3,) nm; None where that is left open."""
        return None if self.at is None else np.array(self.at)

    @property
    def fixed_rotation(self) -> np.ndarray | None:
        """How it has to be turned, (3, 3); None where that is left open."""
        return None if self.angles_deg is None else from_zyz(np.radians([self.angles_deg]))[0]

    def spanning(self, boundary: Boundary) -> Self:
        """Return the membrane; it spans nothing.

        Raises
        ------
        ValueError
            Its given place is not in the box.
        """
        if self.at is not None and (np.abs(self.at) > np.array(boundary.box) / 2).any():
            raise ValueError(f"at: wanted a place in {boundary}, got {self.at}")
        return self

    def mesh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return vertices (v, 3) nm, faces (f, 3), and the edges (3,) of the box it spans, or 0."""
        raise NotImplementedError

    def elasticity(self, area: float, volume: float | None) -> Elasticity:
        """Return the constants for a mesh of an area, nm², and a volume inside, nm³.

        Heat draws waves on the mesh: the rest area has room for them.
        """
        even = Elasticity(
            bending=self.bending_modulus_kt * KT,
            area=area,
            area_modulus=self.area_modulus_mn_per_m * MN_PER_M,
            tension=self.tension_mn_per_m * MN_PER_M,
        )
        excess = excess_area(even, self.edge, closed=volume is not None)
        return dataclasses.replace(even, area=area * (1 + excess))

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the balls at the vertices, the mesh over them and its elasticity."""
        return self.over(*self.mesh())

    def over(self, vertices: np.ndarray, faces: np.ndarray, period: np.ndarray) -> BallModel:
        """Return the model over a mesh as `mesh` has it."""
        vertices = vertices - vertices.mean(axis=0)
        count = len(vertices)
        # To the middle of a triangle, and from there through half of the bilayer.
        radius = float(np.hypot(self.edge / np.sqrt(3), self.thickness / 2))
        geometry = Mesh(faces=faces, thickness=self.thickness, density=self.density, period=period)
        corners = geometry.corners(vertices)
        area = area_of(corners)
        volume = volume_of(corners) if self.is_closed else None
        return BallModel(
            name=self.label,
            positions=vertices,
            radii=np.full(count, radius),
            masses=np.full(count, self.ball_mass),
            exclusions=_exclusions(self.label, vertices, faces, period, radius),
            volume=area * self.thickness,
            geometry=geometry,
            elasticity=self.elasticity(area, volume),
        )

    def start_shape(
        self, model: BallModel, *, seed: int | np.random.SeedSequence
    ) -> np.ndarray | None:
        """Return the balls of one instance as heat has them, (b, 3) nm."""
        return thermal_shape(model, seed=seed)

    def check_size(self, area: float, **radii: float) -> None:
        """Raise ValueError where edges are too long for radii, or too short for an area, nm²."""
        for name, radius in radii.items():
            if radius < 2 * self.edge:
                raise ValueError(
                    f"{name}: wanted at least twice the edge, {2 * self.edge:g} nm, got {radius:g}"
                )
        shortest = np.sqrt(area / MOST_BALLS * 2 / np.sqrt(3))
        if self.edge < shortest:
            raise ValueError(
                f"edge: wanted at least {shortest:.3g} nm, with which {area:g} nm² have "
                f"{MOST_BALLS} balls, got {self.edge:g}"
            )


class ClosedMembrane(ElasticMembrane):
    """A membrane with an inside."""

    # Solutes, which do not pass, resist by c R T: 750 kPa of 300 mM, as in blood and cells. Water
    # does not pass in the nanoseconds of a packing either, and resists a thousand times as much.
    # Ten times the solutes' keeps the volume to half a per cent against a crowd.
    volume_modulus_kpa: float = setting(
        "how it resists a change of its volume: pressure over relative change, ten times that of "
        "300 mM of solutes since water hardly passes meanwhile; 0 leaves the volume free",
        default=7500.0,
        unit="kPa",
        minimum=0,
    )
    pressure_kpa: float = setting(
        "pressure inside less outside, beside that", default=0.0, unit="kPa"
    )

    @property
    def is_closed(self) -> bool | None:
        """It is."""
        return True

    def elasticity(self, area: float, volume: float | None) -> Elasticity:
        """Return the constants for a mesh of an area, nm², and a volume inside, nm³."""
        surface = super().elasticity(area, volume)
        if volume is None:
            return surface
        return dataclasses.replace(
            surface,
            volume=volume if self.volume_modulus_kpa else None,
            volume_modulus=self.volume_modulus_kpa * KPA,
            pressure=self.pressure_kpa * KPA,
        )


def spanned(
    label: str,
    name: str,
    boundary: Boundary,
    axes: tuple[int, ...],
    given: float | tuple[float, ...] | None,
) -> tuple[float, ...]:
    """Return the edges of a box along axes that a membrane spans, nm.

    Raises
    ------
    ValueError
        The scene does not repeat there, or what is `given` of its size, as setting `name`, is not
        that of the box.
    """
    along = " and ".join("xyz"[axis] for axis in axes)
    if not boundary.periodic[list(axes)].all():
        raise ValueError(f"{label}: wanted a box that repeats along {along}, got {boundary}")
    edges = tuple(boundary.box[axis] for axis in axes)
    if given is not None and not np.allclose(given, edges, rtol=1e-6):
        wanted, got = (" x ".join(f"{x:g}" for x in np.atleast_1d(v)) for v in (edges, given))
        raise ValueError(f"{label}: {name}: wanted that of the box, {wanted} nm, got {got}")
    return edges


def _exclusions(
    label: str, vertices: np.ndarray, faces: np.ndarray, period: np.ndarray, radius: float
) -> np.ndarray:
    """Return the pairs of balls of radius `radius` that lie near each other along the mesh."""
    joined = adjacency(edges_of(faces), len(vertices))
    near = sparse.coo_array(sparse.triu(joined + joined @ joined, k=1))
    pairs = np.stack([near.row, near.col], axis=1).astype(np.int64)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    edge = np.where(period > 0, period, np.inf)
    offset = vertices[pairs[:, 1]] - vertices[pairs[:, 0]]
    offset -= period * np.rint(offset / edge)
    pairs = pairs[np.linalg.norm(offset, axis=1) < NEAR * 2 * radius]
    places = np.where(period > 0, vertices % edge, vertices)
    touching = KDTree(places, boxsize=period).query_pairs(2 * radius, output_type="ndarray")
    touching.sort(axis=1)
    known = pairs @ [len(vertices), 1]
    if not np.isin(touching @ [len(vertices), 1], known).all():
        raise ValueError(
            f"{label}: bends so much that it touches itself: wanted a larger shape, or shorter "
            f"edges and a smaller thickness, whose balls of {radius:.2g} nm radius would be smaller"
        )
    return pairs
