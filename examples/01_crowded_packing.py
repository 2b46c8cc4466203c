"""
Crowded packing of 20 types
===========================

The paper's section 3.1: 20 of each of 20 types of macromolecules, dispersed in a box of 120 nm, are
pulled together until they are as crowded as a cell. The small size has 2 of each.
"""

# %%
# Nine of the paper's types are in the library. The others are replaced: 1A1S by 3H84, 1EQR by 2CG9,
# 1KP8 by 1OEL, 1KYI by 1G3I, 1QO1 by 1U6G, 1VPX by 1BXN, 1VRG by 3D2F, 2GLS by 1AON, 2IDB by 3GL1,
# 2REC by 3HHB and 3DY4 by 3J9I. Of 1BXR and 1GYT the library holds a part of the entry.

import os
import warnings

import numpy as np

import openmm_cgpack as cgp

full = os.environ.get("CGPACK_EXAMPLE_SIZE", "small") == "full"
# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")
copies = 20 if full else 2

TYPES = (
    *("3h84", "1bxr", "2cg9", "1f1b", "1gyt", "1oel", "1g3i", "1u6g", "1bxn", "3hhb"),
    *("3d2f", "1w6t", "1yg6", "2bo9", "2byu", "2gho", "1aon", "2h12", "3gl1", "3j9i"),
)
models = [cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1) for name in TYPES]
radii = 10 * np.concatenate([model.radii for model in models])
print(f"{len(radii)} balls; radii {radii.min():.0f} to {radii.max():.0f} Å")
print(f"{((radii >= 35) & (radii <= 55)).mean():.0%} of them between 35 and 55 Å")

# %%
# The start. Balls as large as the paper's do not fit into its box at random; the box grows then,
# and a warning says to what.

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    extent = 120.0 * (copies / 20) ** (1 / 3)
    scene = cgp.place([(model, copies) for model in models], extent=extent, seed=1)
for warning in said:
    print(warning.message)

# %%
# A reporter keeps frames while the scene is pulled to the centre and let go again.

reporter = cgp.FrameReporter(50)
packed = cgp.pack_scene(
    scene,
    seed=1,
    max_steps=20_000 if full else 3_000,
    relax_steps=4_000 if full else 2_000,
    reporters=[reporter],
)
history = packed.history
print(f"{history.step[-1]} steps on {packed.provenance['platform']}")
print(
    f"radius of gyration {history.radius_of_gyration[0]:.1f}, at last "
    f"{history.radius_of_gyration[-1]:.1f} nm"
)
print(f"volume fraction {history.fraction[0]:.3f}, at last {history.fraction[-1]:.3f}")
print(
    f"deepest overlap {history.overlap.max():.2f} under the pull, {history.overlap[-1]:.2f} after"
)

# %%
# Wireframes and balls at several times of the packing (figure 6 a and c).

frames = [scene.positions, *reporter.frames]
gyration = np.array([cgp.radius_of_gyration(frame) for frame in frames])
goals = np.linspace(gyration[0], gyration.min(), 4)[1:-1]
moments = [0, *(int(np.argmax(gyration <= goal)) for goal in goals), len(frames) - 1]
titles = [f"step {50 * moment}" for moment in moments]
cgp.plot_steps(scene, [frames[moment] for moment in moments], titles)

# %%
# The molecules themselves where they ended, by type (figure 6 b).

cgp.plot_molecules(packed, size=900 if full else 600)

# %%
# A slice: the density at 4 nm resolution with voxels of 1 nm, and the masks (figures 6 d and 7 a).

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
labels = cgp.render_labels(packed, grid=density.grid)
cgp.plot_planes(
    {"density": density, "molecules by type": labels.semantic},
    packed=packed,
    densities=["density"],
)

# %%
# Tomograms at the paper's signal-to-noise ratios (figure 7 b and c). As ratios of variances in the
# finished volume these are nearly clean pictures; the third is nearer to a real tomogram.

tomograms = {
    f"SNR {snr:g}": cgp.simulate_tomogram(density, snr=snr, seed=1) for snr in (1000, 200, 0.1)
}
first, second, third = (volume.data.ravel() for volume in tomograms.values())
print(f"correlation of SNR 1000 with SNR 200: {np.corrcoef(first, second)[0, 1]:.4f}")
print(f"correlation of SNR 1000 with SNR 0.1: {np.corrcoef(first, third)[0, 1]:.2f}")
cgp.plot_planes(tomograms)
