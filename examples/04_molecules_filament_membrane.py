"""
Molecules, a filament and a membrane
====================================

The paper's section 3.2: bodies that keep their shape and structures that bend, in one force field.
"""

# %%
# The paper speaks of six macromolecules and names five, 1A1S, 1BXR, 1EQR, 1F1B and 1GYT: here 1F1B
# is there twice. 3H84 stands in for 1A1S and 2CG9 for 1EQR. Filament and membrane have the paper's
# diameters, 4 and 8 nm, and as in the paper no resistance to bending; it does not say how many
# balls they have.

import os

import numpy as np

import openmm_cgpack as cgp

# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")

counts = {"3h84": 1, "1bxr": 1, "2cg9": 1, "1f1b": 2, "1gyt": 1}
molecules = [
    (cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1), n)
    for name, n in counts.items()
]
chain, sheet = cgp.Filament(n_balls=12).build(), cgp.Membrane(shape=(5, 5)).build()
scene = cgp.place([*molecules, (chain, 1), (sheet, 1)], extent=70.0, seed=1)

reporter = cgp.FrameReporter(50)
packed = cgp.pack_scene(scene, seed=1, max_steps=3_000, relax_steps=1_500, reporters=[reporter])

# %%
# The membrane in sky blue and the filament in yellow, as in figure 11.

colours = np.array(
    [
        [0.85, 0.48, 0.34],
        [0.0, 0.52, 0.44],
        [0.89, 0.66, 0.99],
        [0.2, 0.5, 0.22],
        [0.87, 0.44, 0.53],
        [0.93, 0.75, 0.16],
        [0.45, 0.74, 0.94],
    ]
)
frames = [scene.positions, *reporter.frames]
shown = [0, 4, 10, len(frames) - 1]
cgp.plot_steps(
    scene, [frames[k] for k in shown], [f"step {50 * k}" for k in shown], colours=colours
)

# %%
# Bodies kept their shape; filament and membrane did not, but their bonds kept their lengths.

poses = cgp.extract_transforms(packed)
print(f"molecules: shape kept to {poses.rms[poses.rigid].max():.1g} nm")
for instance, model in ((scene.n_instances - 2, chain), (scene.n_instances - 1, sheet)):
    balls = packed.positions[scene.balls(instance)]
    first, second = model.bonds.T
    strain = np.linalg.norm(balls[first] - balls[second], axis=1) / model.bond_lengths - 1
    print(
        f"{model.name}: {poses.rms[instance]:.1f} nm from its shape at rest, bonds within "
        f"{np.abs(strain).max():.2%} of their lengths"
    )

# %%
# What the density is made of, from both sides: the filament is a tube, the membrane a bilayer.

cgp.plot_molecules(packed, colours=colours, size=600)

# %%

cgp.plot_molecules(packed, colours=colours, size=600, view=(125, -24))

# %%
# Density, masks and tomogram of the central slice.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
labels = cgp.render_labels(packed, grid=density.grid)
tomogram = cgp.simulate_tomogram(density, snr=1000, seed=1)
cgp.plot_planes(
    {"density": density, "masks": labels.semantic, "tomogram, SNR 1000": tomogram},
    packed=packed,
    colours=colours,
    densities=["density"],
)
