"""
Segmentation by a fully convolutional network
=============================================

The paper's section 4.2: a 3D encoder-decoder network with skip connections learns from generated
tomograms which voxel belongs to what, and is scored on tomograms that it has not seen. Needs the
extra ``openmm_cgpack[torch]``.
"""

# %%
# Every tomogram has its own scene: molecules of four species, filaments and a membrane, packed anew
# and imaged with noise. The classes are the species and the background.

import os

import matplotlib.pyplot as plt
import numpy as np
import torch

import openmm_cgpack as cgp
from openmm_cgpack import evaluation as ev
from openmm_cgpack.core.palette import species_colours

full = os.environ.get("CGPACK_EXAMPLE_SIZE", "small") == "full"
# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")
# On a machine that does other work too, several threads wait for each other: one is faster.
torch.set_num_threads(1)

copies = 8 if full else 3
contents = [
    *(
        (cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1), copies)
        for name in ("1bxn", "3j9i", "1oel")
    ),
    (cgp.coarse_grain(cgp.library.load("3hhb", structures=atoms), seed=1), 2 * copies),
    (cgp.Filament(n_balls=12, persistence_length=17_000).build(), 2),
    (cgp.Membrane(shape=(5, 5), angle_k=2_000).build(), 1),
]


def labelled_tomogram(seed):
    """Return one tomogram and the class of each of its voxels."""
    scene = cgp.place(contents, seed=seed)
    packed = cgp.pack_scene(scene, seed=seed, max_steps=6_000 if full else 1_500)
    density = cgp.render_density(packed)
    labels = cgp.render_labels(packed, grid=density.grid)
    return ev.LabelledTomogram(
        volume=cgp.simulate_tomogram(density, snr=0.5, seed=seed), labels=labels.semantic
    )


tomograms = [labelled_tomogram(seed) for seed in range(20 if full else 4)]
print(f"{len(tomograms)} tomograms of about {tomograms[0].volume.data.shape} voxels")

# %%
# 90 % are for training, 10 % are held out; whole tomograms, as cubes of one tomogram share
# molecules across their faces. When to stop is decided on some of the 90 %, so that nothing but
# the final score sees what is held out.

rest, held_out = ev.split_tomograms(tomograms, share=0.1, seed=1)
training, validation = ev.split_tomograms(rest, share=0.1, seed=2)
print(f"{len(training)} to train on, {len(validation)} to stop by, {len(held_out)} held out")

# %%
# The network in its small size trains in minutes on two CPU cores. ``ev.LARGE`` is for a
# GPU; ``checkpoint="training.pt"`` would let an interrupted training go on.

quick = ev.Training(network=ev.Network(width=8), steps=10, max_epochs=10)
settings = ev.SMALL if full else quick
trained = ev.train_fcn(training, settings, validation=validation, seed=1, progress=True)
last = trained.history[-1]
print(
    f"{last.number} epochs, the best is number {trained.best}; loss "
    f"{trained.history[0].loss:.2f} to {last.loss:.2f}"
)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
epochs = [e.number for e in trained.history]
axes[0].plot(epochs, [e.loss for e in trained.history], label="training")
axes[0].plot(epochs, [e.validation_loss for e in trained.history], label="validation")
axes[0].set(xlabel="epoch", ylabel="loss")
axes[1].plot(epochs, [e.pixel_accuracy for e in trained.history], label="pixel accuracy")
axes[1].plot(epochs, [e.mean_dice for e in trained.history], label="mean Dice")
axes[1].set(xlabel="epoch", ylim=(0, 1))
for panel in axes:
    panel.axvline(trained.best, color="gray", linewidth=0.8)
    panel.legend()
figure.tight_layout()

# %%
# The score on what was held out. The paper gives the pixel accuracy alone, 0.7015. That says little
# without the share of background: whoever calls every voxel background has an accuracy as high as
# that share.

tables = [ev.score_labels(trained.model, t.labels, volume=t.volume) for t in held_out]
scores = sum(tables[1:], start=tables[0])
print(scores.table())

# %%
# Which class is taken for which: the share of a true class that was given each name.

figure, panel = plt.subplots(figsize=(6, 5.2))
shares = scores.confusion / np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
ticks = range(len(scores.names))
panel.set_xticks(ticks, scores.names, rotation=45, ha="right")
panel.set_yticks(ticks, scores.names)
panel.set(xlabel="prediction", ylabel="truth")
for (row, column), share in np.ndenumerate(shares):
    if share >= 0.005:
        colour = "white" if share > 0.5 else "black"
        panel.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color=colour)
figure.colorbar(image, label="share of the true class")
figure.tight_layout()

# %%
# A slice of a tomogram that was held out, with the truth and the prediction.

example = held_out[0]
prediction = ev.predict(trained.model, example.volume)
middle = example.volume.data.shape[0] // 2
colours = np.vstack([[1, 1, 1], species_colours(len(prediction.names))])
figure, axes = plt.subplots(1, 3, figsize=(12, 4.6))
axes[0].imshow(example.volume.data[middle], cmap="gray", origin="lower")
axes[1].imshow(colours[example.labels.data[middle]], origin="lower")
axes[2].imshow(colours[prediction.data[middle]], origin="lower")
for panel, title in zip(axes, ("tomogram", "truth", "prediction"), strict=True):
    panel.set_title(title)
    panel.set_axis_off()
for name, colour in zip(prediction.names, colours[1:], strict=True):
    axes[1].plot([], [], "s", color=colour, label=name)
figure.legend(loc="lower center", ncols=len(prediction.names), frameon=False)
figure.tight_layout(rect=(0, 0.07, 1, 0.96))
