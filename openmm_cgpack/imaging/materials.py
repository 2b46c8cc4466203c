"""Mass density to electrostatic potential in vitreous ice, by a linear relation."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..core.volume import Volume

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
    return Volume(data=data, voxel_size=density.voxel_size, origin=density.origin)


def ice_grain(voxel_size: float, material: Material = ICE) -> float:
    """Return the standard deviation, V, of the potential of a voxel of an amorphous material.

    The number of molecules in a voxel varies with variance S(0) times its mean, and independently
    from voxel to voxel: white noise, as the structure factor is flat up to 2/nm.

    >>> round(ice_grain(1.0), 2)
    0.2
    """
    molecules = material.density * DA_PER_NM3 / material.mass * voxel_size**3
    return material.inner_potential * float(np.sqrt(STRUCTURE_FACTOR / molecules))
