"""Experiment 5: one filament, one membrane (figures 13 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import BallModel, RigidTransforms, Scene
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import MapSettings, render_density
from openmm_cgpack.models import Filament, Membrane
from openmm_cgpack.panels import INK, blank_figure
from openmm_cgpack.plot import plot_montage, plot_steps

from .measures import Bending, measure_bending
from .runs import PackingRun, Settings, run_scene
from .section import Finding, Picture, Section, Table, judge, png_of
from .together import SKY, YELLOW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHAPE = (6, 6)
OFF_CENTRE = 5.0
"""How far from the centre each starts, nm: at the centre a straight chain balances on its end."""
KEPT = 0.02
COLOURS = {"filament": YELLOW, "membrane": SKY}
VOXELS = {"filament": 0.5, "membrane": 1.0}
"""Voxels of the slices, nm: the filament is 17 nm high at times, less than 36 voxels of 1 nm."""
SLICES = {"filament": 36, "membrane": 20}


def run_deforming(settings: Settings) -> Section:
    """Run experiment 5: 3 runs of each with other starts in a quick run, else 10.

    Parameters
    ----------
    settings : Settings
        How.

    Returns
    -------
    Section
    """
    n = 3 if settings.quick else 10
    models = {"filament": Filament(n_balls=9).build(), "membrane": Membrane(shape=SHAPE).build()}
    runs = {name: [_run(model, settings, k) for k in range(n)] for name, model in models.items()}
    shapes = {
        name: [[measure_bending(models[name], f) for f in run.frames] for run in several]
        for name, several in runs.items()
    }
    last = {name: [run[-1] for run in several] for name, several in shapes.items()}
    bend, departure, shrink = (
        {name: np.array([pick(s) for s in last[name]]) for name in last}
        for pick in (_bend, _departure, _shrink)
    )
    spread = {name: max(s.bond_spread for s in last[name]) for name in last}
    strained = {name: max(s.bond_spread for run in shapes[name] for s in run) for name in shapes}
    measures = (bend, departure, shrink)
    pictures = []
    for name in models:
        pictures += _pictures(name, runs[name][0])
    pictures.append(
        Picture(
            caption="End-to-end distance over that at rest, mean bend of straight triples, "
            f"departure from the rest shape, and spread of bond lengths, of {n} runs each: "
            "filament yellow, membrane blue. The pull is let go where the lines turn lighter.",
            png=png_of(_curves(runs, shapes)),
            paper="No number through time is reported.",
        )
    )
    return Section(
        number=5,
        title="One filament of 9 balls, one membrane",
        setup=f"A filament of 9 balls of 4 nm and a membrane of {SHAPE[0]} x {SHAPE[1]} balls of "
        f"8 nm, each alone, straight or flat, turned at random and {OFF_CENTRE:g} nm off the "
        f"centre of the paper's pull, without angle terms; {n} runs each. The paper gives no size "
        "of the membrane.",
        replaced="No molecules.",
        findings=(
            Finding(
                paper="The angle between two bonds is flexible, so that the filament can curl "
                "effectively and change its shape.",
                here=f"Its ends finish {_pm(1 - shrink['filament'])} of its length apart, and "
                f"neighbouring bonds are bent by {_pm(bend['filament'], '.0f')}°.",
                verdict=judge(bool((bend["filament"] > 20).all())),
            ),
            Finding(
                paper="Limited by the bonds' length, the filament cannot be stretched; a membrane "
                "is able to change its shape but cannot be stretched.",
                here="Root mean square changes of bond lengths, the worst of the runs: "
                + "; ".join(
                    f"{name} {spread[name]:.2%} at the end, under the pull {strained[name]:.1%}"
                    for name in models
                )
                + ".",
                verdict=judge(*(value < KEPT for value in spread.values())),
            ),
            Finding(
                paper="Due to having more bonds, the membrane deforms much less than the filament.",
                here=f"Mean bend: {_pm(bend['membrane'], '.0f')}° of the membrane's rows of three "
                f"balls, {_pm(bend['filament'], '.0f')}° of the filament's. Departure from the "
                f"rest shape over its radius of gyration: {_pm(departure['membrane'])} and "
                f"{_pm(departure['filament'])}. Loss of end-to-end distance: "
                f"{_pm(shrink['membrane'])} and {_pm(shrink['filament'])}. The membrane's are "
                f"{', '.join(f'{_ratio(m):.2f}' for m in measures)} times the filament's; 'much "
                "less' is taken as less than two thirds.",
                verdict=judge(*(_ratio(m) < 2 / 3 for m in measures)),
            ),
        ),
        tables=(_table(last),),
        pictures=tuple(pictures),
    )


def _bend(shape: Bending) -> float:
    return shape.bend


def _departure(shape: Bending) -> float:
    return shape.departure


def _shrink(shape: Bending) -> float:
    return 1 - shape.end_to_end


def _ratio(measure: dict[str, np.ndarray]) -> float:
    return float(measure["membrane"].mean() / measure["filament"].mean())


def _pm(values: np.ndarray, form: str = ".2f") -> str:
    return f"{values.mean():{form}} ± {values.std(ddof=1):{form}}"


def _run(model: BallModel, settings: Settings, index: int) -> PackingRun:
    rng = np.random.default_rng(stage_seed(settings.seed, "placement", index))
    direction = rng.standard_normal(3)
    scene = Scene(
        species=(model,),
        species_index=np.zeros(1, int),
        transforms=RigidTransforms(
            rotations=Rotation.from_quat(rng.standard_normal((1, 4))).as_matrix(),
            translations=OFF_CENTRE * direction[None] / np.linalg.norm(direction),
        ),
    )
    return run_scene(scene, settings, max_steps=2_000, relax_steps=1_000, interval=20, index=index)


def _pictures(name: str, run: PackingRun) -> list[Picture]:
    moments = run.moments(5)
    titles = [f"step {run.steps[m]}" for m in moments]
    figure = "13" if name == "filament" else "14"
    n = SLICES[name]
    colour = np.array([COLOURS[name]])
    pictures = [
        Picture(
            caption=f"The {name} through time, wireframe and balls.",
            png=png_of(
                plot_steps(
                    run.scene,
                    [run.frames[m] for m in moments],
                    titles,
                    colours=colour,
                    view=_side_view(run.frames[0]),
                )
            ),
            paper=f"Figure {figure} a: the {name}'s deformation in 3D ball-stick view.",
        )
    ]
    for m in (moments[0], moments[len(moments) // 2], moments[-1]):
        density = render_density(run.at(m), MapSettings(voxel_size=VOXELS[name], resolution=4.0))
        pictures.append(
            Picture(
                caption=f"{n} slices of the {name}'s density at step {run.steps[m]}, heights in "
                "nm.",
                png=png_of(plot_montage(density, n=n, columns=9 if n == 36 else 10)),
                paper=f"Figure {figure} b: the 2D density map in {n} slices at each state.",
            )
        )
    return pictures


def _side_view(balls: np.ndarray) -> tuple[float, float]:
    """Return the view that shows a straight chain from its side and a flat sheet nearly whole."""
    axes = np.linalg.eigh(np.cov(balls.T))[1]
    direction = axes[:, 0] + 0.5 * axes[:, 1]
    x, y, z = direction / np.linalg.norm(direction)
    return float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arcsin(z)))


def _table(last: dict[str, list[Bending]]) -> Table:
    rows = []
    for name, several in last.items():
        for number, shape in enumerate(several, start=1):
            rows.append(
                (
                    f"{name}, run {number}",
                    f"{shape.end_to_end:.2f}",
                    f"{shape.bend:.0f}°",
                    f"{shape.departure:.2f}",
                    f"{shape.bond_spread:.2%}",
                    f"{shape.bond_worst:.2%}",
                )
            )
    return Table(
        caption="The end of every run. Measures as in experiment 4.",
        head=("", "end to end", "bend", "departure", "bonds, rms", "bonds, worst"),
        rows=tuple(rows),
        paper="No number is reported.",
    )


def _curves(runs: dict[str, list[PackingRun]], shapes: dict[str, list[list[Bending]]]) -> Figure:
    figure = blank_figure((10.0, 6.0))
    panels = figure.subplots(2, 2, sharex=True)
    drawn: Sequence[tuple[str, str]] = (
        ("end_to_end", "end to end / rest"),
        ("bend", "mean bend, degrees"),
        ("departure", "departure / radius of gyration"),
        ("bond_spread", "bond lengths, rms change"),
    )
    for axes, (key, name) in zip(panels.ravel(), drawn, strict=True):
        for kind, several in runs.items():
            for run, shape in zip(several, shapes[kind], strict=True):
                values = np.array([getattr(s, key) for s in shape])
                steps = np.array(run.steps)
                pulled = steps <= steps[-1] - 1_000
                axes.plot(steps[pulled], values[pulled], color=COLOURS[kind], linewidth=1.0)
                axes.plot(
                    steps[~pulled], values[~pulled], color=COLOURS[kind], linewidth=0.8, alpha=0.5
                )
        axes.set_ylabel(name, color=INK, fontsize=9)
        axes.set_ylim(bottom=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    for axes in panels[1]:
        axes.set_xlabel("step", color=INK, fontsize=9)
    figure.tight_layout()
    return figure
