"""
Five macromolecules
===================

The paper's figures 9 and 10: a scene so small that every molecule can be followed.
"""

# %%
# The paper's five are 1KYI, 1VPX, 1W6T, 2BO9 and 2GHO. 1G3I stands in for 1KYI (both are HslUV) and
# RuBisCO (1BXN) for 1VPX; of 2GHO there are the backbone atoms only.

import os

import numpy as np

import openmm_cgpack as cgp

# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")

names = ("1g3i", "1bxn", "1w6t", "2bo9", "2gho")
models = [cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1) for name in names]
for model in models:
    print(f"{model.name}: {model.n_balls} balls, {len(model.bonds)} bonds")

# %%
# One of each at random in 50 nm, packed; a reporter keeps a frame every 25 steps.

scene = cgp.place([(model, 1) for model in models], extent=50.0, seed=1)
reporter = cgp.FrameReporter(25)
packed = cgp.pack_scene(scene, seed=1, max_steps=3_000, relax_steps=1_500, reporters=[reporter])

frames = [scene.positions, *reporter.frames]
gyration = np.array([cgp.radius_of_gyration(frame) for frame in frames])
goals = np.linspace(gyration[0], gyration.min(), 5)[1:-1]
moments = [0, *(int(np.argmax(gyration <= goal)) for goal in goals), len(frames) - 1]
for moment in moments:
    print(
        f"step {25 * moment:5d}: radius of gyration {gyration[moment]:5.2f} nm, "
        f"deepest overlap {cgp.deepest_overlap(scene, frames[moment]):.2f}"
    )
cgp.plot_steps(scene, [frames[m] for m in moments], [f"step {25 * m}" for m in moments])

# %%
# Where they ended. The balls touch; the molecules inside them do so less.

cgp.plot_molecules(packed, size=600)

# %%
# Slices through the density from bottom to top, heights in nm.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
cgp.plot_montage(density, n=20, columns=5)

# %%
# The central slice with its masks, and the tomogram.

labels = cgp.render_labels(packed, grid=density.grid)
tomogram = cgp.simulate_tomogram(density, snr=1000, seed=1)
cgp.plot_planes(
    {"density": density, "masks": labels.semantic, "tomogram, SNR 1000": tomogram},
    packed=packed,
    densities=["density"],
)
