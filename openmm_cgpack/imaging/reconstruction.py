"""From a tilt series to a tomogram: weighted back-projection and SIRT."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import numpy as np
from scipy import fft, sparse

from ..core.runtime import in_threads
from ..core.settings import Settings, setting
from ..core.tilts import TiltSeries
from ..core.volume import Grid, Volume
from .optics import ctf, displaced
from .projection import Projector, on_planes, strips
from .stages import frequencies

Filter = Literal["ramp", "exact", "none"]
"""Weights of weighted back-projection: see `tilt_weights`."""

SIRT_REACH = 4
"""How many times wider than the images the volume is, at most, in which SIRT works."""

Solve = Callable[[np.ndarray], np.ndarray]
"""Planes of constant y of the tomogram, as (z, y, x), from those of the images, (t, y, x)."""

_BLOCK = 32


class Reconstruction(Settings):
    """How a tomogram is made of a tilt series: see `reconstruct`.

    Weights end as IMOD's do by default, with ``RADIAL 0.35 0.035`` of its program tilt.

    Examples
    --------
    >>> Reconstruction(method="sirt", iterations=30).iterations
    30
    """

    method: Literal["wbp", "sirt"] = setting(
        "weighted back-projection, or SIRT from an empty start", default="wbp"
    )
    filter: Filter = setting("weights of wbp", default="ramp")
    cutoff: float | None = setting(
        "frequency from which the weights of wbp fall off, in cycles per pixel; none, they do not",
        default=0.35,
        above=0,
        maximum=0.5,
    )
    falloff: float = setting(
        "standard deviation of the Gaussian by which they do, in cycles per pixel",
        default=0.035,
        above=0,
        maximum=0.5,
    )
    iterations: int = setting("iterations of sirt", default=20, minimum=1)
    ctf: Literal["none", "flip"] = setting(
        "whether phases are flipped to undo the signs of the CTF", default="none"
    )
    depth_step: float | None = setting(
        "with flipped phases, strips of which difference in depth follow the defocus across tilted "
        "images; left out, it is taken as one",
        unit="nm",
        default=None,
        above=0,
    )
    align: bool = setting(
        "whether the shifts and rotations that the series lists are undone, or ignored",
        default=True,
    )
    dark: bool = setting("whether mass is dark, as in the images, or bright", default=True)

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        others = ("filter", "cutoff", "falloff") if self.method == "sirt" else ("iterations",)
        names = dict.fromkeys(others, f'with "{self.method}"')
        if self.cutoff is None:
            names.setdefault("falloff", "without a cutoff")
        if self.ctf == "none":
            names["depth_step"] = 'with ctf = "none"'
        return names


def reconstruct(
    series: TiltSeries,
    reconstruction: Reconstruction,
    *,
    grid: Grid | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Volume:
    """Return the tomogram of a tilt series.

    Each image is first divided by its mean and centred on 0: electrons become contrast. The scale
    of the result is contrast per nm.

    Parameters
    ----------
    series : TiltSeries
        The tilt series.
    reconstruction : Reconstruction
        How it is made.
    grid : Grid, optional
        Where to reconstruct: the images' rows and columns and pixel size, with any number of
        planes. By default the grid of the specimen.
    threads : int, optional
        Threads to use, without effect on the result; all cores when left out.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Volume
        float32.

    Examples
    --------
    >>> from openmm_cgpack.imaging import Projector
    >>> ball = np.zeros((16, 8, 32), np.float32)
    >>> ball[10, 4, 20] = 1
    >>> angles = np.deg2rad(np.arange(-60, 61, 3.0))
    >>> images = 1 - 0.01 * Projector(shape=(16, 32), angles=tuple(angles)).forward(ball)
    >>> series = TiltSeries(
    ...     images=images,
    ...     angles=angles,
    ...     pixel_size=1.0,
    ...     dose_e_per_a2=np.ones(41),
    ...     grid=Grid(shape=ball.shape, voxel_size=1.0, origin=(0, 0, 0)),
    ... )
    >>> tomogram = reconstruct(series, Reconstruction())
    >>> [int(i) for i in np.unravel_index(tomogram.data.argmin(), ball.shape)]
    [10, 4, 20]
    """
    how = reconstruction
    if how.ctf == "flip" and series.optics is None:
        raise ValueError("ctf: wanted a series with optics, to flip phases; this one has none")
    grid = grid if grid is not None else series.grid
    if grid is None:
        raise ValueError("grid: wanted one, as the series has none of its own")
    if grid.shape[1:] != series.images.shape[1:]:
        raise ValueError(
            f"grid: wanted planes of the images' shape {series.images.shape[1:]}, got "
            f"{grid.shape[1:]}"
        )
    images = np.empty(series.images.shape, np.float32)
    weights = tilt_weights(
        series.angles,
        series.images.shape[2],
        filter=how.filter if how.method == "wbp" else "none",
        thickness=grid.shape[0],
        cutoff=how.cutoff,
        falloff=how.falloff,
    )
    sign = np.float32(1 if how.dark else -1)

    def prepare(i: int) -> None:
        contrast = _contrast(series.images[i])
        if how.align:
            contrast = _aligned(contrast, series, i)
        if how.ctf == "flip":
            contrast = _flipped(contrast, series, i, how.depth_step)
        if how.method == "wbp":
            contrast = _weighted(contrast, weights[i])
        images[i] = sign * contrast

    in_threads(prepare, range(len(images)), threads=threads, name="filter", show=progress)
    nz, _, nx = grid.shape
    if how.method == "wbp":
        matrix = interpolation_matrix((nz, nx), series.angles)
        solve: Solve = partial(on_planes, matrix, first=nz)
    else:
        solve = _sirt(series.angles, (nz, nx), how.iterations)
    data = np.empty(grid.shape, np.float32)

    def block(start: int) -> None:
        # Planes of constant y know nothing of each other: each block runs through on its own.
        rows = slice(start, start + _BLOCK)
        data[:, rows] = solve(images[:, rows])

    starts = range(0, grid.shape[1], _BLOCK)
    in_threads(block, starts, threads=threads, name=how.method, show=progress)
    data /= np.float32(series.pixel_size)
    data.flags.writeable = False
    return Volume(data=data, voxel_size=grid.voxel_size, origin=grid.origin)


def tilt_weights(
    angles: np.ndarray,
    n_pixels: int,
    *,
    filter: Filter = "ramp",
    thickness: float | None = None,
    cutoff: float | None = None,
    falloff: float = 0.035,
) -> np.ndarray:
    """Return the weights, (t, k), of the images' frequencies along x, for weighted back-projection.

    The frequencies are those of a real transform of twice the length or more, ``2 (k - 1)``.

    ``"ramp"``
        ``|k| dtheta``, with half the angle between a tilt's neighbours as dtheta; band-limited in
        real space (Ram and Lak), so that its mean is right.
    ``"exact"``
        ``1 / sum_j max(0, 1 - D |k sin(theta_i - theta_j)|) / D`` (Harauz and van Heel 1986), D
        the thickness, voxels: central slices overlap below Crowther's frequency
        ``1 / (D dtheta)``, where it is the ramp for this very set of tilts, and stand alone above,
        where it is constant.
    ``"none"``
        ``1 / t``: plain back-projection.

    Beyond `cutoff` c, cycles per pixel, they are those at c times ``exp(-(k - c)² / (2 s²))``, with
    `falloff` s: the radial filter of IMOD's program tilt with ``FalloffIsTrueSigma``.

    References
    ----------
    .. [1] G. Harauz, M. van Heel, "Exact filters for general geometry three dimensional
       reconstruction", Optik 73, 146 (1986).
    """
    angles = np.asarray(angles, dtype=np.float64)
    length = fft.next_fast_len(2 * n_pixels, real=True)
    length += length % 2
    k = fft.rfftfreq(length)
    if filter == "none":
        weights = np.full((len(angles), len(k)), 1 / len(angles))
    elif filter == "exact":
        if thickness is None:
            raise ValueError("thickness: wanted one for the filter 'exact', got None")
        weights = np.stack(
            [
                1 / (thickness * np.clip(1 - thickness * k * s[:, None], 0, None).sum(axis=0))
                for s in np.abs(np.sin(angles[:, None] - angles[None, :]))
            ]
        )
    elif filter == "ramp":
        kernel = np.zeros(length)
        offset = np.arange(1, length // 2 + 1, 2)
        kernel[0] = 0.25
        kernel[offset] = kernel[-offset] = -1 / (np.pi * offset) ** 2
        weights = _steps(angles)[:, None] * fft.rfft(kernel).real[None, :]
    else:
        raise ValueError(f"filter: wanted one of {', '.join(get_args(Filter))}, got {filter!r}")
    if cutoff is not None:
        beyond = k > cutoff
        fall = np.exp(-((k[beyond] - cutoff) ** 2) / (2 * falloff**2))
        weights[:, beyond] = [np.interp(cutoff, k, row) * fall for row in weights]
    return weights


def _steps(angles: np.ndarray) -> np.ndarray:
    """Return the angle that each tilt stands for: to the middle between neighbours."""
    if len(angles) == 1:
        return np.ones(1)
    gaps = np.diff(angles)
    return np.concatenate([[gaps[0]], (gaps[:-1] + gaps[1:]) / 2, [gaps[-1]]])


def _contrast(image: np.ndarray) -> np.ndarray:
    mean = float(image.mean(dtype=np.float64))
    if mean <= 0:
        # Nothing came through; such a tilt says nothing.
        return np.zeros_like(image)
    return image / np.float32(mean) - np.float32(1)


def _aligned(image: np.ndarray, series: TiltSeries, i: int) -> np.ndarray:
    turn = -float(np.asarray(series.rotations)[i])
    x, y = -np.asarray(series.shifts)[i] / series.pixel_size
    cosine, sine = np.cos(turn), np.sin(turn)
    # Moved back first and then turned back: the move is turned as well.
    shift = np.array([cosine * x - sine * y, sine * x + cosine * y])
    return displaced(image, shift=shift, turn=turn)


def _flipped(image: np.ndarray, series: TiltSeries, i: int, depth_step: float | None) -> np.ndarray:
    optics, pixel = series.optics, series.pixel_size
    assert optics is not None
    spectrum = fft.rfft2(image)
    weights, depths = np.ones((1, image.shape[1]), np.float32), np.zeros(1)
    if depth_step is not None:
        weights, depths = strips(image.shape[1], series.angles[i], step=depth_step / pixel)
    result = np.zeros_like(image)
    for weight, depth in zip(weights, depths * pixel, strict=True):
        first, second = optics.defocus_um[i] + optics.hand * depth * 1e-3
        values = ctf(
            frequencies(image.shape, pixel),
            defocus_um=(first, second),
            astigmatism_angle=float(optics.astigmatism_angle[i]),
            phase_shift=float(optics.phase_shift[i]),
            voltage_kv=optics.voltage_kv,
            cs_mm=optics.cs_mm,
            amplitude_contrast=optics.amplitude_contrast,
        )
        # Minus: the CTF is negative at low frequencies, whose contrast stays as it is.
        flip = np.where(values > 0, np.float32(-1), np.float32(1))
        result += weight * fft.irfft2(spectrum * flip, s=image.shape)
    return result


def _weighted(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    n = image.shape[1]
    length = 2 * (len(weights) - 1)
    # Rows go on in a mirror, fading out, so that their ends are no edges.
    spectrum = fft.rfft(_extended(image, length), axis=1)
    spectrum *= weights.astype(np.float32)
    return fft.irfft(spectrum, n=length, axis=1)[:, :n]


def _extended(image: np.ndarray, length: int) -> np.ndarray:
    n = image.shape[1]
    after = (length - n) // 2
    before = length - n - after
    padded = np.pad(image, [(0, 0), (0, before + after)], mode="symmetric")
    tail = padded[:, n:]
    # The row is a circle: its tail leads from the last pixel over to the first.
    ramp = (np.arange(after + before) + 0.5) / (after + before)
    mirrored = np.pad(image, [(0, 0), (before + after, 0)], mode="symmetric")[:, : after + before]
    padded[:, n:] = (1 - ramp) * tail + ramp * mirrored
    return padded


def interpolation_matrix(shape: tuple[int, int], angles: np.ndarray) -> sparse.csr_array:
    """Return the matrix that gives each voxel of a plane what lies in the images at its place.

    ``u = x cos(angle) + z sin(angle)``, linear between the two nearest pixels, 0 beyond the
    borders; the sum over all tilts. Unlike the transpose of `joseph_matrix` it gives every voxel
    the same weight, and so leaves no pattern in filtered back-projections.
    """
    nz, nx = shape
    z = (np.arange(nz) - nz // 2)[:, None]
    x = (np.arange(nx) - nx // 2)[None, :]
    voxel = np.arange(nz * nx)
    rows, columns, weights = [], [], []
    for i, angle in enumerate(angles):
        u = (x * np.cos(angle) + z * np.sin(angle)).ravel() + nx // 2
        # cos(60 degrees) and the like must not lose a pixel to rounding.
        low = np.floor(u + 1e-9).astype(np.int64)
        part = u - low
        for pixel, weight in ((low, 1 - part), (low + 1, part)):
            inside = (pixel >= 0) & (pixel < nx) & (weight > 1e-9)
            rows.append(voxel[inside].astype(np.int32))
            columns.append((i * nx + pixel[inside]).astype(np.int32))
            weights.append(weight[inside].astype(np.float32))
    entries = (np.concatenate(rows), np.concatenate(columns))
    size = (nz * nx, len(angles) * nx)
    return sparse.coo_array((np.concatenate(weights), entries), shape=size).tocsr()


def _sirt(angles: np.ndarray, shape: tuple[int, int], iterations: int) -> Solve:
    nz, nx = shape
    # Tilted beams cross matter beyond the borders in x, which must have its place to go to.
    steep = float(np.abs(angles).max())
    reach = nx / max(np.cos(steep), 1e-12) + nz * np.tan(min(steep, np.deg2rad(89)))
    wide = int(np.ceil(np.clip(reach, nx, SIRT_REACH * nx)))
    middle = slice(wide // 2 - nx // 2, wide // 2 - nx // 2 + nx)
    projector = Projector(shape=(nz, wide), angles=tuple(float(a) for a in angles), n_pixels=nx)
    forward, transposed = projector.matrix, projector.transposed
    with np.errstate(divide="ignore"):
        rows = 1 / np.asarray(forward.sum(axis=1), np.float32).ravel()
        columns = 1 / np.asarray(transposed.sum(axis=1), np.float32).ravel()
    rows[~np.isfinite(rows)] = columns[~np.isfinite(columns)] = 0

    def solve(part: np.ndarray) -> np.ndarray:
        measured = part.transpose(0, 2, 1).reshape(len(rows), -1)
        guess = np.zeros((len(columns), measured.shape[1]), np.float32)
        for _ in range(iterations):
            residual = measured - forward @ guess
            residual *= rows[:, None]
            guess += columns[:, None] * (transposed @ residual)
        return guess.reshape(nz, wide, -1)[:, middle].transpose(0, 2, 1)

    return solve
