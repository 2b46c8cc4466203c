"""Annotations of the CryoET Data Portal: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.settings import kind
from ..core.tilts import TiltSeries
from .formats import PointFormat
from .truth import GroundTruth


@kind("portal")
class Portal(PointFormat):
    """Oriented points of the CryoET Data Portal, ``SPECIES_orientedpoint.ndjson``.

    Locations are in VOXELS, the first voxel's centre at 0; the 3 x 3 matrix is the rotation from
    the body frame to the tomogram's, row by row. Points of filaments lie along them, their z
    axes along the filament; membranes have none. Every point has its ``instance_id``.
    """

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write one file for each species of molecules or filaments in the field of view."""
        for species, name in truth.file_names.items():
            lines = []
            for number, centre, turn in self.points(truth, species):
                place = (centre / truth.grid.voxel_size).round(6).tolist()
                record = {
                    "type": "orientedPoint",
                    "location": dict(zip("xyz", place, strict=True)),
                    "xyz_rotation_matrix": turn.round(9).tolist(),
                    "instance_id": number,
                }
                lines.append(json.dumps(record) + "\n")
            if lines:
                (folder / f"{name}_orientedpoint.ndjson").write_text(
                    "".join(lines), encoding="utf-8"
                )
