"""What a packed scene looks like: molecules, filaments and membranes, and cut open to see inside.

Everything is many small balls, those of `shading.render_balls`.
"""

from __future__ import annotations

import numpy as np

from ..core.arrays import freeze, noun
from ..core.model import BallModel
from ..core.scene import PackedScene
from ..density.painters import painter_of
from ..density.points import shape_points, structure_points
from ..poses import extract_transforms, structure_poses
from .shading import VIEW, camera_axes, fitting_width, render_balls

CUT_VIEW = (-75.0, 50.0)
"""Where cut scenes are seen from: azimuth and elevation, degrees; see `shading.VIEW`."""

SWELL = 1.3
"""How much larger than their share of a shape its balls are, so that they close."""

_PIXELS, _FINEST, _COARSEST = 2.5, 0.25, 0.8
"""Distance of the balls in pixels, and within which bounds, nm."""

_HIDDEN = 4.0
"""Balls this much behind the foremost one of their column, nm, are not drawn."""


@noun
class Drawn:
    """Balls of everything in a scene: centres (p, 3) nm, radii (p,) nm, instances (p,) from 0."""

    positions: np.ndarray
    radii: np.ndarray
    instance: np.ndarray

    def __post_init__(self) -> None:
        freeze(self, "drawn", positions=(None, 3))
        freeze(self, "drawn", radii=(len(self.positions),))
        freeze(self, "drawn", np.int64, instance=(len(self.positions),))

    def __getitem__(self, which: np.ndarray) -> Drawn:
        return Drawn(
            positions=self.positions[which],
            radii=self.radii[which],
            instance=self.instance[which],
        )


def balls_of(packed: PackedScene) -> Drawn:
    """Return the balls that a scene is packed as."""
    scene = packed.scene
    return Drawn(positions=packed.positions, radii=scene.radii, instance=scene.instance_of_ball)


def molecules_of(packed: PackedScene, *, spacing: float) -> Drawn:
    """Return what the balls stand for: molecules by their atoms, the others as they are painted.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    spacing : float
        Distance of the balls, nm: a molecule's atoms that share a cube of this edge are one.
    """
    scene = packed.scene
    transforms = extract_transforms(packed).transforms
    bodies = [_body(model, spacing) for model in scene.species]
    positions, radii = [], []
    for i in range(scene.n_instances):
        model, balls = scene.model(i), packed.positions[scene.balls(i)]
        body = bodies[scene.species_index[i]]
        if body is not None:
            copies = structure_poses(scene, i, positions=packed.positions, transforms=transforms)
            points = copies.apply(body[0]).reshape(-1, 3)
            radius = np.tile(body[1], len(copies))
        elif model.geometry is not None:
            points = shape_points(model, balls, spacing=spacing, filled=True).positions
            radius = np.full(len(points), SWELL * spacing)
        else:
            points, radius = balls, model.radii
        positions.append(points)
        radii.append(radius)
    return Drawn(
        positions=np.concatenate(positions),
        radii=np.concatenate(radii),
        instance=np.repeat(np.arange(scene.n_instances), [len(points) for points in positions]),
    )


def _body(model: BallModel, spacing: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a molecule's or monomer's balls in its frame, as large as it; None of others."""
    if model.structure is None:
        return None
    points = structure_points(model.structure, spacing=spacing)
    share = model.volume / model.copies * points.masses / points.masses.sum()
    return points.positions, SWELL * np.cbrt(3 / (4 * np.pi) * share)


def cut_open(packed: PackedScene, everything: Drawn, *, height: float) -> Drawn:
    """Return what is left of a scene where all above a height, nm, is taken away.

    Surfaces are cut through at that height; molecules are there or not, by their middles; and
    filaments, what has a line, stay whole.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Membrane, as_packed, place
    >>> models = [(Filament(n_balls=5).build(), 1), (Membrane(shape=(6, 6)).build(), 1)]
    >>> packed = as_packed(place(models, seed=1))
    >>> left = cut_open(packed, balls_of(packed), height=-1000.0)
    >>> set(left.instance.tolist())
    {0}
    """
    scene = packed.scene
    n = scene.n_instances
    z = everything.positions[:, 2]
    counts = np.maximum(np.bincount(everything.instance, minlength=n), 1)
    there = np.bincount(everything.instance, z, minlength=n) / counts <= height
    cut = np.zeros(n, bool)
    for i in range(n):
        model = scene.model(i)
        if model.geometry is not None:
            painter, balls = painter_of(model.geometry), packed.positions[scene.balls(i)]
            there[i] |= painter.line(model.geometry, balls, spacing=model.radius) is not None
            cut[i] = len(model.faces) > 0
    keep = np.where(cut[everything.instance], z <= height, there[everything.instance])
    return everything[keep]


def render_molecules(
    packed: PackedScene,
    colours: np.ndarray,
    *,
    size: int,
    view_deg: tuple[float, float] = VIEW,
    cut_at: float | None = None,
    centre: np.ndarray | None = None,
    width: float | None = None,
) -> tuple[np.ndarray, float]:
    """Return a picture of a scene's molecules, (size, size, 3) uint8, and its width, nm.

    `colours` (s, 3) are those of the species; `cut_at` is the height of `cut_open`, nm; `centre`
    and `width` are as for `render_balls`.
    """
    scene = packed.scene
    extent = fitting_width(packed.positions, scene.radii, view_deg=view_deg)
    spacing = float(np.clip(_PIXELS * extent / size, _FINEST, _COARSEST))
    everything = molecules_of(packed, spacing=spacing)
    if cut_at is not None:
        everything = cut_open(packed, everything, height=cut_at)
    if width is None:
        width = fitting_width(everything.positions, everything.radii, view_deg=view_deg)
    seen = _in_front(everything, view_deg)
    picture = render_balls(
        seen.positions,
        seen.radii,
        colours[scene.species_index[seen.instance]],
        groups=seen.instance,
        size=size,
        view_deg=view_deg,
        centre=centre,
        width=width,
        seams=0.0,
        relief=1.5,
    )
    return picture, width


def _in_front(everything: Drawn, view_deg: tuple[float, float]) -> Drawn:
    """Return the balls that a viewer may see."""
    right, up, depth = camera_axes(*view_deg) @ everything.positions.T
    across = np.floor(right - right.min()).astype(np.int64)
    column = across + (across.max() + 1) * np.floor(up - up.min()).astype(np.int64)
    front = np.full(column.max() + 1, -np.inf)
    np.maximum.at(front, column, depth)
    return everything[depth > front[column] - _HIDDEN]
