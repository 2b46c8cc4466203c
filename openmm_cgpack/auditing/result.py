"""What an audit finds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import frozen, noun
from .atoms import Contacts
from .distances import RadialDistribution
from .envelopes import Occupancy
from .orientation import Orientation

MG_PER_ML = 1.66053907
"""One Da/nm^3 in mg/mL."""

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SpeciesCount:
    """How many instances of a species there are.

    Parameters
    ----------
    name : str
        Name of the species.
    asked : int or None
        How many were asked for; None where that is not known.
    placed : int
        How many there are.
    volume : float
        Envelope volume of one, nm^3.
    mass : float
        Mass of the heavy atoms of one, Da.
    """

    name: str
    asked: int | None
    placed: int
    volume: float
    mass: float


@noun
class BallOverlap:
    """Overlaps of balls of different instances.

    Parameters
    ----------
    deepest : float
        ``1 - distance / (sum of radii)`` of the deepest: 0 is touching, 1 the same place.
    where : str
        The two balls, in words; empty where nothing overlaps.
    edges : (k + 1,) array
        Edges of the bins of depth.
    pairs : (k,) int array
        Overlapping pairs of balls in each.
    """

    deepest: float
    where: str
    edges: np.ndarray
    pairs: np.ndarray

    def __post_init__(self) -> None:
        edges = frozen(self.edges, "edges", (None,))
        object.__setattr__(self, "edges", edges)
        pairs = frozen(self.pairs, "pairs", (len(edges) - 1,), np.int64)
        object.__setattr__(self, "pairs", pairs)


@noun
class Audit:
    """What is in a packed scene, how tight it is, and whether it is clean.

    Parameters
    ----------
    boundary : str
        ``"open"``, ``"periodic"`` or ``"slab"``.
    species : tuple of SpeciesCount
        Counts asked and placed.
    occupancy : Occupancy
        Volumes of the envelopes.
    mass, mass_with_hydrogens : float
        Mass of all heavy atoms, and with their hydrogens estimated, Da.
    contacts : Contacts or None
        Heavy atoms near those of other molecules; None where no species has real atoms.
    balls : BallOverlap
        Overlaps of the balls.
    radial : RadialDistribution or None
        Of the centres of the rigid molecules; None for fewer than two.
    orientation : Orientation or None
        Of the rigid molecules and filaments; None for fewer than two molecules.

    Examples
    --------
    >>> from openmm_cgpack import as_packed, audit, Filament, place
    >>> found = audit(as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1)))
    >>> found.n_instances, found.boundary, found.balls.deepest
    (4, 'open', 0.0)
    """

    boundary: str
    species: tuple[SpeciesCount, ...]
    occupancy: Occupancy
    mass: float
    mass_with_hydrogens: float
    contacts: Contacts | None
    balls: BallOverlap
    radial: RadialDistribution | None
    orientation: Orientation | None

    @property
    def n_instances(self) -> int:
        """Number of instances."""
        return sum(species.placed for species in self.species)

    @property
    def region_volume(self) -> float:
        """Volume of the box less the obstacle, or of an open scene's filled region, nm^3."""
        filled = self.occupancy.filled
        return self.occupancy.box_volume - self.occupancy.blocked if filled is None else filled

    @property
    def fraction(self) -> float:
        """Union of all envelopes over the box less the obstacle, or over the filled region."""
        return self.occupancy.union / self.region_volume

    @property
    def fraction_of_box(self) -> float:
        """Union of all envelopes over the box; that around everything where the scene is open."""
        return self.occupancy.union / self.occupancy.box_volume

    @property
    def nominal_fraction(self) -> float:
        """Sum of the envelopes' volumes at rest over the same volume as `fraction`."""
        return sum(s.placed * s.volume for s in self.species) / self.region_volume

    @property
    def mg_per_ml(self) -> float:
        """Mass of the heavy atoms over the same volume as `fraction`, mg/mL."""
        return self.mass / self.region_volume * MG_PER_ML

    @property
    def mg_per_ml_with_hydrogens(self) -> float:
        """The same with the hydrogens estimated, mg/mL."""
        return self.mass_with_hydrogens / self.region_volume * MG_PER_ML

    @property
    def mean_spacing(self) -> float:
        """Edge of the cube that one instance has to itself, nm."""
        return (self.region_volume / self.n_instances) ** (1 / 3)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain JSON types."""
        occupancy = self.occupancy
        record: dict[str, Any] = {
            "format": "openmm_cgpack audit",
            "format_version": FORMAT_VERSION,
            "boundary": self.boundary,
            "instances": self.n_instances,
            "species": [dataclasses.asdict(species) for species in self.species],
            "box_nm": list(occupancy.box),
            "box_volume_nm3": occupancy.box_volume,
            "filled_volume_nm3": occupancy.filled,
            "filled_ball_nm": occupancy.ball,
            "envelope_volume_nm3": occupancy.union,
            "obstacle_volume_nm3": occupancy.blocked,
            "envelopes_in_obstacle_nm3": occupancy.trespassing,
            "fraction": self.fraction,
            "fraction_of_box": self.fraction_of_box,
            "nominal_fraction": self.nominal_fraction,
            "mass_heavy_atoms_da": self.mass,
            "mass_with_hydrogens_da": self.mass_with_hydrogens,
            "mg_per_ml_heavy_atoms": self.mg_per_ml,
            "mg_per_ml_with_hydrogens": self.mg_per_ml_with_hydrogens,
            "mean_spacing_nm": self.mean_spacing,
            "shared": {
                "voxel_size_nm": occupancy.voxel_size,
                "voxels": occupancy.shared_voxels,
                "volume_nm3": occupancy.shared,
                "instances": occupancy.sharing,
                "largest_share_of_one": occupancy.largest_share,
            },
            "atoms": None,
            "balls": {
                "deepest_overlap": self.balls.deepest,
                "where": self.balls.where,
                "depth_edges": self.balls.edges.tolist(),
                "pairs": self.balls.pairs.tolist(),
            },
            "radial_distribution": None,
            "orientation": None,
        }
        if self.contacts is not None:
            record["atoms"] = {
                "heavy_atoms": self.contacts.atoms,
                "molecules": self.contacts.molecules,
                "closest_nm": self.contacts.closest,
                "within": [
                    {
                        "distance_nm": within.distance,
                        "atoms": within.atoms,
                        "atoms_fraction": within.atoms / self.contacts.atoms,
                        "molecules": within.molecules,
                        "molecules_fraction": within.molecules / self.contacts.molecules,
                    }
                    for within in self.contacts.within
                ],
            }
        if self.radial is not None:
            record["radial_distribution"] = {
                "edges_nm": self.radial.edges.tolist(),
                "pairs": self.radial.pairs.tolist(),
                "expected_pairs": self.radial.expected.tolist(),
                "order_beyond_two_spacings": self.radial.order_beyond(2 * self.mean_spacing),
            }
        if self.orientation is not None:
            record["orientation"] = dataclasses.asdict(self.orientation)
        return record

    def __str__(self) -> str:
        from .table import table

        return table(self)
