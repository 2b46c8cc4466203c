"""
Volumes of molecules and of their balls
=======================================

The paper's figure 8 compares the volume of each molecule with that of its balls and of one ball
around it. Here are the same volumes, by every reading of "volume", and what tighter balls buy: the
molecules packed with each of them.
"""

# %%
# Types that the library lacks are replaced, as in the example before this one.

import os

import matplotlib.pyplot as plt
import numpy as np

import openmm_cgpack as cgp
from openmm_cgpack.models.union import union_volume

full = os.environ.get("CGPACK_EXAMPLE_SIZE", "small") == "full"
# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")

TYPES = (
    *("3h84", "1bxr", "2cg9", "1f1b", "1gyt", "1oel", "1g3i", "1u6g", "1bxn", "3hhb"),
    *("3d2f", "1w6t", "1yg6", "2bo9", "2byu", "2gho", "1aon", "2h12", "3gl1", "3j9i"),
)
structures = [cgp.library.load(name, structures=atoms) for name in TYPES]
models = [cgp.coarse_grain(structure, seed=1) for structure in structures]


def ball(radius):
    """Return the volume of a ball."""
    return 4 / 3 * np.pi * np.asarray(radius) ** 3


# %%
# The isosurface is the molecular envelope. The balls' volume is their sum or that of their union.
# One ball is the smallest sphere around the atoms, or the one about the middle of their bounding
# box.


def box_radius(structure):
    """Return the radius of the sphere about the middle of the bounding box that holds all atoms."""
    points, reach = structure.positions, structure.spread
    low, high = (points - reach[:, None]).min(axis=0), (points + reach[:, None]).max(axis=0)
    return (np.linalg.norm(points - (low + high) / 2, axis=1) + reach).max()


isosurface = np.array([model.volume for model in models])
many = {
    "sum of the balls": np.array([ball(model.radii).sum() for model in models]),
    "union of the balls": np.array([union_volume(m.positions, m.radii) for m in models]),
}
one = {
    "smallest sphere": ball([cgp.single_ball(s).radii[0] for s in structures]),
    "bounding box": ball([box_radius(s) for s in structures]),
}

figure, axes = plt.subplots(figsize=(11, 4.2))
series = {"isosurface": isosurface, **many, **one}
for k, (name, values) in enumerate(series.items()):
    axes.bar(np.arange(len(TYPES)) + (k - 2) * 0.17, values, 0.17, label=name)
axes.set_xticks(range(len(TYPES)), TYPES)
axes.set_ylabel("volume (nm³)")
axes.legend()
figure.tight_layout()

# %%
# The paper: "For 75 % macromolecules, our model can save space for 11 % - 72 %". That is so under
# none of these readings with these molecules.

for balls, volumes in many.items():
    for sphere, spheres in one.items():
        saved = 1 - volumes / spheres
        print(
            f"{balls:18} against {sphere:15}: {np.mean(saved >= 0.11):4.0%} of the types save "
            f"11 % or more, the best {saved.max():.0%}"
        )

# %%
# Balls that follow a molecule's shape: ``radius="volume"`` makes the union's volume that of the
# envelope, however many balls there are. What remains is how well they cover the molecule.

sizes = (5000, 1000, 300)
shape_true = {
    n: [
        cgp.coarse_grain(s, cgp.Cover(atoms_per_ball=n, radius="volume"), seed=1)
        for s in structures[:8]
    ]
    for n in (sizes if full else sizes[:2])
}
for n, several in shape_true.items():
    outside = []
    for model in several:
        distance = np.linalg.norm(
            model.structure.positions[:, None] - model.positions[None], axis=2
        )
        outside.append((distance > model.radii).all(axis=1).mean())
    unions = [union_volume(model.positions, model.radii) / model.volume for model in several]
    print(
        f"{n:4d} atoms a ball: union {np.mean(unions):.3f} of the envelope, "
        f"{np.mean(outside):.0%} of the points outside all balls"
    )

# %%
# What it buys. The same molecules with one ball each, with the paper's balls and with shape-true
# ones are compressed in a periodic cube, each cover until the root mean square overlap of its balls
# can no longer be brought below the same length. The envelope fraction is that of the molecules
# themselves.

copies, chosen = (20, range(20)) if full else (6, range(8))
covers = {
    "one ball": [cgp.single_ball(structures[k]) for k in chosen],
    "the paper's balls": [models[k] for k in chosen],
    "shape-true": [
        cgp.coarse_grain(
            structures[k], cgp.Cover(atoms_per_ball=300 if full else 1000, radius="volume"), seed=1
        )
        for k in chosen
    ],
}
tolerance, few = 0.15, 3_000 if full else 1_000


def tightest(scene):
    """Compress a scene until its balls no longer give way; return the last state that was good."""

    def pressed(start, fraction, max_steps):
        return cgp.compress(
            start,
            cgp.Compression(
                gap=0.0,
                acceptable=tolerance,
                limit=tolerance,
                anneal_steps=few // 3,
                max_steps=max_steps,
            ),
            fraction=fraction,
            seed=1,
        )

    try:
        return pressed(scene, 0.9, 3 * few)
    except cgp.PackingError as error:
        best = error.best
    # That went in strides; small steps find out where between two it ends.
    while True:
        try:
            best = pressed(best, 1.02 * cgp.box_fraction(best.scene, best.boundary), few)
        except cgp.PackingError:
            return best


for name, several in covers.items():
    filled = copies * sum(ball(model.radii).sum() for model in several)
    box = cgp.Periodic(box=(filled / 0.1) ** (1 / 3))
    packed = tightest(cgp.place([(model, copies) for model in several], boundary=box, seed=1))
    print(
        f"{name:18} {packed.scene.n_balls:6d} balls, "
        f"envelope fraction {cgp.box_fraction(packed.scene, packed.boundary):.3f}"
    )
