"""
From molecules to a labelled tomogram
=====================================

A crowded scene of molecules, a filament and a membrane, packed by OpenMM and imaged, in five calls.
"""

# %%
# Molecules come from the library that is part of the package, from files, or from the Protein Data
# Bank. Each becomes a few balls that move as one rigid body; filaments and membranes are chains and
# meshes of balls that bend.

import numpy as np

import openmm_cgpack as cgp

species = ("3hhb", "1f1b", "2bo9", "2gho", "1yg6")
molecules = [(cgp.coarse_grain(cgp.library[name], seed=1), 4) for name in species]
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
packed = cgp.pack_scene(scene, cgp.Pull(max_steps=3_000), seed=1)

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

tomogram = cgp.render(density, cgp.OneStep(snr=1.0), seed=1).tomogram

cgp.draw.plot_planes(
    {"density": density, "labels": labels.semantic, "tomogram": tomogram},
    packed=packed,
    densities=["density"],
)
