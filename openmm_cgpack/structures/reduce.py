"""Fewer points for a molecule: neighbouring atoms become mass-weighted points."""

from __future__ import annotations

import numpy as np

from ..core.structure import AtomicStructure


def reduce_structure(structure: AtomicStructure, *, atoms_per_point: int = 20) -> AtomicStructure:
    """Group neighbouring atoms into points at their centres of mass.

    The atoms are halved along the longest edge of their bounding box, and the halves again, until
    there are ``ceil(N / atoms_per_point)`` groups, which differ by one atom at most. No chance
    enters: the same structure always gives the same points.

    Parameters
    ----------
    structure : AtomicStructure
        Atoms, or points that stand for atoms.
    atoms_per_point : int, optional
        How many of the structure's atoms, at most, become one point.

    Returns
    -------
    AtomicStructure
        Points with the sum of their atoms' masses and counts, the distance to the farthest atom
        (`spread`) and the atoms' mean variance about them (`point_variance`). Total mass and
        centre of mass are the structure's, its second moments too once ``point_variance`` is
        added. The envelope's volume is carried over where it is known.

    Raises
    ------
    ValueError
        `atoms_per_point` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> atoms = AtomicStructure(
    ...     name="line", positions=[[-3, 0, 0], [-1, 0, 0], [1, 0, 0], [3, 0, 0]], masses=np.ones(4)
    ... )
    >>> reduce_structure(atoms, atoms_per_point=2).positions[:, 0]
    array([-2.,  2.])
    """
    if isinstance(atoms_per_point, bool) or int(atoms_per_point) != atoms_per_point:
        raise ValueError(f"atoms_per_point: wanted a whole number, got {atoms_per_point}")
    if atoms_per_point < 1:
        raise ValueError(f"atoms_per_point: wanted 1 or more, got {atoms_per_point}")
    n = len(structure.masses)
    group = np.empty(n, dtype=np.int64)
    n_groups = -(-n // int(atoms_per_point))
    pending = [(np.arange(n), 0, n_groups)]
    while pending:
        members, first, count = pending.pop()
        if count == 1:
            group[members] = first
            continue
        points = structure.positions[members]
        axis = int(np.argmax(np.ptp(points, axis=0)))
        # A stable sort: atoms level with each other keep the file's order.
        members = members[np.argsort(points[:, axis], kind="stable")]
        low = count // 2
        cut = len(members) * low // count
        pending.append((members[cut:], first + low, count - low))
        pending.append((members[:cut], first, low))
    masses = np.bincount(group, weights=structure.masses, minlength=n_groups)
    weighted = structure.masses[:, None] * structure.positions
    positions = np.stack(
        [np.bincount(group, weights=column, minlength=n_groups) for column in weighted.T], axis=1
    )
    positions /= masses[:, None]
    offsets = structure.positions - positions[group]
    distances = np.linalg.norm(offsets, axis=1)
    spread = np.zeros(n_groups)
    np.maximum.at(spread, group, distances + structure.spread)
    variance = float(np.average(distances**2, weights=structure.masses)) / 3
    return AtomicStructure(
        name=structure.name,
        positions=positions,
        masses=masses,
        atoms=np.bincount(group, weights=structure.atoms, minlength=n_groups).astype(np.int64),
        spread=spread,
        point_variance=structure.point_variance + variance,
        envelope_volume=structure.envelope_volume,
        file_origin=structure.file_origin,
        source=structure.source,
    )
