"""Scripts for napari."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.palette import species_colours
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..io.files import atomic_path
from ..runs.folder import PARTICLES
from .formats import Format
from .truth import GroundTruth
from .viewing import maps_in_order, write_surfaces, write_volumes

_SCRIPT = '''"""Shows {name} in napari: python {file} (needs napari and mrcfile)."""

import csv
from pathlib import Path

import mrcfile
import napari
import numpy as np

FOLDER = Path(__file__).resolve().parent
VOXEL = {voxel!r}  # Å; the first voxel's centre is at 0
MAPS = {maps!r}  # name and contrast
SPECIES = {species!r}
COLOURS = {colours!r}
SURFACES = {surfaces!r}  # membranes, an object an instance
MIDDLE = {middle!r}  # z, y, x in Å: where surfaces are cut open

viewer = napari.Viewer(title={name!r})
for name, limits in MAPS.items():
    viewer.add_image(
        mrcfile.read(FOLDER / f"{{name}}.mrc"),
        name=name,
        scale=[VOXEL] * 3,
        contrast_limits=limits,
        visible=name == "tomogram",
    )
for name in ("semantic", "instances"):
    path = FOLDER / f"{{name}}.mrc"
    if not path.exists():
        # More labels than MRC holds.
        from openmm_cgpack.io.volumes import read_mask

        data = read_mask(FOLDER, name).data
    else:
        data = mrcfile.read(path)
    viewer.add_labels(
        data,
        name=name,
        scale=[VOXEL] * 3,
        opacity=0.4,
        visible=name == "semantic",
    )

with open(FOLDER / {particles!r}, newline="") as file:
    rows = list(csv.DictReader(file))
for species, colour in zip(SPECIES, COLOURS):
    mine = [row for row in rows if row["species"] == species]
    if not mine:
        continue
    # napari's axes are z, y, x.
    centres = np.array([[float(row[f"{{axis}}_angst"]) for axis in "zyx"] for row in mine])
    x, y, z, w = np.array([[float(row["q" + key]) for key in "xyzw"] for row in mine]).T
    axis = np.stack([1 - 2 * (x * x + y * y), 2 * (y * z - w * x), 2 * (x * z + w * y)], axis=1)
    size = np.array([2 * float(row["radius_angst"]) for row in mine])
    viewer.add_points(
        centres,
        name=species,
        size=size,
        face_color=colour,
        opacity=0.5,
        visible=False,
        properties={{"instance": np.array([int(row["instance"]) for row in mine])}},
    )
    # The z axis of each body, as far as it reaches.
    viewer.add_vectors(
        np.stack([centres, axis * size[:, None] / 2], axis=1),
        name=f"{{species}}, z axes",
        edge_color=colour,
        edge_width=VOXEL,
        visible=False,
    )

for species, path in SURFACES.items():
    words = [line.split() for line in (FOLDER / path).read_text().splitlines()]
    places = np.array([row[3:0:-1] for row in words if row[0] == "v"], float)
    faces = [[int(word.split("/")[0]) - 1 for word in row[1:]] for row in words if row[0] == "f"]
    viewer.add_surface(
        (places, np.array(faces), np.ones(len(places))),
        name=f"{{species}}, middle surface",
        colormap=[COLOURS[SPECIES.index(species)]] * 2,
        shading="smooth",
        # In a view in three dimensions one sees inside.
        experimental_clipping_planes=[
            {{"position": MIDDLE, "normal": (-1, 0, 0), "enabled": {cut!r}}}
        ],
        visible={cut!r},
    )

if __name__ == "__main__":
    napari.run()
'''


@kind("napari")
class Napari(Format):
    """A script that shows maps, masks, particles with their z axes, and membranes in napari.

    Surfaces of membranes are cut open, at the middle of the largest that is closed.
    """

    opens = "view_napari.py"

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``view_napari.py``, and all that it opens."""
        write_volumes(folder, truth)
        self.show(folder, truth)

    def show(self, folder: Path, truth: GroundTruth) -> None:
        """Write ``view_napari.py``."""
        middle = truth.grid.size / 2 if truth.opened_at is None else truth.opened_at
        text = _SCRIPT.format(
            name=truth.name,
            file=self.opens,
            voxel=round(truth.grid.voxel_size * ANGSTROM_PER_NM, 9),
            maps={name: _contrast(truth.maps[name].data) for name in maps_in_order(truth)},
            species=list(truth.species),
            colours=species_colours(len(truth.species)).round(4).tolist(),
            particles=PARTICLES,
            surfaces=write_surfaces(folder, truth),
            middle=(middle[::-1] * ANGSTROM_PER_NM).round(3).tolist(),
            cut=truth.opened_at is not None,
        )
        with atomic_path(folder / self.opens) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _contrast(data: np.ndarray) -> list[float]:
    low, high = np.percentile(data, (1, 99)).tolist()
    # Equal limits are an error in napari.
    return [low, high if high > low else low + 1]
