"""
Segmentation by a fully convolutional network
=============================================

The paper's section 4.2: a 3D encoder-decoder network with skip connections learns from generated
tomograms which voxel belongs to what, and is scored on tomograms that it has not seen. Needs the
extra ``openmm_cgpack[monai]``.
"""

# %%
# Every tomogram has its own scene: molecules of five species, filaments and a membrane, packed anew
# and imaged with noise. The classes are the species and the background.

import numpy as np
import torch
from common import (
    Section,
    charts,
    current_settings,
    judge,
    paper_types,
    replacements,
    structures_of,
)

import openmm_cgpack as cgp
from openmm_cgpack import evaluation as ev
from openmm_cgpack.core.palette import GREY, species_colours

settings = current_settings()
types = paper_types("1KP8", "1KYI", "1F1B", "3DY4", "2GHO")
snr = 1.0
n = 10 if settings.full else 3
copies = 6 if settings.full else 2
seed = settings.seed_of("models")
contents = [
    *((cgp.coarse_grain(s, seed=seed), copies) for s in structures_of(types, settings.structures)),
    (cgp.Filament(n_balls=12).build(), 2),
    (cgp.Membrane(shape=(5, 5)).build(), 1),
]


def labelled_tomogram(index):
    """Return one tomogram with the class of each of its voxels, and its packing."""
    scene = cgp.place(contents, seed=settings.seed_of("placement", index))
    packed = cgp.pack_scene(
        scene,
        cgp.Pull(max_steps=2_000, relax_steps=1_000),
        run=settings.run,
        seed=settings.seed_of("dynamics", index),
    )
    density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
    labels = cgp.render_labels(packed, grid=density.grid)
    volume = cgp.render(
        density, cgp.OneStep(snr=snr), seed=settings.seed_of("noise", index)
    ).tomogram
    return ev.LabelledTomogram(volume=volume, labels=labels.semantic), packed


made = [labelled_tomogram(index) for index in range(1, n + 1)]
print(f"{n} tomograms of about {made[0][0].volume.data.shape} voxels")

# %%
# 90 % are for training, 10 % are held out; whole tomograms, as cubes of one tomogram share
# molecules across their faces. One of the 90 % decides when to stop, so that nothing but the final
# score sees what is held out.

seed = int(settings.seed_of("noise", n).generate_state(1)[0])
training, held_out = ev.split_tomograms([tomogram for tomogram, _ in made], share=0.1, seed=seed)
print(f"{len(training) - 1} to train on, 1 to stop by, {len(held_out)} held out")

# %%
# The network in its small size trains in minutes on two CPU cores. ``ev.LARGE`` is for a
# GPU; ``checkpoint="training.pt"`` would let an interrupted training go on.

# On a machine that does other work too, several threads wait for each other: one is faster.
torch.set_num_threads(1)
short = ev.Training(
    network=ev.Network(width=8), cubes=ev.RandomCubes(per_epoch=48), max_epochs=8, patience=8
)
trained = ev.train_fcn(
    training[1:],
    ev.SMALL if settings.full else short,
    validation=training[:1],
    seed=seed,
    progress=settings.progress,
)
scores = [ev.score_labels(ev.predict(trained.model, t.volume), t.labels) for t in held_out]
total = sum(scores[1:], start=scores[0])
short_note = (
    "" if settings.full else " A real training is longer: this one only shows that it runs."
)
section = Section(
    number=7,
    title="Semantic segmentation by a fully convolutional network",
    setup=f"{n} tomograms, each with its own packing of "
    f"{', '.join(t.species.upper() for t in types)}, two filaments and a membrane at SNR {snr:g}; "
    f"{len(training)} to learn from (one of them decides when to stop), {len(held_out)} held out "
    f"whole. Encoder and decoder with skip connections, {len(trained.history)} epochs, the best "
    f"was number {trained.best}.{short_note}",
    replaced=replacements(types),
)
epochs = [epoch.number for epoch in trained.history]
colours = species_colours(2)
figure, (panel,) = charts((6.0, 3.2), x="epoch", y="loss")
panel.plot(epochs, [e.loss for e in trained.history], color=colours[0], label="training")
panel.plot(
    epochs, [e.validation_loss for e in trained.history], color=colours[1], label="validation"
)
panel.axvline(trained.best, color=GREY, linestyle=":")
panel.set_ylim(bottom=0)
panel.legend(frameon=False, fontsize=9)
section.add_picture(figure, caption="Loss through the training.", paper="Not shown.")

# %%
# The score on what was held out, by class.


def text(value):
    """Return a score as a text; a class without voxels has none."""
    return "-" if np.isnan(value) else f"{value:.2f}"


columns = (total.iou, total.dice, total.precision, total.recall)
section.add_table(
    ("class", "voxels", "IoU", "Dice", "precision", "recall"),
    [
        (name, f"{total.support[i]}", *(text(column[i]) for column in columns))
        for i, name in enumerate(total.names)
    ],
    caption="By class.",
    paper="Only the accuracy over all voxels is reported.",
)

# %%
# Which class is taken for which.

shares = total.confusion / np.maximum(total.confusion.sum(axis=1, keepdims=True), 1)
section.add_table(
    ("true class", *total.names),
    [
        (name, *(f"{share:.2f}" for share in row))
        for name, row in zip(total.names, shares, strict=True)
    ],
    caption="Where the voxels of each true class (row) went (column), as shares.",
    paper="Not reported.",
)

# %%
# A slice of a tomogram that was held out, with the truth and the prediction.

shown = held_out[0]
section.add_picture(
    cgp.draw.plot_planes(
        {
            "tomogram": shown.volume,
            "truth": shown.labels,
            "prediction": ev.predict(trained.model, shown.volume),
        },
        packed=next(packed for tomogram, packed in made if tomogram is shown),
    ),
    caption="A tomogram that was held out: the central slice, the truth, and what the network "
    "says.",
    paper="No picture of a segmentation.",
)

# %%
# The paper gives the pixel accuracy alone. That says little without the share of background:
# whoever calls every voxel background has an accuracy as high as that share.

accuracy = 0.7015
section.add_finding(
    paper=f"Pixel accuracy on the 10 % held out is {accuracy}.",
    here=f"Here it is {total.pixel_accuracy:.4f}, and calling every voxel background gives "
    f"{total.background_share:.4f}: the network gains "
    f"{total.pixel_accuracy - total.background_share:+.4f}. Inside objects "
    f"{total.foreground_accuracy:.2f} of the voxels get the right class; the mean Dice coefficient "
    f"over the classes is {total.mean_dice:.2f}, the mean IoU {total.mean_iou:.2f}. Without the "
    f"share of background of the paper's own data (not given), {accuracy} says little: in a scene "
    "with as much background as here it would be "
    f"{'below' if total.background_share > accuracy else 'above'} an empty prediction.",
    verdict="cannot be compared",
)
section.add_finding(
    paper="Existing segmentation methods still have much room for improvement on these data.",
    here=f"Dice by class runs from {np.nanmin(total.dice[1:]):.2f} to "
    f"{np.nanmax(total.dice[1:]):.2f}.",
    verdict=judge(total.mean_dice < 0.9),
)
section.verdicts()
