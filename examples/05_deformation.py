"""
How a filament and a membrane deform
====================================

The paper's figures 13 and 14: one filament of 9 balls and one membrane, each alone under the pull
to the centre. Does the membrane deform less, as the paper says?
"""

# %%
# Each starts straight or flat, 5 nm off the centre: at the centre itself a straight chain would
# balance on its end. No molecules of the paper are in this experiment.

import dataclasses

import matplotlib.pyplot as plt
import numpy as np

import openmm_cgpack as cgp

models = {
    "filament": cgp.Filament(n_balls=9).build(),
    "membrane": cgp.Membrane(shape=(6, 6)).build(),
}
turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
scenes, packings, frames = {}, {}, {}
for name, model in models.items():
    pose = cgp.RigidTransforms(rotations=turn[None], translations=[[3.0, 4.0, 0.0]])
    scenes[name] = cgp.place([], poses=[(model, pose)], seed=1)
    reporter = cgp.FrameReporter(20)
    packings[name] = cgp.pack_scene(
        scenes[name], seed=1, max_steps=2_000, relax_steps=1_000, reporters=[reporter]
    )
    frames[name] = [scenes[name].positions, *reporter.frames]

# %%
# The filament through time, and 36 slices of it at the start and at the end.

shown = [0, 10, 20, 40, -1]
titles = [f"step {20 * (k % len(frames['filament']))}" for k in shown]
cgp.plot_steps(scenes["filament"], [frames["filament"][k] for k in shown], titles)

# %%


def density_at(name, k, voxel_size):
    """Return the density of a frame."""
    packed = dataclasses.replace(packings[name], positions=frames[name][k])
    return cgp.render_density(packed, cgp.MapSettings(voxel_size=voxel_size, resolution=4.0))


cgp.plot_montage(density_at("filament", 0, 0.5), n=36, columns=9, title="filament, start")

# %%

cgp.plot_montage(density_at("filament", -1, 0.5), n=36, columns=9, title="filament, end")

# %%
# The membrane, and 20 slices.

cgp.plot_steps(scenes["membrane"], [frames["membrane"][k] for k in shown], titles)

# %%

cgp.plot_montage(density_at("membrane", -1, 1.0), n=20, columns=10, title="membrane, end")

# %%
# Numbers that compare both. Ends: of the filament its first and last ball, of the membrane two
# opposite corners. Bend: the mean angle by which three balls in a row, straight at rest, are bent.
# Bonds: the root mean square change of their lengths.


def measure(model, balls):
    """Return the ends' distance over that at rest, the mean bend and the bonds' strain."""
    rest = np.linalg.norm(model.positions[0] - model.positions[-1])
    ends = np.linalg.norm(balls[0] - balls[-1]) / rest
    i, vertex, k = model.angles.T
    a, b = balls[vertex] - balls[i], balls[k] - balls[vertex]
    bend = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1)).mean()
    first, second = model.bonds.T
    strain = np.linalg.norm(balls[first] - balls[second], axis=1) / model.bond_lengths - 1
    return ends, np.degrees(bend), np.sqrt((strain**2).mean())


figure, panels = plt.subplots(1, 3, figsize=(11, 3.4))
for name, model in models.items():
    course = np.array([measure(model, np.asarray(f, float)) for f in frames[name]])
    for panel, values in zip(panels, course.T, strict=True):
        panel.plot(20 * np.arange(len(values)), values, label=name)
    ends, bend, strain = course[-1]
    print(
        f"{name}: ends {ends:.2f} of their distance, bent by {bend:.0f}° a triple, bonds within "
        f"{strain:.2%}; under the pull within {course[:, 2].max():.1%}"
    )
for panel, title in zip(
    panels, ("ends / rest", "bend (degrees)", "bonds, rms strain"), strict=True
):
    panel.set(title=title, xlabel="step")
panels[0].legend()
figure.tight_layout()
