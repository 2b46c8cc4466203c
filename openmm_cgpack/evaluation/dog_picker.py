"""Particle picking without a reference, by differences of Gaussians (DoG)."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core.particles import Picks
from ..core.settings import Settings, setting
from ..core.volume import Volume

LEVELS = 20
"""Steps of the threshold between the lowest and the highest peak (paper, section 4.1)."""

TRUNCATE = 5.0
"""Where the Gaussians are cut, in standard deviations."""


class DogPicker(Settings):
    """Finds particles as peaks of a difference of Gaussians (paper, section 4.1).

    The volume (its negative, where particles are dark) is blurred with `sigma` and with
    ``ratio * sigma``, and the second taken from the first. The values of all its local maxima over
    the 18 neighbours lie between ``m`` and ``M``; those below ``m + threshold (M - m) / 20`` are
    dropped. Of two peaks nearer to each other than `sigma` the lower one is dropped, from the
    highest peak on down. Last, all but the best `n_picks` are dropped.

    A plateau counts as one peak, at its voxel nearest to its mean. Beyond its faces the volume is
    mirrored, so that an object cut by a face is a peak on that face; a periodic one is wrapped
    around (a plateau that a face cuts is then two peaks, of which one is dropped).

    References
    ----------
    Pei et al., BMC Bioinformatics 17, 405 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((24, 24, 24), np.float32)
    >>> data[9:14, 4:9, 14:19] = -1.0
    >>> tomogram = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> DogPicker(sigma=2.0, n_picks=1).pick(tomogram).positions
    array([[16.,  6., 11.]])
    """

    sigma: float = setting(
        "standard deviation of the narrower Gaussian; a ball of radius r answers most to about "
        "r / sqrt(3)",
        unit="nm",
        above=0,
        usual=(0.5, 40),
    )
    ratio: float = setting("wider Gaussian over the narrower one", default=1.1, above=1)
    threshold: float = setting(
        "level between the lowest peak (0: all are kept) and the highest (20)",
        default=5.0,
        minimum=0,
        maximum=LEVELS,
    )
    n_picks: int | None = setting("most picks, the best ones", default=None, minimum=0)
    dark: bool = setting(
        "whether particles are dark on bright ground, as in a tomogram; a density has bright ones",
        default=True,
    )

    def pick(self, volume: Volume, *, periodic: bool = False) -> Picks:
        """Return the particles found in a tomogram, best first.

        Positions are centres of voxels in the files' frame; scores are the peaks' heights.
        `periodic` says that the volume repeats along its axes, as that of a `Periodic` box that its
        grid fills.
        """
        voxels, heights = local_maxima(self.response(volume, periodic=periodic), periodic=periodic)
        if len(heights):
            lowest, highest = float(heights.min()), float(heights.max())
            keep = heights >= lowest + self.threshold * (highest - lowest) / LEVELS
            voxels, heights = voxels[keep], heights[keep]
        positions = voxels[:, ::-1] * volume.voxel_size
        box = volume.grid.size if periodic else None
        kept = suppress_neighbours(positions, heights, self.sigma, box=box)[: self.n_picks]
        return Picks(positions=positions[kept], scores=heights[kept])

    def response(self, volume: Volume, *, periodic: bool = False) -> np.ndarray:
        """Return the difference of Gaussians, (z, y, x) float32, of a tomogram; see `pick`."""
        from scipy.ndimage import gaussian_filter

        # Without its mean: float32 loses what is small beside a large constant.
        data = volume.data - volume.data.mean(dtype=np.float64)
        data = (-data if self.dark else data).astype(np.float32)
        sigma = self.sigma / volume.voxel_size
        mode = "wrap" if periodic else "reflect"
        narrow = gaussian_filter(data, sigma, mode=mode, truncate=TRUNCATE)
        return narrow - gaussian_filter(data, sigma * self.ratio, mode=mode, truncate=TRUNCATE)


def local_maxima(values: np.ndarray, *, periodic: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels above their 18 neighbours, (n, 3) indices (z, y, x), and their values (n,).

    A plateau whose whole rim is lower counts once. Where the volume is periodic, voxels of opposite
    faces are neighbours, but a plateau is still cut there.
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
    """Return which points (n, 3) stay, best first, where each removes all worse ones near it.

    Near is less than `distance`; lengths are in nm, `box` has the edges of a periodic one that
    holds the points. On a tie the earlier point stays.
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
