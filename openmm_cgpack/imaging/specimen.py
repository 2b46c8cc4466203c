"""The specimen: from mass to potential, in a slab of ice, with gold and carbon where wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from ..core.arrays import frozen, noun, positive
from ..core.settings import Settings, setting
from ..core.volume import LabelVolume, Volume

SCATTERING = MappingProxyType(
    {"H": 0.528, "C": 2.507, "N": 2.210, "O": 1.982, "P": 5.482, "S": 5.156, "Au": 10.558}
)
"""Electron scattering factors at zero angle, Å: sums of Doyle and Turner's Gaussians (1968)."""

MASS = MappingProxyType(
    {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "P": 30.974, "S": 32.06, "Au": 196.967}
)
"""Atomic masses, Da."""

VOLT_NM3_PER_ANGSTROM = 47.878e-3
"""h² / (2 pi m e) in V nm³ per Å of scattering factor: the integral of an atom's potential."""

DA_PER_NM3 = 602.214
"""1 g/cm³ in Da/nm³."""

STRUCTURE_FACTOR = 0.06
"""Structure factor of ice at low frequency, ``n k T kappa`` of water at 273 K, frozen in."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """A material's composition, atoms of each element in any unit, and mass density, g/cm³.

    Its mean inner potential is that of independent atoms: the sum of their scattering factors
    at zero angle, times ``h² / (2 pi m e)``, per volume. Bonds, which lower it by a tenth or
    more, are left out, for ice as for everything else.

    >>> round(ICE.inner_potential, 2), round(MATERIALS["protein"].inner_potential, 2)
    (4.57, 8.04)
    """

    composition: tuple[tuple[str, float], ...]
    density: float

    @property
    def mass(self) -> float:
        """Mass of the composition with hydrogens."""
        return sum(count * MASS[element] for element, count in self.composition)

    @property
    def heavy_mass(self) -> float:
        """Mass of the composition without hydrogens."""
        return self.mass - MASS["H"] * dict(self.composition).get("H", 0.0)

    @property
    def inner_potential(self) -> float:
        """Mean inner potential, V."""
        scattering = sum(count * SCATTERING[element] for element, count in self.composition)
        per_mass = VOLT_NM3_PER_ANGSTROM * scattering / self.mass
        return per_mass * self.density * DA_PER_NM3

    @property
    def contrast(self) -> float:
        """Potential above that of the ice that it displaces, V."""
        return self.inner_potential - ICE.inner_potential

    @property
    def contrast_per_density(self) -> float:
        """`contrast` per density of heavy atoms, V nm³/Da: the linear relation for coarse maps."""
        return self.contrast * self.mass / (self.heavy_mass * self.density * DA_PER_NM3)


ICE = Material(composition=(("H", 2), ("O", 1)), density=0.94)
"""Vitreous ice; its density is that of the low-density amorphous form."""

# The average amino acid is Senko's (J. Am. Soc. Mass Spectrom. 6, 229, 1995), the nucleotide the
# mean of A, C, G and U, the lipid POPC with its volume of 1.256 nm³; specific volumes 0.73 and
# 0.54 cm³/g are the usual ones of protein and RNA.
MATERIALS = MappingProxyType(
    {
        "protein": Material(
            composition=(("C", 4.9384), ("H", 7.7583), ("N", 1.3577), ("O", 1.4773), ("S", 0.0417)),
            density=1.37,
        ),
        "nucleic_acid": Material(
            composition=(("C", 9.5), ("H", 11.75), ("N", 3.75), ("O", 7), ("P", 1)), density=1.85
        ),
        "lipid": Material(
            composition=(("C", 42), ("H", 82), ("N", 1), ("O", 8), ("P", 1)), density=1.005
        ),
        "carbon": Material(composition=(("C", 1),), density=2.0),
        "gold": Material(composition=(("Au", 1),), density=19.3),
    }
)
"""Materials by name."""


def potential(density: Volume, *, material: str = "protein") -> Volume:
    """Return the electrostatic potential of a density in ice, above the ice's own.

    ``V(r) = c rho(r)``, with c the potential of the material less that of the ice it displaces,
    per density of heavy atoms: 3.47 V in the middle of solid protein, 0 in ice. c is nearly one
    number for protein and nucleic acid (they differ by 3 %), and 0.82 of it for lipid: a scene of
    all three is done well with the default, and exactly by adding the potentials of one density
    for each material.

    Parameters
    ----------
    density : Volume
        Mass of heavy atoms, Da/nm³.
    material : {"protein", "nucleic_acid", "lipid", "carbon", "gold"}, optional
        What it is made of.

    Returns
    -------
    Volume
        V, on the same grid.

    References
    ----------
    .. [1] M. Vulović et al., "Image formation modeling in cryo-electron microscopy", J. Struct.
       Biol. 183, 19 (2013).

    Examples
    --------
    The same mass gives less contrast as lipid than as protein:

    >>> density = Volume(data=np.full((2, 2, 2), 700.0), voxel_size=1.0, origin=(0, 0, 0))
    >>> protein, lipid = (potential(density, material=name) for name in ("protein", "lipid"))
    >>> round(float(protein.data[0, 0, 0]), 2), round(float(lipid.data[0, 0, 0]), 2)
    (3.17, 2.58)
    """
    if material not in MATERIALS:
        raise ValueError(f"material: wanted one of {', '.join(MATERIALS)}, got {material!r}")
    data = density.data * np.float32(MATERIALS[material].contrast_per_density)
    data.flags.writeable = False
    return replace(density, data=data)


def ice_grain(voxel_size: float, material: Material = ICE) -> float:
    """Return the standard deviation, V, of the potential of a voxel of an amorphous material.

    The number of molecules in a voxel varies with variance S(0) times its mean, and independently
    from voxel to voxel: white noise, as the structure factor is flat up to 2/nm.

    >>> round(ice_grain(1.0), 2)
    0.2
    """
    molecules = material.density * DA_PER_NM3 / material.mass * voxel_size**3
    return material.inner_potential * float(np.sqrt(STRUCTURE_FACTOR / molecules))


class Ice(Settings):
    """Vitreous ice around the specimen."""

    thickness: float | None = setting(
        "thickness; left out, that of the box and its cover",
        unit="nm",
        default=None,
        above=0,
    )
    cover: float = setting(
        "ice above the box and below it: a box is a piece of a lamella or film of 100 to 200 nm",
        unit="nm",
        default=40.0,
        minimum=0,
        usual=(0, 400),
    )
    grain: float = setting("graininess: 1 is amorphous ice, 0 is smooth", default=1.0, minimum=0)

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        return {} if self.thickness is None else {"cover": "with a thickness"}


class Gold(Settings):
    """Gold fiducials in the ice, which do not meet each other.

    Their labels are the number of the bead, from 1, in voxels of which it fills half or more.
    """

    count: int = setting("number of beads", minimum=1)
    diameter: float = setting("their diameter", unit="nm", default=10.0, above=0, usual=(2, 50))
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
    (120.0, slice(10, 30, None))
    """
    thickness = ice.thickness
    if thickness is None:
        thickness = float(potential.grid.size[2]) + 2 * ice.cover
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
        drawn = min(specimen.thickness, (planes.stop - planes.start) * voxel)
        raise ValueError(
            f"diameter: wanted gold thinner than the ice in the box, {drawn:g} nm, got "
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
    return replace(specimen, potential=replace(volume, data=data))


def _labels(volume: Volume, labels: np.ndarray, names: tuple[str, ...]) -> LabelVolume:
    labels = frozen(labels, "labels", volume.data.shape, labels.dtype)
    return LabelVolume(data=labels, voxel_size=volume.voxel_size, origin=volume.origin, names=names)
