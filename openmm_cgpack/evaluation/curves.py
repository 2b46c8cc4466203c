"""How well picking does over its scale, the noise, the missing wedge and crowding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import frozen
from ..core.particles import ParticleTable
from ..core.picks import Picks
from ..core.volume import LabelVolume, Volume
from ..imaging import MissingWedge, OneStep, render
from .dog import pick_dog
from .matching import match_picks
from .scores import PickScores

SIGMAS_NM = tuple(float(s) for s in range(2, 16))
"""Widths of the narrower Gaussian over which the paper's table runs, nm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CurvePoint:
    """One picking and its scores.

    Parameters
    ----------
    name : str
        Name of the volume.
    sigma1_nm : float
        Width of the narrower Gaussian, nm.
    fraction : float
        Volume fraction of the scene; NaN where it was not given.
    scores : PickScores
        Against the truth.
    """

    name: str
    sigma1_nm: float
    fraction: float
    scores: PickScores


@dataclass(frozen=True, kw_only=True, eq=False)
class CrowdedCase:
    """One scene of a crowding curve.

    Parameters
    ----------
    fraction : float
        Its volume fraction.
    volume : Volume
        Its tomogram.
    truth : ParticleTable
        Its particles.
    labels : LabelVolume, optional
        Its instance masks, where picks are matched by them.
    """

    fraction: float
    volume: Volume
    truth: ParticleTable
    labels: LabelVolume | None = None


def imaging_series(
    density: Volume,
    *,
    snrs: Sequence[float | None],
    tilt_maxs: Sequence[float] = (60.0, 90.0),
    seed: int | np.random.SeedSequence,
) -> dict[str, Volume]:
    """Image one density at several SNRs, with and without a missing wedge.

    The noise has the same seed in all of them, so that they differ in strength and wedge only.

    Parameters
    ----------
    density : Volume
        The density.
    snrs : sequence of float or None
        Signal-to-noise ratios of the volumes, as `OneStep` has them; None without noise.
    tilt_maxs : sequence of float, optional
        Largest tilts, degrees; 90 has no missing wedge.
    seed : int or numpy.random.SeedSequence
        Seed of the noise.

    Returns
    -------
    dict of str to Volume
        Named like ``"SNR 0.1, tilts to 60°"``.
    """
    result = {}
    for tilt_max in tilt_maxs:
        for snr in snrs:
            noise = "no noise" if snr is None else f"SNR {snr:g}"
            wedge = "no wedge" if tilt_max == 90 else f"tilts to {tilt_max:g}°"
            imaging = OneStep(snr=snr, wedge=MissingWedge(tilt_max_deg=tilt_max))
            result[f"{noise}, {wedge}"] = render(density, imaging, seed=seed).tomogram
    return result


def dog_curve(
    volumes: Mapping[str, Volume],
    truth: ParticleTable,
    *,
    sigmas_nm: Iterable[float] = SIGMAS_NM,
    ratio: float = 1.1,
    t: float = 5.0,
    n_picks: int | None = None,
    dark: bool = True,
    rule: str = "paper",
    labels: LabelVolume | None = None,
    periodic: bool = False,
    progress: bool = False,
) -> tuple[CurvePoint, ...]:
    """Pick several volumes of one scene by differences of Gaussians of several widths.

    Parameters
    ----------
    volumes : mapping of str to Volume
        The volumes by name.
    truth : ParticleTable
        The particles of the scene.
    sigmas_nm : iterable of float, optional
        Widths of the narrower Gaussian, nm; 2 to 15 by default.
    ratio, t, dark
        As for `pick_dog`.
    n_picks : int, optional
        Most picks; by default as many as there are particles, as in the paper, so that
        precision, recall and F are equal where the threshold leaves that many.
    rule, labels
        As for `match_picks`.
    periodic : bool, optional
        Whether the volumes repeat along their axes, as those of a `Periodic` box.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    tuple of CurvePoint
        By volume, then by width.
    """
    cases = [(name, sigma) for name in volumes for sigma in sigmas_nm]
    if progress:
        from tqdm import tqdm

        steps: Iterable[tuple[str, float]] = tqdm(cases, desc="picking", unit="volume")
    else:
        steps = cases
    most = len(truth) if n_picks is None else n_picks
    points = []
    for name, sigma in steps:
        volume = volumes[name]
        picks = pick_dog(
            volume, sigma, ratio=ratio, t=t, n_picks=most, dark=dark, periodic=periodic
        )
        box = volume.grid.size if periodic else None
        points.append(
            CurvePoint(
                name=name,
                sigma1_nm=float(sigma),
                fraction=float("nan"),
                scores=match_picks(picks, truth, rule=rule, labels=labels, box=box),
            )
        )
    return tuple(points)


def crowding_curve(
    cases: Sequence[CrowdedCase],
    *,
    sigmas_nm: Iterable[float] = SIGMAS_NM,
    ratio: float = 1.1,
    t: float = 5.0,
    dark: bool = True,
    rule: str = "paper",
    periodic: bool = False,
    progress: bool = False,
) -> tuple[CurvePoint, ...]:
    """Pick the same molecules at several volume fractions, each by its best width.

    Parameters
    ----------
    cases : sequence of CrowdedCase
        Scenes of the same molecules, one less crowded than the other.
    sigmas_nm : iterable of float, optional
        Widths that are tried, nm; the one with the highest F is kept for each case. That is
        chosen with the truth in hand: the most that the method can do.
    ratio, t, dark
        As for `pick_dog`.
    rule
        As for `match_picks`.
    periodic
        As for `dog_curve`.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    tuple of CurvePoint
        One for each case, by rising volume fraction.
    """
    sigmas = tuple(sigmas_nm)
    best = []
    for case in sorted(cases, key=lambda case: case.fraction):
        name = f"fraction {case.fraction:.3f}"
        points = dog_curve(
            {name: case.volume},
            case.truth,
            sigmas_nm=sigmas,
            ratio=ratio,
            t=t,
            dark=dark,
            rule=rule,
            labels=case.labels,
            periodic=periodic,
            progress=progress,
        )
        (top,) = best_points(points)
        best.append(
            CurvePoint(
                name=name, sigma1_nm=top.sigma1_nm, fraction=case.fraction, scores=top.scores
            )
        )
    return tuple(best)


def chance_picks(
    truth: ParticleTable,
    n: int,
    *,
    seed: int | np.random.SeedSequence,
    box: Sequence[float] | np.ndarray | None = None,
) -> Picks:
    """Return picks at random in a crowd: what a picker is to be compared with.

    Radii of whole molecules add up to more than the room that a crowd fills, so that many random
    picks are within some particle's radius: an F-score by that rule is to be read beside theirs.

    Parameters
    ----------
    truth : ParticleTable
        The particles.
    n : int
        How many picks.
    seed : int or numpy.random.SeedSequence
        Seed.
    box : three floats, optional
        Edges along x, y and z of a box that the particles fill, nm.

    Returns
    -------
    Picks
        Evenly spread over the box, or without one over the ball whose radius of gyration is that
        of the particles' centres; all of the same score.

    Examples
    --------
    >>> truth = ParticleTable(instance=[1, 2], species=["a", "a"], centre=[(0, 0, 0), (9, 0, 0)],
    ...                       radius=[3, 3], rotation=np.stack([np.eye(3)] * 2))
    >>> len(chance_picks(truth, 50, seed=1))
    50
    """
    rng = np.random.default_rng(seed)
    if box is not None:
        return Picks(positions=rng.random((n, 3)) * frozen(box, "box", (3,)))
    middle = truth.centre.mean(axis=0)
    gyration = np.sqrt(((truth.centre - middle) ** 2).sum(axis=1).mean())
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    far = np.sqrt(5 / 3) * gyration * rng.random((n, 1)) ** (1 / 3)
    return Picks(positions=middle + direction * far)


def best_points(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """Return the point with the highest F of each volume, the narrower width on a tie.

    Parameters
    ----------
    points : sequence of CurvePoint
        What `dog_curve` returned.

    Returns
    -------
    tuple of CurvePoint
        In the order in which the volumes first appear.
    """
    best: dict[str, CurvePoint] = {}
    for point in sorted(points, key=lambda point: point.sigma1_nm):
        if point.name not in best or point.scores.f > best[point.name].scores.f:
            best[point.name] = point
    return tuple(best[name] for name in dict.fromkeys(point.name for point in points))
