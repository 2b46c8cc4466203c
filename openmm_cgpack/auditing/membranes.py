"""Membranes: what has gone through them, how far they are stretched, how their proteins stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import PackedScene, RigidTransforms
from ..core.arrays import noun
from ..core.display import described
from ..models.embedding import Standing, standing
from ..models.triangulation import area_of, volume_of
from ..poses import Crossings, crossings


@described
@dataclass(frozen=True, kw_only=True)
class MembraneShape:
    """Area and volume of the membranes of a species.

    Parameters
    ----------
    name : str
        Name of the species.
    n : int
        How many there are.
    area, volume : float, float or None
        Mean area, nm², and mean volume inside, nm³; None where they are not closed.
    stretched, swollen : float, float or None
        Largest part by which the area of one is off its rest area, and a volume that is kept off
        its rest volume; None where it is not kept.
    """

    name: str
    n: int
    area: float
    volume: float | None
    stretched: float
    swollen: float | None


@described
@dataclass(frozen=True, kw_only=True)
class Tilt:
    """How the proteins of a species stand in their membranes.

    Parameters
    ----------
    name : str
        Name of the species.
    n : int
        How many there are.
    mean_deg, largest_deg : float
        Angle between a protein's own normal of the membrane and that of the membrane around it, °.
    reversed : int
        How many stand the other way up: their outer side is where faces look away from.
    farthest : float
        Largest distance of the middle of a protein's own membrane from the middle surface, nm.
    """

    name: str
    n: int
    mean_deg: float
    largest_deg: float
    reversed: int
    farthest: float


@noun
class Membranes:
    """The membranes of a scene.

    Parameters
    ----------
    crossings : Crossings
        What has gone through them.
    shapes : tuple of MembraneShape
        Of each species with an elasticity.
    tilts : tuple of Tilt
        Of each species of proteins that links join to them.
    """

    crossings: Crossings
    shapes: tuple[MembraneShape, ...]
    tilts: tuple[Tilt, ...]


def membranes_of(packed: PackedScene, transforms: RigidTransforms) -> Membranes | None:
    """Return what there is to say of a scene's membranes; None without any.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    transforms : RigidTransforms
        Poses of its instances at the end.

    Returns
    -------
    Membranes or None

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, extract_transforms, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> membranes_of(packed, extract_transforms(packed).transforms) is None
    True
    """
    crossed = crossings(packed)
    if crossed is None:
        return None
    return Membranes(
        crossings=crossed,
        shapes=tuple(_shapes(packed)),
        tilts=tuple(_tilts(packed, transforms)),
    )


def _shapes(packed: PackedScene) -> list[MembraneShape]:
    scene, shapes = packed.scene, []
    for s, model in enumerate(scene.species):
        members = np.flatnonzero(scene.species_index == s).tolist()
        rest = model.elasticity
        if rest is None or not members:
            continue
        corners = [model.mesh.corners(packed.positions[scene.balls(i)]) for i in members]
        areas = np.array([area_of(part) for part in corners])
        volumes = np.array([volume_of(part) for part in corners]) if model.is_closed else None
        kept = volumes is not None and rest.volume is not None
        shapes.append(
            MembraneShape(
                name=model.name,
                n=len(members),
                area=float(areas.mean()),
                volume=None if volumes is None else float(volumes.mean()),
                stretched=_off(areas, rest.area),
                swollen=_off(volumes, rest.volume) if kept else None,
            )
        )
    return shapes


def _off(values: np.ndarray | None, rest: float | None) -> float:
    """Return the largest part by which values are off one."""
    return float(np.abs(np.asarray(values) / rest - 1).max())


def _tilts(packed: PackedScene, transforms: RigidTransforms) -> list[Tilt]:
    scene = packed.scene
    found: dict[int, list[Standing]] = {}
    for one, other in scene.partners.tolist():
        for protein, membrane in ((one, other), (other, one)):
            body = scene.model(protein).body
            if body is None or body.membrane_plane is None or not len(scene.model(membrane).faces):
                continue
            how = standing(
                scene.model(protein),
                transforms.rotations[protein],
                transforms.translations[protein],
                scene.model(membrane),
                packed.positions[scene.balls(membrane)],
                packed.boundary,
            )
            found.setdefault(int(scene.species_index[protein]), []).append(how)
    tilts = []
    for species, values in sorted(found.items()):
        cosines, offsets = np.array(values).T
        angles = np.degrees(np.arccos(np.abs(cosines)))
        tilts.append(
            Tilt(
                name=scene.species[species].name,
                n=len(values),
                mean_deg=float(angles.mean()),
                largest_deg=float(angles.max()),
                reversed=int((cosines < 0).sum()),
                farthest=float(offsets.max()),
            )
        )
    return tilts
