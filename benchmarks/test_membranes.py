"""What membranes cost, beside the contacts of a crowd; and the waves that heat makes on them."""

import dataclasses
import time

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.special import sph_harm_y

from openmm_cgpack import Periodic, Run
from openmm_cgpack.core import BallModel, Elasticity, RigidTransforms, Scene
from openmm_cgpack.core.mesh_elasticity import ElasticMeshes
from openmm_cgpack.core.units import KT
from openmm_cgpack.forces import MembraneElasticity, SoftRepulsion
from openmm_cgpack.models import Sheet, Vesicle
from openmm_cgpack.packing import create_system
from openmm_cgpack.packing.simulations import langevin_simulation

CROWD = 10
"""Balls of a crowd for each of the membrane, about as in a slab of vesicles and small proteins."""


def vesicle_in_a_crowd(vertices):
    """Return a vesicle of about so many vertices, and balls around it on a lattice."""
    # A vertex has the area of two even triangles of edge 4 nm.
    radius = float(np.sqrt(vertices * 8 * 3**0.5 / (4 * np.pi)))
    vesicle = Vesicle(radius=radius).build(seed=1)
    ball = BallModel(name="ball", positions=[[0, 0, 0]], radii=[1.2], masses=[5000.0], volume=7.0)
    n = CROWD * vesicle.n_balls
    # Apart by a little less than their diameter, outside of the vesicle and its balls.
    spacing = 2.3
    reach = radius + 5
    side = np.ceil((n + 4 / 3 * np.pi * (reach / spacing) ** 3) ** (1 / 3)) + 1
    steps = spacing * (np.arange(side) - (side - 1) / 2)
    places = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    places = places[np.linalg.norm(places, axis=1) > reach][:n]
    count = 1 + len(places)
    return Scene(
        species=(vesicle, ball),
        species_index=np.minimum(np.arange(count), 1),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (count, 1, 1)),
            translations=np.concatenate([np.zeros((1, 3)), places]),
        ),
        boundary=Periodic(box=max(spacing * side, 2 * reach)),
    )


def seconds_a_step(scene, forces, steps):
    """Return the processor time of a step on one thread: others on the machine do not count."""
    simulation = langevin_simulation(
        scene,
        create_system(scene, forces=forces),
        temperature=300.0,
        friction=1.0,
        timestep=0.1,
        constraint_tolerance=1e-6,
        run=Run(platform="CPU", threads=1),
        seed=1,
    )
    simulation.step(3)
    start = time.process_time()
    simulation.step(steps)
    return (time.process_time() - start) / steps


@pytest.mark.slow
def test_membrane_share(full, record):
    """Steps with contacts alone, and with the membrane's elasticity."""
    rows = []
    for vertices in (1000, 3000, 10_000, 30_000, 100_000) if full else (300,):
        scene = vesicle_in_a_crowd(vertices)
        contacts = SoftRepulsion(k=1e4)
        steps = max(5, 30_000 // vertices) if full else 5
        bare = seconds_a_step(scene, [contacts], steps)
        both = seconds_a_step(scene, [contacts, MembraneElasticity()], steps)
        n = scene.species[0].n_balls
        rows.append(
            {
                "vertices": n,
                "balls": scene.n_balls,
                "contacts, ms/step": f"{1e3 * bare:.1f}",
                "with the membrane, ms/step": f"{1e3 * both:.1f}",
                "membrane's share": f"{1 - bare / both:.0%}",
                "membrane, µs/vertex": f"{1e6 * (both - bare) / n:.1f}",
            }
        )
    record(rows, note="Processor time on one thread of the CPU platform.")
    assert both < 3 * bare


KAPPA = 20 * KT
EVENNESS = MembraneElasticity().evenness


class Waves:
    """Langevin dynamics of a membrane with masses by which waves of all lengths move alike.

    A wave of 100 nm takes millions of steps of balls of equal mass to relax; masses do not change
    what is found in the end. Here those along the normals are the membrane's own stiffness, kappa
    (L + e A) A^-1 (L + e A), and those sideways alike. What is `still` are displacements along the
    normals that change no shape (v, k).
    """

    def __init__(self, model, normals, still, *, longest):
        free = Elasticity(bending=KAPPA, area=model.elasticity.area, area_modulus=0.0)
        self.model = dataclasses.replace(model, elasticity=free)
        self.meshes = ElasticMeshes([self.model], evenness=EVENNESS, heat=KT)
        self.normals, self.still = normals, np.linalg.qr(still)[0]
        laplacian, self.areas = cotangents(model)
        self.solver = splu((laplacian + sparse.diags(self.areas / longest**2)).tocsc())
        self.positions = model.positions.copy()
        self.rng = np.random.default_rng(1)

    def _moving(self, heights):
        return (heights - self.still @ (self.still.T @ heights))[:, None] * self.normals

    def _sideways(self, vectors):
        along = (vectors * self.normals).sum(axis=1)
        return (vectors - along[:, None] * self.normals) / (6 * EVENNESS), along

    def _accelerated(self, forces):
        sideways, along = self._sideways(forces)
        heights = self.solver.solve(self.areas / KAPPA * self.solver.solve(along))
        return self._moving(heights) + sideways

    def _kicks(self):
        noise = self.rng.normal(size=(len(self.areas), 4))
        sideways = self._sideways(noise[:, :3])[0] * np.sqrt(6 * EVENNESS)
        heights = self.solver.solve(np.sqrt(self.areas / KAPPA) * noise[:, 3])
        return np.sqrt(KT) * (self._moving(heights) + sideways)

    def shapes(self, steps, *, every=8, timestep=0.25, friction=0.7):
        """Yield the positions after every few of so many steps."""
        kept = np.exp(-friction * timestep)
        velocities = self._kicks()
        for step in range(1, steps + 1):
            gradient = self.meshes.energy_and_gradient(self.positions)[1]
            velocities = velocities - self._accelerated(gradient) * timestep
            self.positions = self.positions + velocities * timestep / 2
            velocities = kept * velocities + np.sqrt(1 - kept**2) * self._kicks()
            self.positions = self.positions + velocities * timestep / 2
            if step % every == 0:
                yield self.positions


def cotangents(model):
    """Return the cotangent Laplacian of a mesh at rest, and the areas of its vertices."""
    corners, faces, n = model.geometry.corners(model.positions), model.faces, model.n_balls
    area = np.linalg.norm(np.cross(*(corners[:, k] - corners[:, 0] for k in (1, 2))), axis=1) / 2
    rows, columns, values = [], [], []
    for k in range(3):
        a, b = corners[:, k - 1] - corners[:, k], corners[:, k - 2] - corners[:, k]
        rows += [faces[:, k - 1], faces[:, k - 2]]
        columns += [faces[:, k - 2], faces[:, k - 1]]
        values += [(a * b).sum(axis=1) / (4 * area)] * 2
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    joined = sparse.csr_matrix(entries, shape=(n, n))
    share = np.bincount(faces.ravel(), np.repeat(area / 3, 3))
    return sparse.diags(np.asarray(joined.sum(axis=1)).ravel()) - joined, share


def harmonics(directions, most):
    """Return the real spherical harmonics at unit vectors, (v, h), and their degrees, (h,)."""
    polar, azimuth = np.arccos(directions[:, 2]), np.arctan2(directions[:, 1], directions[:, 0])
    columns, degrees = [], []
    for degree in range(most + 1):
        for order in range(degree + 1):
            values = sph_harm_y(degree, order, polar, azimuth)
            parts = [values.real] if order == 0 else [2**0.5 * values.real, 2**0.5 * values.imag]
            columns += parts
            degrees += [degree] * len(parts)
    return np.stack(columns, axis=1), np.array(degrees)


def vesicle_spectrum(radius, steps):
    """Return the bending modulus that waves of each degree give back, over that put in."""
    model = Vesicle(radius=radius).build(seed=1)
    normals = model.positions / np.linalg.norm(model.positions, axis=1)[:, None]
    still = np.column_stack([np.ones(len(normals)), normals])
    squares = []
    for points in Waves(model, normals, still, longest=radius).shapes(steps):
        centred = points - points.mean(axis=0)
        distance = np.linalg.norm(centred, axis=1)
        functions, degrees = harmonics(centred / distance[:, None], 14)
        amplitudes = np.linalg.lstsq(functions, distance, rcond=None)[0]
        squares.append((amplitudes / (amplitudes[0] * functions[0, 0])) ** 2)
    mean = np.mean(squares[len(squares) // 5 :], axis=0)
    tension = model.elasticity.tension * radius**2 / KAPPA
    return model.n_balls, {
        n: KT / KAPPA / (mean[degrees == n].mean() * (n - 1) * (n + 2) * (n * (n + 1) + tension))
        for n in range(2, 11)
    }


def sheet_spectrum(size, steps):
    """Return the bending modulus that waves give back, by their number along the longer edge."""
    model = Sheet(size=size).build(seed=1)
    up = np.tile([0.0, 0.0, 1.0], (model.n_balls, 1))
    numbers = np.array([(i, j) for i in range(15) for j in range(-14, 15) if i > 0 or j > 0])
    waves = 2 * np.pi * numbers / np.array(size)
    lengths = np.linalg.norm(waves, axis=1)
    index = np.rint(lengths * size[0] / (2 * np.pi)).astype(int)
    chosen = (index >= 2) & (index <= 10)
    waves, lengths, index = waves[chosen], lengths[chosen], index[chosen]
    squares = []
    longest = size[0] / (2 * np.pi)
    for points in Waves(model, up, up[:, :1] + 1, longest=longest).shapes(steps):
        a, b, c = model.geometry.corners(points).transpose(1, 0, 2)
        shadow = np.cross(b - a, c - a)[:, 2] / 2
        areas = np.bincount(model.faces.ravel(), np.repeat(shadow / 3, 3))
        heights = points[:, 2] - points[:, 2].mean()
        turning = np.exp(-1j * points[:, :2] @ waves.T)
        squares.append(np.abs((areas * heights) @ turning / np.prod(size)) ** 2)
    mean = np.mean(squares[len(squares) // 5 :], axis=0)
    stiffness = KAPPA * lengths**4 + model.elasticity.tension * lengths**2
    moduli = KT / (mean * np.prod(size) * stiffness)
    return model.n_balls, {n: 1 / (1 / moduli[index == n]).mean() for n in range(2, 11)}


@pytest.mark.slow
def test_membrane_spectrum(full, record):
    """The bending modulus that thermal waves give back, of a vesicle and a sheet."""
    n_vesicle, vesicle = vesicle_spectrum(53.0 if full else 13.0, 2600 if full else 120)
    n_sheet, sheet = sheet_spectrum((320.0, 104.0) if full else (96.0, 32.0), 2400 if full else 120)
    record(
        [
            {
                "degree, or waves along the sheet": n,
                f"vesicle of {n_vesicle} vertices": f"{vesicle[n]:.2f}",
                f"sheet of {n_sheet} vertices": f"{sheet[n]:.2f}",
            }
            for n in vesicle
        ],
        note="Bending modulus from the mean squares of the waves' heights, over that put in, by "
        "Helfrich's spectrum with the membrane's own tension.",
    )
    for moduli in (vesicle, sheet):
        if full:
            assert all(0.85 < value < 1.15 for value in moduli.values())
        else:
            assert 0.5 < moduli[3] < 2
