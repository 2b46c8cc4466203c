"""What is known of a tomogram, in the formats of other programs."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from .core import LabelVolume, PackedScene, Volume
from .core.geometry import Line, Surface
from .core.tilts import TiltSeries
from .density import Labels, painter_of, particle_table, visibility
from .io import read_mrc, write_mrc
from .io.atomic import atomic_folder
from .io.copick import write_copick
from .io.dynamo import write_dynamo
from .io.masks import read_mask
from .io.names import plain_name, unique_names
from .io.omezarr import write_ome_zarr
from .io.portal import write_portal
from .io.present import present
from .io.relion import write_relion
from .io.scenes import load_packed
from .io.shrec import write_shrec
from .io.tilts import load_tilts, write_mdoc, write_rawtlt, write_tilt_stack, write_xf
from .io.truth import GroundTruth

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"

TILT_SERIES = "tilt_series.mrcs"
"""The file by which a folder is known to hold a tilt series."""

RENDERS = "renders"
"""Folder of further tomograms in the folder of a run, one folder each."""

_Any = TypeVar("_Any", Volume, LabelVolume)

__all__ = ["FORMATS", "export", "ground_truth", "load_truth", "scene_origin", "write_formats"]


def ground_truth(
    packed: PackedScene,
    *,
    labels: Labels,
    maps: Mapping[str, Volume],
    name: str,
    min_visible: float = 0.0,
) -> GroundTruth:
    """Gather what is known of one tomogram of a packed scene.

    Parameters
    ----------
    packed : PackedScene
        The scene.
    labels : Labels
        Its masks; their grid is that of the tomogram, in the frame of the scene.
    maps : mapping of str to Volume
        Density, tomograms and what else shall be exported, by name.
    name : str
        Name of the tomogram.
    min_visible : float, optional
        Objects with no more than this part of their mass in the field of view are left out of
        lists; masks keep them.

    Returns
    -------
    GroundTruth
        In the frame of the files: the first voxel's centre is at 0.

    Raises
    ------
    ValueError
        A map's shape is not that of the masks.
    """
    scene = packed.scene
    grid = labels.instances.grid
    lines: dict[int, Line] = {}
    surfaces: dict[int, Surface] = {}
    for i in range(scene.n_instances):
        model = scene.model(i)
        geometry = model.geometry
        if model.structure is not None or geometry is None:
            continue
        balls = packed.positions[scene.balls(i)] - grid.origin
        painter = painter_of(geometry)
        line = painter.line(geometry, balls, spacing=grid.voxel_size)
        surface = painter.surface(geometry, balls)
        if line is not None:
            lines[i + 1] = line
        if surface is not None:
            surfaces[i + 1] = surface
    seen = visibility(packed, grid=grid).fraction
    return GroundTruth(
        name=name,
        species=tuple(model.name for model in scene.species),
        particles=particle_table(packed, grid=grid),
        visible=np.where(seen > min_visible, seen, 0.0),
        instances=_at_zero(labels.instances),
        semantic=_at_zero(labels.semantic),
        maps={key: _at_zero(volume) for key, volume in maps.items()},
        lines=lines,
        surfaces=surfaces,
    )


def load_truth(
    out: str | os.PathLike[str], *, name: str | None = None, min_visible: float = 0.0
) -> GroundTruth:
    """Gather what is known of a tomogram from the folder of a run.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    name : str, optional
        Name of the tomogram; by default that of the folder.
    min_visible : float, optional
        Objects with no more than this part of their mass in the field of view are left out of
        lists; masks keep them.

    Returns
    -------
    GroundTruth
        Maps have the names of their files from the folder on, without suffix: ``tomogram``, and
        ``renders/NAME/tomogram`` for what ``cgpack render`` made.

    Raises
    ------
    FileNotFoundError
        The folder lacks a file of a run.
    ValueError
        A file is not what a run writes.
    """
    out = Path(out)
    origin, voxel_size = _frame(out)

    def read(file: str) -> Volume | LabelVolume:
        volume = read_mrc(out / file)
        # The header's voxel size has single precision, the manifest's is exact.
        return type(volume)(data=volume.data, voxel_size=voxel_size, origin=origin)

    def labels(key: str) -> LabelVolume:
        return LabelVolume(data=read_mask(out, key).data, voxel_size=voxel_size, origin=origin)

    instances, semantic = labels("instances"), labels("semantic")
    maps = {}
    for file in [*sorted(out.glob("*.mrc")), *sorted(out.glob(f"{RENDERS}/*/tomogram.mrc"))]:
        name_of_map = file.relative_to(out).with_suffix("").as_posix()
        if name_of_map in ("instances", "semantic"):
            continue
        volume = read(name_of_map + ".mrc")
        if isinstance(volume, Volume) and volume.data.shape == instances.data.shape:
            maps[name_of_map] = volume
    return ground_truth(
        load_packed(out / "packed.npz"),
        labels=Labels(instances=instances, semantic=semantic),
        maps=maps,
        name=plain_name(name or out.resolve().name),
        min_visible=min_visible,
    )


def scene_origin(out: str | os.PathLike[str]) -> np.ndarray:
    """Return where the first voxel's centre is in the scene of a run.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.

    Returns
    -------
    (3,) array
        nm.
    """
    return _frame(Path(out))[0]


def _frame(out: Path) -> tuple[np.ndarray, float]:
    """Return origin and voxel size, nm, as the manifest has them."""
    path = out / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; wanted the folder of a run")
    present(out / "packed.npz")
    try:
        density = json.loads(path.read_text(encoding="utf-8"))["density"]
        return np.array(density["origin_in_scene_nm"], float), float(density["voxel_size_nm"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: wanted the manifest of a run ({error!r})") from None


def export(
    out: str | os.PathLike[str],
    formats: Collection[str] | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    name: str | None = None,
    min_visible: float = 0.0,
    render: str | None = None,
    tilts: TiltSeries | None = None,
) -> dict[str, Path]:
    """Write the ground truth of a run in the formats of other programs.

    Parameters
    ----------
    out : path-like
        The folder that ``cgpack simulate`` made.
    formats : collection of str, optional
        Which of `FORMATS`; all when left out, but for those that need a tilt series where there
        is none, and ``"shrec"`` where there are more labels than its masks hold.
    folder : path-like, optional
        Where to write, one folder for each format; by default `out`.
    name : str, optional
        Name of the tomogram; by default that of the folder.
    min_visible : float, optional
        Objects with no more than this part of their mass in the field of view are left out of
        lists; masks keep them.
    render : str, optional
        Name of one of ``cgpack render``: its tomogram and tilt series take the places of the
        run's. Formats that hold several tomograms have all of them in any case.
    tilts : TiltSeries, optional
        The tilt series; by default that of the run or render, where there is one.

    Returns
    -------
    dict
        The folder of each format.

    Raises
    ------
    ValueError
        A format is unknown, or needs a tilt series and there is none.
    FileNotFoundError
        The folder lacks a file of a run.

    Examples
    --------
    Of what ``cgpack simulate crowded.toml -o scenes/0`` made:

    >>> export("scenes/0", ["copick", "shrec"])  # doctest: +SKIP
    {'copick': PosixPath('scenes/0/copick'), 'shrec': PosixPath('scenes/0/shrec')}
    """
    check_formats(formats)
    truth = load_truth(out, name=name, min_visible=min_visible)
    made = Path(out)
    if render is not None:
        made = made / RENDERS / render
        if (key := f"{RENDERS}/{render}/tomogram") not in truth.maps:
            raise FileNotFoundError(f"{made / 'tomogram.mrc'}: no such tomogram of this run")
        truth = dataclasses.replace(truth, maps={**truth.maps, "tomogram": truth.maps[key]})
    if tilts is None and (made / TILT_SERIES).with_suffix(".json").is_file():
        tilts = load_tilts(made / TILT_SERIES)
    return write_formats(truth, out if folder is None else folder, formats, tilts=tilts)


def check_formats(formats: Collection[str] | None) -> None:
    """Raise an error where a format is unknown.

    Raises
    ------
    ValueError
        The message names the format, and all that there are.
    """
    for one in formats or ():
        if one not in FORMATS:
            raise ValueError(f"formats: wanted some of {', '.join(FORMATS)}, got {one!r}")


def write_formats(
    truth: GroundTruth,
    folder: str | os.PathLike[str],
    formats: Collection[str] | None = None,
    *,
    tilts: TiltSeries | None = None,
) -> dict[str, Path]:
    """Write what is known of a tomogram in the formats of other programs.

    Parameters
    ----------
    truth : GroundTruth
        What is known.
    folder : path-like
        Where to write, one folder for each format, which is replaced; it is made where it is not
        there.
    formats : collection of str, optional
        Which of `FORMATS`; all when left out, but for those that need a tilt series where there
        is none, and ``"shrec"`` where there are more labels than its masks hold.
    tilts : TiltSeries, optional
        The tilt series.

    Returns
    -------
    dict
        The folder of each format.

    Raises
    ------
    ValueError
        A format is unknown, or needs a tilt series and there is none.
    """
    check_formats(formats)
    if formats is None:
        formats = [one for one in FORMATS if tilts is not None or one not in NEED_TILTS]
        if int(truth.instances.data.max()) > np.iinfo(np.uint16).max:
            _log.warning("left out: shrec, whose masks are MRC files, which hold 65535 labels")
            formats.remove("shrec")
    for one in formats:
        if one in NEED_TILTS and tilts is None:
            raise ValueError(f"tilts: wanted a tilt series for {one}, got none")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for one in formats:
        path = folder / one
        if one == "copick":
            # It holds its own place and is whole or not there by itself.
            write_copick(path, truth)
        else:
            with atomic_folder(path) as temporary:
                _WRITERS[one](temporary, truth, tilts)
        written[one] = path
    return written


def _relion(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    stack = None
    tomogram = None
    if tilts is not None:
        (folder / "tilt_series").mkdir()
        stack = f"tilt_series/{truth.name}.mrcs"
        write_tilt_stack(folder / stack, tilts)
    if "tomogram" in truth.maps:
        (folder / "tomograms").mkdir()
        tomogram = f"tomograms/{truth.name}.mrc"
        write_mrc(folder / tomogram, truth.maps["tomogram"])
    write_relion(folder, truth, tilts=tilts, stack=stack, tomogram=tomogram)


def _dynamo(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    wedge = (-60.0, 60.0)
    if tilts is not None:
        first, *_, last = np.degrees(tilts.angles).tolist()
        wedge = (first, last)
    write_dynamo(folder / f"{truth.name}.tbl", truth, tilt_range_deg=wedge)


def _portal(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    write_portal(folder, truth)


def _imod(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    if tilts is None:
        raise ValueError("tilts: wanted a tilt series for imod, got none")
    stack = f"{truth.name}.mrc"
    write_tilt_stack(folder / stack, tilts)
    write_rawtlt(folder / f"{truth.name}.rawtlt", tilts)
    write_xf(folder / f"{truth.name}.xf", tilts)
    write_mdoc(folder / f"{stack}.mdoc", tilts, stack=stack)


def _omezarr(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    names = unique_names(truth.maps)
    for name, volume in truth.maps.items():
        write_ome_zarr(folder / f"{names[name]}.zarr", volume)
    write_ome_zarr(folder / "instances.zarr", truth.instances)
    write_ome_zarr(folder / "semantic.zarr", truth.semantic)


def _shrec(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    write_shrec(folder, truth, tilts=tilts)


def _copick(folder: Path, truth: GroundTruth, tilts: TiltSeries | None) -> None:
    write_copick(folder, truth)


_WRITERS: dict[str, Callable[[Path, GroundTruth, TiltSeries | None], None]] = {
    "copick": _copick,
    "dynamo": _dynamo,
    "imod": _imod,
    "omezarr": _omezarr,
    "portal": _portal,
    "relion5": _relion,
    "shrec": _shrec,
}

FORMATS = tuple(_WRITERS)
"""Names of the formats."""

NEED_TILTS = ("imod",)
"""Formats of tilt series."""


def _at_zero(volume: _Any) -> _Any:
    """Return a volume with its first voxel's centre at 0."""
    return dataclasses.replace(volume, origin=np.zeros(3))
