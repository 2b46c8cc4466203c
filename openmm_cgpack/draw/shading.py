"""Balls as shaded spheres: an orthographic z-buffer in numpy."""

from __future__ import annotations

import math

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
    covered = owner >= 0
    picture = np.ones((*owner.shape, 3), np.float32)
    if not covered.any():
        return picture
    # Of the pixels that show a ball, in single precision: the picture has a byte for each colour.
    row, column = (np.astype(axis, np.float32) for axis in np.nonzero(covered))
    ball = owner[covered]
    height = depth[covered].astype(np.float32)
    x, y, z, inverse = np.concatenate([spheres.T, 1 / radii[None]]).astype(np.float32)
    inverse = inverse[ball]
    right = (column + 0.5 - x[ball]) * inverse
    up = (y[ball] - row - 0.5) * inverse
    towards = (height - z[ball]) * inverse
    lamp = (_LIGHT / np.linalg.norm(_LIGHT)).tolist()
    lambert = np.clip(lamp[0] * right + lamp[1] * up + lamp[2] * towards, 0, 1)
    gloss = np.clip(towards * 0.75 - right * 0.4 + up * 0.53, 0, 1) ** 40

    # Ambient light: a pixel that lies behind its surroundings is in a crevice.
    floor = height.min()
    filled = np.where(covered, depth, floor).astype(np.float32)
    crevice = (_smooth(filled, 0.6 * reach)[covered] - height) / (1.5 * reach)
    ambient = 0.62 - 0.38 * np.clip(crevice, 0, 1)

    light = ambient + 0.52 * lambert
    # The rim of each ball falls off, so that neighbours of one colour stay apart.
    light *= 0.72 + 0.28 * np.clip(towards / 0.45, 0, 1)
    fog = 0.30 * (1 - (height - floor) / max(height.max() - floor, 1e-9))

    line = np.zeros(owner.shape, np.float32)
    group = np.where(covered, body[owner], -1)
    for values, strength in ((owner, seams), (group, 0.75)):
        if strength:
            line[_edges(values)] = strength
    clear = 1 - line[covered] * (1 - fog)
    # Each colour by itself: what is lit, then the fog over it, then the lines.
    for channel, of_ball in enumerate(colours.T.astype(np.float32)):
        lit = of_ball[ball] * light + 0.12 * gloss
        picture[covered, channel] = np.clip((lit * (1 - fog) + fog) * clear, 0, 1)
    return picture


def _edges(values: np.ndarray) -> np.ndarray:
    """Return which pixels have another value beside, above or below them."""
    edge = np.zeros(values.shape, bool)
    down, across = values[1:] != values[:-1], values[:, 1:] != values[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    return edge


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return an image blurred by nearly a Gaussian, in a time that does not grow with its width.

    A mean over a square, three times: each adds (edge^2 - 1) / 12 to the variance.
    """
    from scipy.ndimage import uniform_filter

    edge = 2 * round(math.sqrt(4 * sigma**2 + 1) / 2 - 0.5) + 1
    for _ in range(3):
        image = uniform_filter(image, edge, mode="nearest")
    return image
