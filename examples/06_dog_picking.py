"""
Picking particles without a reference
=====================================

The paper's section 4.1: particles are picked as peaks of a difference of Gaussians (DoG) and
compared with the truth, over the width of the Gaussian, the noise and the missing wedge; and what
the paper does not have, over crowding.
"""

# %%
# The scene has 20 types of macromolecules, 20 of each in full size, 4 in the small one. Eleven of
# the paper's types are replaced by others of the library (see :doc:`/library`).

import os

import matplotlib.pyplot as plt
import numpy as np

import openmm_cgpack as cgp
from openmm_cgpack import evaluation as ev

full = os.environ.get("CGPACK_EXAMPLE_SIZE", "small") == "full"
# Every atom, where this names a folder of the structure files; else the library's points.
atoms = os.environ.get("CGPACK_STRUCTURES")

TYPES = (
    *("3h84", "1bxr", "2cg9", "1f1b", "1gyt", "1oel", "1g3i", "1u6g", "1bxn", "3hhb"),
    *("3d2f", "1w6t", "1yg6", "2bo9", "2byu", "2gho", "1aon", "2h12", "3gl1", "3j9i"),
)
copies = 20 if full else 4
models = [cgp.coarse_grain(cgp.library.load(name, structures=atoms), seed=1) for name in TYPES]
scene = cgp.place([(model, copies) for model in models], extent=120 if full else None, seed=1)
packed = cgp.pack_scene(scene, seed=1, max_steps=20_000 if full else 3_000)
fraction = float(packed.history.fraction[-1])
print(f"{scene.n_instances} molecules, volume fraction {fraction:.3f}")

# %%
# Density, masks and the list of particles are on one grid. Tomograms are made at several
# signal-to-noise ratios (SNR: of the variances in the finished volume), with tilts to 60° and
# without a missing wedge. The paper's SNRs are 1000 and 200: nearly clean pictures.

density = cgp.render_density(packed)
labels = cgp.render_labels(packed, grid=density.grid)
truth = cgp.particle_table(packed, grid=density.grid)
snrs = (1000, 200, 1, 0.1, 0.02) if full else (200, 0.02)
cases = [
    ev.PickingCase(
        name=f"SNR {snr:g}, {wedge}",
        volume=cgp.simulate_tomogram(density, snr=snr, tilt_max=tilt_max, seed=1),
        truth=truth,
    )
    for tilt_max, wedge in ((60, "tilts to 60°"), (90, "no wedge"))
    for snr in snrs
]
print(f"{len(truth)} particles, radii {truth.radius.min():.1f} to {truth.radius.max():.1f} nm")

# %%
# One picking, with the paper's settings: at most as many picks as there are particles, threshold
# level 5. A particle is found when a pick is within its radius; each counts once.

tomogram = next(case.volume for case in cases if case.name == "SNR 200, tilts to 60°")
picks = ev.DogPicker(sigma=4, threshold=5, n_picks=len(truth)).pick(tomogram)
scores = ev.match_picks(picks, truth)
print(scores.table())
print(f"{len(picks)} picks, on average {scores.mean_distance:.1f} nm from the centre")

# %%
# How much is that worth? In a crowd the spheres around whole molecules overlap and fill nearly all
# of the room: picks at random are right often, too. Within half the radius they are so less.

chance = ev.random_picks(truth, len(truth), seed=1)
for reach in (1.0, 0.5):
    found, random = (ev.match_picks(p, truth, ev.PaperRule(reach=reach)).f for p in (picks, chance))
    print(f"within {reach:3.1f} radius: F {found:.3f}, at random {random:.3f}")

# %%
# The same picks with other ways to assign them, and by the instance masks as SHREC does. Masks
# follow the molecule: the centre of a ring or a hollow shell is in no mask, so even the true
# centres do not reach 1 unless the masks are grown. (CZII's rule needs the species of each pick,
# which DoG does not tell.)

for assignment in ev.ASSIGNMENTS:
    found = ev.match_picks(picks, truth, ev.PaperRule(assignment=assignment))
    print(f"paper's rule, {assignment:8}: {found.tp:3d} found, F {found.f:.3f}")
for name, positions in (("DoG", picks.positions), ("true centres", truth.centre)):
    for dilation in (1, 3):
        found = ev.match_picks(
            ev.Picks(positions=positions),
            truth,
            ev.ShrecRule(dilation=dilation),
            labels=labels.instances,
        )
        print(f"masks grown {dilation} times, {name:12}: {found.tp:3d} found, F {found.f:.3f}")

# %%
# The paper's figure 15: centres of true particles and of picks, here in a slab of 8 nm through the
# middle of the tomogram. Circles have the particles' radii.

middle = tomogram.data.shape[0] // 2
taken = np.isin(np.arange(len(truth)), scores.pairs[:, 1])
hit = np.isin(np.arange(len(picks)), scores.pairs[:, 0])
slab_truth = abs(truth.centre[:, 2] - middle) < 4
slab_picks = abs(picks.positions[:, 2] - middle) < 4
figure, axes = plt.subplots(1, 2, figsize=(11, 5.6), sharex=True, sharey=True)
for panel in axes:
    panel.imshow(tomogram.data[middle], cmap="gray", origin="lower", alpha=0.6)
    panel.set_axis_off()
for centre, radius, good in zip(
    truth.centre[slab_truth], truth.radius[slab_truth], taken[slab_truth], strict=True
):
    colour = "tab:blue" if good else "tab:red"
    axes[0].add_patch(plt.Circle(centre[:2], radius, fill=False, color=colour, alpha=0.5))
    axes[0].plot(*centre[:2], "o", color=colour, markersize=4)
for good, colour, name in ((True, "tab:blue", "a particle"), (False, "tab:red", "nothing new")):
    x, y, _ = picks.positions[slab_picks & (hit == good)].T
    axes[1].plot(x, y, "o", color=colour, markersize=4, label=f"found {name}")
axes[0].set_title("true centres: found (blue), missed (red)")
axes[1].set_title("picks")
axes[1].legend(loc="lower right")
figure.tight_layout(rect=(0, 0, 1, 0.97))

# %%
# F over the width of the Gaussian: the paper's table, for every volume. Where the threshold leaves
# fewer picks than particles (from about 4 nm on), precision rises and recall falls.

quick = [ev.DogPicker(sigma=sigma) for sigma in (2, 3, 4, 6, 10)]
points = ev.picking_curve(cases, ev.PAPER_PICKERS if full else quick)
for best in ev.best_points(points):
    print(
        f"{best.case.name:24} best at {best.picker.sigma:g} nm: F {best.scores.f:.3f}, "
        f"precision {best.scores.precision:.3f}, recall {best.scores.recall:.3f}"
    )

figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True)
level = ev.match_picks(chance, truth).f
for panel, wedge in zip(axes, ("tilts to 60°", "no wedge"), strict=True):
    for name in (case.name for case in cases if case.name.endswith(wedge)):
        curve = [p for p in points if p.case.name == name]
        panel.plot(
            [p.picker.sigma for p in curve],
            [p.scores.f for p in curve],
            "o-",
            markersize=3,
            label=name.split(",")[0],
        )
    panel.axhline(level, color="gray", linestyle=":", label=f"{len(truth)} at random")
    panel.set(title=wedge, xlabel="σ₁ (nm)", ylim=(0, 1))
    panel.legend()
axes[0].set_ylabel("F")
figure.tight_layout()

# %%
# Crowding, which the paper leaves out: the same molecules in a periodic box that shrinks around
# them, at one SNR. The width is the best for each, chosen with the truth in hand: the most that the
# method can do. Density, picks and matches go on across the box's faces, as the molecules do.

shapes = [
    cgp.coarse_grain(
        cgp.library.load(name, structures=atoms),
        cgp.SHAPE_COVER,
        seed=1,
    )
    for name in TYPES
]
start = cgp.insert([(model, copies) for model in shapes], fraction=0.05, seed=1)
crowds, at_random = [], []
for crowd in cgp.crowding_series(start, fractions=[0.05, 0.1, 0.2, 0.3], seed=1):
    edge = crowd.boundary.box[0]
    grid = cgp.bounding_grid(crowd, voxel_size=edge / (2 * round(edge / 2)))
    particles = cgp.particle_table(crowd, grid=grid)
    image = cgp.simulate_tomogram(cgp.render_density(crowd, grid=grid), snr=0.1, seed=1)
    fraction = cgp.box_fraction(crowd.scene, crowd.boundary)
    crowds.append(
        ev.PickingCase(name=f"{fraction:.3f}", volume=image, truth=particles, fraction=fraction)
    )
    guesses = ev.random_picks(particles, len(particles), boundary=crowd.boundary, seed=1)
    at_random.append(ev.match_picks(guesses, particles, boundary=crowd.boundary).f)
pickers = [ev.DogPicker(sigma=sigma) for sigma in ((2, 3, 4, 5, 6) if full else (3, 4, 5))]
crowding = ev.best_points(ev.picking_curve(crowds, pickers, periodic=True))
for point, level in zip(crowding, at_random, strict=True):
    print(
        f"volume fraction {point.case.name}: F {point.scores.f:.3f} at {point.picker.sigma:g} nm, "
        f"at random {level:.3f}"
    )

figure, panel = plt.subplots(figsize=(6, 4.2))
fractions = [p.case.fraction for p in crowding]
panel.plot(fractions, [p.scores.f for p in crowding], "o-", label="DoG")
panel.plot(fractions, at_random, "o:", color="gray", label=f"{len(truth)} at random")
panel.set(xlabel="volume fraction", ylabel="F", ylim=(0, 1), title="SNR 0.1, tilts to 60°")
panel.legend()
figure.tight_layout()
