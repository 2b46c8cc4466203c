"""Particle picking without a reference, by differences of Gaussians."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core.arrays import positive
from ..core.picks import Picks
from ..core.volume import Volume

LEVELS = 20
"""Steps of the threshold between the lowest and the highest peak (paper, section 4.1)."""

REACH = 5.0
"""Where the Gaussians are cut, in standard deviations."""


def pick_dog(
    volume: Volume,
    sigma1_nm: float,
    *,
    ratio: float = 1.1,
    t: float = 5.0,
    n_picks: int | None = None,
    dark: bool = True,
    periodic: bool = False,
) -> Picks:
    """Find particles as peaks of a difference of Gaussians (paper, section 4.1).

    The volume (its negative, where particles are dark) is blurred with `sigma1_nm` and with
    ``ratio * sigma1_nm``, and the second taken from the first. The values of all its local
    maxima over the 18 neighbours lie between ``m`` and ``M``; those below
    ``T = m + t (M - m) / 20`` are dropped. Of two peaks nearer to each other than `sigma1_nm`
    the lower one is dropped, from the highest peak on down.

    A plateau counts as one peak, at its voxel nearest to its mean. Beyond its faces the volume
    is continued as in a mirror, so that an object cut by a face is a peak on that face; where it
    is `periodic`, by itself.

    Parameters
    ----------
    volume : Volume
        The tomogram.
    sigma1_nm : float
        Standard deviation of the narrower Gaussian, nm. A ball of radius r answers most to
        about ``r / sqrt(3)``.
    ratio : float, optional
        The wider Gaussian over the narrower one.
    t : float, optional
        Threshold level, from 0 (keeps every peak) to 20.
    n_picks : int, optional
        Most picks that are returned, the best ones. The threshold acts before: where it leaves
        fewer, fewer come.
    dark : bool, optional
        Whether particles are dark on bright ground, as in a tomogram before its contrast is
        turned; a density has bright ones.
    periodic : bool, optional
        Whether the volume repeats along its axes, as that of a `Periodic` box does that its grid
        fills. (A plateau that a face cuts is then two peaks, of which one is dropped.)

    Returns
    -------
    Picks
        Best first; the score is the peak's height, in the volume's unit. Positions are centres
        of voxels in the files' frame.

    Raises
    ------
    ValueError
        An argument is out of its range.

    References
    ----------
    Pei et al., BMC Bioinformatics 17, 405 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((24, 24, 24), np.float32)
    >>> data[9:14, 4:9, 14:19] = -1.0
    >>> picks = pick_dog(Volume(data=data, voxel_size=1.0, origin=(0, 0, 0)), 2.0, n_picks=1)
    >>> picks.positions
    array([[16.,  6., 11.]])
    """
    sigma1_nm = positive(sigma1_nm, "sigma1_nm")
    if positive(ratio, "ratio") <= 1:
        raise ValueError(f"ratio: wanted a number above 1, got {ratio:g}")
    if positive(t, "t", zero=True) > LEVELS:
        raise ValueError(f"t: wanted a number from 0 to {LEVELS}, got {t:g}")
    if n_picks is not None and n_picks < 0:
        raise ValueError(f"n_picks: wanted a number >= 0, got {n_picks}")
    response = difference_of_gaussians(volume, sigma1_nm, ratio=ratio, dark=dark, periodic=periodic)
    voxels, heights = local_maxima(response, periodic=periodic)
    if len(heights):
        lowest, highest = float(heights.min()), float(heights.max())
        keep = heights >= lowest + t * (highest - lowest) / LEVELS
        voxels, heights = voxels[keep], heights[keep]
    positions = voxels[:, ::-1] * volume.voxel_size
    box = volume.grid.size if periodic else None
    kept = suppress_neighbours(positions, heights, sigma1_nm, box=box)[:n_picks]
    return Picks(positions=positions[kept], scores=heights[kept])


def difference_of_gaussians(
    volume: Volume,
    sigma1_nm: float,
    *,
    ratio: float = 1.1,
    dark: bool = True,
    periodic: bool = False,
) -> np.ndarray:
    """Return a volume blurred by one Gaussian less the same blurred by a wider one.

    Parameters
    ----------
    volume : Volume
        The tomogram.
    sigma1_nm : float
        Standard deviation of the narrower Gaussian, nm.
    ratio : float, optional
        The wider Gaussian over the narrower one.
    dark : bool, optional
        Whether the negative is taken.
    periodic : bool, optional
        Whether the volume goes on beyond its faces by itself rather than by its mirror image.

    Returns
    -------
    (z, y, x) float32 array
        High where there is something of about the Gaussian's size.
    """
    from scipy.ndimage import gaussian_filter

    # Without its mean: float32 loses what is small beside a large constant.
    data = volume.data - volume.data.mean(dtype=np.float64)
    data = (-data if dark else data).astype(np.float32)
    sigma = sigma1_nm / volume.voxel_size
    mode = "wrap" if periodic else "reflect"
    narrow = gaussian_filter(data, sigma, mode=mode, truncate=REACH)
    wide = gaussian_filter(data, sigma * ratio, mode=mode, truncate=REACH)
    return narrow - wide


def local_maxima(values: np.ndarray, *, periodic: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Find the voxels that are above their 18 neighbours.

    Parameters
    ----------
    values : (z, y, x) array
        Where to look.
    periodic : bool, optional
        Whether voxels of opposite faces are neighbours; a plateau is still cut there.

    Returns
    -------
    voxels : (n, 3) int array
        Indices (z, y, x); one for a plateau whose whole rim is lower.
    heights : (n,) float64 array
        Their values.
    """
    from scipy.ndimage import generate_binary_structure, label, maximum_filter

    near = generate_binary_structure(3, 2)
    mode = "wrap" if periodic else "nearest"
    highest = values == maximum_filter(values, footprint=near, mode=mode)
    # A plateau that meets an equal voxel which has a higher neighbour is a shoulder.
    rest = np.where(highest, -np.inf, values)
    shoulder = highest & (maximum_filter(rest, footprint=near, mode=mode) == values)
    number, n = label(highest, structure=near)
    good = np.ones(n + 1, bool)
    good[number[shoulder]] = False
    good[0] = False
    members = np.argwhere(highest)
    owner = number[highest]
    # Nothing is above its neighbours where all are equal.
    if n == 1 and len(members) == values.size:
        good[:] = False
    members, owner = members[good[owner]], owner[good[owner]]
    if not len(members):
        return np.empty((0, 3), np.int64), np.empty(0)
    counts = np.bincount(owner, minlength=n + 1)
    sums = np.stack([np.bincount(owner, members[:, k], n + 1) for k in range(3)], axis=1)
    means = sums / np.maximum(counts, 1)[:, None]
    off = ((members - means[owner]) ** 2).sum(axis=1)
    order = np.lexsort((off, owner))
    first = order[np.r_[True, np.diff(owner[order]) > 0]]
    chosen = members[first]
    return chosen, values[tuple(chosen.T)].astype(np.float64)


def suppress_neighbours(
    points: np.ndarray, scores: np.ndarray, distance: float, *, box: np.ndarray | None = None
) -> np.ndarray:
    """Return which points stay when, from the best on, each removes all that are near to it.

    Parameters
    ----------
    points : (n, 3) array
        Points, nm.
    scores : (n,) array
        Their scores.
    distance : float
        Points nearer than this to a better one that stays are removed, nm.
    box : (3,) array, optional
        Edges of a periodic box that holds the points, nm.

    Returns
    -------
    (k,) int array
        Indices of the points that stay, best first; the earlier one on a tie.
    """
    if not len(points):
        return np.empty(0, np.int64)
    tree = cKDTree(points, boxsize=box)
    neighbours = tree.query_ball_point(points, np.nextafter(distance, 0))
    free = np.ones(len(points), bool)
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if free[i]:
            kept.append(i)
            free[neighbours[i]] = False
    return np.array(kept, np.int64)
