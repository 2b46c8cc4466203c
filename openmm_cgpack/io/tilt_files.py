"""A tilt series as files: images and IMOD's text files, and everything that is known as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tilts import TiltOptics, TiltSeries
from ..core.volume import Grid
from .atomic import atomic_path
from .tilts import write_mdoc, write_rawtlt, write_tilt_stack, write_xf

STEM = "tilt_series"
FORMAT_VERSION = 1

_PER_TILT = ("angles", "dose_e_per_a2", "order", "shifts", "rotations")
_OPTICS = ("defocus_um", "astigmatism_angle", "phase_shift")
_OPTICS_NUMBERS = ("voltage_kv", "cs_mm", "amplitude_contrast", "hand")


def save_tilts(folder: str | os.PathLike[str], series: TiltSeries) -> None:
    """Write a tilt series into a folder.

    ``tilt_series.mrcs``, the images; ``.rawtlt``, ``.xf`` and ``.mrcs.mdoc`` for other programs;
    ``tilt_series.json``, all numbers in the units of `TiltSeries`, with which `load_tilts` brings
    it back.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    series : TiltSeries
        The tilt series.
    """
    folder = Path(folder)
    stack = f"{STEM}.mrcs"
    write_tilt_stack(folder / stack, series)
    write_rawtlt(folder / f"{STEM}.rawtlt", series)
    write_xf(folder / f"{STEM}.xf", series)
    write_mdoc(folder / f"{stack}.mdoc", series, stack=stack)
    optics, grid = series.optics, series.grid
    document = {
        "format": "openmm_cgpack tilt series",
        "format_version": FORMAT_VERSION,
        "pixel_size": series.pixel_size,
        **{name: np.asarray(getattr(series, name)).tolist() for name in _PER_TILT},
        "optics": None
        if optics is None
        else {name: np.asarray(getattr(optics, name)).tolist() for name in _OPTICS}
        | {name: getattr(optics, name) for name in _OPTICS_NUMBERS},
        "grid": None
        if grid is None
        else {
            "shape": list(grid.shape),
            "voxel_size": grid.voxel_size,
            "origin": grid.origin.tolist(),
        },
    }
    with atomic_path(folder / f"{STEM}.json") as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load_tilts(folder: str | os.PathLike[str]) -> TiltSeries:
    """Read a tilt series that `save_tilts` wrote.

    Parameters
    ----------
    folder : path-like
        Where it is.

    Returns
    -------
    TiltSeries
        With the same numbers.

    Raises
    ------
    FileNotFoundError
        The folder has no tilt series.
    ValueError
        A file is not what `save_tilts` writes.
    """
    import mrcfile

    path, stack = Path(folder) / f"{STEM}.json", Path(folder) / f"{STEM}.mrcs"
    for file in (path, stack):
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file; wanted the folder of a tilt series")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION:
            raise ValueError(f"wanted format version {FORMAT_VERSION}")
        optics, grid = document["optics"], document["grid"]
        with mrcfile.open(stack) as opened:
            # A stack of one image comes back as an image.
            images = np.array(opened.data, np.float32, ndmin=3)
        return TiltSeries(
            images=images,
            pixel_size=document["pixel_size"],
            **{name: np.array(document[name]) for name in _PER_TILT},
            optics=None if optics is None else _optics(optics),
            grid=None if grid is None else Grid(**grid | {"shape": tuple(grid["shape"])}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a tilt series of openmm_cgpack: {error}") from None


def _optics(values: dict[str, Any]) -> TiltOptics:
    arrays = {name: np.array(values[name]) for name in _OPTICS}
    return TiltOptics(
        defocus_um=arrays["defocus_um"],
        astigmatism_angle=arrays["astigmatism_angle"],
        phase_shift=arrays["phase_shift"],
        voltage_kv=values["voltage_kv"],
        cs_mm=values["cs_mm"],
        amplitude_contrast=values["amplitude_contrast"],
        hand=values["hand"],
    )
