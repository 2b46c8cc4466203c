"""From a specimen to its tilt series."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import positive
from ..core.tilts import TiltOptics, TiltSeries
from ..core.volume import Volume
from .materials import interaction_constant
from .optics import electron_wavelength
from .project import REPEATS, joseph_matrix, slab_matrix
from .scheme import TiltScheme
from .specimen import Specimen, in_ice
from .tilt_stages import Tilt, TiltStage, TiltTransfer, run_tilt_stages

GRADIENTS = (None, "across", "through")
"""How the defocus may change within an image; see `Projection`."""

DEPTH_ERROR = 0.1
"""Error of the CTF's phase, rad, at Nyquist frequency, that slabs and strips may make."""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Projection of the specimen's potential to the phase of the electrons.

    Parameters
    ----------
    voltage_kv : float, optional
        Acceleration voltage, kV.
    border : {"mirror", "periodic", "vacuum"}, optional
        What a tilted beam meets beyond the borders of the volume in x: the specimen continued as
        in a mirror or by repetition, up to 3 times on either side and in ice of the same
        thickness, or nothing, as around a pillar.
    gradient : {None, "across", "through"}, optional
        Whether the defocus changes within an image. ``"across"``: along x, as the middle plane of
        the tilted specimen rises and falls. ``"through"``: with the depth of all matter, which
        includes the other and costs one projection for each slab.
    depth_step : float, optional
        Difference in depth of neighbouring strips or slabs, nm; by default as much as changes
        the CTF's phase by 0.1 rad at Nyquist frequency from the middle of a slab to its face.

    Raises
    ------
    ValueError
        An argument is out of its range.
    """

    voltage_kv: float = 300.0
    border: str = "mirror"
    gradient: str | None = None
    depth_step: float | None = None

    def __post_init__(self) -> None:
        positive(self.voltage_kv, "voltage_kv")
        if self.gradient not in GRADIENTS:
            raise ValueError(f"gradient: wanted None, 'across' or 'through', got {self.gradient!r}")
        if self.depth_step is not None:
            positive(self.depth_step, "depth_step")

    def step(self, voxel_size: float) -> float:
        """Return `depth_step`, nm, or its default."""
        if self.depth_step is not None:
            return self.depth_step
        nyquist = 0.5 / voxel_size
        wavelength = electron_wavelength(self.voltage_kv)
        return 2 * DEPTH_ERROR / (np.pi * wavelength * nyquist**2)

    def __call__(
        self, planes: np.ndarray, shape: tuple[int, int], voxel_size: float, angle: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the phase image of one tilt, in slabs.

        Parameters
        ----------
        planes : (nz * nx, ny) float32 array
            Potential, V.
        shape : tuple of int
            nz and nx.
        voxel_size : float
            Edge of a voxel, nm.
        angle : float
            Tilt, rad.

        Returns
        -------
        slabs : (s, ny, nx) float32 array
            Phase, rad.
        depths : (s,) array
            Depth of each slab, nm.
        """
        factor = np.float32(interaction_constant(self.voltage_kv) * voxel_size)
        depths = np.zeros(1)
        if self.gradient == "through":
            step = self.step(voxel_size) / voxel_size
            matrix, depths = slab_matrix(shape, angle, depth_step=step, border=self.border)
        else:
            matrix = joseph_matrix(shape, angle, border=self.border)
        phase = (matrix @ planes) * factor
        slabs = phase.reshape(len(depths), shape[1], -1).transpose(0, 2, 1)
        if self.gradient == "across":
            weights, depths = strips(shape[1], angle, step=self.step(voxel_size) / voxel_size)
            slabs = slabs * weights[:, None, :]
        return slabs, depths * voxel_size


def strips(n_pixels: int, angle: float, *, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide an image into strips of like depth of the tilted middle plane.

    Parameters
    ----------
    n_pixels : int
        Pixels along x.
    angle : float
        Tilt, rad.
    step : float
        Difference in depth between neighbours, pixels.

    Returns
    -------
    weights : (s, n_pixels) float32 array
        The part that each strip has in each column: triangles that add up to 1.
    depths : (s,) array
        Their depths, ``-u tan(angle)``, pixels.
    """
    # Beyond 89 degrees the plane is seen from its edge and has no depth of its own.
    slope = np.tan(np.clip(angle, -np.deg2rad(89), np.deg2rad(89)))
    depth = -(np.arange(n_pixels) - n_pixels // 2) * slope
    low = np.floor(depth.min() / step) * step
    count = int(np.ceil((depth.max() - low) / step - 1e-9)) + 1
    depths = low + step * np.arange(count)
    weights = np.clip(1 - np.abs(depth[None, :] - depths[:, None]) / step, 0, None)
    return weights.astype(np.float32), depths


@dataclass(frozen=True, kw_only=True)
class TiltErrors:
    """Standard deviations of what goes wrong between tilts; each is drawn for every tilt.

    Parameters
    ----------
    shift : float, optional
        Of the specimen's place in the image, nm, along x and along y.
    rotation_deg : float, optional
        Of its turn in the image, degrees.
    angle_deg : float, optional
        Of the tilt itself, degrees. The tilt series has the nominal angles.
    defocus_um : float, optional
        Of the defocus, µm.
    """

    shift: float = 0.0
    rotation_deg: float = 0.0
    angle_deg: float = 0.0
    defocus_um: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shift", "rotation_deg", "angle_deg", "defocus_um"):
            positive(getattr(self, name), name, zero=True)


@dataclass(frozen=True, kw_only=True)
class Microscope:
    """How a tilt series is taken: scheme, projection, and the stages of every image.

    Parameters
    ----------
    scheme : TiltScheme, optional
        Angles, order, dose.
    projection : Projection, optional
        From potential to phase.
    stages : tuple of TiltStage, optional
        What happens to each image, in order.
    errors : TiltErrors, optional
        What goes wrong.
    ice_grain : float, optional
        Graininess of the ice of densities that are given without a `Specimen`.
    padding : float, optional
        Width of the mirrored frame around images while filters act, nm.
    """

    scheme: TiltScheme = field(default_factory=TiltScheme)
    projection: Projection = Projection()
    stages: tuple[TiltStage, ...] = (TiltTransfer(),)
    errors: TiltErrors = TiltErrors()
    ice_grain: float = 1.0
    padding: float = 16.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        positive(self.ice_grain, "ice_grain", zero=True)
        positive(self.padding, "padding", zero=True)

    def optics(self, defocus_error_um: np.ndarray) -> TiltOptics | None:
        """Return the optics of all tilts, as the first `TiltTransfer` has them."""
        for stage in self.stages:
            if isinstance(stage, TiltTransfer):
                n = len(defocus_error_um)
                mean = stage.defocus_um + defocus_error_um
                half = stage.astigmatism_um / 2
                return TiltOptics(
                    defocus_um=np.stack([mean + half, mean - half], axis=1),
                    astigmatism_angle=np.full(n, stage.astigmatism_angle),
                    phase_shift=np.full(n, stage.phase_shift),
                    voltage_kv=stage.voltage_kv,
                    cs_mm=stage.cs_mm,
                    amplitude_contrast=stage.amplitude_contrast,
                    hand=stage.hand,
                )
        return None


def image(
    specimen: Specimen | Volume,
    microscope: Microscope,
    *,
    noise: bool = True,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = False,
) -> TiltSeries:
    """Take a tilt series.

    Parameters
    ----------
    specimen : Specimen or Volume
        The specimen, or a density in Da/nm³, which is put into ice by `in_ice`.
    microscope : Microscope
        How it is taken.
    noise : bool, optional
        Whether the ice is grainy and the stages draw noise. Errors of the tilts are the same with
        and without.
    seed : int or numpy.random.SeedSequence
        Seed of ice, errors and noise. Each tilt draws from a child of its own: the same seed gives
        the same bytes on any number of threads.
    threads : int, optional
        Threads to use; all cores when left out.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    TiltSeries
        In electrons per pixel.

    Raises
    ------
    ValueError
        An argument is out of its range.

    Examples
    --------
    >>> data = np.zeros((8, 16, 32), np.float32)
    >>> data[3:6, 6:9, 12:15] = 800
    >>> density = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    >>> series = image(density, Microscope(scheme=TiltScheme(tilt_step=30)), seed=1)
    >>> series.images.shape, np.rad2deg(series.angles).round().tolist()
    ((5, 16, 32), [-60.0, -30.0, 0.0, 30.0, 60.0])
    """
    (series,) = image_fractions(
        specimen, microscope, noise=noise, seed=seed, threads=threads, progress=progress
    )
    return series


def image_fractions(
    specimen: Specimen | Volume,
    microscope: Microscope,
    *,
    fractions: int = 1,
    noise: bool = True,
    seed: int | np.random.SeedSequence,
    threads: int | None = None,
    progress: bool = False,
) -> tuple[TiltSeries, ...]:
    """Take a tilt series in equal fractions of each tilt's dose.

    The fractions follow each other, each with the damage of its time, and draw noise of their own;
    their sum, `add_fractions`, is a tilt series of the whole dose.

    Parameters
    ----------
    specimen, microscope, noise, seed, threads, progress
        As for `image`.
    fractions : int, optional
        Number of fractions.

    Returns
    -------
    tuple of TiltSeries

    Raises
    ------
    ValueError
        An argument is out of its range.
    """
    if fractions < 1:
        raise ValueError(f"fractions: wanted 1 or more, got {fractions}")
    if isinstance(specimen, Volume):
        specimen = in_ice(specimen, grain=microscope.ice_grain)
    scheme, volume = microscope.scheme, specimen.potential
    nz, ny, nx = volume.data.shape
    tilts = planned_tilts(specimen, microscope, seed)
    planes = _planes(specimen, child(seed, 1) if noise else None)
    images = np.empty((fractions, len(tilts), ny, nx), np.float32)
    dose = scheme.dose / fractions

    def take(i: int) -> None:
        angle = tilts[i].angle
        slabs, depths = microscope.projection(planes, (nz, nx), volume.voxel_size, angle)
        tilt = replace(tilts[i], depths=depths, dose_e_per_a2=dose[i])
        for f in range(fractions):
            now = replace(tilt, pre_dose_e_per_a2=tilt.pre_dose_e_per_a2 + f * dose[i])
            rng = np.random.default_rng(child(seed, 2, i, f)) if noise else None
            images[f, i] = run_tilt_stages(slabs, now, microscope.stages, rng)

    over_tilts(take, len(tilts), threads=threads, progress=progress, label="tilts")
    images.flags.writeable = False
    return tuple(
        TiltSeries(
            images=part,
            angles=scheme.angles,
            pixel_size=volume.voxel_size,
            dose_e_per_a2=dose,
            order=scheme.acquired,
            shifts=np.array([tilt.shift for tilt in tilts]),
            rotations=np.array([tilt.rotation for tilt in tilts]),
            optics=microscope.optics(np.array([tilt.defocus_error_um for tilt in tilts])),
            grid=volume.grid,
        )
        for part in images
    )


def planned_tilts(
    specimen: Specimen, microscope: Microscope, seed: int | np.random.SeedSequence
) -> list[Tilt]:
    """Return the tilts of a series with the errors that a seed makes, each with all of its dose.

    Parameters
    ----------
    specimen : Specimen
        Whose ice the beam goes through.
    microscope : Microscope
        How the series is taken.
    seed : int or numpy.random.SeedSequence
        Seed of the series.

    Returns
    -------
    list of Tilt
        Their depths are those of an image in one slab.
    """
    scheme, errors, t = microscope.scheme, microscope.errors, len(microscope.scheme)
    rng = np.random.default_rng(child(seed, 0))
    shifts = rng.standard_normal((t, 2)) * errors.shift
    rotations = rng.standard_normal(t) * np.deg2rad(errors.rotation_deg)
    angles = scheme.angles + rng.standard_normal(t) * np.deg2rad(errors.angle_deg)
    defocus_error = rng.standard_normal(t) * errors.defocus_um
    return [
        Tilt(
            angle=angles[i],
            pixel_size=specimen.potential.voxel_size,
            dose_e_per_a2=scheme.dose[i],
            pre_dose_e_per_a2=scheme.dose_before[i],
            path=_path(specimen, microscope.projection.border, angles[i]),
            shift=shifts[i],
            rotation=rotations[i],
            defocus_error_um=defocus_error[i],
            padding=microscope.padding,
        )
        for i in range(t)
    ]


def child(seed: int | np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return a child of a seed by number, without counting on the children made before."""
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))


def over_tilts(
    function: Callable[[int], None],
    n: int,
    *,
    threads: int | None = None,
    progress: bool = False,
    label: str = "tilts",
) -> None:
    """Call a function on every number below `n`, on several threads, with a progress bar.

    Parameters
    ----------
    function : callable
        What is called.
    n : int
        How many times.
    threads : int, optional
        Threads to use; all cores when left out.
    progress : bool, optional
        Whether to show a progress bar.
    label : str, optional
        What the bar says.

    Raises
    ------
    ValueError
        `threads` is less than 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads: wanted 1 or more, got {threads}")
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        done = pool.map(function, range(n))
        if progress:
            from tqdm.auto import tqdm

            done = tqdm(done, total=n, desc=label)
        for _ in done:
            pass


def _planes(specimen: Specimen, seed: np.random.SeedSequence | None) -> np.ndarray:
    """Return the potential as (nz * nx, ny), with the grain of the ice where there is a seed."""
    data = specimen.potential.data
    planes = np.empty((data.shape[0], data.shape[2], data.shape[1]), np.float32)
    ice, deviation = specimen.ice_planes, np.float32(specimen.grain_deviation)
    rng = None if seed is None or deviation == 0 else np.random.default_rng(seed)
    for z, plane in enumerate(data):
        planes[z] = plane.T
        if rng is not None and ice.start <= z < ice.stop:
            planes[z] += deviation * rng.standard_normal(planes[z].shape, np.float32)
    return planes.reshape(-1, data.shape[1])


def _path(specimen: Specimen, border: str, angle: float) -> np.ndarray:
    """Return the length of the beam's path through the ice in each column of the image, nm."""
    nz, _, nx = specimen.potential.data.shape
    voxel = specimen.potential.voxel_size
    if border == "vacuum":
        # The ice ends with the volume; what lies above and below it is added by proportion.
        ice = np.zeros((nz, nx), np.float32)
        ice[specimen.ice_planes] = 1
        drawn = ice[:, 0].sum() * voxel
        along = joseph_matrix((nz, nx), angle) @ ice.ravel()
        return along * (voxel * specimen.thickness / drawn)
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    width = (2 * REPEATS + 1) * nx * voxel
    path = specimen.thickness / max(cosine, 1e-12)
    return np.full(nx, min(path, width / max(sine, 1e-12)), np.float32)
