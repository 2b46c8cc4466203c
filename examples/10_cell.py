"""
A piece of a cell
=================

A vesicle with channels, actin, and a crowd that is not the same inside and outside of it, packed in
a slab. Everything moves while it is packed, and nothing passes through the membrane.
"""

# %%
# What there is, and where. Counts are numbers, or parts of the region's volume. The cytoplasmic
# sides of the channels are on the outside of a vesicle that is in a cell, so none is `outward`.

import dataclasses

import numpy as np

import openmm_cgpack as cgp

structures = [
    cgp.Vesicle(radius=15, at=(0, 0, 0)),
    cgp.MembraneProtein(species="2r9r", name="channel", membrane="vesicle", count=4, outward=0),
    cgp.Helix(species="2zwh", lattice="actin", name="actin", length=50),
    cgp.Molecule(species="1f1b", fraction=0.03, where=cgp.Where(outside="vesicle")),
    cgp.Molecule(species="3hhb", fraction=0.1, where=cgp.Where(inside="vesicle")),
]
scene = cgp.populate(structures, boundary=cgp.Slab(box=(64, 64, 44)), seed=1)
protocol = cgp.Cell(settling=dataclasses.replace(cgp.Cell().settling, steps=300))
packed = cgp.pack_scene(scene, protocol, seed=1)

# %%
# Cut open at the middle. Filaments stay whole.

cgp.plot_molecules(packed, view_deg=(-75, 50), size=600, cut_at=0.0)

# %%
# What passed through the membrane, and how the channels stand in it: the angle between each one's
# axis and the way from the vesicle's middle, which is the normal but for the membrane's waves.

passed = cgp.poses.crossings(packed)
channels = cgp.extract_transforms(packed).transforms[np.flatnonzero(scene.species_index == 1)]
plane = scene.species[1].structure.membrane_plane
axis = channels.rotations @ plane.normal
middle = packed.positions[scene.balls(0)].mean(axis=0)
radial = channels.apply(plane.centre[None])[:, 0] - middle
radial /= np.linalg.norm(radial, axis=1)[:, None]
tilt = np.degrees(np.arccos(np.abs(np.einsum("ni,ni->n", axis, radial))))
print(f"passed through a membrane: {passed.total}; tilt of the channels: {tilt.round(1)} degrees")

# %%
# The bilayer as two lines, in the density and as a microscope sees it, and the labels: where a
# channel is, the membrane is not.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=2.0))
labels = cgp.render_labels(packed, grid=density.grid).semantic
krios = cgp.preset("titan_krios_k3")
sharp = dataclasses.replace(krios.reconstruction, ctf="flip", cutoff=0.2)
imaging = dataclasses.replace(krios, ice=cgp.imaging.Ice(cover=10), reconstruction=sharp)
tomogram = cgp.render(density, imaging, seed=1).tomogram
cgp.draw.plot_planes(
    {"density": density, "labels": labels, "tomogram": tomogram},
    packed=packed,
    densities=("density",),
)
