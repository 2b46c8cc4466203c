"""Species from density maps, as of complexes without an atomic model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, Self

import numpy as np
from scipy import ndimage

from ..core.messages import within
from ..core.model import BallModel
from ..core.names import name_of_file
from ..core.settings import kind, setting
from ..core.structure import AtomicStructure
from ..core.volume import gaussian_sigma
from ..io.mrc import read_mrc_density
from .molecule import Cover, coarse_grain
from .structure import Structure

PROTEIN = 813.0
"""Mass of a molecule with its hydrogens over its volume, Da/nm³: 1.35 g/cm³, usual of proteins."""

HEAVY = 0.93
"""Part of a protein's mass that its heavy atoms have, which is what densities are made of."""

HEAVY_ATOM = 13.35
"""Mean mass of a protein's heavy atoms, Da."""

FINE, LEAST = 1.5, 0.25
"""Distance of the points in sigma of the map's Gaussian, and the least, where each is an atom, nm.
"""

COARSEST = 0.5
"""Narrowest Gaussian for which points are close enough, in their distance."""

TURNS = 20
"""Rounds of Richardson and Lucy's algorithm, after which the map is met within some per cent."""

DUST = 0.01
"""Pieces with less than this part of the molecule's volume are noise, and left out."""

MOST_VOXELS, MOST_POINTS = 2**28, 2_000_000


@kind("map")
class DensityMap(Structure, Cover):
    """A rigid molecule from a density map, in which it is brighter than what is around it.

    Where the map is at its `threshold` or above is the molecule; in place of that, its `volume`
    says, or its `mass`, how many of the brightest voxels are it. Its mass lies in these voxels such
    that the map's own blur turns it into the map (Richardson 1972, Lucy 1974): at the map's
    resolution it is drawn as in the map, at a coarser one as in the map blurred by what is missing,
    and at a finer one no sharper than the map is.

    Its frame is that of a molecule: the origin is the centre of mass, the axes are those of the
    file. ``body + structure.file_origin`` is in the map's own frame, in which the header's origin
    is the centre of the first voxel; a pose ``R, t`` thus takes a point x of the map's frame to
    ``R (x - file_origin) + t``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from openmm_cgpack.core import Volume
    >>> from openmm_cgpack.io import write_mrc
    >>> z, y, x = np.indices((20, 24, 28)) - 10.0
    >>> blob = Volume(data=np.exp(-(x**2 + 2 * y**2 + z**2) / 20), voxel_size=0.4, origin=(0, 0, 0))
    >>> with TemporaryDirectory() as folder:
    ...     write_mrc(Path(folder, "blob.mrc"), blob)
    ...     model = DensityMap(file=Path(folder, "blob.mrc"), resolution=1.5, volume=20.0).build()
    >>> model.name, model.structure.file_origin.round(2).tolist()
    ('blob', [4.0, 4.0, 4.0])
    """

    file: Path = setting("the map, in MRC, plain or gzipped")
    resolution: float = setting("resolution of the map", unit="nm", above=0, usual=(0.1, 6))
    convention: Literal["situs", "molmap", "fwhm"] = setting(
        "what the resolution means, as of the scene's map", default="situs"
    )
    threshold: float | None = setting(
        "density from which on a voxel is the molecule's, in the map's units", default=None, above=0
    )
    volume: float | None = setting(
        "in place of the threshold: volume of the molecule; left out beside a mass, as protein has",
        default=None,
        unit="nm³",
        above=0,
    )
    mass: float | None = setting(
        "mass of the molecule with its hydrogens; left out, as protein of its volume has",
        default=None,
        unit="kDa",
        above=0,
    )
    voxel_size: float | None = setting(
        "edge of a voxel; left out, the header's",
        default=None,
        unit="nm",
        above=0,
        usual=(0.02, 2),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold is None and self.volume is None and self.mass is None:
            raise ValueError("threshold: wanted, or volume or mass in its place")

    def meaningless(self) -> dict[str, str]:
        """Return what a threshold settles, and what one enclosing ball has no use for."""
        beside = {} if self.threshold is None else {"volume": "beside threshold"}
        return super().meaningless() | Cover.meaningless(self) | beside

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables: that given, else of the file."""
        return self.name or name_of_file(self.file.name.split(".")[0])

    @property
    def has_atoms(self) -> bool:
        """Whether the structure has all atoms: never."""
        return False

    def covered(self, cover: Cover) -> Self:
        """Return the molecule with what it leaves open about its balls as `cover` has it."""
        return Cover.covered(self, cover)

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the ball model; `seed` is that of the clustering."""
        return coarse_grain(self.read(), self, seed=seed)

    def read(self) -> AtomicStructure:
        """Return the molecule as points.

        Raises
        ------
        FileNotFoundError, ValueError
            There is no such map, or it has nothing, or not enough, at the threshold or above 0.
        """
        with within("file"):
            held = read_mrc_density(self.file, most_voxels=MOST_VOXELS, voxel_size=self.voxel_size)
        voxel = held.voxel_size
        inside = self._inside(held.data, voxel)
        volume = float(inside.sum()) * voxel**3
        mass = HEAVY * (volume * PROTEIN if self.mass is None else self.mass * 1000)
        sigma = gaussian_sigma(self.resolution, self.convention)
        # What reaches no farther than the map's blur is all that the molecule can account for.
        margin = math.ceil(3 * sigma / voxel) + 1
        (box,) = ndimage.find_objects(inside.astype(np.uint8))
        low = [max(0, side.start - margin) for side in box]
        part = tuple(slice(a, side.stop + margin) for a, side in zip(low, box, strict=True))
        step, density, share, sigma = _resampled(held.data[part], inside[part], voxel, sigma)
        masses = _sharpened(density, share, sigma / step)
        rows = np.argwhere(masses > 0)
        if len(rows) > MOST_POINTS:
            raise ValueError(
                f"{self.file}: wanted at most {MOST_POINTS:,} points, got {len(rows):,}: "
                f"{volume:,.0f} nm³ at a resolution of {self.resolution:g} nm"
            )
        weights = masses[tuple(rows.T)].astype(float)
        weights *= mass / weights.sum()
        # A larger voxel's centre lies in the middle of those that it is made of.
        first = held.origin + voxel * np.array(low[::-1]) + max(0.0, (step - voxel) / 2)
        places = first + rows[:, ::-1] * step
        centre = weights @ places / mass
        number = np.diff(np.rint(np.cumsum(weights) / HEAVY_ATOM), prepend=0.0)
        return AtomicStructure(
            name=self.label,
            positions=places - centre,
            masses=weights,
            atoms=np.maximum(number, 1).astype(np.int64),
            spread=np.full(len(rows), step * math.sqrt(3) / 2),
            blur=sigma,
            envelope_volume=volume,
            file_origin=centre,
            source=self.file.name,
        )

    def _inside(self, data: np.ndarray, voxel: float) -> np.ndarray:
        """Return which voxels are the molecule's."""
        bright = float(data.max())
        if self.threshold is not None:
            if bright < self.threshold:
                raise ValueError(
                    f"{self.file}: threshold: wanted one that the map reaches, up to {bright:.4g}, "
                    f"got {self.threshold:g}"
                )
            inside = data >= self.threshold
        else:
            volume = self.volume or float(self.mass or 0) * 1000 / PROTEIN
            wanted = max(1, round(volume / voxel**3))
            positive = data[data > 0]
            if len(positive) < wanted:
                raise ValueError(
                    f"{self.file}: wanted {volume:.4g} nm³ of density above 0, got "
                    f"{len(positive) * voxel**3:.4g}"
                )
            inside = data >= np.partition(positive, len(positive) - wanted)[-wanted]
        pieces, _ = ndimage.label(inside, np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        kept: np.ndarray = (sizes >= DUST * sizes.sum())[pieces]
        return kept


def _resampled(
    data: np.ndarray, inside: np.ndarray, voxel: float, sigma: float
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Return a map on voxels that are as close as its blur `sigma` needs, and no closer.

    Returned are their edge, nm, the density in them, the part of each that is the molecule's, and
    sigma, which becomes larger where voxels are larger than the blur wants, and as they average.
    """
    wanted = max(FINE * sigma, LEAST)
    factor = max(1, math.floor(wanted / voxel))
    if factor == 1:
        cuts = math.ceil(voxel / wanted - 1e-6)
        if cuts > 1:
            # By cubic splines, through the voxels' centres.
            size = [(n - 1) * cuts + 1 for n in data.shape]
            data = ndimage.zoom(data, np.array(size) / data.shape, order=3)
            part = ndimage.zoom(inside.astype(np.float32), np.array(size) / inside.shape, order=1)
            return voxel / cuts, np.maximum(data, 0), (part >= 0.5).astype(np.float32), sigma
        return voxel, np.maximum(data, 0), inside.astype(np.float32), sigma
    step = factor * voxel
    averaged = math.sqrt(sigma**2 + (step**2 - voxel**2) / 12)
    broad = max(averaged, COARSEST * step)
    more = math.sqrt(broad**2 - averaged**2) / voxel
    blurred = ndimage.gaussian_filter(np.maximum(data, 0), more) if more else np.maximum(data, 0)
    return step, _binned(blurred, factor), _binned(inside.astype(np.float32), factor), broad


def _binned(data: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of cubes of `factor` voxels, those at the end filled up with 0."""
    grown = np.pad(data, [(0, -n % factor) for n in data.shape])
    blocks = grown.reshape([n for size in grown.shape for n in (size // factor, factor)])
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def _sharpened(density: np.ndarray, share: np.ndarray, sigma: float) -> np.ndarray:
    """Return masses where `share` is not 0 that blur to a density; `sigma` is in voxels.

    Richardson and Lucy's algorithm keeps them positive, and noise that is finer than the blur
    hardly grows in so few rounds.
    """

    def blur(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, sigma, mode="constant")

    seen = np.maximum(blur(np.ones_like(density)), 1e-6)
    masses = share * density
    for _ in range(TURNS):
        ratio = density / np.maximum(blur(masses), 1e-6 * density.max())
        masses = masses * blur(ratio) / seen
    masses = np.where(masses > 1e-4 * masses.max(), masses, 0)
    return masses
