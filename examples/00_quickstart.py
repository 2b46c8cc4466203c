"""
From molecules to a labelled tomogram
=====================================

A crowded scene of molecules, a filament and a membrane, packed by OpenMM and imaged, in five calls.
"""

# %%
# Molecules come from the library that is part of the package, from files, or from the Protein Data
# Bank. Each becomes a few balls that move as one rigid body; filaments and membranes are chains and
# meshes of balls that bend.

import os

import matplotlib.pyplot as plt
import numpy as np

import openmm_cgpack as cgp
from openmm_cgpack.core.palette import species_colours

full = os.environ.get("CGPACK_EXAMPLE_SIZE", "small") == "full"
# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")
copies = 20 if full else 4

species = ("3hhb", "1f1b", "2bo9", "2gho", "1yg6")
molecules = [
    (cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1), copies) for name in species
]
deformables = [
    (cgp.Filament(n_balls=16, persistence_length=17_000).build(), 1),
    (cgp.Membrane(shape=(5, 5), angle_k=2_000).build(), 1),
]
for model, count in molecules:
    print(f"{count} x {model.name}: {model.n_balls} balls, {model.structure.mass / 1e3:.0f} kDa")

# %%
# The start is dispersed, with random turns and no overlaps. Packing pulls everything towards the
# centre until it no longer tightens, and then lets go.

scene = cgp.place(molecules + deformables, seed=1)
packed = cgp.pack_scene(scene, seed=1, max_steps=20_000 if full else 3_000)

radius = packed.history.radius_of_gyration
print(f"radius of gyration {radius[0]:.1f} nm, then {radius[-1]:.1f} nm")
print(f"deepest overlap {packed.history.overlap[-1]:.2f} of the contact distance")

# %%
# Poses tell where every molecule went and how it turned. A rigid body keeps its shape, which the
# root mean square distance between the body and its final balls shows.

poses = cgp.extract_transforms(packed)
print(
    f"rigid bodies kept to {poses.rms[poses.rigid].max():.1g} nm, {poses.mirrored.sum()} mirrored"
)

# %%
# The density has the molecules' own masses at those poses. The filament is drawn as a tube and the
# membrane as a bilayer, from the shapes that they ended in. Labels and the particle list share its
# grid.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
labels = cgp.render_labels(packed, grid=density.grid)
particles = cgp.particle_table(packed, grid=density.grid)
print(f"{density.data.sum() * density.voxel_size**3 / 1e6:.1f} MDa in {density.data.shape} voxels")
print(f"{len(np.unique(labels.instances.data)) - 1} of {len(particles)} instances labelled")

# %%
# The tomogram has the microscope's contrast transfer, the missing wedge, and noise at a stated
# ratio.

tomogram = cgp.simulate_tomogram(density, snr=1.0, seed=1)

middle = density.data.shape[0] // 2
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
colours = np.vstack([[1, 1, 1], species_colours(len(scene.species))])
axes[0].imshow(density.data[middle], cmap="gray_r", origin="lower")
axes[1].imshow(colours[labels.semantic.data[middle]], origin="lower")
axes[2].imshow(tomogram.data[middle], cmap="gray", origin="lower")
for panel, title in zip(axes, ("density", "labels", "tomogram"), strict=True):
    panel.set_title(title)
    panel.set_axis_off()
figure.tight_layout()
