"""Experiment 3: five macromolecules (figures 9 and 10)."""

from __future__ import annotations

import numpy as np

from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import MapSettings, render_density, render_labels
from openmm_cgpack.imaging import simulate_tomogram
from openmm_cgpack.models import coarse_grain
from openmm_cgpack.packing import deepest_overlap, radius_of_gyration
from openmm_cgpack.plot import plot_molecules, plot_montage, plot_planes, plot_steps

from .measures import measure_droplet, nearest_gaps
from .paper_types import paper_types, replacements, structures_of
from .runs import PackingRun, Settings, run_packing
from .section import Finding, Picture, Section, Table, judge, png_of

IDS = ("1KYI", "1VPX", "1W6T", "2BO9", "2GHO")
EXTENT = 50.0


def run_five(settings: Settings) -> Section:
    """Run experiment 3; it is small, and the same in a quick run.

    Parameters
    ----------
    settings : Settings
        How.

    Returns
    -------
    Section
    """
    types = paper_types(*IDS)
    seed = stage_seed(settings.seed, "models")
    models = [coarse_grain(s, seed=seed) for s in structures_of(types, settings.structures)]
    run = run_packing(
        [(model, 1) for model in models],
        settings,
        extent=EXTENT,
        max_steps=4_000,
        relax_steps=2_000,
        interval=25,
    )
    packed, history = run.packed, run.packed.history
    density = render_density(packed, MapSettings(voxel_size=1.0, resolution=4.0))
    labels = render_labels(packed, grid=density.grid)
    tomogram = simulate_tomogram(density, snr=1000, seed=stage_seed(settings.seed, "noise"))
    before, after = measure_droplet(run.at(0)), measure_droplet(packed)
    nearest = nearest_gaps(packed)
    touching = _contacts(run.frames[0], run), _contacts(packed.positions, run)
    moments = run.moments(5)
    titles = [f"step {run.steps[m]}" for m in moments]
    return Section(
        number=3,
        title="A small scene of five macromolecules",
        setup=f"One each of {', '.join(m.name.upper() for m in models)} at random in "
        f"{EXTENT:.0f} nm"
        + (f" ({run.enlarged})" if run.enlarged else "")
        + f"; {packed.scene.n_balls} balls, {history.step[-1]} steps.",
        replaced=replacements(types),
        findings=(
            Finding(
                paper="Five macromolecules move from a distance to the centre and eventually "
                "squeeze together.",
                here=f"The radius of gyration of the balls falls from "
                f"{history.radius_of_gyration[0]:.1f} to {history.radius_of_gyration[-1]:.1f} nm; "
                f"of the ten pairs of molecules {touching[0]} touch at the start and "
                f"{touching[1]} at the end.",
                verdict=judge(
                    history.radius_of_gyration[-1] < history.radius_of_gyration[0],
                    touching[1] >= 4,
                ),
            ),
            Finding(
                paper="The final view and the slice demonstrate that they are indeed tightly "
                "packed.",
                here=f"Their envelopes fill {before.fraction:.3f} of the ball with their radius "
                f"of gyration at the start and {after.fraction:.3f} at the end; the deepest "
                f"overlap of two balls is {history.overlap[-1]:.2f} of their contact distance, "
                f"and the molecules' own points come within {nearest.min():.1f} to "
                f"{nearest.max():.1f} nm of the nearest other molecule: the balls touch, and "
                "within the balls there is room left.",
                verdict=judge(after.fraction > 1.2 * before.fraction, nearest.max() < 1.0),
            ),
        ),
        tables=(
            Table(
                caption="The packing in steps.",
                head=("step", "radius of gyration, nm", "fraction", "deepest overlap", "touching"),
                rows=tuple(
                    (
                        f"{run.steps[m]}",
                        f"{radius_of_gyration(run.frames[m]):.2f}",
                        f"{measure_droplet(run.at(m)).fraction:.3f}",
                        f"{deepest_overlap(run.scene, run.frames[m]):.2f}",
                        f"{_contacts(run.frames[m], run)} of 10 pairs",
                    )
                    for m in moments
                ),
                paper="No number is reported.",
            ),
        ),
        pictures=(
            Picture(
                caption="Wireframes and balls from the start to the end, at one scale.",
                png=png_of(plot_steps(run.scene, [run.frames[m] for m in moments], titles)),
                paper="Figure 9 a and b: wireframe and multiple-ball view of the packing process.",
            ),
            Picture(
                caption="The molecules at their final places.",
                png=png_of(plot_molecules(packed, size=700)),
                paper="Figure 9 c: PDB view of the final status.",
            ),
            Picture(
                caption="Slices of the density from bottom to top; the height above the middle "
                "is in nm.",
                png=png_of(plot_montage(density, n=20, columns=5)),
                paper="Figure 9 d: the slices inside the volume.",
            ),
            Picture(
                caption="The central slice: density, masks in the molecules' colours, and "
                "tomogram at SNR 1000.",
                png=png_of(
                    plot_planes(
                        {
                            "density": density,
                            "molecules by type": labels.semantic,
                            "tomogram, SNR 1000": tomogram,
                        },
                        packed=packed,
                        densities=("density",),
                    )
                ),
                paper="Figure 10: the selected density map slice, and the tomogram at SNR 1000.",
            ),
        ),
    )


def _contacts(positions: np.ndarray, run: PackingRun) -> int:
    """Return how many pairs of instances have balls that touch within 2 %."""
    scene = run.scene
    gap = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = gap <= 1.02 * (scene.radii[:, None] + scene.radii)
    body = scene.instance_of_ball
    pairs = {(int(body[i]), int(body[j])) for i, j in np.argwhere(near) if body[i] < body[j]}
    return len(pairs)
