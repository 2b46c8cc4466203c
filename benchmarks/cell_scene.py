"""The piece of a cell that the protocol `Cell` is measured on, and what is measured.

Three vesicles with channels, actin, a microtubule and soluble molecules in a slab, more crowded
inside of the vesicles than outside; or a small cube of the same.
"""

import dataclasses

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from openmm_cgpack.core import PackedScene, Volume
from openmm_cgpack.density import MapSettings
from openmm_cgpack.density.points import structure_points
from openmm_cgpack.density.splatting import blurred_boxes
from openmm_cgpack.imaging import preset
from openmm_cgpack.models import Helix, MembraneProtein, Molecule, Structure, Vesicle, Where
from openmm_cgpack.packing import Cell, Run, Settling, Start
from openmm_cgpack.poses import extract_transforms, structure_poses
from openmm_cgpack.recipe import Files, Recipe

SOLUBLE = {"3hhb": 0.3, "1w6t": 0.2, "2cg9": 0.2, "1gyt": 0.3}
"""Shares of the volume of soluble molecules."""


def slab(folder=None) -> Recipe:
    """Return the slab of 200 x 200 x 80 nm; molecules from a folder of structure files, if any."""
    radii = {"v25": 25.0, "v30": 30.0, "v34": 34.0}
    channels = {"v25": "2r9r", "v30": "5gjv", "v34": "6cnj"}
    return Recipe(
        name="slab",
        seed=1,
        structures=(
            *(Vesicle(name=name, radius=radius) for name, radius in radii.items()),
            *(
                MembraneProtein(**_from(folder, channel), membrane=host, count=20)
                for host, channel in channels.items()
            ),
            Helix(**_from(folder, "3j6e_dimer", "tubulin"), lattice="microtubule", length=120.0),
            Helix(**_from(folder, "2zwh", "actin"), lattice="actin", length=100.0, count=10),
            *_crowd(folder, tuple(radii), SOLUBLE, inside=0.25, outside=0.20),
        ),
        start=Start(boundary="slab", box=(200.0, 200.0, 80.0)),
        pack=Cell(),
        density=MapSettings(voxel_size=1.0, resolution=2.0),
        imaging=preset("titan_krios_k3"),
        files=Files(trajectory=True),
        run=Run(platform="CPU", threads=2),
    )


def tiles(number: int, *, crowd: float) -> Recipe:
    """Return a slab of so many pieces of 90 x 90 x 70 nm, each with as much in it as the others."""
    return Recipe(
        name="tiles",
        seed=1,
        structures=(
            Vesicle(name="v", radius=25.0, count=number),
            MembraneProtein(species="2r9r", membrane="v", count=10 * number),
            Helix(name="actin", lattice="actin", length=60.0, count=2 * number),
            *_crowd(None, ("v",), SOLUBLE, inside=crowd, outside=crowd),
        ),
        start=Start(boundary="slab", box=(90.0 * number, 90.0, 70.0)),
        pack=Cell(settling=Settling(steps=200)),
        density=MapSettings(voxel_size=1.0),
        run=Run(platform="CPU", threads=1),
    )


def cube(folder=None) -> Recipe:
    """Return a cube of 50 nm with one small vesicle, which moves for a few steps."""
    return Recipe(
        name="cube",
        seed=1,
        structures=(
            Vesicle(name="v", radius=15.0),
            MembraneProtein(**_from(folder, "2r9r"), membrane="v", count=2),
            Helix(**_from(folder, "2zwh", "actin"), lattice="actin", length=40.0),
            *_crowd(folder, ("v",), {"3hhb": 1.0}, inside=0.10, outside=0.05),
        ),
        start=Start(boundary="periodic", box=50.0),
        pack=Cell(settling=Settling(steps=50)),
        density=MapSettings(voxel_size=1.0),
        files=Files(trajectory=True),
        run=Run(platform="CPU", threads=2),
    )


def _crowd(
    folder, vesicles, kinds: dict[str, float], *, inside: float, outside: float
) -> list[Structure]:
    """Return soluble molecules, at a fraction inside of vesicles and at another one outside."""
    regions = ((inside, "in", Where(inside=vesicles)), (outside, "out", Where(outside=vesicles)))
    return [
        Molecule(**_from(folder, entry, f"{entry} {suffix}"), fraction=share * part, where=where)
        for part, suffix, where in regions
        for entry, share in kinds.items()
    ]


def _from(folder, entry: str, name: str | None = None) -> dict:
    """Return where a structure comes from: a file with all its atoms, or the library."""
    # The file of 2r9r has halves of two channels.
    if folder is None or entry == "2r9r":
        return {"species": entry.removesuffix("_dimer"), "name": name or entry}
    return {"pdb": folder / f"{entry}.pdb.gz", "name": name or entry}


def correlations(packed: PackedScene, density: Volume, settings: MapSettings) -> dict[str, float]:
    """Return how the average of each molecule over the truth's poses correlates with it.

    Density is averaged in the frame of the molecule, and compared with the molecule's own map where
    this has more than a tenth of its highest density. The molecules of helices are their monomers.
    """
    density = dataclasses.replace(density, data=spline_filter(density.data, mode="grid-wrap"))
    found, transforms = {}, extract_transforms(packed).transforms
    for s, model in enumerate(packed.scene.species):
        if model.structure is None:
            continue
        poses = [
            structure_poses(packed.scene, i, positions=packed.positions, transforms=transforms)
            for i in np.flatnonzero(packed.scene.species_index == s).tolist()
        ]
        found[model.name] = _correlation(model.structure, poses, density, settings.sigma)
    return found


def _correlation(structure, poses, density: Volume, sigma: float, *, most: int = 200) -> float:
    step = density.voxel_size
    half = int(np.ceil((structure.radius + 1.0) / step))
    shape = (2 * half + 1,) * 3
    points = structure_points(structure, spacing=0.4 * sigma)
    own = np.zeros(shape, np.float32)
    for corner, box in blurred_boxes(
        points.positions / step + half,
        points.masses,
        sigma=sigma,
        voxel_size=step,
        point_variance=points.variance,
        shape=shape,
    ):
        low, high = np.maximum(corner, 0), np.minimum(corner + box.shape, shape)
        own[tuple(map(slice, low, high))] = box[tuple(map(slice, low - corner, high - corner))]
    around = own > 0.1 * own.max()
    k, j, i = np.nonzero(around)
    places = (np.stack([i, j, k], axis=1) - half) * step
    total, number = np.zeros(len(places)), 0
    for transforms in poses:
        for turn, shift in zip(transforms.rotations, transforms.translations, strict=True):
            if number == most:
                break
            index = (places @ turn.T + shift - density.origin) / step
            index = np.where(density.periodic, index % density.data.shape[::-1], index)
            total += map_coordinates(
                density.data, index.T[::-1], order=3, mode="grid-wrap", prefilter=False
            )
            number += 1
    return float(np.corrcoef(total, own[around])[0, 1])
