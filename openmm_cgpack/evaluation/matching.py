"""Picks against the particles that are there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import frozen, positive
from ..core.particles import ParticleTable
from ..core.picks import Picks
from ..core.volume import LabelVolume, Volume
from .assignment import assign, within_reach
from .scores import PickScores, SpeciesScores

RULES = ("paper", "czii", "shrec")
"""Names of the rules by which picks are matched."""

REACH = {"paper": 1.0, "czii": 0.5}
"""Share of a particle's radius within which a pick finds it."""

BETA = {"paper": 1.0, "czii": 4.0, "shrec": 1.0}
"""Weight of recall in each rule's F-score."""


def match_picks(
    picks: Picks,
    truth: ParticleTable,
    *,
    rule: str = "paper",
    labels: LabelVolume | None = None,
    assignment: str = "optimal",
    reach: float | None = None,
    dilation: int = 1,
    box: Sequence[float] | np.ndarray | None = None,
) -> PickScores:
    """Compare picks with the truth; a particle counts once.

    ``"paper"``
        A pick finds a particle when it is within the particle's radius of its centre (section
        4.1.1), whatever it is said to be. F-score with beta 1.
    ``"czii"``
        Within half the radius, and of the particle's species; beta 4. See
        `PickScores.weighted_f` and `pool_scores` for the figure of that challenge.
    ``"shrec"``
        A pick finds the instance whose mask, grown by `dilation` voxels, holds the pick's voxel,
        whatever it is said to be; of several the first in `picks` counts. Picks outside the
        volume are moved to its nearest voxel and counted in `outside`. Beta 1.

    In a crowd a pick may lie within reach of several particles. `assignment` says what then:

    ``"optimal"``
        The most pairs that are possible, and among all such choices the smallest sum of
        distances. It depends neither on scores nor on the order of the picks, and no other
        one-to-one choice finds more.
    ``"score"``
        Picks from the best score on take the nearest particle that is free.
    ``"distance"``
        Pairs from the nearest on, while both are free.
    ``"any"``
        A particle is found when any pick reaches it, and a pick may find several: how the CZII
        challenge's program counts. ``fp`` is then never below 0, as the picks beyond ``tp``.

    Parameters
    ----------
    picks : Picks
        What was picked, in the files' frame.
    truth : ParticleTable
        What is there, in the same frame. Everything in it counts: leave out what shall not be
        found with `select_particles`.
    rule : {"paper", "czii", "shrec"}, optional
        How picks are matched.
    labels : LabelVolume, optional
        Instance masks of the whole scene, for ``"shrec"``; its first voxel's centre is at 0.
    assignment : {"optimal", "score", "distance", "any"}, optional
        For ``"paper"`` and ``"czii"``; a mask names one particle only.
    reach : float, optional
        For ``"paper"`` and ``"czii"``: the share of a particle's radius within which a pick finds
        it, in place of the rule's 1 or 0.5.
    dilation : int, optional
        For ``"shrec"``: how often masks grow by a face; where two meet the higher number wins.
        1 in that challenge.
    box : three floats, optional
        For ``"paper"`` and ``"czii"``: edges of a periodic box along x, y and z, nm. Distances are
        then those to the nearest image of a particle.

    Returns
    -------
    PickScores

    Raises
    ------
    ValueError
        An argument is none of those wanted, labels are missing or not wanted, or picks have no
        species where the rule needs them.

    References
    ----------
    CZII CryoET object identification challenge, Kaggle (2024). Gubins et al., SHREC 2021:
    classification in cryo-electron tomograms, Eurographics workshop on 3D object retrieval.

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> scores = match_picks(Picks(positions=[(1, 0, 0), (0, 1, 0), (20, 0, 0)]), truth)
    >>> scores.tp, scores.fp, scores.fn, scores.f
    (1, 2, 1, 0.4)
    """
    if rule not in RULES:
        raise ValueError(f"rule: wanted one of {', '.join(RULES)}, got {rule!r}")
    if (rule == "shrec") != (labels is not None):
        wanted = "instance labels" if rule == "shrec" else "no labels"
        raise ValueError(f"labels: wanted {wanted} for the rule {rule!r}")
    if reach is not None and rule == "shrec":
        raise ValueError("reach: is for the rules paper and czii")
    if box is not None and rule == "shrec":
        raise ValueError("box: is for the rules paper and czii")
    edges = None if box is None else frozen(box, "box", (3,))
    if edges is not None and not (edges > 0).all():
        raise ValueError(f"box: wanted positive edges, got {edges.tolist()}")
    outside = 0
    if labels is not None:
        pick, particle, outside = _look_up(picks, truth, labels, dilation)
        distances = np.linalg.norm(picks.positions[pick] - truth.centre[particle], axis=1)
        chosen = np.sort(np.unique(particle, return_index=True)[1])
    else:
        share = REACH[rule] if reach is None else positive(reach, "reach")
        pick, particle, distances = within_reach(
            picks.positions, truth.centre, share * truth.radius, box=edges
        )
        if rule == "czii":
            same = _species(picks, truth)[pick] == truth.species[particle]
            pick, particle, distances = pick[same], particle[same], distances[same]
        chosen = assign(pick, particle, distances, scores=picks.scores, assignment=assignment)
    pairs = np.stack([pick[chosen], particle[chosen]], axis=1)
    confusion, names = _confusion(picks, truth, pairs)
    return PickScores(
        rule=rule,
        tp=len(pairs),
        fp=max(0, len(picks) - len(pairs)),
        fn=len(truth) - len(pairs),
        species=_by_species(picks, truth, pairs, rule),
        beta=BETA[rule],
        pairs=pairs,
        distances=distances[chosen],
        multi_hits=int((np.bincount(particle, minlength=1) > 1).sum()),
        empty=len(picks) - len(np.unique(pick)),
        outside=outside,
        confusion=confusion,
        confusion_names=names,
    )


def select_particles(
    truth: ParticleTable,
    *,
    species: Sequence[str] | None = None,
    without: Sequence[str] = (),
    volume: Volume | LabelVolume | None = None,
    margin_nm: float = 0.0,
) -> ParticleTable:
    """Return the particles that a picker could be asked to find.

    Parameters
    ----------
    truth : ParticleTable
        All instances of a scene.
    species : sequence of str, optional
        The species to keep; all when left out.
    without : sequence of str, optional
        Species to leave out: filaments and membranes, for example.
    volume : Volume or LabelVolume, optional
        Keeps only particles whose centre is in one of its voxels.
    margin_nm : float, optional
        How far from the volume's faces they have to be, nm.

    Returns
    -------
    ParticleTable

    Raises
    ------
    ValueError
        There is no such species, or the margin is negative.
    """
    unknown = sorted({*(species or ()), *without} - set(truth.species.tolist()))
    if unknown:
        raise ValueError(f"species: the truth holds no {unknown[0]!r}")
    keep = ~np.isin(truth.species, np.array(list(without), np.str_))
    if species is not None:
        keep &= np.isin(truth.species, np.array(list(species), np.str_))
    margin_nm = positive(margin_nm, "margin_nm", zero=True)
    if volume is not None:
        low = margin_nm - volume.voxel_size / 2
        high = volume.grid.size - volume.voxel_size / 2 - margin_nm
        keep &= ((truth.centre >= low) & (truth.centre < high)).all(axis=1)
    return ParticleTable(
        instance=truth.instance[keep],
        species=truth.species[keep],
        centre=truth.centre[keep],
        radius=truth.radius[keep],
        rotation=truth.rotation[keep],
    )


def _look_up(
    picks: Picks, truth: ParticleTable, labels: LabelVolume, dilation: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the pairs of picks and the particles whose masks hold them, and those outside."""
    from scipy.ndimage import generate_binary_structure, grey_dilation

    if dilation < 0:
        raise ValueError(f"dilation: wanted a number >= 0, got {dilation}")
    data = labels.data
    cross = generate_binary_structure(3, 1)
    for _ in range(dilation):
        data = grey_dilation(data, footprint=cross, mode="nearest")
    voxels = np.rint(picks.positions / labels.voxel_size).astype(np.int64)[:, ::-1]
    inside = np.clip(voxels, 0, np.array(data.shape) - 1)
    owner = data[tuple(inside.T)].astype(np.int64)
    order = np.argsort(truth.instance)
    place = np.searchsorted(truth.instance[order], owner).clip(max=max(len(truth) - 1, 0))
    known = np.zeros(len(owner), bool)
    if len(truth):
        known = truth.instance[order][place] == owner
    pick = np.flatnonzero(known)
    particle = order[place[known]] if len(truth) else np.empty(0, np.int64)
    return pick, particle, int((voxels != inside).any(axis=1).sum())


def _species(picks: Picks, truth: ParticleTable) -> np.ndarray:
    if picks.species is not None:
        return picks.species
    names = np.unique(truth.species)
    if len(names) != 1:
        raise ValueError(
            f"picks: the rule 'czii' wants a species for each pick, as the truth has {len(names)}"
        )
    return np.repeat(names, len(picks))


def _by_species(
    picks: Picks, truth: ParticleTable, pairs: np.ndarray, rule: str
) -> tuple[SpeciesScores, ...]:
    said = _species(picks, truth) if rule == "czii" else np.empty(0, np.str_)
    found = truth.species[pairs[:, 1]]
    result = []
    for name in np.unique(np.concatenate([truth.species, said])):
        tp = int((found == name).sum())
        result.append(
            SpeciesScores(
                name=str(name),
                tp=tp,
                fp=max(0, int((said == name).sum()) - tp) if rule == "czii" else None,
                fn=int((truth.species == name).sum()) - tp,
                beta=BETA[rule],
            )
        )
    return tuple(result)


def _confusion(
    picks: Picks, truth: ParticleTable, pairs: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    if picks.species is None:
        return np.zeros((0, 0), np.int64), ()
    names = np.unique(np.concatenate([truth.species, picks.species]))
    n = len(names)
    said = np.full(len(truth), n)
    said[pairs[:, 1]] = np.searchsorted(names, picks.species[pairs[:, 0]])
    matrix = np.zeros((n + 1, n + 1), np.int64)
    np.add.at(matrix, (np.searchsorted(names, truth.species), said), 1)
    idle = np.setdiff1d(np.arange(len(picks)), pairs[:, 0])
    np.add.at(matrix, (n, np.searchsorted(names, picks.species[idle])), 1)
    return matrix, tuple(str(name) for name in names)
