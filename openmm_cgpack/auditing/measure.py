"""One call that measures everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..core import Boundary, PackedScene, Scene
from ..packing import overlaps
from ..poses import extract_transforms
from .atoms import atom_contacts
from .distances import radial_distribution
from .envelopes import occupancy
from .masses import species_masses
from .orientation import orientation
from .result import Audit, BallOverlap, SpeciesCount

_DEPTHS = np.linspace(0, 1, 51)


def audit(
    packed: PackedScene,
    *,
    asked: Mapping[str, int] | None = None,
    distances: Sequence[float] = (0.25, 0.15),
    voxel_size: float | None = None,
) -> Audit:
    """Measure what a packed scene holds, how tight it is, and whether it is clean.

    Parameters
    ----------
    packed : PackedScene
        The scene. Its balls may lie in any image of a box, but each rigid body and each filament
        in one piece.
    asked : mapping of str to int, optional
        How many instances of each species were asked for, by name.
    distances : sequence of float, optional
        Distances between heavy atoms of two molecules that are counted, nm.
    voxel_size : float, optional
        Edge of the voxels in which envelopes are counted, nm; 0.4 when left out, or more where
        that would take more than 100 million voxels.

    Returns
    -------
    Audit
        ``print`` it for a table; ``to_dict`` for JSON.

    Raises
    ------
    ValueError
        `asked` names a species that is not there, or a length is not positive.

    Examples
    --------
        >>> from openmm_cgpack import Filament, Pull, pack_scene, place
    >>> from openmm_cgpack.auditing import audit
    >>> scene = place([(Filament(n_balls=5).build(), 4)], seed=1)
    >>> packed = pack_scene(scene, Pull(max_steps=500, relax_steps=100), seed=1)
        >>> found = audit(packed, asked={"filament": 4})
    >>> found.n_instances, found.boundary, 0 < found.fraction < 1
    (4, 'open', True)
    """
    lengths = [*distances, *([] if voxel_size is None else [voxel_size])]
    if not distances or not all(np.isfinite(v) and v > 0 for v in lengths):
        raise ValueError(f"distances, voxel_size: wanted positive lengths, got {lengths}")
    scene, boundary = packed.scene, packed.boundary
    poses = extract_transforms(packed)
    counts = _counts(scene, asked)
    masses = np.array([species_masses(model) for model in scene.species])[scene.species_index]
    mass, with_hydrogens = masses.sum(axis=0).tolist()
    centres = poses.transforms.translations[poses.rigid]
    return Audit(
        boundary=type(boundary).__name__.lower(),
        species=counts,
        occupancy=occupancy(
            scene, packed.positions, poses.transforms, boundary, voxel_size=voxel_size
        ),
        mass=mass,
        mass_with_hydrogens=with_hydrogens,
        contacts=atom_contacts(scene, poses.transforms, boundary, distances=distances),
        balls=ball_overlap(scene, packed.positions, boundary),
        radial=radial_distribution(centres, boundary) if len(centres) > 1 else None,
        orientation=orientation(scene, packed.positions, poses.transforms, boundary),
    )


def ball_overlap(scene: Scene, positions: np.ndarray, boundary: Boundary) -> BallOverlap:
    """Return how deep balls of different instances, or of two images of one, overlap.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm.
    boundary : Open, Periodic or Slab
        The boundary at the end.
    """
    pairs, depth = overlaps(scene, positions, boundary=boundary)
    where = ""
    if len(depth):
        first, second = pairs[np.argmax(depth)].tolist()
        where = f"{scene.ball_name(first)}, {scene.ball_name(second)}"
    return BallOverlap(
        deepest=float(depth.max(initial=0.0)),
        where=where,
        edges=_DEPTHS,
        pairs=np.histogram(depth, _DEPTHS)[0],
    )


def _counts(scene: Scene, asked: Mapping[str, int] | None) -> tuple[SpeciesCount, ...]:
    names = [model.name for model in scene.species]
    for name in asked or ():
        if name not in names:
            raise ValueError(f"asked: no species is called {name!r}, only {', '.join(names)}")
    placed = np.bincount(scene.species_index, minlength=len(names))
    return tuple(
        SpeciesCount(
            name=model.name,
            asked=None if asked is None else int(asked.get(model.name, 0)),
            placed=int(placed[s]),
            volume=model.volume,
            mass=species_masses(model)[0],
        )
        for s, model in enumerate(scene.species)
    )
