"""Experiment 7: semantic segmentation by a fully convolutional network (section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openmm_cgpack.core import PackedScene
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import MapSettings, render_density, render_labels
from openmm_cgpack.evaluation import (
    SMALL,
    LabelledTomogram,
    Network,
    SegmentationScores,
    Trained,
    Training,
    predict,
    score_labels,
    split_tomograms,
    train_fcn,
)
from openmm_cgpack.evaluation.segmentation_network import require_torch
from openmm_cgpack.imaging import simulate_tomogram
from openmm_cgpack.models import Filament, Membrane, coarse_grain
from openmm_cgpack.packing import pack_scene, place
from openmm_cgpack.panels import INK, blank_figure
from openmm_cgpack.plot import plot_planes

from .paper_types import paper_types, replacements, structures_of
from .runs import Settings
from .section import Finding, Picture, Section, Table, judge, png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_ACCURACY = 0.7015
IDS = ("1KP8", "1KYI", "1F1B", "3DY4", "2GHO")
SNR = 1.0
QUICK = Training(network=Network(width=8), steps=12, max_epochs=8, patience=8)


def run_segmenting(settings: Settings) -> Section:
    """Run experiment 7, where torch is installed.

    Parameters
    ----------
    settings : Settings
        How: 3 tomograms and a few epochs in a quick run, else 10 tomograms.

    Returns
    -------
    Section
        With the reason in `skipped` where torch is missing.
    """
    title = "Semantic segmentation by a fully convolutional network"
    types = paper_types(*IDS)
    try:
        require_torch()
    except ImportError as error:
        return Section(
            number=7, title=title, setup="", replaced="", findings=(), skipped=str(error)
        )
    n = 3 if settings.quick else 10
    made = [_tomogram(settings, index) for index in range(n)]
    seed = int(stage_seed(settings.seed, "noise", n).generate_state(1)[0])
    training, held_out = split_tomograms([t for t, _ in made], share=0.1, seed=seed)
    trained = train_fcn(
        training[1:],
        QUICK if settings.quick else SMALL,
        validation=training[:1],
        seed=seed,
        progress=settings.progress,
    )
    scores = [score_labels(predict(trained.model, t.volume), t.labels) for t in held_out]
    total = scores[0]
    for score in scores[1:]:
        total = total + score
    shown = held_out[0]
    packed = next(scene for tomogram, scene in made if tomogram is shown)
    gain = total.pixel_accuracy - total.background_share
    return Section(
        number=7,
        title=title,
        setup=f"{n} tomograms, each with its own packing of "
        f"{', '.join(t.species.upper() for t in types)}, two filaments and a membrane at "
        f"SNR {SNR:g}; {len(training)} to learn from (one of them decides when to "
        f"stop), {len(held_out)} held out whole. Encoder and decoder with skip "
        f"connections, {len(trained.history)} epochs, the best was number {trained.best}."
        + (
            " A real training is longer: this one only shows that it runs."
            if settings.quick
            else ""
        ),
        replaced=replacements(types),
        findings=(
            Finding(
                paper=f"Pixel accuracy on the 10 % held out is {PAPER_ACCURACY}.",
                here=f"Here it is {total.pixel_accuracy:.4f}, and calling every voxel background "
                f"gives {total.background_share:.4f}: the network gains {gain:+.4f}. Inside "
                f"objects {total.foreground_accuracy:.2f} of the voxels get the right class; the "
                f"mean Dice coefficient over the classes is {total.mean_dice:.2f}, the mean IoU "
                f"{total.mean_iou:.2f}. Without the share of background of the paper's own data "
                f"(not given), {PAPER_ACCURACY} says little: in a scene with as much background "
                f"as here it would be {_relation(total)} an empty prediction.",
                verdict="cannot be compared",
            ),
            Finding(
                paper="Existing segmentation methods still have much room for improvement on these "
                "data.",
                here=f"Dice by class runs from {np.nanmin(total.dice[1:]):.2f} to "
                f"{np.nanmax(total.dice[1:]):.2f}.",
                verdict=judge(total.mean_dice < 0.9),
            ),
        ),
        tables=(_table(total), _confusion(total)),
        pictures=(
            Picture(
                caption="A tomogram that was held out: the central slice, the truth, and what the "
                "network says.",
                png=png_of(
                    plot_planes(
                        {
                            "tomogram": shown.volume,
                            "truth": shown.labels,
                            "prediction": predict(trained.model, shown.volume),
                        },
                        packed=packed,
                    )
                ),
                paper="No picture of a segmentation.",
            ),
            Picture(
                caption="Loss through the training.",
                png=png_of(_losses(trained)),
                paper="Not shown.",
            ),
        ),
    )


def _tomogram(settings: Settings, index: int) -> tuple[LabelledTomogram, PackedScene]:
    types = paper_types(*IDS)
    models = [
        coarse_grain(s, seed=stage_seed(settings.seed, "models"))
        for s in structures_of(types, settings.structures)
    ]
    copies = 2 if settings.quick else 6
    counts = [(model, copies) for model in models]
    counts += [(Filament(n_balls=12).build(), 2), (Membrane(shape=(5, 5)).build(), 1)]
    scene = place(counts, seed=stage_seed(settings.seed, "placement", index + 1))
    packed = pack_scene(
        scene,
        platform=settings.platform,
        threads=settings.threads,
        seed=stage_seed(settings.seed, "dynamics", index + 1),
        max_steps=2_000,
        relax_steps=1_000,
    )
    density = render_density(packed, MapSettings(voxel_size=1.0, resolution=4.0))
    labels = render_labels(packed, grid=density.grid)
    volume = simulate_tomogram(density, snr=SNR, seed=stage_seed(settings.seed, "noise", index + 1))
    return LabelledTomogram(volume=volume, labels=labels.semantic), packed


def _relation(total: SegmentationScores) -> str:
    return "below" if total.background_share > PAPER_ACCURACY else "above"


def _table(total: SegmentationScores) -> Table:
    def text(value: float) -> str:
        return "-" if np.isnan(value) else f"{value:.2f}"

    return Table(
        caption="By class.",
        head=("class", "voxels", "IoU", "Dice", "precision", "recall"),
        rows=tuple(
            (
                name,
                f"{total.support[i]}",
                *(
                    text(values[i])
                    for values in (total.iou, total.dice, total.precision, total.recall)
                ),
            )
            for i, name in enumerate(total.names)
        ),
        paper="Only the accuracy over all voxels is reported.",
    )


def _confusion(total: SegmentationScores) -> Table:
    share = total.confusion / np.maximum(total.confusion.sum(axis=1, keepdims=True), 1)
    return Table(
        caption="Where the voxels of each true class (row) went (column), as shares.",
        head=("true class", *total.names),
        rows=tuple(
            (name, *(f"{value:.2f}" for value in row))
            for name, row in zip(total.names, share, strict=True)
        ),
        paper="Not reported.",
    )


def _losses(trained: Trained) -> Figure:
    figure = blank_figure((6.0, 3.2))
    axes = figure.add_subplot()
    epochs = [e.number for e in trained.history]
    colours = species_colours(2)
    axes.plot(epochs, [e.loss for e in trained.history], color=colours[0], label="training")
    axes.plot(
        epochs, [e.validation_loss for e in trained.history], color=colours[1], label="validation"
    )
    axes.axvline(trained.best, color="#999999", linestyle=":")
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("cross entropy", color=INK)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    return figure
