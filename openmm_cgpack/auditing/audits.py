"""One call that measures everything, what it finds, and the table of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import PackedScene
from ..core.arrays import noun
from ..core.progress import progress_bar, progress_shown
from ..core.settings import Settings, setting
from ..poses import extract_transforms
from .composition import SpeciesCount, species_counts, species_masses
from .contacts import BallOverlap, Contacts, atom_contacts, ball_overlap
from .distances import RadialDistribution, radial_distribution
from .envelopes import Occupancy, occupancy
from .membranes import Membranes, membranes_of
from .orientations import OrientationOrder, orientation_order


class AuditSettings(Settings):
    """How finely an audit looks."""

    distances: tuple[float, ...] = setting(
        "distances between heavy atoms of two molecules that are counted",
        default=(0.25, 0.15),
        unit="nm",
        above=0,
        usual=(0.05, 1),
    )
    voxel_size: float | None = setting(
        "edge of the voxels in which envelopes are counted; left out, 0.4, or more where that "
        "would take more than 100 million voxels",
        default=None,
        unit="nm",
        above=0,
        usual=(0.05, 2),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.distances:
            raise ValueError("distances: wanted one or more, got none")


_SETTINGS = AuditSettings()


def audit(
    packed: PackedScene,
    settings: AuditSettings = _SETTINGS,
    *,
    asked: Mapping[str, int] | None = None,
    progress: bool = True,
) -> Audit:
    """Measure what a packed scene holds, how tight it is, and whether it is clean.

    Parameters
    ----------
    packed : PackedScene
        The scene. Its balls may lie in any image of a box, but each rigid body and each filament
        in one piece.
    settings : AuditSettings, optional
        How finely to look.
    asked : mapping of str to int, optional
        How many instances of each species were asked for, by name.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Audit
        ``print`` it for a table; ``to_dict`` for JSON.

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1))
    >>> found = audit(packed, asked={"filament": 4})
    >>> found.n_instances, found.boundary, 0 < found.fraction < 1
    (4, 'open', True)
    """
    with progress_shown(progress), progress_bar("audit"):
        return _measured(packed, settings, asked)


def _measured(
    packed: PackedScene, settings: AuditSettings, asked: Mapping[str, int] | None
) -> Audit:
    scene, boundary = packed.scene, packed.boundary
    poses = extract_transforms(packed)
    masses = np.array([species_masses(model) for model in scene.species])[scene.species_index]
    mass, with_hydrogens = masses.sum(axis=0).tolist()
    centres = poses.transforms.translations[poses.rigid]
    return Audit(
        boundary=boundary.kind,
        species=species_counts(scene, asked),
        occupancy=occupancy(
            scene, packed.positions, poses.transforms, boundary, voxel_size=settings.voxel_size
        ),
        mass=mass,
        mass_with_hydrogens=with_hydrogens,
        contacts=atom_contacts(
            scene, packed.positions, poses.transforms, boundary, distances=settings.distances
        ),
        balls=ball_overlap(scene, packed.positions, boundary),
        radial=radial_distribution(centres, boundary) if len(centres) > 1 else None,
        orientation=orientation_order(scene, packed.positions, poses.transforms, boundary),
        membranes=membranes_of(packed, poses.transforms),
    )


MG_PER_ML = 1.66053907
"""One Da/nm^3 in mg/mL."""

FORMAT_VERSION = 3

Row = tuple[str, str]


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
    orientation : OrientationOrder or None
        Of the rigid molecules and filaments; None for fewer than two molecules.
    membranes : Membranes or None
        What has gone through membranes, their areas and volumes, and how proteins stand in them;
        None for a scene without.
    """

    boundary: str
    species: tuple[SpeciesCount, ...]
    occupancy: Occupancy
    mass: float
    mass_with_hydrogens: float
    contacts: Contacts | None
    balls: BallOverlap
    radial: RadialDistribution | None
    orientation: OrientationOrder | None
    membranes: Membranes | None

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

    @property
    def order_beyond_two_spacings(self) -> float | None:
        """`RadialDistribution.order_beyond` of two mean spacings; None without a distribution."""
        return None if self.radial is None else self.radial.order_beyond(2 * self.mean_spacing)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain JSON types, by the names of fields; lengths in nm."""
        record = {"format": "openmm_cgpack audit", "format_version": FORMAT_VERSION}
        derived = {
            name: getattr(self, name)
            for name, member in vars(Audit).items()
            if isinstance(member, property)
        }
        return record | derived | _plain(self)

    def summary(self) -> str:
        """Return what the repr says."""
        return (
            f"{self.n_instances} instances of {len(self.species)} species, {self.boundary}, "
            f"volume fraction {self.fraction:.4f}, {self.mg_per_ml:.0f} mg/mL, "
            f"deepest overlap of balls {self.balls.deepest:.3f}"
        )

    def facts(self) -> list[Row]:
        """Return the findings, one a row: what it is, and what was found."""
        rows = [*_counts(self), *_volumes(self), *_contacts(self), *_order(self)]
        return rows + ([] if self.membranes is None else membrane_rows(self.membranes))

    def __str__(self) -> str:
        rows = self.facts()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _counts(audit: Audit) -> list[Row]:
    known = all(species.asked is not None for species in audit.species)
    asked = sum(species.asked or 0 for species in audit.species)
    number = f"{asked} asked" if known else "asked not known"
    rows = [("instances", f"{audit.n_instances} of {len(audit.species)} species, {number}")]
    missing = [s for s in audit.species if s.asked is not None and s.asked != s.placed]
    return rows + [(f"  {s.name}", f"{s.placed} of {s.asked} asked") for s in missing]


def _volumes(audit: Audit) -> list[Row]:
    occupancy = audit.occupancy
    edges = " x ".join(f"{edge:.1f}" for edge in occupancy.box)
    rows = [("boundary", audit.boundary)]
    if occupancy.filled is None:
        less = " less the obstacle" if occupancy.blocked > 0 else ""
        rows += [
            ("box", f"{edges} nm"),
            ("envelope volume fraction", f"{audit.fraction:.4f} of the box{less}"),
        ]
    else:
        rows += [
            ("box around everything", f"{edges} nm"),
            ("filled region", f"{occupancy.filled:.0f} nm^3, by a ball of {occupancy.ball:.1f} nm"),
            ("envelope volume fraction", f"{audit.fraction:.4f} of the filled region"),
            ("", f"{audit.fraction_of_box:.4f} of the box around everything"),
        ]
    if occupancy.trespassing:
        rows.append(("envelopes in the obstacle", f"{occupancy.trespassing:.1f} nm^3"))
    part, most = occupancy.shared / occupancy.union, occupancy.largest_share
    size = f"{occupancy.shared_voxels} voxels of {occupancy.voxel_size:.2g} nm"
    return [
        *rows,
        ("concentration", f"{audit.mg_per_ml:.0f} mg/mL of heavy atoms"),
        ("", f"{audit.mg_per_ml_with_hydrogens:.0f} mg/mL with hydrogens, estimated"),
        ("envelopes shared", f"{100 * part:.3f} % of their volume, {size}"),
        ("", f"by {occupancy.sharing} instances, at most {100 * most:.2f} % of one"),
    ]


def _contacts(audit: Audit) -> list[Row]:
    rows, contacts = [], audit.contacts
    if contacts is not None:
        title = "heavy atoms near others'"
        for near in contacts.within:
            part = f"{near.atoms} of {contacts.atoms} ({100 * near.atoms / contacts.atoms:.2g} %)"
            molecules = f"{near.molecules} of {contacts.molecules} molecules"
            rows.append((title, f"within {10 * near.distance:g} Å: {part}, in {molecules}"))
            title = ""
        if contacts.closest is not None:
            rows.append(("", f"closest {10 * contacts.closest:.2f} Å"))
    deepest = f"{audit.balls.deepest:.3f} of the contact distance"
    rows.append(("deepest overlap of balls", deepest))
    return rows + ([("", audit.balls.where)] if audit.balls.where else [])


def _order(audit: Audit) -> list[Row]:
    rows, radial, found = [], audit.radial, audit.orientation
    if radial is not None:
        expected = radial.expected >= 5
        if expected.any():
            peak = int(expected.nonzero()[0][radial.g[expected].argmax()])
            value = f"highest {radial.g[peak]:.2f} at {radial.r[peak]:.1f} nm"
            rows.append(("radial distribution", value))
        order = audit.order_beyond_two_spacings
        if order is not None:
            rows.append(("", f"beyond two spacings {order:.2f} of the error of chance (1: none)"))
    if found is None:
        return rows
    for number, nematic in enumerate(found.nematic):
        if number == 0 or nematic.deviation > 4:
            chance = f"random {nematic.random:.3f} ± {nematic.random_spread:.3f}"
            value = f"{nematic.order:.3f}, {chance} ({nematic.name}, {nematic.n})"
            rows.append(("nematic order" if number == 0 else "", value))
    near = found.neighbours
    if near is not None:
        chance = f"random 0 ± {near.random_spread:.3f} ({near.n} pairs)"
        rows.append(("nearest neighbours", f"{near.order:+.3f}, {chance}"))
    even = f"p {found.polar_p:.2g} (vectors), {found.axial_p:.2g} (tensors)"
    return [*rows, ("evenness of rotations", even)]


def membrane_rows(membranes: Membranes) -> list[Row]:
    """Return the findings on membranes, one a row: what it is, and what was found."""
    crossed = membranes.crossings
    looked_at = f"{crossed.membranes} membrane" + ("s" if crossed.membranes > 1 else "")
    rows = [("gone through membranes", f"{crossed.total} ({looked_at})")]
    if crossed.total:
        sides = f"{crossed.changed} changed sides, {crossed.straddling} on both"
        rows += [("", f"{sides}, {crossed.pierced} faces pierced"), ("", crossed.where)]
    for shape in membranes.shapes:
        kept = "" if shape.swollen is None else f", of volume {100 * shape.swollen:.2f} %"
        off = f"off by {100 * shape.stretched:.2f} % of area at most{kept}"
        rows.append((f"  {shape.name}", f"{shape.area:.0f} nm^2, {off}"))
    for tilt in membranes.tilts:
        angle = f"{tilt.mean_deg:.1f}° off its membrane's normal, at most {tilt.largest_deg:.1f}°"
        way = f", {tilt.reversed} the other way up" if tilt.reversed else ""
        rows.append((f"  {tilt.name}", f"{angle} ({tilt.n}{way})"))
        rows.append(("", f"at most {tilt.farthest:.2f} nm off its middle"))
    return rows
