"""
Five macromolecules
===================

The paper's figures 9 and 10: a scene so small that every molecule can be followed.
"""

# %%
# The paper's five types. The library has other molecules for two of them, and of 2GHO the backbone
# only.

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
from common.measures import measure_droplet, nearest_gaps, touching_pairs

import openmm_cgpack as cgp

settings = current_settings()
types = paper_types("1KYI", "1VPX", "1W6T", "2BO9", "2GHO")
seed = settings.seed_of("models")
models = [cgp.coarse_grain(s, seed=seed) for s in structures_of(types, settings.structures)]
for model in models:
    print(f"{model.name}: {model.n_balls} balls, {len(model.bonds)} bonds")

# %%
# One of each at random in 50 nm, packed; a reporter keeps a frame every 25 steps.

scene, enlarged = place_in(
    [(model, 1) for model in models], extent=50.0, seed=settings.seed_of("placement")
)
reporter = cgp.FrameReporter(25)
packed = cgp.pack_scene(
    scene,
    cgp.Pull(max_steps=4_000, relax_steps=2_000),
    run=settings.run,
    seed=settings.seed_of("dynamics"),
    reporters=[reporter],
)
run, history = PackingRun(packed, reporter), packed.history
section = Section(
    number=3,
    title="A small scene of five macromolecules",
    setup=f"One each of {', '.join(m.name.upper() for m in models)} at random in 50 nm{enlarged}; "
    f"{scene.n_balls} balls, {history.step[-1]} steps.",
    replaced=replacements(types),
)

# %%
# The molecules gather: the paper's first sentence.

before, after = run.at(0), packed
section.add_finding(
    paper="Five macromolecules move from a distance to the centre and eventually squeeze together.",
    here=f"The radius of gyration of the balls falls from {history.radius_of_gyration[0]:.1f} to "
    f"{history.radius_of_gyration[-1]:.1f} nm; of the ten pairs of molecules "
    f"{touching_pairs(before)} touch at the start and {touching_pairs(after)} at the end.",
    verdict=judge(
        history.radius_of_gyration[-1] < history.radius_of_gyration[0], touching_pairs(after) >= 4
    ),
)
moments = run.moments(5)
section.add_picture(
    cgp.draw.plot_steps(scene, frames=[run.frames[m] for m in moments], titles=run.titles(moments)),
    caption="Wireframes and balls from the start to the end, at one scale.",
    paper="Figure 9 a and b: wireframe and multiple-ball view of the packing process.",
)

# %%
# Where they ended. The balls touch; the molecules inside them do so less.

loose, tight, nearest = measure_droplet(before), measure_droplet(after), nearest_gaps(packed)
section.add_finding(
    paper="The final view and the slice demonstrate that they are indeed tightly packed.",
    here=f"Their envelopes fill {loose.fraction:.3f} of the ball with their radius of gyration at "
    f"the start and {tight.fraction:.3f} at the end; the deepest overlap of two balls is "
    f"{history.overlap[-1]:.2f} of their contact distance, and the molecules' own points come "
    f"within {nearest.min():.1f} to {nearest.max():.1f} nm of the nearest other molecule: the "
    "balls touch, and within the balls there is room left.",
    verdict=judge(tight.fraction > 1.2 * loose.fraction, nearest.max() < 1.0),
)
section.add_picture(
    cgp.plot_molecules(packed, size=700),
    caption="The molecules at their final places.",
    paper="Figure 9 c: PDB view of the final status.",
)

# %%
# The same in numbers.

section.add_table(
    ("step", "radius of gyration, nm", "fraction", "deepest overlap", "touching"),
    [
        (
            f"{run.steps[m]}",
            f"{cgp.packing.radius_of_gyration(run.frames[m]):.2f}",
            f"{measure_droplet(run.at(m)).fraction:.3f}",
            f"{cgp.packing.deepest_overlap(scene, run.frames[m]):.2f}",
            f"{touching_pairs(run.at(m))} of 10 pairs",
        )
        for m in moments
    ],
    caption="The packing in steps.",
    paper="No number is reported.",
)

# %%
# Slices through the density from bottom to top, heights in nm.

density = cgp.render_density(packed, cgp.MapSettings(voxel_size=1.0, resolution=4.0))
section.add_picture(
    cgp.draw.plot_montage(density, n=20, columns=5),
    caption="Slices of the density from bottom to top; the height above the middle is in nm.",
    paper="Figure 9 d: the slices inside the volume.",
)

# %%
# The central slice with its masks, and the tomogram.

labels = cgp.render_labels(packed, grid=density.grid)
tomogram = cgp.render(density, cgp.OneStep(snr=1000), seed=settings.seed_of("noise")).tomogram
section.add_picture(
    cgp.draw.plot_planes(
        {
            "density": density,
            "molecules by type": labels.semantic,
            "tomogram, SNR 1000": tomogram,
        },
        packed=packed,
        densities=["density"],
    ),
    caption="The central slice: density, masks in the molecules' colours, and tomogram at "
    "SNR 1000.",
    paper="Figure 10: the selected density map slice, and the tomogram at SNR 1000.",
)

# %%
# What the paper says beside what was found.

section.verdicts()
