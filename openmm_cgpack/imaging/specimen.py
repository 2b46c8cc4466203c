"""The specimen: a potential in a slab of ice, with gold and carbon where wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..core.arrays import frozen, noun, positive
from ..core.settings import Settings, setting
from ..core.volume import LabelVolume, Volume
from .materials import MATERIALS, ice_grain


class Ice(Settings):
    """Vitreous ice around the specimen."""

    thickness: float | None = setting(
        "thickness; left out, that of the box", unit="nm", default=None, above=0
    )
    grain: float = setting("graininess: 1 is amorphous ice, 0 is smooth", default=1.0, minimum=0)


class Gold(Settings):
    """Gold fiducials in the ice, which do not meet each other.

    Their labels are the number of the bead, from 1, in voxels of which it fills half or more.
    """

    count: int = setting("number of beads", minimum=1)
    diameter: float = setting("their diameter", unit="nm", default=10.0, above=0)
    place: Literal["faces", "inside"] = setting(
        "just inside the two faces of the ice, or anywhere in it", default="faces"
    )


class Carbon(Settings):
    """The edge of a hole in a carbon film, on the lower face of the ice.

    The film reaches in from the side of low x, and is grainy as ice is, by its own inner potential.
    """

    edge: float = setting("how far the film reaches into the box at most", unit="nm", above=0)
    thickness: float = setting("thickness of the film", unit="nm", default=20.0, above=0)
    hole_radius: float | None = setting(
        "radius of the hole; left out, the edge is straight", unit="nm", default=None, above=0
    )


@noun
class Specimen:
    """What stands in the beam.

    The slab of ice is perpendicular to z, around the middle of the volume, and without borders
    in x and y. It weakens the beam and, where asked for, is grainy; potential beyond its faces is
    left as it is.

    Parameters
    ----------
    potential : Volume
        Electrostatic potential above that of ice, V.
    thickness : float
        Thickness of the ice, nm.
    grain : float
        Standard deviation of the ice's potential in a voxel as a multiple of `ice_grain`; 0 is
        smooth ice.
    """

    potential: Volume
    thickness: float
    grain: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "thickness", positive(self.thickness, "thickness"))
        object.__setattr__(self, "grain", positive(self.grain, "grain", zero=True))

    @property
    def ice_planes(self) -> slice:
        """Planes of constant z whose middle is in the ice."""
        nz, voxel = self.potential.data.shape[0], self.potential.voxel_size
        height = np.abs((np.arange(nz) - (nz - 1) / 2) * voxel)
        inside = np.flatnonzero(height <= self.thickness / 2 + 1e-6 * voxel)
        if not len(inside):
            return slice(nz // 2, nz // 2 + 1)
        return slice(int(inside[0]), int(inside[-1]) + 1)

    @property
    def grain_deviation(self) -> float:
        """Standard deviation of the potential of a voxel of ice, V.

        Planes of the volume carry the grain of ice above and below it as well.
        """
        planes = self.ice_planes
        drawn = (planes.stop - planes.start) * self.potential.voxel_size
        more = np.sqrt(max(1.0, self.thickness / drawn))
        return self.grain * ice_grain(self.potential.voxel_size) * float(more)


def in_ice(potential: Volume, ice: Ice) -> Specimen:
    """Return a potential above that of ice, V, in a slab of vitreous ice.

    Examples
    --------
    >>> nothing = Volume(data=np.zeros((40, 8, 8)), voxel_size=1.0, origin=(0, 0, 0))
    >>> in_ice(nothing, Ice()).thickness, in_ice(nothing, Ice(thickness=20.0)).ice_planes
    (40.0, slice(10, 30, None))
    """
    thickness = float(potential.grid.size[2]) if ice.thickness is None else ice.thickness
    return Specimen(potential=potential, thickness=thickness, grain=ice.grain)


def add_gold(
    specimen: Specimen, gold: Gold, *, seed: int | np.random.SeedSequence
) -> tuple[Specimen, LabelVolume]:
    """Put gold fiducials into the ice; what was in their place is gone.

    Returns
    -------
    specimen : Specimen
        With the beads' potential.
    labels : LabelVolume
        Number of the bead in its voxels.

    Examples
    --------
    >>> nothing = Volume(data=np.zeros((40, 40, 40)), voxel_size=1.0, origin=(0, 0, 0))
    >>> specimen, labels = add_gold(in_ice(nothing, Ice()), Gold(count=2, diameter=8.0), seed=1)
    >>> np.unique(labels.data).tolist()
    [0, 1, 2]
    """
    count, radius, inside = gold.count, gold.diameter / 2, gold.place == "inside"
    volume = specimen.potential
    voxel, (_, ny, nx) = volume.voxel_size, volume.data.shape
    planes = specimen.ice_planes
    low, high = planes.start * voxel + radius, (planes.stop - 1) * voxel - radius
    if high < low:
        raise ValueError(
            f"diameter: wanted gold thinner than the ice, {specimen.thickness:g} nm, got "
            f"{gold.diameter:g} nm"
        )
    rng = np.random.default_rng(seed)
    centres = np.empty((0, 3))
    for _ in range(1000 * count):
        if len(centres) == count:
            break
        x, y = rng.uniform(0, [(nx - 1) * voxel, (ny - 1) * voxel])
        z = rng.uniform(low, high) if inside else (low, high)[rng.integers(2)]
        point = np.array([x, y, z])
        if (np.linalg.norm(centres - point, axis=1) >= gold.diameter).all():
            centres = np.vstack([centres, point])
    if len(centres) < count:
        raise ValueError(f"count: {count} beads of {gold.diameter:g} nm do not fit into the ice")
    data = volume.data.copy()
    labels = np.zeros(data.shape, np.uint16 if count < 65536 else np.uint32)
    contrast = np.float32(MATERIALS["gold"].contrast)
    for i, centre in enumerate(centres):
        start = np.maximum(np.floor((centre - radius) / voxel).astype(int) - 1, 0)
        stop = np.ceil((centre + radius) / voxel).astype(int) + 2
        box = tuple(slice(a, b) for a, b in zip(start[::-1], stop[::-1], strict=True))
        z, y, x = np.ogrid[
            tuple(slice(s.start, min(s.stop, n)) for s, n in zip(box, data.shape, strict=True))
        ]
        distance = np.sqrt(
            (x * voxel - centre[0]) ** 2
            + (y * voxel - centre[1]) ** 2
            + (z * voxel - centre[2]) ** 2
        )
        # Voxels that the surface cuts are filled in part.
        part = np.clip(0.5 + (radius - distance) / voxel, 0, 1).astype(np.float32)
        data[box] += part * (contrast - data[box])
        labels[box][part >= 0.5] = i + 1
    return _with(specimen, data), _labels(volume, labels, ())


def add_carbon(
    specimen: Specimen, carbon: Carbon, *, seed: int | np.random.SeedSequence
) -> tuple[Specimen, LabelVolume]:
    """Put the edge of a carbon film under the ice.

    Returns
    -------
    specimen : Specimen
        With the film's potential in place of what was there.
    labels : LabelVolume
        1 in the film.

    Examples
    --------
    A film of 5 nm along one side, its edge straight:

    >>> nothing = Volume(data=np.zeros((20, 40, 40)), voxel_size=1.0, origin=(0, 0, 0))
    >>> film = Carbon(edge=10.0, thickness=5.0)
    >>> specimen, labels = add_carbon(in_ice(nothing, Ice()), film, seed=1)
    >>> labels.names, labels.data.any(axis=(1, 2)).sum().item(), labels.data[0, 0].sum().item()
    (('carbon',), 5, 11)
    """
    volume, edge = specimen.potential, carbon.edge
    voxel, (nz, ny, nx) = volume.voxel_size, volume.data.shape
    y = (np.arange(ny)[:, None] - (ny - 1) / 2) * voxel
    x = np.arange(nx)[None, :] * voxel
    if carbon.hole_radius is None:
        inside = np.broadcast_to(edge - x, (ny, nx))
    else:
        # The hole's centre lies so that the film is widest half way up the volume.
        radius = carbon.hole_radius
        inside = np.sqrt((x - edge - radius) ** 2 + y**2) - radius
        inside = np.where(x > edge + radius, -voxel, inside)
    part = np.clip(0.5 + inside / voxel, 0, 1).astype(np.float32)
    first = specimen.ice_planes.start
    planes = slice(first, min(nz, first + max(1, round(carbon.thickness / voxel))))
    data = volume.data.copy()
    material = MATERIALS["carbon"]
    rng = np.random.default_rng(seed)
    grain = rng.standard_normal(data[planes].shape, np.float32)
    grain *= np.float32(ice_grain(voxel, material))
    grain += np.float32(material.contrast)
    data[planes] += part * (grain - data[planes])
    labels = np.zeros(data.shape, np.uint16)
    labels[planes] = part >= 0.5
    return _with(specimen, data), _labels(volume, labels, ("carbon",))


def _with(specimen: Specimen, data: np.ndarray) -> Specimen:
    volume = specimen.potential
    data.flags.writeable = False
    changed = Volume(data=data, voxel_size=volume.voxel_size, origin=volume.origin)
    return replace(specimen, potential=changed)


def _labels(volume: Volume, labels: np.ndarray, names: tuple[str, ...]) -> LabelVolume:
    labels = frozen(labels, "labels", volume.data.shape, labels.dtype)
    return LabelVolume(data=labels, voxel_size=volume.voxel_size, origin=volume.origin, names=names)
