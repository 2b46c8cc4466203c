"""One call that measures everything."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core import PackedScene
from ..core.settings import Settings, setting
from ..poses import extract_transforms
from .atoms import atom_contacts
from .ball_overlaps import ball_overlap
from .composition import species_counts, species_masses
from .distances import radial_distribution
from .envelopes import occupancy
from .orientations import orientation_order
from .result import Audit


class AuditSettings(Settings):
    """How finely an audit looks."""

    distances: tuple[float, ...] = setting(
        "distances between heavy atoms of two molecules that are counted",
        default=(0.25, 0.15),
        unit="nm",
        above=0,
    )
    voxel_size: float | None = setting(
        "edge of the voxels in which envelopes are counted; left out, 0.4, or more where that "
        "would take more than 100 million voxels",
        default=None,
        unit="nm",
        above=0,
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

    Returns
    -------
    Audit
        ``print`` it for a table; ``to_dict`` for JSON.

    Raises
    ------
    ValueError
        `asked` names a species that is not there.

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 4)], seed=1))
    >>> found = audit(packed, asked={"filament": 4})
    >>> found.n_instances, found.boundary, 0 < found.fraction < 1
    (4, 'open', True)
    """
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
        contacts=atom_contacts(scene, poses.transforms, boundary, distances=settings.distances),
        balls=ball_overlap(scene, packed.positions, boundary),
        radial=radial_distribution(centres, boundary) if len(centres) > 1 else None,
        orientation=orientation_order(scene, packed.positions, poses.transforms, boundary),
    )
