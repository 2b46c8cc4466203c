"""The shapes that painters draw where a model has no atoms, and their lines and surfaces."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .arrays import freeze, noun, positive
from .curves import SmoothCurve
from .transforms import RigidTransforms, turns_about_z


class Geometry:
    """Base of the shapes; a new one is a frozen dataclass of arrays and plain values.

    It has a painter of its own type (`openmm_cgpack.density.painters`), which draws it; files
    hold its fields as they are.

    Attributes
    ----------
    density : float
        Mean mass density inside the shape, Da/nm^3.
    kind : str
        Its name in files.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Geometry]]] = {}

    density: float

    def __init_subclass__(cls) -> None:
        Geometry.kinds[cls.kind] = cls

    @property
    def track(self) -> np.ndarray:
        """Where copies of the model's structure are along the shape, from the first, (m,) nm."""
        return np.empty(0)

    def monomers(self, balls: np.ndarray, rotation: np.ndarray) -> RigidTransforms | None:
        """Return where copies of the model's structure stand; None where the shape has none.

        `balls` (b, 3) are the centres of the model's balls, nm; `rotation` (3, 3) is the one with
        which the instance was placed.
        """
        return None


def geometry_named(kind: str) -> type[Geometry]:
    """Return the type of geometry that has a name in files."""
    if kind not in Geometry.kinds:
        known = ", ".join(Geometry.kinds)
        raise ValueError(
            f"geometry: wanted one of {known}, got {kind!r}; one of your own is known once its "
            "module has been imported"
        )
    return Geometry.kinds[kind]


@noun
class Curve(Geometry):
    """A tube along a chain of balls, as painters draw it.

    Parameters
    ----------
    balls : (b,) int array
        Balls in their order along the curve.
    radius : float
        Radius of the tube, nm.
    density : float
        Mass density inside it, Da/nm^3.

    Examples
    --------
    >>> from openmm_cgpack import Filament
    >>> tube = Filament(n_balls=4, radius=3.5).build().geometry
    >>> type(tube).__name__, tube.balls.tolist(), tube.radius
    ('Curve', [0, 1, 2, 3], 3.5)
    """

    kind: ClassVar[str] = "curve"

    balls: np.ndarray
    radius: float
    density: float

    def __post_init__(self) -> None:
        freeze(self, self.kind, np.int64, balls=(None,))
        object.__setattr__(self, "radius", positive(self.radius, f"{self.kind}: radius"))
        object.__setattr__(self, "density", positive(self.density, f"{self.kind}: density"))

    @property
    def beyond(self) -> float:
        """How far the tube goes on beyond the first and the last ball, nm."""
        return self.radius


@noun
class HelicalCurve(Curve):
    """Copies of a structure, its monomers, in a helical lattice about a chain of balls.

    A monomer stands at ``curve(along) + F Rz(turn) arm``, turned by ``F Rz(turn)``: the curve is
    the smooth one through the balls, F its frame there, which does not twist along it.

    Parameters
    ----------
    balls, radius, density : as of a `Curve`
        The tube around all monomers.
    overhang : float
        How far the tube goes on beyond the first and the last ball, nm.
    along : (m,) array
        Where each monomer is along the curve, from its middle, nm.
    turn : (m,) array
        How far each is turned about the axis, counterclockwise as seen from the curve's end, rad.
    arm : (3,) array
        From the axis to the origin of a monomer that is not turned, nm.

    Examples
    --------
    >>> helix = HelicalCurve(
    ...     balls=[0, 1, 2], radius=5.0, density=300.0, overhang=2.5,
    ...     along=[-2.0, 0.0, 2.0], turn=[0.0, np.pi / 2, np.pi], arm=[1.0, 0.0, 0.0],
    ... )
    >>> straight = np.array([[0.0, 0, -5], [0, 0, 0], [0, 0, 5]])
    >>> helix.monomers(straight, np.eye(3)).translations.round(6).tolist()
    [[1.0, 0.0, -2.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 2.0]]
    """

    kind: ClassVar[str] = "helix"

    overhang: float
    along: np.ndarray
    turn: np.ndarray
    arm: np.ndarray

    def __post_init__(self) -> None:
        super().__post_init__()
        freeze(self, "helix", along=(None,), arm=(3,))
        freeze(self, "helix", turn=(len(self.along),))
        if not len(self.along):
            raise ValueError("helix: along: wanted one monomer or more, got none")
        object.__setattr__(self, "overhang", positive(self.overhang, "helix: overhang", zero=True))

    @property
    def beyond(self) -> float:
        """How far the tube goes on beyond the first and the last ball, nm."""
        return self.overhang

    @property
    def track(self) -> np.ndarray:
        """Where each monomer is along the curve, from the first of them, (m,) nm."""
        return self.along - self.along.min()

    def monomers(self, balls: np.ndarray, rotation: np.ndarray) -> RigidTransforms:
        """Return the poses of the monomers; in the curve's middle, frames go on from `rotation`."""
        curve = SmoothCurve(balls[self.balls])
        at = curve.length / 2 + self.along
        rotations = curve.frames(at, rotation) @ turns_about_z(self.turn)
        translations = curve.positions(at) + rotations @ self.arm
        return RigidTransforms(rotations=rotations, translations=translations)


@noun
class Mesh(Geometry):
    """A sheet over balls, as painters draw it.

    Parameters
    ----------
    faces : (f, 3) int array
        Triangles of balls, all with the same sense of rotation.
    thickness : float
        Thickness of the sheet, nm.
    density : float
        Mean mass density through it, Da/nm^3.
    period : (3,) array, optional
        Edges of the box that the sheet spans, across which faces go on with the nearest image of a
        ball; 0 along the axes where it ends, nm.

    Examples
    --------
    >>> sheet = Mesh(faces=[[0, 1, 2], [1, 3, 2]], thickness=4.0, density=600.0)
    >>> sheet.faces.shape
    (2, 3)
    """

    kind: ClassVar[str] = "mesh"

    faces: np.ndarray
    thickness: float
    density: float
    period: np.ndarray = (0.0, 0.0, 0.0)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        freeze(self, "mesh", np.int64, faces=(None, 3))
        freeze(self, "mesh", period=(3,))
        object.__setattr__(self, "thickness", positive(self.thickness, "mesh: thickness"))
        object.__setattr__(self, "density", positive(self.density, "mesh: density"))

    def corners(self, balls: np.ndarray) -> np.ndarray:
        """Return the corners of the faces, (f, 3, 3) nm, each face in one piece.

        `balls` (b, 3) are the centres; of a sheet that spans a box, a corner is the image nearest
        to the first one.
        """
        corners = balls[self.faces]
        if self.period.any():
            edge = np.where(self.period > 0, self.period, np.inf)
            corners = corners - self.period * np.rint((corners - corners[:, :1]) / edge)
        return corners


@noun
class Line:
    """The centre line of a filament.

    Parameters
    ----------
    points : (p, 3) array
        Points in their order along it, nm.
    radius : float
        Radius of the tube around it, nm.
    """

    points: np.ndarray
    radius: float

    def __post_init__(self) -> None:
        freeze(self, "line", points=(None, 3))
        if len(self.points) < 2:
            raise ValueError(f"line: points: wanted two or more, got {len(self.points)}")
        object.__setattr__(self, "radius", positive(self.radius, "line: radius"))

    def poses(self, spacing: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return evenly spaced places on the line, and frames whose z axis goes along it.

        Places are about `spacing` nm apart (the tube's radius, when left out), made a little less
        so that they fill the line: (k, 3) nm. The frames (k, 3, 3) have their axes as columns; from
        place to place x changes as little as it can, so that they do not twist.
        """
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        length = np.concatenate([[0.0], np.cumsum(steps)])
        count = max(2, int(np.ceil(length[-1] / (spacing or self.radius))) + 1)
        at = np.linspace(0, length[-1], count)
        positions = np.stack([np.interp(at, length, axis) for axis in self.points.T], axis=1)
        # The middle of a piece of the line has its direction; ends of pieces lie between two.
        tangents = np.gradient(positions, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1)[:, None]
        x = np.eye(3)[np.abs(tangents[0]).argmin()]
        rotations = np.empty((count, 3, 3))
        for k, z in enumerate(tangents):
            x = x - (x @ z) * z
            x /= np.linalg.norm(x)
            rotations[k] = np.stack([x, np.cross(z, x), z], axis=1)
        return positions, rotations


@noun
class Surface:
    """The middle surface of a membrane.

    Parameters
    ----------
    vertices : (v, 3) array
        Its vertices, nm.
    faces : (f, 3) int array
        Its triangles.
    """

    vertices: np.ndarray
    faces: np.ndarray

    def __post_init__(self) -> None:
        freeze(self, "surface", vertices=(None, 3))
        freeze(self, "surface", np.int64, faces=(None, 3))
        faces, n = self.faces, len(self.vertices)
        if faces.size and not (faces.min() >= 0 and faces.max() < n):
            raise ValueError(f"surface: faces: wanted vertices 0 to {n - 1}")
