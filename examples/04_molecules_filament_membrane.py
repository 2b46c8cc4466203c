"""
Molecules, a filament and a membrane
====================================

The paper's section 3.2: bodies that keep their shape and structures that bend, in one force field.
"""

# %%
# The paper speaks of six macromolecules and names five: here 1F1B is there twice. Filament and
# membrane have the paper's diameters, 4 and 8 nm, and as in the paper no resistance to bending; it
# does not say how many balls they have.

import numpy as np
from common import (
    PackingRun,
    Section,
    current_settings,
    judge,
    paper_types,
    place_in,
    replacements,
    structures_of,
)
from common.measures import BENDING_HEAD, KEPT, measure_bending

import openmm_cgpack as cgp
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.draw import VIEW

settings = current_settings()
types = paper_types("1A1S", "1BXR", "1EQR", "1F1B", "1GYT")
seed = settings.seed_of("models")
models = [cgp.coarse_grain(s, seed=seed) for s in structures_of(types, settings.structures)]
molecules = [(m, 2 if m.name == "1f1b" else 1) for m in models]
chain, sheet = cgp.Filament(n_balls=12).build(), cgp.Membrane(shape=(5, 5)).build()

scene, enlarged = place_in(
    [*molecules, (chain, 1), (sheet, 1)], extent=70.0, seed=settings.seed_of("placement")
)
reporter = cgp.FrameReporter(25)
packed = cgp.pack_scene(
    scene,
    cgp.Pull(max_steps=4_000, relax_steps=2_000),
    run=settings.run,
    seed=settings.seed_of("dynamics"),
    reporters=[reporter],
)
run, radius = PackingRun(packed, reporter), packed.history.radius_of_gyration
section = Section(
    number=4,
    title="Six macromolecules, a filament and a membrane",
    setup=f"{', '.join(m.name.upper() for m in models)} once and 1F1B a second time, one filament "
    f"of {chain.n_balls} balls of 4 nm, one membrane of 5 x 5 balls of 8 nm, both without angle "
    f"terms, at random in 70 nm{enlarged}; {scene.n_balls} balls, {packed.history.step[-1]} steps. "
    "The paper names five ids for its six macromolecules and gives no size of filament and "
    "membrane.",
    replaced=replacements(types),
)

# %%
# The membrane in sky blue and the filament in yellow, as in figure 11; the molecules in colours
# that look like neither.

yellow, sky = (0.93, 0.75, 0.16), (0.45, 0.74, 0.94)
colours = np.vstack([species_colours(13)[[0, 1, 4, 6, 12]], [yellow, sky]])
moments = run.moments(4)
section.add_picture(
    cgp.draw.plot_steps(
        scene,
        frames=[run.frames[m] for m in moments],
        titles=run.titles(moments),
        colours=colours,
    ),
    caption="Wireframes and balls at four times: membrane sky blue, filament yellow.",
    paper="Figure 11 (and again 12): wireframe view, membrane in sky blue and filament in yellow, "
    "and multiple-ball view.",
)

# %%
# Filament and membrane bend, but their bonds keep their lengths; bodies keep their shape.

n = scene.n_instances
shapes = {
    "filament": [measure_bending(chain, frame[scene.balls(n - 2)]) for frame in run.frames],
    "membrane": [measure_bending(sheet, frame[scene.balls(n - 1)]) for frame in run.frames],
}
ends = {name: through_time[-1] for name, through_time in shapes.items()}
section.add_finding(
    paper="Structures gather toward the centre, and the membrane and the filament deform.",
    here=f"The radius of gyration falls from {radius[0]:.1f} to {radius[-1]:.1f} nm. "
    + " ".join(
        f"The {name}'s straight triples of balls are bent by {end.bend:.0f}° on average, and its "
        f"ends are {end.end_to_end:.2f} of their rest distance apart."
        for name, end in ends.items()
    ),
    verdict=judge(radius[-1] < radius[0], *(end.bend > 10 for end in ends.values())),
)
section.add_finding(
    paper="Neither of them is stretched: as long as the bonds keep their lengths, the structure "
    "does not stretch.",
    here="; ".join(
        f"bonds of the {name} end within {end.bond_spread:.1%} (root mean square, worst "
        f"{end.bond_worst:.1%}) of their rest lengths, under the pull within "
        f"{max(shape.bond_spread for shape in shapes[name]):.1%}"
        for name, end in ends.items()
    )
    + ".",
    verdict=judge(*(end.bond_spread < KEPT for end in ends.values())),
)
poses = cgp.extract_transforms(packed)
rigid = float(poses.rms[poses.rigid].max())
section.add_finding(
    paper="Macromolecules do not deform.",
    here=f"The six bodies kept their shape within {rigid:.1g} nm.",
    verdict=judge(rigid < 1e-3),
)
rows = []
for name, through_time in shapes.items():
    strained = int(np.argmax([shape.bond_spread for shape in through_time]))
    for m in sorted({*moments, strained}):
        rows.append((name, f"{run.steps[m]}", *through_time[m].cells()))
section.add_table(
    ("", "step", *BENDING_HEAD),
    rows,
    caption="Both kinds through time. End to end: over the rest distance (of a membrane, the mean "
    "of both diagonals). Bend: mean over all straight triples. Departure: root mean square "
    "distance from the rest shape over its radius of gyration. Bonds: change of length, root mean "
    "square and worst. The step with the most strained bonds is among them.",
    paper="No number is reported.",
)

# %%
# What the density is made of, from both sides: the filament is a tube, the membrane a bilayer.

[
    section.add_picture(
        cgp.plot_molecules(packed, colours=colours, size=700, view_deg=view),
        caption="What the density is made of: molecules, the filament as a tube, the membrane as a "
        f"bilayer, seen from {side}.",
        paper="No picture of this.",
    )
    for side, view in (("one side", VIEW), ("the other", (VIEW[0] + 180, -VIEW[1])))
]

# %%
# Density, masks and tomogram of the central slice.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
labels = cgp.render_labels(packed, grid=density.grid)
tomogram = cgp.render(density, cgp.OneStep(snr=1000), seed=settings.seed_of("noise")).tomogram
section.add_picture(
    cgp.draw.plot_planes(
        {
            "density": density,
            "masks by species": labels.semantic,
            "tomogram, SNR 1000": tomogram,
        },
        packed=packed,
        colours=colours,
        densities=["density"],
    ),
    caption="The central slice: density, masks by species, tomogram at SNR 1000.",
    paper="The density map and tomogram of this scene are announced as figure '??' and missing in "
    "the text at hand.",
)

# %%
# What the paper says beside what was found.

section.verdicts()
