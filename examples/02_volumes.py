"""
Volumes of molecules and of their balls
=======================================

The paper's figure 8 compares the volume of each molecule with that of its balls and of one ball
around it. Here are the same volumes, by every reading of "volume", and what tighter balls buy: the
molecules packed with each of them.
"""

# %%
# The isosurface is the molecular envelope. The balls' volume is their sum or that of their union.
# One ball is the smallest sphere around the atoms, the one about the middle of their bounding box,
# or the smallest around a map at 4 nm.

import numpy as np
from common import (
    PAPER_TYPES,
    Section,
    charts,
    current_settings,
    judge,
    replacements,
    structures_of,
)
from common.measures import CLASH, CYTOPLASM
from common.volumes import STEP, TOLERANCE, ball_volume, measure_volumes, pack_cover, union_of

import openmm_cgpack as cgp

settings = current_settings()
structures = structures_of(PAPER_TYPES, settings.structures)
seed = settings.seed_of("models")
models = [cgp.coarse_grain(structure, seed=seed) for structure in structures]
volumes = [measure_volumes(s, m) for s, m in zip(structures, models, strict=True)]
copies = 20 if settings.full else 2
section = Section(
    number=2,
    title="Volume comparison, and what it buys",
    setup="Volumes of all 20 types. Isosurface: the space that a probe of 0.14 nm cannot enter "
    f"between atoms of 0.18 nm. To compare packings, {copies} of each type are compressed in a "
    "periodic cube, from dilute on, until the root mean square overlap of all balls can no longer "
    f"be brought below {TOLERANCE:g} nm by annealing, in steps of {STEP:.0%} of the envelope "
    "fraction in the end. Forces, tolerance and annealing are the same for all covers.",
    replaced=replacements(PAPER_TYPES),
)


def span(values, form):
    """Return the smallest and the largest value as a text."""
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def signed(share):
    """Return a share in percent with its sign."""
    return f"{round(100 * share):+d}%" if round(100 * share) else "0%"


bars = {
    "isosurface": ("#2b6c4f", [v.isosurface for v in volumes]),
    "multi-ball, union": ("#4f86c6", [v.multi["union"] for v in volumes]),
    "multi-ball, sum": ("#9dc0e8", [v.multi["sum"] for v in volumes]),
    "single ball, smallest sphere": ("#d9793b", [v.single["minimal"] for v in volumes]),
    "single ball, bounding box": ("#eab08a", [v.single["box"] for v in volumes]),
    "single ball, 4 nm map": ("#f4d9c6", [v.single["map"] for v in volumes]),
}
figure, (panel,) = charts((12.0, 4.8), y="volume, nm³")
place, width = np.arange(len(volumes)), 0.85 / len(bars)
for k, (name, (colour, values)) in enumerate(bars.items()):
    panel.bar(place + (k - 2.5) * width, values, width, label=name, color=colour)
panel.set_xticks(place, [t.name.replace(" for ", "\nfor ") for t in PAPER_TYPES], fontsize=8)
panel.set_xlim(-0.6, len(volumes) - 0.4)
panel.legend(frameon=False, fontsize=9, ncols=2)
smallest = sum(v.isosurface < min(*v.multi.values(), *v.single.values()) for v in volumes)
section.add_finding(
    paper="The isosurface's volume is the smallest for every macromolecule.",
    here=f"It is for {smallest} of {len(volumes)} types. The union of the paper's balls is "
    f"{span([v.multi['union'] / v.isosurface for v in volumes], '.1f')} times as large, the "
    "smallest sphere around the atoms "
    f"{span([v.single['minimal'] / v.isosurface for v in volumes], '.1f')} times.",
    verdict=judge(smallest == len(volumes)),
)
section.add_picture(
    figure,
    caption="Volumes of the 20 types: molecular envelope, union and sum of the paper's balls, and "
    "one ball by three definitions.",
    paper="Figure 8: isosurface, multi-ball and single-ball volume of each type.",
)

# %%
# The paper: 75 % of the molecules save 11 % to 72 %. What of that holds under each definition?

multi_balls = {"sum": "sum of the balls", "union": "union of the balls"}
single_balls = {
    "minimal": "smallest sphere around the atoms",
    "box": "sphere around the bounding box's centre",
    "map": "smallest sphere around the 4 nm map (Pei et al.)",
}
enough = 0.11
saved = {
    (multi, single): np.array([v.saved(multi, single) for v in volumes])
    for multi in multi_balls
    for single in single_balls
}
shares = [float((values >= enough).mean()) for values in saved.values()]
section.add_finding(
    paper="For 75 % of the macromolecules the multi-ball model saves 11 % to 72 % of the single "
    "ball's volume.",
    here=f"By the definition, {min(shares):.0%} to {max(shares):.0%} of the types save at least "
    f"11 %; the most that one saves is {max(values.max() for values in saved.values()):.0%}. The "
    "paper does not say which definition it used, and "
    f"{sum(t.replaced for t in PAPER_TYPES)} of its types are others here.",
    verdict=judge(max(shares) >= 0.75, min(shares) >= 0.75),
)
section.add_table(
    ("multi-ball volume", "single-ball volume", "save 11 % or more", "save at all", "best"),
    [
        (
            multi_balls[multi],
            single_balls[single],
            f"{(values >= enough).mean():.0%}",
            f"{(values > 0).mean():.0%}",
            f"{values.max():.0%}",
        )
        for (multi, single), values in saved.items()
    ],
    caption="What of the paper's sentence holds under each definition: the share of types that "
    "save at least 11 %, the share that saves anything, and the most that one saves.",
    paper="75 % of the types save 11 % to 72 %.",
)

# %%
# Molecule by molecule.

by_union = dict(zip((t.pdb_id for t in PAPER_TYPES), saved["union", "minimal"], strict=True))
ranked = sorted(by_union, key=lambda pdb_id: -by_union[pdb_id])
named = ("1BXR", "1GYT", "1QO1")
name_of = {t.pdb_id: t.name for t in PAPER_TYPES}
here_as = {t.pdb_id: f" (here {t.species.upper()})" if t.replaced else "" for t in PAPER_TYPES}
section.add_finding(
    paper="The advantage is obvious for 1BXR, 1GYT and 1QO1.",
    here="By union against the smallest sphere they save: "
    + "; ".join(
        f"{pdb_id}{here_as[pdb_id]} {signed(by_union[pdb_id])}, rank {ranked.index(pdb_id) + 1}"
        for pdb_id in named
    )
    + f". The most is saved by {', '.join(name_of[pdb_id] for pdb_id in ranked[:3])}. Of the "
    "entries 1BXR and 1GYT the library holds a part, which is less long than the whole.",
    verdict=judge(*(by_union[pdb_id] >= enough for pdb_id in named)),
)
section.add_table(
    (
        *("type", "isosurface", "sum", "union", "min. sphere", "box sphere", "map sphere"),
        *("union saves", "sum saves", "map R, nm", "Pei R, nm"),
    ),
    [
        (
            t.name,
            f"{v.isosurface:.0f}",
            f"{v.multi['sum']:.0f}",
            f"{v.multi['union']:.0f}",
            f"{v.single['minimal']:.0f}",
            f"{v.single['box']:.0f}",
            f"{v.single['map']:.0f}",
            signed(v.saved("union", "minimal")),
            signed(v.saved("sum", "minimal")),
            f"{np.cbrt(3 * v.single['map'] / (4 * np.pi)):.2f}",
            "" if t.replaced else f"{t.pei_radius:.2f}",
        )
        for t, v in zip(PAPER_TYPES, volumes, strict=True)
    ],
    caption="Volumes, nm³, and what the balls save against the smallest sphere. The last columns "
    "compare the radius of the sphere around the map with the one that Pei et al. print; where "
    "they differ much, the entry's asymmetric unit or a larger assembly was theirs.",
    paper="Shown as bars without numbers.",
)

# %%
# Balls that follow a molecule's shape: ``radius="volume"`` makes the union's volume that of the
# envelope, however many balls there are. What remains is how well they cover the molecule.


def uncovered(model):
    """Return the share of a molecule's points that no ball holds."""
    points = model.structure.positions
    held = np.zeros(len(points), bool)
    for centre, radius in zip(model.positions, model.radii, strict=True):
        held |= ((points - centre) ** 2).sum(axis=1) < radius**2
    return 1 - held.mean()


spheres = np.array([v.single["minimal"] for v in volumes])
shape_true, rows = {}, []
for atoms in (5000, 1000, 300) if settings.full else (5000, 1000):
    balls = settings.shape_cover(atoms)
    cover = [cgp.coarse_grain(structure, balls, seed=seed) for structure in structures]
    shape_true[atoms] = cover
    unions = np.array([union_of(model) for model in cover])
    rows.append(
        (
            f"{atoms}",
            span([model.n_balls for model in cover], "d"),
            span([u / m.volume for u, m in zip(unions, cover, strict=True)], ".2f"),
            span([ball_volume(m.radii).sum() / m.volume for m in cover], ".2f"),
            f"{(1 - unions / spheres >= enough).mean():.0%}",
            span(1 - unions / spheres, ".0%"),
            f"{100 * np.mean([uncovered(model) for model in cover]):.0f} %",
        )
    )
section.add_table(
    (
        *("atoms a ball", "balls", "union / envelope", "sum / envelope"),
        *("save 11 % or more", "saved", "uncovered"),
    ),
    rows,
    caption='Shape-true balls (radius="volume"): the union of a molecule\'s balls has its '
    "envelope's volume. Volumes are over the envelope's; what is saved is the union's against the "
    "smallest sphere; the last column is the share of points that no ball covers, the price of few "
    "balls.",
    paper="Not in the paper, whose radii are those of the farthest atoms.",
)

# %%
# What it buys. The same molecules with one ball each, with the paper's balls and with shape-true
# ones are compressed in a periodic cube, each cover until the root mean square overlap of its balls
# can no longer be brought below the same length. The envelope fraction is that of the molecules
# themselves.

covers = {
    "one ball": [cgp.models.single_ball(structure) for structure in structures],
    "the paper's balls": models,
}
for atoms in (1000, 300) if settings.full else (1000,):
    covers[f"shape-true, {atoms} atoms a ball"] = shape_true[atoms]
packings = [
    pack_cover(name, cover, copies, settings, index=index)
    for index, (name, cover) in enumerate(covers.items())
]
one, paper, true = packings[0], packings[1], packings[-1]
section.add_finding(
    paper="There is much less empty space in the multi-ball model, so a tightly packed result is "
    "easier to achieve.",
    here=f"Compressed as far as they go, {one.name} reaches an envelope fraction of "
    f"{one.fraction:.2f}, {paper.name} {paper.fraction:.2f} "
    f"({paper.fraction / one.fraction:.1f} times), {true.name} {true.fraction:.2f} "
    f"({true.fraction / one.fraction:.1f} times); a cell's cytoplasm has {CYTOPLASM[0]:.2f} to "
    f"{CYTOPLASM[1]:.2f}. All overlap by at most {TOLERANCE:g} nm, root mean square.",
    verdict=judge(paper.fraction > (1 + STEP) * one.fraction, paper.overlap <= TOLERANCE),
)
section.add_table(
    (
        *("cover", "balls", "fraction", "balls' fraction", "edge of the cube, nm"),
        *("overlap, nm rms", "deepest overlap", "points too near"),
    ),
    [
        (
            p.name,
            f"{p.packed.scene.n_balls}",
            f"{p.fraction:.3f}",
            f"{p.filled:.2f}",
            f"{p.packed.boundary.box[0]:.1f}",
            f"{p.overlap:.3f}",
            f"{p.deepest:.2f}",
            f"{p.clash:.2%}",
        )
        for p in packings
    ],
    caption="The same molecules, each cover compressed as far as it goes. The fraction is that of "
    "the molecules' envelopes in the cube; the balls' fraction is that of their unions, one for "
    "each molecule. The deepest overlap of two balls is given over their contact distance; the "
    f"last column is the share of the molecules' points nearer than {CLASH:g} nm to another "
    "molecule's, before any clash removal.",
    paper="No fraction is reported.",
)

# %%

figure, (panel,) = charts((7.6, 3.6), y="envelope volume fraction")
drawn = panel.bar(range(len(packings)), [p.fraction for p in packings], 0.5, color="#4f86c6")
panel.bar_label(drawn, [f"{p.fraction:.2f}" for p in packings], fontsize=9)
panel.axhspan(*CYTOPLASM, color="#d9793b", alpha=0.2, linewidth=0, label="cytoplasm")
panel.set_xticks(range(len(packings)), [p.name.replace(", ", ",\n") for p in packings], fontsize=8)
panel.legend(frameon=False, fontsize=8, loc="upper left")
section.add_picture(
    figure,
    caption="Envelope volume fraction that the same molecules reach with each cover at the same "
    "tolerance of overlaps; the band is a cell's cytoplasm.",
    paper="Tighter packing is claimed without this number.",
)

# %%
# The molecules with one ball each, and with the tightest cover.


def molecules(packing):
    """Draw the molecules of a packing."""
    return section.add_picture(
        cgp.plot_molecules(packing.packed, size=700 if settings.full else 450, title=packing.name),
        caption=f"The molecules packed with {packing.name}: fraction {packing.fraction:.2f} of a "
        "cube whose molecules are drawn whole where they stand across its faces.",
    )


[molecules(one), molecules(true)]

# %%
# What the paper says beside what was found.

section.verdicts()
