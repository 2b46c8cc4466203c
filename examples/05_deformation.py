"""
How a filament and a membrane deform
====================================

The paper's figures 13 and 14: one filament of 9 balls and one membrane, each alone under the pull
to the centre. Does the membrane deform less, as the paper says?
"""

# %%
# Each starts straight or flat, turned at random and 5 nm off the centre: at the centre itself a
# straight chain would balance on its end. Several runs of each have other starts.

import numpy as np
from common import PackingRun, Section, charts, current_settings, judge
from common.measures import BENDING_HEAD, KEPT, measure_bending
from scipy.spatial.transform import Rotation

import openmm_cgpack as cgp

settings = current_settings()
models = {
    "filament": cgp.Filament(n_balls=9).build(),
    "membrane": cgp.Membrane(shape=(6, 6)).build(),
}
repeats = 10 if settings.full else 3
relax_steps = 1_000


def packing(model, index):
    """Return one run of a deformable with its own start."""
    rng = np.random.default_rng(settings.seed_of("placement", index))
    direction = rng.standard_normal(3)
    pose = cgp.RigidTransforms(
        rotations=Rotation.from_quat(rng.standard_normal((1, 4))).as_matrix(),
        translations=5.0 * direction[None] / np.linalg.norm(direction),
    )
    reporter = cgp.FrameReporter(20)
    packed = cgp.pack_scene(
        cgp.Scene(species=(model,), species_index=[0], transforms=pose),
        cgp.Pull(max_steps=2_000, relax_steps=relax_steps),
        run=settings.run,
        seed=settings.seed_of("dynamics", index),
        reporters=[reporter],
    )
    return PackingRun(packed, reporter)


runs = {name: [packing(model, index) for index in range(repeats)] for name, model in models.items()}
section = Section(
    number=5,
    title="One filament of 9 balls, one membrane",
    setup="A filament of 9 balls of 4 nm and a membrane of 6 x 6 balls of 8 nm, each alone, "
    "straight or flat, turned at random and 5 nm off the centre of the paper's pull, without angle "
    f"terms; {repeats} runs each. The paper gives no size of the membrane.",
    replaced="No molecules.",
)

# %%
# The first filament through time, seen from its side, and 36 slices of it at the start, half way
# and at the end. It is 17 nm high at times, less than 36 voxels of 1 nm.

colours = {"filament": (0.93, 0.75, 0.16), "membrane": (0.45, 0.74, 0.94)}


def through_time(name, figure_number, *, n, columns, voxel_size):
    """Draw the first run of a deformable, and slices of its density at three times."""
    run = runs[name][0]
    moments = run.moments(5)
    axes = np.linalg.eigh(np.cov(run.frames[0].T))[1]
    x, y, z = (axes[:, 0] + 0.5 * axes[:, 1]) / np.hypot(1, 0.5)
    steps = cgp.draw.plot_steps(
        run.scene,
        frames=[run.frames[m] for m in moments],
        titles=run.titles(moments),
        colours=np.array([colours[name]]),
        view_deg=(np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))),
    )
    caption = f"The {name} through time, wireframe and balls."
    paper = f"Figure {figure_number} a: the {name}'s deformation in 3D ball-stick view."
    figures = [section.add_picture(steps, caption=caption, paper=paper)]
    sampling = cgp.MapSettings(voxel_size=voxel_size, resolution=4.0)
    for m in (moments[0], moments[2], moments[-1]):
        density = cgp.render_density(run.at(m), sampling)
        slices = cgp.draw.plot_montage(density, n=n, columns=columns)
        caption = f"{n} slices of the {name}'s density at step {run.steps[m]}, heights in nm."
        paper = f"Figure {figure_number} b: the 2D density map in {n} slices at each state."
        figures.append(section.add_picture(slices, caption=caption, paper=paper))
    return figures


through_time("filament", 13, n=36, columns=9, voxel_size=0.5)

# %%
# The membrane, and 20 slices.

through_time("membrane", 14, n=20, columns=10, voxel_size=1.0)

# %%
# Numbers that compare both, of all runs through time.

shapes = {
    name: [[measure_bending(models[name], frame) for frame in run.frames] for run in several]
    for name, several in runs.items()
}
measures = {
    "end_to_end": "end to end / rest",
    "bend": "mean bend, degrees",
    "departure": "departure / radius of gyration",
    "bond_spread": "bond lengths, rms change",
}
figure, panels = charts((10.0, 6.0), rows=2, columns=2, x="step")
for panel, (key, label) in zip(panels, measures.items(), strict=True):
    for name, several in runs.items():
        for run, course in zip(several, shapes[name], strict=True):
            values = np.array([getattr(shape, key) for shape in course])
            steps = np.array(run.steps)
            pulled = steps <= steps[-1] - relax_steps
            panel.plot(steps[pulled], values[pulled], color=colours[name], linewidth=1.0)
            panel.plot(
                steps[~pulled], values[~pulled], color=colours[name], linewidth=0.8, alpha=0.5
            )
    panel.set_ylabel(label)
    panel.set_ylim(bottom=0)
section.add_picture(
    figure,
    caption="End-to-end distance over that at rest, mean bend of straight triples, departure from "
    f"the rest shape, and spread of bond lengths, of {repeats} runs each: filament yellow, "
    "membrane blue. The pull is let go where the lines turn lighter.",
    paper="No number through time is reported.",
)

# %%
# The end of every run.

last = {name: [course[-1] for course in several] for name, several in shapes.items()}
section.add_table(
    ("", *BENDING_HEAD),
    [
        (f"{name}, run {number}", *shape.cells())
        for name, several in last.items()
        for number, shape in enumerate(several, start=1)
    ],
    caption="The end of every run. Measures as in experiment 4.",
    paper="No number is reported.",
)

# %%
# What the paper says beside what was found.


def at_end(key):
    """Return a measure at the end of all runs, by name."""
    return {name: np.array([getattr(s, key) for s in several]) for name, several in last.items()}


def pm(values, form=".2f"):
    """Return mean and standard deviation as a text."""
    return f"{values.mean():{form}} ± {values.std(ddof=1):{form}}"


bend, departure, shrink = at_end("bend"), at_end("departure"), at_end("shrink")
ratios = [m["membrane"].mean() / m["filament"].mean() for m in (bend, departure, shrink)]
spread = {name: values.max() for name, values in at_end("bond_spread").items()}
strained = {
    name: max(shape.bond_spread for course in several for shape in course)
    for name, several in shapes.items()
}
section.add_finding(
    paper="The angle between two bonds is flexible, so that the filament can curl effectively and "
    "change its shape.",
    here=f"Its ends finish {pm(1 - shrink['filament'])} of its length apart, and neighbouring "
    f"bonds are bent by {pm(bend['filament'], '.0f')}°.",
    verdict=judge(bool((bend["filament"] > 20).all())),
)
section.add_finding(
    paper="Limited by the bonds' length, the filament cannot be stretched; a membrane is able to "
    "change its shape but cannot be stretched.",
    here="Root mean square changes of bond lengths, the worst of the runs: "
    + "; ".join(
        f"{name} {spread[name]:.2%} at the end, under the pull {strained[name]:.1%}"
        for name in models
    )
    + ".",
    verdict=judge(*(value < KEPT for value in spread.values())),
)
section.add_finding(
    paper="Due to having more bonds, the membrane deforms much less than the filament.",
    here=f"Mean bend: {pm(bend['membrane'], '.0f')}° of the membrane's rows of three balls, "
    f"{pm(bend['filament'], '.0f')}° of the filament's. Departure from the rest shape over its "
    f"radius of gyration: {pm(departure['membrane'])} and {pm(departure['filament'])}. Loss of "
    f"end-to-end distance: {pm(shrink['membrane'])} and {pm(shrink['filament'])}. The membrane's "
    f"are {', '.join(f'{ratio:.2f}' for ratio in ratios)} times the filament's; 'much less' is "
    "taken as less than two thirds.",
    verdict=judge(*(ratio < 2 / 3 for ratio in ratios)),
)
section.verdicts()
