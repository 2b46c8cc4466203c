"""Experiment 4: six macromolecules, a filament and a membrane (figures 11 and 12)."""

from __future__ import annotations

import numpy as np

from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import MapSettings, render_density, render_labels
from openmm_cgpack.imaging import simulate_tomogram
from openmm_cgpack.models import Filament, Membrane, coarse_grain
from openmm_cgpack.plot import VIEW, plot_molecules, plot_planes, plot_steps
from openmm_cgpack.poses import extract_transforms

from .measures import Bending, measure_bending
from .paper_types import paper_types, replacements, structures_of
from .runs import PackingRun, Settings, run_packing
from .section import Finding, Picture, Section, Table, judge, png_of

IDS = ("1A1S", "1BXR", "1EQR", "1F1B", "1GYT")
TWICE = "1F1B"
YELLOW, SKY = (0.93, 0.75, 0.16), (0.45, 0.74, 0.94)
KEPT = 0.02
"""Root mean square change of bond lengths up to which they count as kept."""


def run_together(settings: Settings) -> Section:
    """Run experiment 4; it is small, and the same in a quick run.

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
    chain, sheet = Filament(n_balls=12).build(), Membrane(shape=(5, 5)).build()
    counts = [(m, 2 if t.pdb_id == TWICE else 1) for t, m in zip(types, models, strict=True)]
    run = run_packing(
        [*counts, (chain, 1), (sheet, 1)],
        settings,
        extent=70.0,
        max_steps=4_000,
        relax_steps=2_000,
        interval=25,
    )
    packed, history = run.packed, run.packed.history
    n = packed.scene.n_instances
    bent = {
        "filament": [measure_bending(chain, f[run.scene.balls(n - 2)]) for f in run.frames],
        "membrane": [measure_bending(sheet, f[run.scene.balls(n - 1)]) for f in run.frames],
    }
    ends = {name: shapes[-1] for name, shapes in bent.items()}
    poses = extract_transforms(packed)
    # Without the palette's blue and yellow, which would look like the two.
    colours = np.vstack([species_colours(7)[[0, 1, 2, 6, 5]], [YELLOW, SKY]])
    density = render_density(packed, MapSettings(voxel_size=1.0, resolution=4.0))
    labels = render_labels(packed, grid=density.grid)
    tomogram = simulate_tomogram(density, snr=1000, seed=stage_seed(settings.seed, "noise"))
    moments = run.moments(4)
    titles = [f"step {run.steps[m]}" for m in moments]
    rigid = float(poses.rms[poses.rigid].max())
    return Section(
        number=4,
        title="Six macromolecules, a filament and a membrane",
        setup=f"{', '.join(m.name.upper() for m in models)} once and {TWICE} a second time, one "
        f"filament of {chain.n_balls} balls of 4 nm, one membrane of 5 x 5 balls of 8 nm, both "
        "without angle terms, at random in 70 nm"
        + (f" ({run.enlarged})" if run.enlarged else "")
        + f"; {packed.scene.n_balls} balls, {history.step[-1]} steps. The paper names five ids "
        "for its six macromolecules and gives no size of filament and membrane.",
        replaced=replacements(types),
        findings=(
            Finding(
                paper="Structures gather toward the centre, and the membrane and the filament "
                "deform.",
                here=f"The radius of gyration falls from {history.radius_of_gyration[0]:.1f} to "
                f"{history.radius_of_gyration[-1]:.1f} nm. " + _deformed(ends),
                verdict=judge(
                    history.radius_of_gyration[-1] < history.radius_of_gyration[0],
                    *(shape.bend > 10 for shape in ends.values()),
                ),
            ),
            Finding(
                paper="Neither of them is stretched: as long as the bonds keep their lengths, the "
                "structure does not stretch.",
                here="; ".join(
                    f"bonds of the {name} end within {shape.bond_spread:.1%} (root mean square, "
                    f"worst {shape.bond_worst:.1%}) of their rest lengths, under the pull within "
                    f"{max(s.bond_spread for s in bent[name]):.1%}"
                    for name, shape in ends.items()
                )
                + ".",
                verdict=judge(*(shape.bond_spread < KEPT for shape in ends.values())),
            ),
            Finding(
                paper="Macromolecules do not deform.",
                here=f"The six bodies kept their shape within {rigid:.1g} nm.",
                verdict=judge(rigid < 1e-3),
            ),
        ),
        tables=(_table(run, bent, moments),),
        pictures=(
            Picture(
                caption="Wireframes and balls at four times: membrane sky blue, filament yellow.",
                png=png_of(
                    plot_steps(run.scene, [run.frames[m] for m in moments], titles, colours=colours)
                ),
                paper="Figure 11 (and again 12): wireframe view, membrane in sky blue and filament "
                "in yellow, and multiple-ball view.",
            ),
            *(
                Picture(
                    caption="What the density is made of: molecules, the filament as a tube, the "
                    f"membrane as a bilayer, seen from {side}.",
                    png=png_of(plot_molecules(packed, colours=colours, size=700, view=view)),
                    paper="No picture of this.",
                )
                for side, view in (("one side", VIEW), ("the other", (VIEW[0] + 180, -VIEW[1])))
            ),
            Picture(
                caption="The central slice: density, masks by species, tomogram at SNR 1000.",
                png=png_of(
                    plot_planes(
                        {
                            "density": density,
                            "masks by species": labels.semantic,
                            "tomogram, SNR 1000": tomogram,
                        },
                        packed=packed,
                        colours=colours,
                        densities=("density",),
                    )
                ),
                paper="The density map and tomogram of this scene are announced as figure '??' "
                "and missing in the text at hand.",
            ),
        ),
    )


def _deformed(ends: dict[str, Bending]) -> str:
    return " ".join(
        f"The {name}'s straight triples of balls are bent by {shape.bend:.0f}° on average, and its "
        f"ends are {shape.end_to_end:.2f} of their rest distance apart."
        for name, shape in ends.items()
    )


def _table(run: PackingRun, bent: dict[str, list[Bending]], moments: list[int]) -> Table:
    rows = []
    for name, shapes in bent.items():
        worst = int(np.argmax([shape.bond_spread for shape in shapes]))
        for m in sorted({*moments, worst}):
            shape = shapes[m]
            rows.append(
                (
                    name,
                    f"{run.steps[m]}",
                    f"{shape.end_to_end:.2f}",
                    f"{shape.bend:.0f}°",
                    f"{shape.departure:.2f}",
                    f"{shape.bond_spread:.2%}",
                    f"{shape.bond_worst:.2%}",
                )
            )
    return Table(
        caption="Both kinds through time. End to end: over the rest distance (of a membrane, the "
        "mean of both diagonals). Bend: mean over all straight triples. Departure: root mean "
        "square distance from the rest shape over its radius of gyration. Bonds: change of "
        "length, root mean square and worst. The step with the most strained bonds is among them.",
        head=("", "step", "end to end", "bend", "departure", "bonds, rms", "bonds, worst"),
        rows=tuple(rows),
        paper="No number is reported.",
    )
