"""The bilayer that membranes are drawn with, against published ones, in potential and images."""

import numpy as np
import pytest

from openmm_cgpack import Membrane
from openmm_cgpack.core import Grid, RigidTransforms, Scene
from openmm_cgpack.density import MapSettings, render_density
from openmm_cgpack.density.sheets import AREA, CONTRASTS, HEAD, LIPID, METHYL, profile
from openmm_cgpack.imaging import potential
from openmm_cgpack.imaging.optics import ctf
from openmm_cgpack.imaging.specimen import (
    ICE,
    MASS,
    MATERIALS,
    SCATTERING,
    VOLT_NM3_PER_ANGSTROM,
)
from openmm_cgpack.packing import as_packed

DEPTH = np.linspace(-4, 4, 16_001)
STEP = DEPTH[1] - DEPTH[0]

PARTS = {
    "head": (HEAD, {"C": 10, "H": 18, "N": 1, "O": 8, "P": 1}),
    "chains": (LIPID - HEAD - 2 * METHYL, {"C": 30, "H": 58}),
    "methyls": (2 * METHYL, {"C": 2, "H": 6}),
}
"""Volumes, nm^3, and atoms of the parts of one POPC."""


def scattering(atoms):
    return VOLT_NM3_PER_ANGSTROM * sum(n * SCATTERING[e] for e, n in atoms.items())


def test_contrasts_are_those_of_the_atoms_less_the_ice_in_their_place():
    for (volume, atoms), contrast in zip(PARTS.values(), CONTRASTS, strict=True):
        assert scattering(atoms) / volume - ICE.inner_potential == pytest.approx(contrast, abs=0.01)


def test_the_integral_is_that_of_the_published_lipids_on_their_area():
    total = profile(DEPTH).sum() * STEP
    lipid = MATERIALS["lipid"]
    assert total == pytest.approx(lipid.contrast * 2 * LIPID / AREA, rel=0.003)
    heavy = sum(n * MASS[e] for _, atoms in PARTS.values() for e, n in atoms.items() if e != "H")
    assert heavy == pytest.approx(677.4, abs=0.1)
    sheet = Membrane(shape=(2, 2)).build().geometry
    protein = MATERIALS["protein"].contrast_per_density
    drawn = sheet.density * sheet.thickness
    assert drawn * protein == pytest.approx(total, rel=0.003)
    assert drawn == pytest.approx(
        2 * heavy / AREA * lipid.contrast_per_density / protein, rel=0.003
    )


def flat(resolution, *, voxel_size=1.0, balls=8):
    """Return the potential across the middle of a flat membrane in the plane z = 0."""
    sheet = Membrane(shape=(balls, balls), spacing=5.0).build()
    scene = Scene(species=(sheet,), species_index=[0], transforms=RigidTransforms.identity(1))
    n = 2 * round(16 / voxel_size)
    grid = Grid(shape=(n, 4, 4), voxel_size=voxel_size, origin=[-1.5, -1.5, -n / 2 * voxel_size])
    settings = MapSettings(voxel_size=voxel_size, resolution=resolution)
    return potential(render_density(as_packed(scene), settings, grid=grid)).data[:, 1, 1]


def test_a_membrane_is_drawn_with_its_profile():
    voxel = 0.25
    drawn = flat(0.9, voxel_size=voxel, balls=2)
    depth = (np.arange(len(drawn)) - len(drawn) / 2) * voxel
    sigma = 0.9 / np.sqrt(12)
    kernel = np.exp(-(DEPTH**2) / (2 * sigma**2)) * STEP / (np.sqrt(2 * np.pi) * sigma)
    wanted = np.interp(depth, DEPTH, np.convolve(profile(DEPTH), kernel, mode="same"))
    assert drawn == pytest.approx(wanted, abs=0.1)
    upper = depth[drawn.argmax() :][0]
    assert abs(upper) == pytest.approx(1.85, abs=voxel)
    # Lines, chains and the trough of methyl groups.
    lines, chains, middle = (wanted[np.abs(depth) == d].mean() for d in (1.75, 1.0, 0.0))
    assert lines > 1.3 * chains > 2.0 * middle > 0


@pytest.mark.parametrize(("resolution", "least"), [(2.5, 4.0), (4.0, 1.2)])
def test_two_lines_at_four_micrometres_of_defocus(resolution, least):
    image = flat(resolution)
    k = np.fft.fftfreq(len(image), 1.0)
    transfer = -ctf(
        (k,),
        defocus_um=(4.0, 4.0),
        astigmatism_angle=0.0,
        phase_shift=0.0,
        voltage_kv=300.0,
        cs_mm=2.7,
        amplitude_contrast=0.07,
    )
    image = np.fft.ifft(np.fft.fft(image) * transfer).real
    middle = len(image) // 2
    lines = image[[middle - 2, middle + 2]]
    assert lines.min() > least * max(image[middle], 0.05 * lines.max())


def test_electrons_per_volume_are_those_that_x_rays_see():
    """POPC at 30 C: peaks 3.73 nm apart, heads above water's 334 /nm^3, chains and trough below.

    Kucerka et al. 2011 and, for the peaks, as quoted by Saeedimasine et al. 2020.
    """
    numbers = {"H": 1, "C": 6, "N": 7, "O": 8, "P": 15}
    water = 334.0
    above = tuple(
        sum(n * numbers[e] for e, n in atoms.items()) / volume - water
        for volume, atoms in PARTS.values()
    )
    electrons = water + profile(DEPTH, above)
    half = DEPTH >= 0
    apart = 2 * DEPTH[half][electrons[half].argmax()]
    assert apart == pytest.approx(3.73, abs=0.05)
    assert electrons.max() == pytest.approx(445, abs=15)
    assert electrons[len(DEPTH) // 2] == pytest.approx(235, abs=15)
    assert electrons[np.abs(DEPTH - 0.9).argmin()] == pytest.approx(293, abs=10)
