"""A small world of known things, and what is drawn of it from what a file says."""

from dataclasses import replace
from functools import cache

import numpy as np
from drawing import (
    correlation,
    exact_map,
    make_filament,
    make_membrane,
    make_molecule,
    make_packed,
    make_vesicle,
    turns,
)

from openmm_cgpack.core import AtomicStructure, Grid
from openmm_cgpack.core.tilts import TiltOptics, TiltSeries
from openmm_cgpack.density import MapSettings, gaussian_sigma, render_density, render_labels
from openmm_cgpack.export import ground_truth

RESOLUTION = 4.0

GRID = Grid(shape=(32, 56, 44), voxel_size=1.05, origin=[-20.0, -31.0, 7.0])
"""No two sizes alike, an origin that is not 0, and a voxel that is not 1 nm."""

LOBES = np.array([[0, 0, 0], [4, 0, 0], [4.5, 4.0, 0.5], [3.5, 4.5, 4.5], [0.5, 6.5, 5]])
"""Where the lobes of a chiral molecule are, nm: along a helix of one hand."""


def chiral_structure(name, n, seed, size):
    """Return atoms of unequal lobes along a helix: no mirror image looks like it."""
    rng = np.random.default_rng(seed)
    which = rng.choice(len(LOBES), n, p=[0.3, 0.25, 0.15, 0.2, 0.1])
    positions = size * LOBES[which] + rng.normal(size=(n, 3)) * 0.7
    masses = rng.choice([12.011, 14.007, 15.999, 32.06], n, p=[0.62, 0.17, 0.19, 0.02])
    positions -= masses @ positions / masses.sum()
    return AtomicStructure(name=name, positions=positions, masses=masses)


ONE = chiral_structure("one_A", 900, 3, 1.0)
TWO = chiral_structure("two of them", 700, 8, 0.8)
STRUCTURES = {"one_A": ONE, "two of them": TWO}


def _inside(x, y, z):
    """Return a place in the scene at parts of the grid's size along each axis."""
    return GRID.origin + GRID.size * [x, y, z]


@cache
def molecules():
    """Return a packed scene of three asymmetric molecules, and what is known of it."""
    one, two = make_molecule(ONE), make_molecule(TWO)
    turn = turns(3, seed=5)
    packed = make_packed(
        [
            (one, turn[0], _inside(0.28, 0.71, 0.55)),
            (two, turn[1], _inside(0.73, 0.24, 0.37)),
            (one, turn[2], _inside(0.66, 0.66, 0.49)),
        ]
    )
    return packed, known(packed)


@cache
def vesicle():
    """Return what is known of a molecule in a closed membrane."""
    octahedron = make_vesicle(radius=14.0)
    still = np.eye(3)
    middle = _inside(0.5, 0.5, 0.5)
    return known(make_packed([(octahedron, still, middle), (make_molecule(ONE), still, middle)]))


@cache
def everything():
    """Return molecules, two filaments and a membrane, one molecule cut and one outside."""
    one, two = make_molecule(ONE), make_molecule(TWO)
    filament, membrane = make_filament(n=5, radius=1.8), make_membrane(3, 4, step=7.0)
    turn = turns(7, seed=2)
    packed = make_packed(
        [
            (one, turn[0], _inside(0.2, 0.2, 0.3)),
            (filament, turn[1], _inside(0.45, 0.5, 0.5)),
            (two, turn[2], _inside(0.7, 0.85, 0.6)),
            (membrane, turn[3], _inside(0.75, 0.35, 0.5)),
            (one, turn[4], _inside(0.0, 0.5, 0.5)),
            (two, turn[5], _inside(1.6, 0.5, 0.5)),
            (filament, turn[6], _inside(0.25, 0.8, 0.5)),
        ]
    )
    return packed, known(packed)


def known(packed, grid=GRID, name="world"):
    density = render_density(packed, MapSettings(resolution=RESOLUTION), grid=grid)
    noise = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    tomogram = replace(density, data=density.data / density.data.std() + noise)
    return ground_truth(
        packed,
        labels=render_labels(packed, grid=grid),
        maps={"density": density, "tomogram": tomogram},
        name=name,
    )


def tilt_series(t=5):
    """Return a tilt series with nothing in its images, turned and moved."""
    rng = np.random.default_rng(4)
    images = rng.normal(size=(t, GRID.shape[1], GRID.shape[2])).astype(np.float32)
    return TiltSeries(
        images=images,
        angles=np.radians(np.linspace(-60, 60, t)),
        pixel_size=GRID.voxel_size,
        dose_e_per_a2=rng.uniform(2, 4, t),
        order=rng.permutation(t),
        shifts=rng.normal(size=(t, 2)),
        rotations=np.radians(rng.normal(size=t) * 5),
        optics=TiltOptics(
            defocus_um=rng.uniform(3, 4, (t, 2)),
            astigmatism_angle=rng.uniform(0, 1, t),
            phase_shift=np.zeros(t),
            voltage_kv=300.0,
            cs_mm=2.7,
            amplitude_contrast=0.07,
            hand=-1,
        ),
    )


def drawn(poses, shape, voxel_angst):
    """Return the density of molecules at (species, centre in Å, rotation), atom by atom.

    A route of its own: nothing of the package's drawing is used, and coordinates are those of a
    file whose first voxel's centre is at 0.
    """
    grid = Grid(shape=shape, voxel_size=voxel_angst / 10, origin=[0.0, 0.0, 0.0])
    image = np.zeros(shape)
    for species, centre, turn in poses:
        structure = STRUCTURES[species]
        places = structure.positions @ np.asarray(turn).T + np.asarray(centre) / 10
        image += exact_map(places, structure.masses, gaussian_sigma(RESOLUTION), grid)
    return image


def agreement(poses, volume, voxel_angst):
    """Return the correlation of a volume with what the poses that were read draw."""
    return correlation(drawn(poses, volume.shape, voxel_angst), volume)


def wrong_worlds(poses, shape, voxel_angst):
    """Yield names of mistakes, and poses as a reader would have them who makes the mistake."""
    size = np.array(shape[::-1]) * voxel_angst
    flip = np.diag([1.0, 1.0, -1.0])
    swap = np.eye(3)[[1, 0, 2]]
    yield "rotations inverted", [(s, c, np.transpose(r)) for s, c, r in poses]
    yield "z mirrored", [(s, [c[0], c[1], size[2] - c[2]], flip @ r) for s, c, r in poses]
    yield "x and y swapped", [(s, [c[1], c[0], c[2]], swap @ r) for s, c, r in poses]
    yield "x and z swapped in places", [(s, [c[2], c[1], c[0]], r) for s, c, r in poses]
    yield "places mirrored", [(s, size - np.asarray(c), r) for s, c, r in poses]
    yield "molecules mirrored in place", [(s, c, r @ flip) for s, c, r in poses]
    yield "half a voxel off", [(s, np.asarray(c) + voxel_angst / 2, r) for s, c, r in poses]
    yield "no rotation", [(s, c, np.eye(3)) for s, c, r in poses]
