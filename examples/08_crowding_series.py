"""
The same molecules at several volume fractions
==============================================

Sixty molecules of six species in a periodic box, packed to envelope volume fractions of 0.1, 0.2
and 0.33 in one run, and a slice through their envelopes at each.
"""

# %%
# Models that follow a molecule's shape: 300 atoms a ball, the balls' union as large as the
# molecule's envelope.

import matplotlib.pyplot as plt
import numpy as np

import openmm_cgpack as cgp
from openmm_cgpack.core.palette import species_colours

names = ["3j9i", "2h12", "1w6t", "2bo9", "3hhb", "3gl1"]
models = [cgp.coarse_grain(cgp.library[name], cgp.SHAPE_COVER, seed=1) for name in names]
scene = cgp.insert([(model, 10) for model in models], fraction=0.1, seed=1)

# %%
# Each fraction goes on from the one before; the number and kind of molecules never change. Where a
# fraction cannot be had, the error says how far it went and holds the best state.

packings = cgp.crowding_series(scene, [0.1, 0.2, 0.33], seed=1)

# %%
# The middle slice of each box, at one scale: a colour a species.

figure, panels = plt.subplots(1, 3, figsize=(12, 4.6))
colours = np.vstack([[1, 1, 1], species_colours(len(names))])
widest = packings[0].boundary.box[0]
for panel, packed in zip(panels, packings, strict=True):
    edge = packed.boundary.box[0]
    grid = cgp.density.scene_grid(packed.boundary, voxel_size=0.4, size=(edge, edge, 0.8))
    labels = cgp.render_labels(packed, grid=grid)
    semantic, instances = labels.semantic.data[0], labels.instances.data[0]
    picture = colours[semantic]
    border = (instances != np.roll(instances, 1, 0)) | (instances != np.roll(instances, 1, 1))
    picture[border] *= 0.45
    panel.imshow(picture, extent=[-edge / 2, edge / 2] * 2, origin="lower", interpolation="nearest")
    panel.add_patch(plt.Rectangle([-edge / 2] * 2, edge, edge, fill=False, lw=0.8))
    panel.set_xlim(-widest / 2, widest / 2)
    panel.set_ylim(-widest / 2, widest / 2)
    panel.set_xlabel("x, nm")
    share = cgp.packing.box_fraction(packed.scene, packed.boundary)
    panel.set_title(f"fraction {share:.2f}, box {edge:.1f} nm")
panels[0].set_ylabel("y, nm")
figure.tight_layout()
figure
