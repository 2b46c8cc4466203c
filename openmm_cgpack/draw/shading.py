"""Balls as shaded spheres: an orthographic z-buffer in numpy."""

from __future__ import annotations

import numpy as np

from ..core.arrays import frozen, positive

VIEW = (-55.0, 24.0)
"""Where pictures of balls are seen from: azimuth from x towards y and elevation, degrees."""

_LIGHT = np.array([-0.45, 0.60, 0.66])  # right, up, towards the viewer
_SUPERSAMPLING = 2


def render_balls(
    positions: np.ndarray,
    radii: np.ndarray,
    colours: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    size: int = 700,
    view_deg: tuple[float, float] = VIEW,
    centre: np.ndarray | None = None,
    width: float | None = None,
    seams: float = 0.25,
    relief: float | None = None,
) -> np.ndarray:
    """Draw balls as shaded spheres that cut and hide each other, on white.

    Parameters
    ----------
    positions : (b, 3) array
        Ball centres, nm.
    radii : (b,) array
        Ball radii, nm.
    colours : (b, 3) array
        Red, green and blue of each ball, from 0 to 1.
    groups : (b,) int array, optional
        Which body each ball belongs to: outlines of bodies are drawn stronger than those between
        the balls of one. Without it every ball is its own body.
    size : int, optional
        Edge of the picture, pixels.
    view_deg : tuple of float, optional
        Azimuth (from x towards y) and elevation of the viewer; z points up. (0, 90) looks
        down on the xy plane.
    centre : (3,) array, optional
        What stands in the middle of the picture, nm; the middle of all balls when left out.
    width : float, optional
        Width of the picture, nm; wide enough for all balls when left out. The projection is
        orthographic: this is the scale at every depth.
    seams : float, optional
        How dark the lines between balls of one body are, from 0 to 1; 0 lets many small balls look
        like one surface.
    relief : float, optional
        Width of the crevices that are dark, nm; that of the balls when left out.

    Returns
    -------
    (size, size, 3) uint8 array
        The picture, first row at the top.

    Raises
    ------
    ValueError
        Shapes do not fit, a radius is not positive, or there is nothing to draw.

    Examples
    --------
    >>> picture = render_balls([[0, 0, 0], [3, 0, 0]], [2, 2], [[1, 0, 0], [0, 0, 1]], size=64)
    >>> picture.shape, picture[0, 0].tolist()
    ((64, 64, 3), [255, 255, 255])
    """
    positions = frozen(positions, "positions", (None, 3))
    n = len(positions)
    radii = frozen(radii, "radii", (n,))
    colours = frozen(colours, "colours", (n, 3))
    if n == 0:
        raise ValueError("positions: wanted at least one ball, got none")
    if (radii <= 0).any():
        ball = int(np.argmax(radii <= 0))
        raise ValueError(f"radii: wanted positive numbers, got {radii[ball]:g} for ball {ball}")
    body = np.arange(n) if groups is None else frozen(groups, "groups", (n,), np.int64)

    axes = camera_axes(*view_deg)
    if centre is None:
        low, high = _bounds(positions, radii)
        centre = (low + high) / 2
    seen = (positions - np.asarray(centre, dtype=np.float64)) @ axes.T
    if width is None:
        width = fitting_width(positions, radii, centre=centre, view_deg=view_deg)
    pixels = int(size) * _SUPERSAMPLING
    scale = pixels / positive(width, "width")
    # Columns run to the right, rows down, depth towards the viewer; all in pixels.
    spheres = np.stack(
        [pixels / 2 + scale * seen[:, 0], pixels / 2 - scale * seen[:, 1], scale * seen[:, 2]],
        axis=1,
    )
    depth, owner = z_buffer(spheres, radii * scale, pixels)
    reach = float(np.median(radii)) if relief is None else positive(relief, "relief")
    picture = _shade(
        depth, owner, spheres, radii * scale, colours, body, seams=seams, reach=reach * scale
    )
    shape = (size, _SUPERSAMPLING, size, _SUPERSAMPLING, 3)
    return np.rint(255 * picture.reshape(shape).mean(axis=(1, 3))).astype(np.uint8)


def fitting_width(
    positions: np.ndarray,
    radii: np.ndarray,
    *,
    centre: np.ndarray | None = None,
    view_deg: tuple[float, float] = VIEW,
) -> float:
    """Return the width of a square picture that holds all balls, with a small margin, nm.

    Parameters
    ----------
    positions, radii, centre, view_deg
        As for `render_balls`.

    Returns
    -------
    float
    """
    positions, radii = np.asarray(positions, dtype=np.float64), np.asarray(radii)
    if centre is None:
        low, high = _bounds(positions, radii)
        centre = (low + high) / 2
    seen = (positions - centre) @ camera_axes(*view_deg)[:2].T
    return float(2.06 * (np.abs(seen).max(axis=1) + radii).max())


def _bounds(positions: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reach = radii[:, None]
    return (positions - reach).min(axis=0), (positions + reach).max(axis=0)


def camera_axes(azimuth: float, elevation: float) -> np.ndarray:
    """Return the unit vectors to the right, up and towards the viewer as rows."""
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    return np.array(
        [
            [-np.sin(a), np.cos(a), 0.0],
            [-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e)],
            [np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)],
        ]
    )


def z_buffer(spheres: np.ndarray, radii: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth of what is in front at each pixel (-inf for nothing), and its number (-1).

    Spheres are column, row and depth towards the viewer of each centre, (b, 3) pixels; the middle
    of the first pixel is at (0.5, 0.5).
    """
    depth = np.full(pixels * pixels, -np.inf)
    owner = np.full(pixels * pixels, -1, dtype=np.int64)
    # Balls with patches of one size are drawn together; near ones win, ties go to the later ball.
    patch = (np.ceil((2 * radii + 1) / 8) * 8).astype(np.int64)
    for edge in np.unique(patch):
        members = np.flatnonzero(patch == edge)
        step = max(1, 2_000_000 // edge**2)
        for start in range(0, len(members), step):
            ball = members[start : start + step]
            corner = np.floor(spheres[ball, :2] - edge / 2).astype(np.int64) + 1
            column = corner[:, 0, None] + np.arange(edge)
            row = corner[:, 1, None] + np.arange(edge)
            dx = (column + 0.5 - spheres[ball, 0, None])[:, None, :]
            dy = (row + 0.5 - spheres[ball, 1, None])[:, :, None]
            height = radii[ball, None, None] ** 2 - dx**2 - dy**2
            inside = height > 0
            inside &= ((column >= 0) & (column < pixels))[:, None, :]
            inside &= ((row >= 0) & (row < pixels))[:, :, None]
            which, j, i = np.nonzero(inside)
            surface = spheres[ball[which], 2] + np.sqrt(height[inside])
            pixel = row[which, j] * pixels + column[which, i]
            np.maximum.at(depth, pixel, surface)
            front = surface == depth[pixel]
            owner[pixel[front]] = ball[which[front]]
    return depth.reshape(pixels, pixels), owner.reshape(pixels, pixels)


def _shade(
    depth: np.ndarray,
    owner: np.ndarray,
    spheres: np.ndarray,
    radii: np.ndarray,
    colours: np.ndarray,
    body: np.ndarray,
    *,
    seams: float,
    reach: float,
) -> np.ndarray:
    """Return the lit picture: Lambert, ambient light that crevices lose, fog, outlines."""
    from scipy.ndimage import gaussian_filter

    row, column = np.nonzero(owner >= 0)
    picture = np.ones((*owner.shape, 3))
    if len(row) == 0:
        return picture
    ball = owner[row, column]
    r = radii[ball]
    normal = np.stack(
        [
            (column + 0.5 - spheres[ball, 0]) / r,
            (spheres[ball, 1] - row - 0.5) / r,
            (depth[row, column] - spheres[ball, 2]) / r,
        ]
    )
    lambert = np.clip(_LIGHT @ normal / np.linalg.norm(_LIGHT), 0, 1)
    gloss = np.clip(normal[2] * 0.75 - normal[0] * 0.4 + normal[1] * 0.53, 0, 1) ** 40

    # Ambient light: a pixel that lies behind its surroundings is in a crevice.
    covered = owner >= 0
    floor = depth[covered].min()
    filled = np.where(covered, depth, floor)
    crevice = (gaussian_filter(filled, 0.6 * reach) - filled)[row, column] / (1.5 * reach)
    ambient = 0.62 - 0.38 * np.clip(crevice, 0, 1)

    light = ambient + 0.52 * lambert
    # The rim of each ball falls off, so that neighbours of one colour stay apart.
    light *= 0.72 + 0.28 * np.clip(normal[2] / 0.45, 0, 1)
    colour = colours[ball] * light[:, None] + 0.12 * gloss[:, None]

    span = max(filled.max() - floor, 1e-9)
    fog = 0.30 * (1 - (depth[row, column] - floor) / span)
    colour = colour * (1 - fog[:, None]) + fog[:, None]

    group = np.where(covered, body[owner], -1)
    line = np.zeros(owner.shape)
    for values, strength in ((owner, seams), (group, 0.75)):
        edge = np.zeros(owner.shape, bool)
        edge[1:] |= values[1:] != values[:-1]
        edge[:-1] |= values[1:] != values[:-1]
        edge[:, 1:] |= values[:, 1:] != values[:, :-1]
        edge[:, :-1] |= values[:, 1:] != values[:, :-1]
        line[edge] = strength
    colour *= 1 - line[row, column][:, None] * (1 - fog[:, None])
    picture[row, column] = np.clip(colour, 0, 1)
    return picture
