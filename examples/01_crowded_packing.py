"""
Crowded packing of 20 types
===========================

The paper's section 3.1: 20 of each of 20 types of macromolecules, dispersed in a box of 120 nm, are
pulled together until they are as crowded as a cell. The small size has 2 of each.
"""

# %%
# Nine of the paper's types are in the library, of two of them a part; the others are replaced. Each
# becomes a rigid body of balls; they start at random in a box that grows where they do not fit, are
# pulled to the centre and let go again.

import numpy as np
from common import PAPER_TYPES, Section, current_settings, judge, replacements
from common.measures import CYTOPLASM, gaps, measure_droplet
from common.scenes import MICROSCOPE, crowded_scene, densest, tilt_series

import openmm_cgpack as cgp

settings = current_settings()
made = crowded_scene(settings)
run, packed, history = made.run, made.run.packed, made.run.packed.history
radius, overlap = history.radius_of_gyration, history.overlap
tightest = int(radius.argmin())
n = packed.scene.n_instances
quick = (
    ""
    if settings.full
    else " The paper has 20 each in 120 nm; this quick run asks for the same mean density."
)
section = Section(
    number=1,
    title=f"Crowded packing of {n} macromolecules",
    setup=f"{n} macromolecules ({made.copies} each of 20 types), {packed.scene.n_balls} balls, at "
    f"random in {made.start}. Pulled to the centre and let go again in {history.step[-1]} steps; "
    f"deepest overlap of two balls {overlap[tightest]:.2f} of their contact distance under the "
    f"pull, {overlap[-1]:.2f} at the end.{quick}",
    replaced=replacements(PAPER_TYPES),
)
rows = []
for paper_type, model in zip(PAPER_TYPES, packed.scene.species, strict=True):
    rows.append(
        (
            paper_type.pdb_id,
            paper_type.species.upper() if paper_type.replaced else "itself",
            f"{model.structure.n_atoms}",
            f"{model.n_balls}",
            f"{10 * model.radii.min():.0f} to {10 * model.radii.max():.0f}",
            f"{20 * model.radius:.0f}",
        )
    )
radii = 10 * np.concatenate([model.radii for model in packed.scene.species])
section.add_table(
    ("paper", "here", "atoms", "balls", "radii, Å", "size, Å"),
    rows,
    caption=f"The ball models. {((radii >= 20) & (radii <= 65)).mean():.0%} of the radii are "
    f"between 20 and 65 Å, {((radii >= 35) & (radii <= 55)).mean():.0%} between 35 and 55 Å. The "
    "size is twice the reach of the balls from the centre of mass.",
    paper="Radii of 20 to 65 Å, most of them between 35 and 55 Å; sizes of 60 to 250 Å, most of "
    "them between 120 and 160 Å.",
)

# %%
# Wireframes and balls at several times of the packing (figure 6 a and c).

start, end = measure_droplet(run.at(0)), measure_droplet(packed)
section.add_finding(
    paper="Macromolecules, dispersed at first, gradually squeeze together and form a sphere-like "
    "structure.",
    here=f"The radius of gyration falls from {radius[0]:.1f} to {radius[tightest]:.1f} nm while "
    f"the pull acts and is {radius[-1]:.1f} nm after it was let go; the droplet's shortest axis is "
    f"{end.roundness:.2f} of its longest.",
    verdict=judge(radius[-1] < 0.9 * radius[0], end.roundness > 0.8),
)
moments = run.moments(4)
section.add_picture(
    cgp.draw.plot_steps(
        run.scene, frames=[run.frames[m] for m in moments], titles=run.titles(moments)
    ),
    caption="Wireframes of the bonds and balls at four times, one colour a type, all at one scale.",
    paper="Figure 6 a and c: wireframe and multiple-ball view of the packing process.",
)

# %%
# The molecules themselves where they ended, by type (figure 6 b).

section.add_picture(
    cgp.plot_molecules(packed, size=1000 if settings.full else 600),
    caption="The molecules themselves at their final places, drawn by "
    + ("their atoms." if settings.structures else "the library's points."),
    paper="Figure 6 b: 3D visualisation of the final PDB file, 20 types in different colours.",
)

# %%
# A slice: the density at 4 nm resolution with voxels of 1 nm, and the masks (figures 6 d and 7 a).

density, labels = made.density, made.labels
section.add_picture(
    cgp.draw.plot_planes(
        {"density": density, "molecules by type": labels.semantic},
        packed=packed,
        densities=["density"],
    ),
    caption="The central slice: density at 4 nm resolution with 1 nm voxels, and the molecules' "
    "masks in their types' colours.",
    paper="Figure 6 d: a slice in the simulated volume; figure 7 a: the density map.",
)

# %%
# Is that as crowded as a cell? The pull leaves room. Shape-true balls in a periodic box fill it.

dense = densest(settings)
dense_labels = cgp.render_labels(dense.packed, grid=dense.density.grid)
as_it_is = cgp.packing.ClashRemoval(max_steps=0)
cleared = cgp.packing.remove_clashes(dense.packed, as_it_is).provenance["clash_removal"]
mean_gap, largest_gap = gaps(labels.instances, end.centre, end.inner_radius)
section.add_finding(
    paper="Macromolecules are tightly packed together, and the gaps between them are very small; "
    "the result is as crowded as a cell.",
    here=f"Their envelopes fill {start.fraction:.3f} of the droplet's volume at the start and "
    f"{end.fraction:.3f} at the end, {end.inner_fraction:.3f} of its inner half; a cell's "
    f"cytoplasm has {CYTOPLASM[0]:.2f} to {CYTOPLASM[1]:.2f}. The empty space inside is "
    f"{mean_gap:.1f} nm from the nearest molecule on average, and a ball of {largest_gap:.1f} nm "
    "radius fits into its largest hole. Shape-true balls in a periodic box bring the same "
    f"molecules to {dense.fraction:.2f}; {cleared['points_too_close']} of their points are then "
    f"within {cleared['settings']['closest']:g} nm of another molecule's.",
    verdict=judge(end.inner_fraction >= CYTOPLASM[0], largest_gap < 3.0),
)
section.add_picture(
    cgp.draw.plot_planes(
        {"density": dense.density, "molecules by type": dense_labels.semantic},
        packed=dense.packed,
        densities=["density"],
    ),
    caption=f"The same molecules in a periodic box at a volume fraction of {dense.fraction:.2f}: "
    "density and masks of the central slice. Molecules go on at the opposite side.",
    paper="Not in the paper, whose molecules are pulled to a centre.",
)

# %%
# Bodies keep their shape.

poses = cgp.extract_transforms(packed)
bent = float(poses.rms[poses.rigid].max())
section.add_finding(
    paper="The relative position of the balls in a macromolecule is hard to change.",
    here=f"Held by constraints here, all {n} bodies kept their shape within {bent:.1g} nm, and "
    f"{int(poses.mirrored.sum())} turned into their mirror image. (By bonds alone some do: "
    "docs/explanation/forces.md.)",
    verdict=judge(bent < 1e-3, not poses.mirrored.any()),
)

# %%
# Tomograms at the paper's signal-to-noise ratios (figure 7 b and c). As ratios of variances in the
# finished volume these are nearly clean pictures; the third is nearer to a real tomogram.

noise = settings.seed_of("noise")
tomograms = {
    f"SNR {snr:g}": cgp.render(density, cgp.OneStep(snr=snr), seed=noise).tomogram
    for snr in (1000, 200, 0.1)
}
first, second, third = (volume.data.ravel() for volume in tomograms.values())
section.add_finding(
    paper="Simulated tomograms under SNR 1000 and SNR 200.",
    here="With SNR as var(signal) / var(noise) of the finished volume, both are nearly clean "
    f"pictures: their correlation is {np.corrcoef(first, second)[0, 1]:.4f}. At SNR 0.1, nearer to "
    f"a real tomogram, the correlation with the first is {np.corrcoef(first, third)[0, 1]:.2f}.",
    verdict="cannot be compared",
)
section.add_picture(
    cgp.draw.plot_planes(tomograms),
    caption="The same slice of the tomograms: 300 kV, 5 µm under focus, tilts to 60°. The third is "
    "not in the paper.",
    paper="Figure 7 b and c: tomograms under SNR 1000 and 200.",
)

# %%
# What the paper does not have: a tilt series of the dense box, whose noise its dose makes, beside
# the one-step model at the same ratio.

rendered = tilt_series(dense, settings)
ratio = rendered.snr["volume"]
section.add_picture(
    cgp.draw.plot_planes(
        {
            f"one step, SNR {ratio:.2g}": cgp.render(
                dense.density, cgp.OneStep(snr=ratio), seed=noise
            ).tomogram,
            "tilt series": rendered.tomogram,
            "tilt series without noise": rendered.signal,
        }
    ),
    caption=f'That box as a tilt series of 41 images by the preset "{MICROSCOPE}", reconstructed, '
    f"beside the one-step model at the same ratio of variances, {ratio:.2g}.",
    paper="Not in the paper: its tomograms are made in one step.",
)

# %%
# The packing through time.

section.add_picture(
    cgp.draw.plot_history(packed),
    caption="Radius of gyration of all balls and deepest overlap through the packing; the pull is "
    "let go where the radius is least.",
    paper="No number through time is reported.",
)

# %%
# What the paper says beside what was found.

section.verdicts()
