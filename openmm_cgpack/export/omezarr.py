"""All volumes as OME-Zarr."""

from __future__ import annotations

from pathlib import Path

from ..core.names import unique_names
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..io.omezarr import write_ome_zarr
from .formats import Format
from .truth import GroundTruth


@kind("omezarr")
class OmeZarr(Format):
    """Maps and masks as OME-Zarr 0.4, which holds any number of labels."""

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write one ``NAME.zarr`` for each volume."""
        names = unique_names(truth.maps)
        for name, volume in truth.maps.items():
            write_ome_zarr(folder / f"{names[name]}.zarr", volume)
        write_ome_zarr(folder / "instances.zarr", truth.instances)
        write_ome_zarr(folder / "semantic.zarr", truth.semantic)
