"""Maps beside those of gemmi, which sums Gaussians of tabulated electron scattering factors."""

import gemmi
import numpy as np
import pytest
from drawing import correlation, make_molecule, make_packed

from openmm_cgpack.core import AtomicStructure, Grid
from openmm_cgpack.density import MapSettings, gaussian_sigma, render_density
from openmm_cgpack.imaging.specimen import MASS, SCATTERING

EDGE = 12.0
"""Of gemmi's cell, nm."""


def gemmi_map(positions, elements, *, sigma, voxels):
    """Return gemmi's map of atoms in a cubic cell with a corner at 0, blurred by a Gaussian."""
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*[10 * EDGE] * 3, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    model, chain, residue = gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
    for place, element in zip(10 * positions, elements, strict=True):
        atom = gemmi.Atom()
        atom.element, atom.pos, atom.b_iso = gemmi.Element(element), gemmi.Position(*place), 0.0
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    calculator = gemmi.DensityCalculatorE()
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.grid.set_size(*[voxels] * 3)
    calculator.blur, calculator.cutoff = 8 * np.pi**2 * (10 * sigma) ** 2, 1e-7
    calculator.add_model_density_to_grid(structure[0])
    return np.array(calculator.grid.array).transpose(2, 1, 0)


@pytest.mark.parametrize(
    ("elements", "resolution", "voxels", "most"),
    [("C", 2.5, 12, 0.006), ("C", 1.5, 24, 0.02), ("CNOS", 2.5, 12, 0.03)],
)
def test_a_map_is_that_of_gemmi(elements, resolution, voxels, most):
    rng = np.random.default_rng(4)
    positions = EDGE / 2 + rng.normal(size=(120, 3)) * [1.0, 0.7, 0.4] + [0.3, -0.1, 0.2]
    kinds = rng.choice(list(elements), len(positions))
    masses = [MASS[element] for element in kinds]
    centre = np.average(positions, axis=0, weights=masses)
    body = AtomicStructure(name="body", positions=positions - centre, masses=masses)
    packed = make_packed([(make_molecule(body), np.eye(3), centre)])
    voxel = EDGE / voxels
    grid = Grid(shape=[voxels] * 3, voxel_size=voxel, origin=np.zeros(3))
    settings = MapSettings(voxel_size=voxel, resolution=resolution)
    ours = render_density(packed, settings, grid=grid).data
    # A neutral atom is itself some hundredths of a nanometre wide.
    theirs = gemmi_map(positions, kinds, sigma=gaussian_sigma(resolution), voxels=voxels)
    factors = sum(SCATTERING[element] for element in kinds)
    assert theirs.sum() * (10 * voxel) ** 3 == pytest.approx(factors, rel=0.01)
    scaled = theirs * ours.sum() / theirs.sum()
    assert np.linalg.norm(ours - scaled) < most * np.linalg.norm(scaled)
    assert correlation(ours, scaled) > 0.999
    assert correlation(ours[::-1], scaled) < 0.99
