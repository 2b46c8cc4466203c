"""Scores of picking over the picker's scale, the noise, the missing wedge and crowding."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.boundary import Boundary, Open, Periodic
from ..core.display import described
from ..core.particles import ParticleTable, Picks
from ..core.progress import tracked
from ..core.volume import LabelVolume, Volume
from .dog_picker import DogPicker
from .matching_rules import MatchingRule, PaperRule
from .pick_scores import PickScores, quiet_match

PAPER_PICKERS = tuple(DogPicker(sigma=s) for s in range(2, 16))
"""Pickers with the widths of the paper's table, 2 to 15 nm."""


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class PickingCase:
    """A tomogram to pick, and the truth.

    Parameters
    ----------
    name : str
        Its name.
    volume : Volume
        The tomogram.
    truth : ParticleTable
        Its particles.
    labels : LabelVolume, optional
        Its instance masks, for `ShrecRule`.
    fraction : float, optional
        Volume fraction of the scene.
    """

    name: str
    volume: Volume
    truth: ParticleTable
    labels: LabelVolume | None = None
    fraction: float = float("nan")


@described
@dataclass(frozen=True, kw_only=True, eq=False)
class CurvePoint:
    """The scores of one picker on one tomogram."""

    case: PickingCase
    picker: DogPicker
    scores: PickScores


def picking_curve(
    cases: Sequence[PickingCase],
    pickers: Sequence[DogPicker] = PAPER_PICKERS,
    rule: MatchingRule = PaperRule(),
    *,
    periodic: bool = False,
    progress: bool = True,
) -> tuple[CurvePoint, ...]:
    """Pick several tomograms with several pickers.

    Parameters
    ----------
    cases : sequence of PickingCase
        The tomograms: one scene with several noises and wedges, or the same molecules at several
        volume fractions.
    pickers : sequence of DogPicker, optional
        The pickers. One without `n_picks` returns at most as many picks as there are particles, as
        in the paper: precision, recall and F are equal where the threshold leaves that many.
    rule : MatchingRule, optional
        When a pick finds a particle.
    periodic : bool, optional
        Whether the volumes repeat along their axes.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    tuple of CurvePoint
        By case, then by picker.

    Examples
    --------
    >>> truth = ParticleTable(
    ...     instance=[1], species=["a"], centre=[(4, 4, 4)], radius=[2], rotation=[np.eye(3)]
    ... )
    >>> data = np.zeros((9, 9, 9))
    >>> data[3:6, 3:6, 3:6] = -1
    >>> volume = Volume(data=data, voxel_size=1, origin=(0, 0, 0))
    >>> case = PickingCase(name="clean", volume=volume, truth=truth)
    >>> points = picking_curve([case], [DogPicker(sigma=2), DogPicker(sigma=1)])
    >>> [(point.picker.sigma, point.scores.f) for point in best_points(points)]
    [(1.0, 1.0)]
    """
    points = []
    work = [(case, picker) for case in cases for picker in pickers]
    for case, picker in tracked(work, "picking", show=progress):
        if picker.n_picks is None:
            picker = dataclasses.replace(picker, n_picks=len(case.truth))
        boundary: Boundary = Periodic(box=tuple(case.volume.grid.size)) if periodic else Open()
        picks = picker.pick(case.volume, periodic=periodic)
        scores = quiet_match(picks, case.truth, rule, labels=case.labels, boundary=boundary)
        points.append(CurvePoint(case=case, picker=picker, scores=scores))
    return tuple(points)


def best_points(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """Return the point with the highest F of each case, that of smaller sigma on a tie.

    As the truth chooses it, this is an upper bound of what the method can do; see `picking_curve`.
    """
    best: dict[int, CurvePoint] = {id(point.case): point for point in points}
    for point in sorted(points, key=lambda point: (-point.scores.f, point.picker.sigma))[::-1]:
        best[id(point.case)] = point
    return tuple(best.values())


def random_picks(
    truth: ParticleTable,
    n: int,
    *,
    seed: int | np.random.SeedSequence,
    boundary: Boundary = Open(),
) -> Picks:
    """Return random picks, the baseline for a picker.

    In a crowd the spheres around whole molecules fill nearly all of the room, so that many random
    picks are within some particle's radius: compare an F score with that of random picks.

    Parameters
    ----------
    truth : ParticleTable
        The particles.
    n : int
        How many picks.
    seed : int or numpy.random.SeedSequence
    boundary : Boundary, optional
        A box that the particles fill; its edges start at the first voxel's centre.

    Returns
    -------
    Picks
        Evenly spread over the box, or without one over the ball whose radius of gyration is that
        of the particles' centres; all of the same score.

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> len(random_picks(truth, 50, seed=1))
    50
    """
    rng = np.random.default_rng(seed)
    if boundary.bounded:
        return Picks(positions=rng.random((n, 3)) * np.array(boundary.box))
    middle = truth.centre.mean(axis=0)
    gyration = np.sqrt(((truth.centre - middle) ** 2).sum(axis=1).mean())
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    far = np.sqrt(5 / 3) * gyration * rng.random((n, 1)) ** (1 / 3)
    return Picks(positions=middle + direction * far)


def picks_of_labels(labels: LabelVolume, *, min_volume: float | Mapping[str, float] = 0.0) -> Picks:
    """Return the middle of every connected piece of every class, as a pick of that species.

    Parameters
    ----------
    labels : LabelVolume
        Classes with their names, as `predict` returns them.
    min_volume : float or mapping of str to float, optional
        Smaller pieces are left out, nm³; for all classes, or by their names.

    Returns
    -------
    Picks
        In the files' frame; the score is the piece's volume, nm³.

    Examples
    --------
    >>> data = np.zeros((6, 6, 6), int)
    >>> data[0, 0, :3], data[5, 5, 5] = 1, 2
    >>> labels = LabelVolume(data=data, voxel_size=2.0, origin=(0, 0, 0), names=("a", "b"))
    >>> picks = picks_of_labels(labels, min_volume={"a": 10})
    >>> picks.species.tolist(), picks.positions.tolist(), picks.scores.tolist()
    (['a', 'b'], [[2.0, 0.0, 0.0], [10.0, 10.0, 10.0]], [24.0, 8.0])
    """
    from scipy.ndimage import center_of_mass, label

    species, positions, scores = [], [], []
    for number, name in enumerate(labels.names, start=1):
        pieces, n = label(labels.data == number)
        volumes = np.bincount(pieces.ravel(), minlength=n + 1)[1:] * labels.voxel_size**3
        least = min_volume.get(name, 0.0) if isinstance(min_volume, Mapping) else min_volume
        kept = np.flatnonzero(volumes >= least)
        middles = center_of_mass(pieces > 0, pieces, kept + 1)
        species += [name] * len(kept)
        positions += [middle[::-1] for middle in middles]
        scores += volumes[kept].tolist()
    return Picks(
        positions=np.reshape(positions, (-1, 3)) * labels.voxel_size,
        scores=np.array(scores, np.float64),
        species=np.array(species, np.str_),
    )
