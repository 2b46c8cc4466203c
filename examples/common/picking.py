"""Experiment 6: picking by differences of Gaussians (section 4.1, figure 15)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from openmm_cgpack.core import ParticleTable, Periodic, Volume
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import particle_table
from openmm_cgpack.evaluation import (
    PAPER_PICKERS,
    CurvePoint,
    DogPicker,
    PickingCase,
    best_points,
    match_picks,
    picking_curve,
    random_picks,
)
from openmm_cgpack.imaging import simulate_tomogram
from openmm_cgpack.panels import INK, blank_figure, dress_panel, show_image

from .crowded import crowded_scene
from .dense import MICROSCOPE, dense_series, tilt_series
from .paper_types import PAPER_TYPES, replacements
from .runs import Settings
from .section import Finding, Picture, Section, Table, judge, png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_SNRS = (1000, 200)
CROWD_SNR = 0.1
QUICK_PICKERS = tuple(DogPicker(sigma=s) for s in (2, 3, 4, 5, 7, 10, 15))


def run_picking(settings: Settings) -> Section:
    """Run experiment 6 on the scene of experiment 1.

    Parameters
    ----------
    settings : Settings
        How.

    Returns
    -------
    Section
    """
    made = crowded_scene(settings)
    truth = particle_table(made.run.packed, grid=made.density.grid)
    seed = stage_seed(settings.seed, "noise")
    snrs = (*PAPER_SNRS, 0.1) if settings.quick else (*PAPER_SNRS, 1, 0.1, 0.02)
    pickers = QUICK_PICKERS if settings.quick else PAPER_PICKERS
    sigmas = [picker.sigma for picker in pickers]
    cases = [
        PickingCase(
            name=f"SNR {snr:g}, {wedge}",
            volume=simulate_tomogram(made.density, snr=snr, tilt_max=tilt_max, seed=seed),
            truth=truth,
        )
        for tilt_max, wedge in ((60, "tilts to 60°"), (90, "no wedge"))
        for snr in snrs
    ]
    points = picking_curve(cases, pickers)
    best = best_points(points)
    chance = match_picks(random_picks(truth, len(truth), seed=seed), truth).f
    first = f"SNR {PAPER_SNRS[1]:g}, tilts to 60°"
    top = next(p for p in best if p.case.name == first)
    picks = top.picker.pick(top.case.volume)
    narrow = [picker for picker in pickers if picker.sigma <= 7]
    crowding, at_random = _crowding(settings, narrow)
    densest = dense_series(settings)[-1]
    rendered = tilt_series(settings)
    ratio = rendered.snr["volume"]
    one_step = simulate_tomogram(densest.density, snr=ratio, seed=seed)
    imaged = best_points(
        picking_curve(
            [
                PickingCase(name=name, volume=volume, truth=densest.truth)
                for name, volume in (
                    (f"one step, SNR {ratio:.2g}", one_step),
                    ("tilt series", rendered.tomogram),
                )
            ],
            narrow,
        )
    )
    drop = crowding[0].scores.f - crowding[-1].scores.f
    # Each particle is found or not: the spread of a difference of two such shares.
    spread = math.sqrt(sum(p.scores.f * (1 - p.scores.f) for p in (crowding[0], crowding[-1])))
    spread /= math.sqrt(len(truth))
    clean = [p for p in best if p.case.name.startswith("SNR 1000")]
    noisy = [p for p in best if p.case.name.startswith(f"SNR {snrs[-1]:g}")]
    return Section(
        number=6,
        title="Particle picking by differences of Gaussians",
        setup=f"The scene of experiment 1: {len(truth)} particles. Width of the narrower Gaussian "
        f"{sigmas[0]:g} to {sigmas[-1]:g} nm, ratio 1.1, t = 5, at most as many picks as "
        "particles; a pick within a particle's radius finds it, each particle counts once.",
        replaced=replacements(PAPER_TYPES),
        findings=(
            Finding(
                paper="F by the width of the Gaussian at t = 5 (the table is missing in the text "
                "at hand; Pei et al. 2016 found 7 nm with t = 3 to be the best).",
                here=f"At SNR 200 with tilts to 60° the best width is {top.picker.sigma:g} nm with "
                f"F {top.scores.f:.2f}; as many picks at random reach {chance:.2f}, because "
                "radii are large where the scene is crowded.",
                verdict="cannot be compared",
            ),
            Finding(
                paper="The performance is highly dependent on the width.",
                here="At SNR 200 F runs from "
                f"{min(p.scores.f for p in points if p.case.name == first):.2f} to "
                f"{top.scores.f:.2f} over the widths.",
                verdict=judge(
                    min(p.scores.f for p in points if p.case.name == first) < 0.5 * top.scores.f
                ),
            ),
            Finding(
                paper="Existing methods still have much room for improvement on these data; "
                "crowding makes the analysis harder than in earlier simulations.",
                here=f"The best F is {max(p.scores.f for p in clean):.2f} on nearly clean pictures "
                f"and {max(p.scores.f for p in noisy):.2f} at SNR {snrs[-1]:g}. The same molecules "
                "at volume fractions of "
                + ", ".join(f"{p.case.fraction:.2f}" for p in crowding)
                + " give F "
                + ", ".join(f"{p.scores.f:.2f}" for p in crowding)
                + f" at SNR {CROWD_SNR:g} (at random "
                + ", ".join(f"{level:.2f}" for level in at_random)
                + f"): a loss of {drop:.2f}, where chance alone makes ±{spread:.2f}. At "
                f"{densest.fraction:.2f}, imaged as a tilt series, F is "
                f"{imaged[1].scores.f:.2f}; the one-step model of the same signal-to-noise ratio, "
                f"{ratio:.2g}, has {imaged[0].scores.f:.2f}.",
                verdict=judge(max(p.scores.f for p in clean) < 0.95, drop > 2 * spread),
            ),
        ),
        tables=(
            _table(points, sigmas),
            _best_table(
                best,
                caption=f"The best width of each. As many picks at random reach F {chance:.2f}.",
            ),
            _crowding_table(crowding, at_random),
            _best_table(
                imaged,
                caption=f"The same molecules at a volume fraction of {densest.fraction:.2f}: the "
                f'one-step model, and a tilt series by the preset "{MICROSCOPE}", whose noise its '
                "dose makes; both at the ratio of variances that was measured of it. Particles "
                "cut by the faces count.",
            ),
        ),
        pictures=(
            Picture(
                caption="F over the width of the narrower Gaussian; dotted, as many picks at "
                "random.",
                png=png_of(_curves(points, chance)),
                paper="A table of F over the width, missing in the text at hand.",
            ),
            Picture(
                caption="Centres within 6 nm of the plane: the particles' on the left (circles "
                "have their radii), the picks' on the right, black where they found a particle, "
                f"red where not; SNR 200, width {top.picker.sigma:g} nm.",
                png=png_of(_centres(top.case.volume, truth, picks.positions, top)),
                paper="Figure 15: centres of the actual particles, and of those picked by DoG.",
            ),
            Picture(
                caption="F against the volume fraction: the same molecules in a periodic box "
                f"that shrinks, SNR {CROWD_SNR:g}, the best width at each; dotted, as many picks "
                "at random.",
                png=png_of(_crowding_figure(crowding, at_random)),
                paper="Not in the paper.",
            ),
        ),
    )


def _crowding(
    settings: Settings, pickers: Sequence[DogPicker]
) -> tuple[tuple[CurvePoint, ...], list[float]]:
    """Pick the same molecules in periodic boxes of rising fraction, and as often at random."""
    seed = stage_seed(settings.seed, "noise")
    cases = []
    at_random = []
    for scene in dense_series(settings):
        volume = simulate_tomogram(scene.density, snr=CROWD_SNR, seed=seed)
        cases.append(
            PickingCase(
                name=f"fraction {scene.fraction:.3f}",
                volume=volume,
                truth=scene.truth,
                fraction=scene.fraction,
            )
        )
        box = Periodic(box=tuple(volume.grid.size))
        chance = random_picks(scene.truth, len(scene.truth), seed=seed, boundary=box)
        at_random.append(match_picks(chance, scene.truth, boundary=box).f)
    return best_points(picking_curve(cases, pickers, periodic=True)), at_random


def _table(points: Sequence[CurvePoint], sigmas: Sequence[float]) -> Table:
    names = list(dict.fromkeys(p.case.name for p in points))
    value = {(p.case.name, p.picker.sigma): p.scores.f for p in points}
    return Table(
        caption="F by the width of the narrower Gaussian, nm.",
        head=("tomogram", *(f"{s:g}" for s in sigmas)),
        rows=tuple((name, *(f"{value[name, s]:.2f}" for s in sigmas)) for name in names),
        paper="The table's number is '??' in the text at hand, and the table is missing.",
    )


def _crowding_table(crowding: Sequence[CurvePoint], at_random: Sequence[float]) -> Table:
    return Table(
        caption=f"The same molecules at several volume fractions, SNR {CROWD_SNR:g}. Boxes are "
        "periodic and have no rim: distances are to the nearest image.",
        head=("volume fraction", "best width, nm", "precision", "recall", "F", "at random"),
        rows=tuple(
            (
                f"{p.case.fraction:.2f}",
                f"{p.picker.sigma:g}",
                f"{p.scores.precision:.2f}",
                f"{p.scores.recall:.2f}",
                f"{p.scores.f:.2f}",
                f"{level:.2f}",
            )
            for p, level in zip(crowding, at_random, strict=True)
        ),
        paper="Not in the paper.",
    )


def _best_table(best: Sequence[CurvePoint], *, caption: str) -> Table:
    return Table(
        caption=caption,
        head=("tomogram", "width, nm", "precision", "recall", "F"),
        rows=tuple(
            (
                p.case.name,
                f"{p.picker.sigma:g}",
                f"{p.scores.precision:.2f}",
                f"{p.scores.recall:.2f}",
                f"{p.scores.f:.2f}",
            )
            for p in best
        ),
        paper="Precision, recall and F are equal there, since there are as many picks as "
        "particles; here the threshold can leave fewer.",
    )


def _curves(points: Sequence[CurvePoint], chance: float) -> Figure:
    figure = blank_figure((10.0, 3.8))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, wedge in zip(panels, ("tilts to 60°", "no wedge"), strict=True):
        for name in dict.fromkeys(p.case.name for p in points if p.case.name.endswith(wedge)):
            curve = [p for p in points if p.case.name == name]
            axes.plot(
                [p.picker.sigma for p in curve],
                [p.scores.f for p in curve],
                "o-",
                markersize=3,
                label=name.split(",")[0],
            )
        axes.axhline(chance, color="#999999", linestyle=":")
        axes.set_title(wedge, loc="left", fontsize=11, color=INK)
        axes.set_xlabel("width, nm", color=INK)
        axes.set_ylim(0, 1)
        axes.legend(frameon=False, fontsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_ylabel("F", color=INK)
    figure.tight_layout()
    return figure


def _centres(volume: Volume, truth: ParticleTable, picks: np.ndarray, point: CurvePoint) -> Figure:
    from matplotlib.patches import Circle

    nz, _, nx = volume.data.shape
    height = nz // 2 * volume.voxel_size
    size = volume.voxel_size
    figure = blank_figure((10.0, 5.3))
    panels = figure.subplots(1, 2)
    black, white = np.percentile(volume.data[nz // 2], (0.5, 99.5))
    hits = np.zeros(len(picks), bool)
    hits[point.scores.pairs[:, 0]] = True
    for axes, title in zip(panels, ("true centres", "picked centres"), strict=True):
        show_image(axes, volume.data[nz // 2], black, white)
        dress_panel(axes, title, width=nx * size)
    for centre, radius in zip(truth.centre, truth.radius, strict=True):
        if abs(centre[2] - height) < 6:
            panels[0].plot(*centre[:2] / size, "ko", markersize=4)
            panels[0].add_patch(
                Circle(centre[:2] / size, radius / size, fill=False, color="#4f86c6", linewidth=0.8)
            )
    for pick, hit in zip(picks, hits, strict=True):
        if abs(pick[2] - height) < 6:
            panels[1].plot(*pick[:2] / size, "o", color="k" if hit else "#d03030", markersize=4)
    figure.tight_layout()
    return figure


def _crowding_figure(crowding: Sequence[CurvePoint], at_random: Sequence[float]) -> Figure:
    figure = blank_figure((5.6, 3.6))
    axes = figure.add_subplot()
    fractions = [p.case.fraction for p in crowding]
    axes.plot(fractions, [p.scores.f for p in crowding], "o-", color="#d9793b", label="DoG")
    axes.plot(fractions, at_random, "o:", color="#999999", label="at random")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.set_xlabel("envelope volume fraction of the box", color=INK)
    axes.set_ylabel("F", color=INK)
    axes.set_ylim(0, 1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    return figure
