"""Tilt series as an MRC stack, and the files of IMOD and SerialEM beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from ..core.messages import said_of
from ..core.tilts import TiltOptics, TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..core.volume import Grid
from .files import atomic_path
from .inputs import read_json
from .mrc import LABEL, read_mrc_images


def write_tilt_stack(path: str | os.PathLike[str], tilts: TiltSeries) -> None:
    """Write the images as an MRC stack (space group 0) of 32-bit floats.

    Parameters
    ----------
    path : path-like
        Where to write: ``.mrcs``, ``.mrc`` or ``.st``.
    tilts : TiltSeries
        The tilt series.
    """
    import mrcfile

    with atomic_path(path) as temporary, mrcfile.new(temporary, overwrite=True) as file:
        file.set_data(tilts.images)
        file.set_image_stack()
        file.voxel_size = tilts.pixel_size * ANGSTROM_PER_NM
        file.header.label[:] = b""
        file.header.label[0] = LABEL.encode()
        file.header.nlabl = 1


FORMAT_VERSION = 1

SECONDS_BETWEEN = 10
"""From image to image of a tilt series, as its mdoc says."""

_PER_TILT = ("angles", "dose_e_per_a2", "order", "shifts", "rotations")
_OPTICS = ("defocus_um", "astigmatism_angle", "phase_shift")
_MICROSCOPE = ("voltage_kv", "cs_mm", "amplitude_contrast", "hand")


def save_tilts(path: str | os.PathLike[str], tilts: TiltSeries) -> None:
    """Write a tilt series as a stack, ``NAME.mrcs``, and what no stack holds as ``NAME.json``."""
    path = Path(path)
    record: dict[str, object] = {
        "format": "openmm_cgpack tilt series",
        "version": FORMAT_VERSION,
        "units": "nm, rad, electrons per Angstrom^2, um of underfocus",
        "pixel_size": tilts.pixel_size,
    }
    record |= {key: np.asarray(getattr(tilts, key)).tolist() for key in _PER_TILT}
    if tilts.optics is not None:
        optics = {key: np.asarray(getattr(tilts.optics, key)).tolist() for key in _OPTICS}
        record["optics"] = optics | {key: getattr(tilts.optics, key) for key in _MICROSCOPE}
    if tilts.grid is not None:
        record["grid"] = {
            "shape": list(tilts.grid.shape),
            "voxel_size": tilts.grid.voxel_size,
            "origin": tilts.grid.origin.tolist(),
        }
    write_tilt_stack(path, tilts)
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load_tilts(path: str | os.PathLike[str]) -> TiltSeries:
    """Read a tilt series that `save_tilts` wrote, by its stack's path.

    Raises
    ------
    FileNotFoundError, ValueError
        One of the two files is not there, or is not what `save_tilts` writes.
    """
    path = Path(path)
    beside = path.with_suffix(".json")
    record = read_json(beside, wanted="a tilt series of openmm_cgpack")
    images = np.array(read_mrc_images(path), np.float32)
    with said_of(beside, "a tilt series of openmm_cgpack"):
        return TiltSeries(
            images=images,
            pixel_size=float(record["pixel_size"]),
            optics=TiltOptics(**record["optics"]) if "optics" in record else None,
            grid=Grid(**record["grid"]) if "grid" in record else None,
            **{key: np.array(record[key]) for key in _PER_TILT},
        )


def write_imod(stack: str | os.PathLike[str], tilts: TiltSeries) -> None:
    """Write what IMOD and SerialEM's readers want beside a stack: ``.rawtlt``, ``.xf``, ``.mdoc``.

    The first has the tilt angles in degrees, one a line, in the order of the stack. The second
    has the transforms that align the images, as IMOD's newstack applies them: a line
    ``A11 A12 A21 A22 DX DY``, in pixels, takes a point of the image to ``A x + d``, which undoes
    the image's rotation and shift. Places count from IMOD's middle of the image, pixel
    (N - 1) / 2, where ours is pixel N // 2: so images of even size move by half a pixel, and the
    axis of the tilts stands where IMOD's tilt program has it. In the volume that it reconstructs,
    everything is half a voxel less along each axis than in lists of particles.

    The third, ``NAME.mrcs.mdoc``, is SerialEM's: the tilt axis in the title, counterclockwise
    from the vertical, as IMOD looks for it; as ``RotationAngle`` that angle and 90 degrees; times
    that rise in the order in which the images were taken. Without optics it has no voltage and no
    defocus.

    Parameters
    ----------
    stack : path-like
        The stack of the images, which need not be there.
    tilts : TiltSeries
        The tilt series.
    """
    stack = Path(stack)
    angles = "".join(f"{angle:.4f}\n" for angle in np.degrees(tilts.angles))
    texts = {
        stack.with_suffix(".rawtlt"): angles,
        stack.with_suffix(".xf"): _alignment(tilts),
        stack.with_name(f"{stack.name}.mdoc"): _mdoc(tilts, stack.name),
    }
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _alignment(tilts: TiltSeries) -> str:
    turns = np.asarray(tilts.rotations, float)
    cosine, sine = np.cos(turns), np.sin(turns)
    undo = np.stack([cosine, sine, -sine, cosine], axis=1)
    # From IMOD's middle (N - 1) / 2 on, our middle N // 2 is here.
    sizes = np.array(tilts.images.shape[:0:-1])
    middle = sizes // 2 - (sizes - 1) / 2
    seen = np.asarray(tilts.shifts, float) / tilts.pixel_size + middle
    back = -np.einsum("tij,tj->ti", undo.reshape(-1, 2, 2), seen)
    # + 0.0: no minus sign before a zero.
    rows = np.concatenate([undo, back], axis=1) + 0.0
    return "".join(("%12.7f" * 4 + "%12.3f" * 2 + "\n") % tuple(row) for row in rows)


def _mdoc(tilts: TiltSeries, stack: str) -> str:
    ny, nx = tilts.images.shape[1:]
    spacing = f"PixelSpacing = {tilts.pixel_size * ANGSTROM_PER_NM:.4f}"
    lines = [spacing]
    if tilts.optics is not None:
        lines.append(f"Voltage = {tilts.optics.voltage_kv:g}")
    lines += [f"ImageFile = {stack}", f"ImageSize = {nx} {ny}", "DataMode = 2", ""]
    angles, turns = np.degrees(tilts.angles), np.degrees(np.asarray(tilts.rotations, float))
    axis = float(_within_half_turns(turns.mean()))
    lines += [f"[T = {LABEL}: simulated tilt series]", ""]
    lines += [f"[T =     Tilt axis angle = {axis:.2f}, binning = 1]", ""]
    before = tilts.pre_dose_e_per_a2
    for i, turn in enumerate(_within_half_turns(turns + 90)):
        lines += [f"[ZValue = {i}]", f"TiltAngle = {angles[i]:.4f}", spacing]
        lines.append(f"RotationAngle = {turn:.4f}")
        if tilts.optics is not None:
            # SerialEM's defocus is negative for underfocus.
            lines.append(f"Defocus = {-tilts.optics.defocus_um[i].mean():.5f}")
            lines.append(f"TargetDefocus = {-tilts.optics.defocus_um.mean():.5f}")
        seconds = SECONDS_BETWEEN * int(np.asarray(tilts.order)[i])
        lines += [
            f"ExposureDose = {tilts.dose_e_per_a2[i]:.6f}",
            f"PriorRecordDose = {before[i]:.6f}",
            f"SubFramePath = {stack}",
            "NumSubFrames = 1",
            f"DateTime = {_date(seconds)}",
            "",
        ]
    return "\n".join(lines)


def _within_half_turns(degrees: np.ndarray) -> np.ndarray:
    """Return angles from above -180 to 180."""
    return 180 - (180 - degrees) % 360


def _date(seconds: int) -> str:
    """Return a time so long after the first image as SerialEM writes it, the same in any run."""
    days, rest = divmod(seconds, 86400)
    return f"{1 + days:02d}-Jan-00  {rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
