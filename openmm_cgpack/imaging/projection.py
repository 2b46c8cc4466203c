"""Projection along tilted beams, and its transpose: Joseph's method as one sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from ..core.arrays import frozen
from ..core.display import described
from ..core.runtime import in_threads
from ..core.settings import Settings, setting
from ..core.volume import Volume
from .optics import electron_wavelength, interaction_constant

Border = Literal["mirror", "periodic", "vacuum"]
"""What lies beyond the specimen's borders in x; see `joseph_matrix`."""

DEPTH_ERROR = 0.1
"""Error of the CTF's phase, rad, at Nyquist frequency, that slabs and strips may make."""

REPEATS = 3
"""How many times a specimen is continued on either side; beyond, nothing is."""

_BLOCK = 64


def joseph_matrix(
    shape: tuple[int, int],
    angle: float,
    *,
    n_pixels: int | None = None,
    border: Border = "vacuum",
) -> sparse.csr_array:
    """Return the float32 matrix, (n_pixels, nz * nx), that projects one x-z plane at one tilt, rad.

    Pixel u sums along the line ``x cos(angle) + z sin(angle) = u``: at every plane of voxels that
    the line crosses (of constant z up to 45 degrees, of constant x beyond) the value is
    interpolated linearly between the two nearest voxels, times the length of line between planes.
    Lengths are in voxels. The rotation centre is voxel ``(nz // 2, nx // 2)``, the image's middle
    is pixel ``n_pixels // 2``. Beyond the first and last voxel in x there is nothing, or the plane
    continued as in a mirror or by repetition; beyond those in z there is nothing.

    References
    ----------
    .. [1] P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE
       Trans. Med. Imaging 1, 192 (1982).

    Examples
    --------
    >>> joseph_matrix((2, 4), 0.0).toarray()[2].astype(int).tolist()
    [0, 0, 1, 0, 0, 0, 1, 0]
    """
    rows, columns, weights, _ = _samples(shape, angle, n_pixels, border)
    n_rows = shape[1] if n_pixels is None else n_pixels
    size = (n_rows, shape[0] * shape[1])
    return sparse.coo_array((weights, (rows, columns)), shape=size).tocsr()


def slab_matrix(
    shape: tuple[int, int],
    angle: float,
    *,
    depth_step: float,
    n_pixels: int | None = None,
    border: Border = "vacuum",
) -> tuple[sparse.csr_array, np.ndarray]:
    """Return the matrix that projects a plane in slabs across the beam, and the slabs' depths.

    The same sums as `joseph_matrix`, all pixels of the first slab, then of the next, kept apart by
    their depth ``-x sin(angle) + z cos(angle)`` from the rotation centre; `depth_step`, the
    thickness of a slab, and the depths are in voxels.
    """
    rows, columns, weights, depth = _samples(shape, angle, n_pixels, border)
    n_rows = shape[1] if n_pixels is None else n_pixels
    slab = np.rint(depth / depth_step).astype(np.int64)
    first = int(slab.min())
    slab -= first
    n_slabs = int(slab.max()) + 1
    size = (n_slabs * n_rows, shape[0] * shape[1])
    matrix = sparse.coo_array((weights, (slab * n_rows + rows, columns)), shape=size).tocsr()
    return matrix, (first + np.arange(n_slabs)) * depth_step


def _samples(
    shape: tuple[int, int], angle: float, n_pixels: int | None, border: Border
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pixel, voxel, weight and depth of every term of the sums."""
    if border not in get_args(Border):
        raise ValueError(f"border: wanted one of {', '.join(get_args(Border))}, got {border!r}")
    nz, nx = shape
    n_pixels = nx if n_pixels is None else n_pixels
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    u = (np.arange(n_pixels) - n_pixels // 2)[:, None]
    x: np.ndarray
    z: np.ndarray
    if abs(cosine) >= abs(sine):
        z = np.broadcast_to((np.arange(nz) - nz // 2)[None, :], (n_pixels, nz))
        x = (u - z * sine) / cosine
        along, moving, step = "z", x, 1 / abs(cosine)
    else:
        reach = 0 if border == "vacuum" else REPEATS * nx
        # Columns that a line meets within the plane's height; near 90 degrees, all of them.
        half = (nz // 2 + 2) * abs(sine) / max(abs(cosine), 1e-12)
        count = int(np.ceil(min(2 * half + 2, nx + 2 * reach)))
        first = np.full((n_pixels, 1), -reach - nx // 2)
        if count < nx + 2 * reach:
            first = np.floor(u / cosine - half).astype(np.int64)
        x = first + np.arange(count)[None, :]
        z = (u - x * cosine) / sine
        along, moving, step = "x", z, 1 / abs(sine)
    depth = z * cosine - x * sine
    low = np.floor(moving).astype(np.int64)
    part = moving - low
    terms = []
    for offset, weight in ((0, 1 - part), (1, part)):
        j = (x if along == "x" else low + offset) + nx // 2
        k = (z if along == "z" else low + offset) + nz // 2
        inside = (k >= 0) & (k < nz) & (weight > 0)
        if border == "vacuum":
            inside &= (j >= 0) & (j < nx)
        else:
            inside &= (j >= -REPEATS * nx) & (j < (REPEATS + 1) * nx)
            j = _folded(j, nx, border)
        rows = np.broadcast_to(np.arange(n_pixels)[:, None], inside.shape)[inside]
        columns = (k * nx + j)[inside]
        terms.append((rows, columns, (step * weight[inside]).astype(np.float32), depth[inside]))
    rows, columns, weights, depths = (np.concatenate(part) for part in zip(*terms, strict=True))
    return rows, columns, weights, depths


def _folded(index: np.ndarray, n: int, border: Border) -> np.ndarray:
    if border == "periodic":
        return index % n
    index = index % (2 * n)
    return np.minimum(index, 2 * n - 1 - index)


@described
@dataclass(frozen=True, kw_only=True)
class Projector:
    """Projection of volumes at a series of tilts, and its exact transpose.

    Parameters
    ----------
    shape : tuple of int
        Voxels of a plane along z and x.
    angles : tuple of float
        Tilts about y, rad.
    n_pixels : int, optional
        Pixels of an image along x; as many as voxels when left out.
    border : {"vacuum", "mirror", "periodic"}, optional
        What is beyond the borders in x: see `joseph_matrix`.

    Examples
    --------
    >>> projector = Projector(shape=(4, 8), angles=(-0.5, 0.0, 0.5))
    >>> volume = np.zeros((4, 3, 8), np.float32)
    >>> volume[2, 1, 4] = 1
    >>> [int(i) for i in projector.forward(volume)[:, 1].argmax(axis=1)]
    [4, 4, 4]
    """

    shape: tuple[int, int]
    angles: tuple[float, ...]
    n_pixels: int | None = None
    border: Border = "vacuum"

    @property
    def width(self) -> int:
        """Pixels of an image along x."""
        return self.shape[1] if self.n_pixels is None else self.n_pixels

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The (t * n_pixels, nz * nx) matrix of all tilts."""
        return sparse.vstack(
            [
                joseph_matrix(self.shape, a, n_pixels=self.n_pixels, border=self.border)
                for a in self.angles
            ],
            format="csr",
        )

    @cached_property
    def transposed(self) -> sparse.csr_array:
        """The transpose of `matrix`, by rows."""
        return self.matrix.T.tocsr()

    def forward(self, data: np.ndarray, *, threads: int = 1) -> np.ndarray:
        """Return projections, (t, y, n_pixels), of a volume, (z, y, x), times voxels."""
        data = frozen(data, "data", (self.shape[0], None, self.shape[1]), np.float32)
        out = np.empty((len(self.angles), data.shape[1], self.width), np.float32)
        by_planes(self.matrix, data, out, threads)
        return out

    def transpose(self, images: np.ndarray, *, threads: int = 1) -> np.ndarray:
        """Return the transpose of `forward`: a plain back-projection of images to a volume."""
        images = frozen(images, "images", (len(self.angles), None, self.width), np.float32)
        out = np.empty((self.shape[0], images.shape[1], self.shape[1]), np.float32)
        by_planes(self.transposed, images, out, threads)
        return out


def by_planes(
    matrix: sparse.csr_array, source: np.ndarray, target: np.ndarray, threads: int = 1
) -> None:
    """Write into (a, y, b) what an (a * b, c * d) matrix makes of (c, y, d), in blocks of y."""
    n = source.shape[1]
    # No more planes at a time than give every thread its share.
    size = max(1, min(_BLOCK, -(-n // threads)))

    def block(start: int) -> None:
        part = slice(start, start + size)
        target[:, part] = on_planes(matrix, source[:, part], target.shape[0])

    in_threads(block, range(0, n, size), threads=threads)


def on_planes(matrix: sparse.csr_array, source: np.ndarray, first: int) -> np.ndarray:
    """Return what a matrix makes of all planes of constant y, as (first, y, ...)."""
    flat = np.ascontiguousarray(source.transpose(0, 2, 1)).reshape(-1, source.shape[1])
    return (matrix @ flat).reshape(first, -1, source.shape[1]).transpose(0, 2, 1)


class Projection(Settings):
    """Projection of the specimen's potential to the phase of the electrons.

    Examples
    --------
    A tilted beam is nowhere in vacuum: a scene that repeats goes on, another is mirrored.

    >>> from dataclasses import replace
    >>> box = Volume(data=np.zeros((2, 2, 2)), voxel_size=1.0, origin=(0, 0, 0))
    >>> Projection().beyond(box), Projection().beyond(replace(box, periodic=(True, True, False)))
    ('mirror', 'periodic')
    """

    border: Border | None = setting(
        "what a tilted beam meets beyond the borders of the box in x: the specimen as in a mirror "
        "or repeated, up to 3 times on either side and in ice of the same thickness, or nothing, "
        "as around a pillar; left out, repeated where the scene is, and mirrored elsewhere",
        default=None,
    )
    gradient: Literal["none", "across", "through"] = setting(
        "whether the defocus is one for all of an image, changes across it in strips, as the "
        "middle plane of the tilted specimen rises and falls, or with the depth of all matter, in "
        "slabs, each of which costs a projection",
        default="through",
    )
    depth_step: float | None = setting(
        "difference in depth of neighbouring strips or slabs; left out, as much as changes the "
        "CTF's phase by 0.1 rad at Nyquist frequency from the middle of a slab to its face",
        unit="nm",
        default=None,
        above=0,
    )

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        return {"depth_step": 'with gradient = "none"'} if self.gradient == "none" else {}

    def beyond(self, volume: Volume) -> Border:
        """Return `border`, or its default for a volume."""
        if self.border is not None:
            return self.border
        return "periodic" if volume.periodic[0] else "mirror"

    def step(self, voxel_size: float, voltage_kv: float) -> float:
        """Return `depth_step`, nm, or its default."""
        if self.depth_step is not None:
            return self.depth_step
        nyquist = 0.5 / voxel_size
        return 2 * DEPTH_ERROR / (np.pi * electron_wavelength(voltage_kv) * nyquist**2)

    def project(
        self,
        planes: np.ndarray,
        volume: Volume,
        *,
        voltage_kv: float,
        angle: float,
        n_pixels: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return twice the phase of one tilt, rad, in slabs, (s, ny, n_pixels), and depths, nm.

        `planes` is the potential of the volume, V, as (nz * nx, ny); an image has as many pixels
        along x as the volume has voxels when they are left out.
        """
        voxel, (nz, _, nx) = volume.voxel_size, volume.data.shape
        width, border = nx if n_pixels is None else n_pixels, self.beyond(volume)
        factor = np.float32(interaction_constant(voltage_kv) * voxel) * np.float32(2)
        step, depths = self.step(voxel, voltage_kv) / voxel, np.zeros(1)
        if self.gradient == "through":
            matrix, depths = slab_matrix(
                (nz, nx), angle, depth_step=step, n_pixels=width, border=border
            )
        else:
            matrix = joseph_matrix((nz, nx), angle, n_pixels=width, border=border)
        phase = (matrix @ planes) * factor
        slabs = phase.reshape(len(depths), width, -1).transpose(0, 2, 1)
        if self.gradient == "across":
            weights, depths = strips(width, angle, step=step)
            slabs = slabs * weights[:, None, :]
        return slabs, depths * voxel


def strips(n_pixels: int, angle: float, *, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide an image into strips of like depth, ``-u tan(angle)``, of the tilted middle plane.

    Returns weights, (s, n_pixels), the part that each strip has in each column, triangles that add
    up to 1, and the strips' depths, which are `step` pixels apart.
    """
    # Beyond 89 degrees the plane is seen from its edge and has no depth of its own.
    slope = np.tan(np.clip(angle, -np.deg2rad(89), np.deg2rad(89)))
    depth = -(np.arange(n_pixels) - n_pixels // 2) * slope
    low = np.floor(depth.min() / step) * step
    count = int(np.ceil((depth.max() - low) / step - 1e-9)) + 1
    depths = low + step * np.arange(count)
    weights = np.clip(1 - np.abs(depth[None, :] - depths[:, None]) / step, 0, None)
    return weights.astype(np.float32), depths
