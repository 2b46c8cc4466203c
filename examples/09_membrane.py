"""
A membrane seen from its edge
=============================

A bilayer is two lines: head groups scatter more than the chains between them, and the methyl groups
where the chains end scatter less than ice. What is drawn has the profile of POPC.
"""

# %%
# A sheet of 80 x 60 nm that stands upright, bent as if the wind were in it.

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import openmm_cgpack as cgp
from openmm_cgpack.core import Grid

sheet = cgp.Membrane(shape=(13, 17), spacing=5.0).build()
upright = cgp.RigidTransforms(
    rotations=Rotation.from_euler("y", 90, degrees=True).as_matrix()[None], translations=[[0, 0, 0]]
)
scene = cgp.as_packed(cgp.Scene(species=(sheet,), species_index=[0], transforms=upright))
waves = 4 * np.sin(scene.positions[:, 1] / 9)
bent = dataclasses.replace(scene, positions=scene.positions + waves[:, None] * [1.0, 0, 0])

# %%
# The density at two resolutions, and what a microscope at 4 µm of defocus makes of each: 50 x 64 nm
# of the middle, a voxel a nanometre, mass dark. Noise is what 120 e/Å² leave; the mean of 30
# slices, along which this sheet is straight, has the two lines again.

field = Grid(shape=(40, 64, 50), voxel_size=1.0, origin=(-25, -32, -20))
rows: list[dict[str, np.ndarray]] = []
for resolution in (2.5, 4.0):
    pictures = {}
    density = cgp.render_density(bent, cgp.MapSettings(resolution=resolution), grid=field)
    imaged = cgp.render(density, cgp.preset("titan_krios_k3"), seed=1)
    pictures[f"density at {resolution:g} nm"] = -density.data[20]
    pictures["imaged, without noise"] = imaged.signal.data[20]
    pictures["tomogram, mean of 30 slices"] = imaged.tomogram.data[5:35].mean(axis=0)
    rows.append(pictures)

figure, panels = plt.subplots(2, 3, figsize=(9, 8))
named = [pair for pictures in rows for pair in pictures.items()]
for panel, (name, picture) in zip(panels.flat, named, strict=True):
    low, high = np.percentile(picture, [0.5, 99.5])
    panel.imshow(picture, cmap="gray", vmin=low, vmax=high, origin="lower")
    panel.set_title(name, fontsize=10)
    panel.set_axis_off()
figure.tight_layout()
figure
