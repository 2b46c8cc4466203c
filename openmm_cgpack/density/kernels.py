"""Gaussian kernels: widths from resolutions, and blurring as banded matrices.

A map is made by trilinear projection of masses on a lattice and a Gaussian after it. The
projection spreads every point a little, which is taken off the Gaussian's variance (the lattice
correction of Situs' pdb2vol); and where one point stands for several atoms, their variance about
it is put on, so that what comes out is each atom as a Gaussian of the width asked for.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.arrays import positive

CONVENTIONS = {
    "situs": 1 / (2 * math.sqrt(3)),
    "molmap": 1 / (math.pi * math.sqrt(2)),
    "fwhm": 1 / (2 * math.sqrt(2 * math.log(2))),
}
"""sigma of one axis over the resolution: Situs' 2 sigma_3D, ChimeraX's and EMAN2's, full width."""

CUT = 4.0
"""Where kernels end, in sigma along each axis; the rest of a Gaussian holds 6e-5 of it."""

COARSEST = 0.5
"""Narrowest Gaussian in voxels; below it a map's samples no longer show its shape."""

FINE = 2.0
"""Masses are projected on a lattice at least this many times finer than the Gaussian's sigma.

Projected on the map's own lattice, a map at 4 nm with voxels of 1 nm is off by 0.5 % (rms over
rms), on one of half the spacing by 0.05 %.
"""


ATOM_SPACING = 0.43
"""Edge, in sigma, of cubes whose atoms become one point; maps are within 0.2 % (rms over rms)."""

SHAPE_SPACING = 0.75
"""Distance, in sigma, between the points of tubes and sheets, which lie evenly."""


def gaussian_sigma(resolution: float, convention: str = "situs") -> float:
    """Return the standard deviation along one axis of a map's Gaussian, nm.

    Parameters
    ----------
    resolution : float
        Resolution, nm.
    convention : {"situs", "molmap", "fwhm"}, optional
        What the resolution means: ``"situs"`` twice the three-dimensional sigma, sigma =
        R / (2 sqrt 3), as Situs' pdb2vol; ``"molmap"`` R / (pi sqrt 2), as ChimeraX and EMAN2;
        ``"fwhm"`` the full width at half maximum, R / (2 sqrt(2 ln 2)).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The resolution is not positive, or the convention has another name.

    Examples
    --------
    >>> [round(gaussian_sigma(4.0, name), 4) for name in ("situs", "molmap", "fwhm")]
    [1.1547, 0.9003, 1.6986]
    """
    if convention not in CONVENTIONS:
        known = ", ".join(repr(name) for name in CONVENTIONS)
        raise ValueError(f"convention: wanted one of {known}, got {convention!r}")
    return positive(resolution, "resolution") * CONVENTIONS[convention]


def trilinear_variance(fractions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Return the variance that trilinear projection adds, (3,) in squared lattice steps.

    A point at the fraction f between two lattice points becomes two masses 1 - f and f, whose
    variance is f (1 - f): 1/6 on average where all fractions are as likely, which is a third of
    Situs' ``varp`` = 0.5 in three dimensions. `fractions` are (3, p), `masses` (p,).
    """
    return (fractions * (1 - fractions)) @ masses / masses.sum()


def lattice_factor(sigma: float, voxel_size: float, *, name: str = "resolution") -> int:
    """Return how many times finer than the voxels the lattice of the projection has to be.

    Raises
    ------
    ValueError
        The Gaussian, of `sigma` nm along one axis, is too narrow for voxels of `voxel_size` nm; the
        message begins with `name`.
    """
    if sigma < COARSEST * voxel_size:
        raise ValueError(
            f"{name}: wanted a Gaussian with sigma >= {COARSEST * voxel_size:.3g} nm for "
            f"voxels of {voxel_size:g} nm, got {sigma:.3g} nm; make the voxels smaller or the "
            "resolution coarser"
        )
    return math.ceil(FINE * voxel_size / sigma)


def kernel(sigma: float, *, factor: int = 1, cut: float = CUT) -> np.ndarray:
    """Return a sampled Gaussian that takes masses from a fine lattice to a coarse one.

    `sigma` is in points of the fine lattice, `factor` of which make one of the coarse lattice, and
    `cut` is the half-width in sigma. Every `factor`-th of the (2 r + 1,) samples sum to one,
    wherever one starts, so that each point of the fine lattice gives away just its mass.

    >>> kernel(1.0).size, float(kernel(2.0, factor=2)[::2].sum().round(12))
    (9, 1.0)
    """
    half = math.ceil(cut * sigma)
    values = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    for phase in range(factor):
        values[phase::factor] /= values[phase::factor].sum()
    return values


def band(
    values: np.ndarray,
    out_start: int,
    out_size: int,
    in_start: int,
    in_size: int,
    factor: int = 1,
) -> np.ndarray:
    """Return the (out_size, in_size) float32 matrix that convolves one axis with a kernel.

    Small boxes are blurred fastest by three matrix products, which also grow or crop the box. The
    range wanted is given by its first index and length on the coarse lattice, the range that is
    there by those on the fine one.
    """
    half = len(values) // 2
    wanted = (np.arange(out_size) + out_start) * factor
    shift = wanted[:, None] - (np.arange(in_size) + in_start)
    inside = np.abs(shift) <= half
    matrix = values.astype(np.float32)[np.where(inside, shift + half, 0)]
    return matrix * inside
