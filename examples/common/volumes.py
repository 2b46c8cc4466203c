"""Experiment 2: volumes of molecules, of balls, and what tighter balls buy (figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from openmm_cgpack.core import AtomicStructure, BallModel
from openmm_cgpack.core.seeds import stage_seed
from openmm_cgpack.density import Sampling, species_map
from openmm_cgpack.models import Cover, coarse_grain, single_ball
from openmm_cgpack.models.spheres import minimal_sphere
from openmm_cgpack.models.union import union_volume
from openmm_cgpack.panels import INK, blank_figure
from openmm_cgpack.plot import plot_molecules

from .measures import CLASH, CYTOPLASM
from .paper_types import PAPER_TYPES, PaperType, replacements, structures_of
from .runs import Settings
from .section import Finding, Picture, Section, Table, judge, png_of
from .tightness import STEP, TOLERANCE, Packed, compare_packings, copies_of_each

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MULTI = {"sum": "sum of the balls", "union": "union of the balls"}
SINGLE = {
    "minimal": "smallest sphere around the atoms",
    "box": "sphere around the bounding box's centre",
    "map": "smallest sphere around the 4 nm map (Pei et al.)",
}
SAVED = (0.11, 0.72)
SHARE = 0.75
BEST = ("1BXR", "1GYT", "1QO1")
SHAPE_TRUE = (5000, 1000, 300)


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """Volumes of one molecule, nm^3.

    Parameters
    ----------
    isosurface : float
        Its envelope.
    multi : dict
        Of the paper's balls, by the keys of `MULTI`.
    single : dict
        Of one ball, by the keys of `SINGLE`.
    """

    isosurface: float
    multi: dict[str, float]
    single: dict[str, float]

    def saved(self, multi: str, single: str) -> float:
        """Return what the balls save against one ball, by one definition."""
        return 1 - self.multi[multi] / self.single[single]


def measure_volumes(structure: AtomicStructure, model: BallModel) -> Volumes:
    """Return the volumes of a molecule by every definition.

    Parameters
    ----------
    structure : AtomicStructure
        The molecule.
    model : BallModel
        Its balls.

    Returns
    -------
    Volumes
        ``"box"``: the sphere about the middle of the atoms' bounding box that holds all of them.
        ``"map"``: the smallest sphere around the voxels of at least 0.2 of the maximum of the map
        at 4 nm (full width at half maximum) and 1 nm voxels, as in Pei et al. 2016.
    """
    points, reach = structure.positions, structure.spread
    low, high = (points - reach[:, None]).min(axis=0), (points + reach[:, None]).max(axis=0)
    box = float((np.linalg.norm(points - (low + high) / 2, axis=1) + reach).max())
    density = species_map(structure, Sampling(resolution=4.0, convention="fwhm"))
    voxels = np.argwhere(density.data >= 0.2 * density.data.max())[:, ::-1] * density.voxel_size
    return Volumes(
        isosurface=model.volume,
        multi={
            "sum": float(_ball(model.radii).sum()),
            "union": union_volume(model.positions, model.radii),
        },
        single={
            "minimal": float(_ball(single_ball(structure).radii[0])),
            "box": float(_ball(box)),
            "map": float(_ball(minimal_sphere(voxels)[1])),
        },
    )


def run_volumes(settings: Settings) -> Section:
    """Run experiment 2.

    Parameters
    ----------
    settings : Settings
        How. The volumes are those of all 20 types in a quick run too.

    Returns
    -------
    Section
    """
    structures = structures_of(PAPER_TYPES, settings.structures)
    seed = stage_seed(settings.seed, "models")
    models = [coarse_grain(structure, seed=seed) for structure in structures]
    volumes = [measure_volumes(s, m) for s, m in zip(structures, models, strict=True)]
    covers = {
        n: [
            coarse_grain(s, Cover(atoms_per_ball=n, radius="volume"), seed=seed) for s in structures
        ]
        for n in SHAPE_TRUE
    }
    packed_sizes = SHAPE_TRUE[-1:] if settings.quick else SHAPE_TRUE[1:]
    packings = compare_packings(structures, models, {n: covers[n] for n in packed_sizes}, settings)
    smallest = sum(v.isosurface < min(*v.multi.values(), *v.single.values()) for v in volumes)
    claims = [_claim(volumes, multi, single) for multi in MULTI for single in SINGLE]
    reached = max(claim[0] for claim in claims)
    return Section(
        number=2,
        title="Volume comparison, and what it buys",
        setup="Volumes of all 20 types. Isosurface: the space that a probe of 0.14 nm cannot enter "
        f"between atoms of 0.18 nm. To compare packings, {copies_of_each(settings)} of each type "
        "are compressed in a periodic cube, from dilute on, until the root mean square "
        f"overlap of all balls can no longer be brought below {TOLERANCE:g} nm by annealing, in "
        f"steps of {STEP:.0%} of the envelope fraction in the end. Forces, tolerance and annealing "
        "are the same for all covers.",
        replaced=replacements(PAPER_TYPES),
        findings=(
            Finding(
                paper="The isosurface's volume is the smallest for every macromolecule.",
                here=f"It is for {smallest} of {len(volumes)} types. The union of the paper's "
                f"balls is {_range([v.multi['union'] / v.isosurface for v in volumes], '.1f')} "
                "times as large, the smallest sphere around the atoms "
                f"{_range([v.single['minimal'] / v.isosurface for v in volumes], '.1f')} times.",
                verdict=judge(smallest == len(volumes)),
            ),
            Finding(
                paper="For 75 % of the macromolecules the multi-ball model saves 11 % to 72 % of "
                "the single ball's volume.",
                here="By the definition, "
                f"{min(c[0] for c in claims):.0%} to {reached:.0%} of the types save at least "
                f"11 %; the most that one saves is {max(c[2] for c in claims):.0%}. The paper does "
                "not say which definition it used, and "
                f"{sum(t.replaced for t in PAPER_TYPES)} of its types are others here.",
                verdict=judge(
                    reached >= SHARE,
                    all(c[0] >= SHARE for c in claims),
                ),
            ),
            _best_finding(volumes),
            Finding(
                paper="There is much less empty space in the multi-ball model, so a tightly packed "
                "result is easier to achieve.",
                here=_bought(packings),
                verdict=judge(
                    packings[1].fraction > (1 + STEP) * packings[0].fraction,
                    packings[1].overlap <= TOLERANCE,
                ),
            ),
        ),
        tables=(
            _definitions_table(claims),
            _species_table(volumes),
            _shape_true_table(volumes, covers),
            _packing_table(packings),
        ),
        pictures=(
            Picture(
                caption="Volumes of the 20 types: molecular envelope, union and sum of the paper's "
                "balls, and one ball by three definitions.",
                png=png_of(_bars(volumes)),
                paper="Figure 8: isosurface, multi-ball and single-ball volume of each type.",
            ),
            Picture(
                caption="Envelope volume fraction that the same molecules reach with each cover "
                "at the same tolerance of overlaps; the band is a cell's cytoplasm.",
                png=png_of(_packing_bars(packings)),
                paper="Tighter packing is claimed without this number.",
            ),
            *(
                Picture(
                    caption=f"The molecules packed with {p.name}: fraction "
                    f"{p.fraction:.2f} of a cube whose molecules "
                    "are drawn whole where they stand across its faces.",
                    png=png_of(
                        plot_molecules(p.packed, size=450 if settings.quick else 700, title=p.name)
                    ),
                )
                for p in (packings[0], packings[-1])
            ),
        ),
    )


def _ball(radius: np.ndarray | float) -> np.ndarray:
    return 4 / 3 * np.pi * np.asarray(radius) ** 3


def _range(values: Sequence[float], form: str) -> str:
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def _signed(share: float) -> str:
    return f"{round(100 * share):+d}%" if round(100 * share) else "0%"


def _claim(volumes: Sequence[Volumes], multi: str, single: str) -> tuple[float, float, float, str]:
    """Return the shares that save 11 % and more, that save anything, the best, and the name."""
    saved = np.array([v.saved(multi, single) for v in volumes])
    name = f"{MULTI[multi]}, {SINGLE[single]}"
    return float((saved >= SAVED[0]).mean()), float((saved > 0).mean()), float(saved.max()), name


def _definitions_table(claims: Sequence[tuple[float, float, float, str]]) -> Table:
    return Table(
        caption="What of the paper's sentence holds under each definition: the share of types that "
        "save at least 11 %, the share that saves anything, and the most that one saves.",
        head=(
            "multi-ball volume",
            "single-ball volume",
            "save 11 % or more",
            "save at all",
            "best",
        ),
        rows=tuple(
            (*name.split(", ", 1), f"{share:.0%}", f"{some:.0%}", f"{best:.0%}")
            for share, some, best, name in claims
        ),
        paper="75 % of the types save 11 % to 72 %.",
    )


def _best_finding(volumes: Sequence[Volumes]) -> Finding:
    saved = {
        t.pdb_id: v.saved("union", "minimal") for t, v in zip(PAPER_TYPES, volumes, strict=True)
    }
    ranked = sorted(saved, key=lambda name: -saved[name])
    named = "; ".join(
        f"{t.pdb_id}{f' (here {t.species.upper()})' if t.replaced else ''} "
        f"{_signed(saved[t.pdb_id])}, rank {ranked.index(t.pdb_id) + 1}"
        for t in PAPER_TYPES
        if t.pdb_id in BEST
    )
    top = [_name(t) for name in ranked[:3] for t in PAPER_TYPES if t.pdb_id == name]
    return Finding(
        paper="The advantage is obvious for 1BXR, 1GYT and 1QO1.",
        here=f"By union against the smallest sphere they save: {named}. The most is saved by "
        f"{', '.join(top)}. Of the entries 1BXR and 1GYT the library holds a part, which is less "
        "long than the whole.",
        verdict=judge(*(saved[name] >= SAVED[0] for name in BEST)),
    )


def _name(t: PaperType) -> str:
    return f"{t.species.upper()} for {t.pdb_id}" if t.replaced else t.pdb_id


def _species_table(volumes: Sequence[Volumes]) -> Table:
    rows = []
    for t, v in zip(PAPER_TYPES, volumes, strict=True):
        radius = float(np.cbrt(3 * v.single["map"] / (4 * np.pi)))
        rows.append(
            (
                _name(t),
                f"{v.isosurface:.0f}",
                f"{v.multi['sum']:.0f}",
                f"{v.multi['union']:.0f}",
                f"{v.single['minimal']:.0f}",
                f"{v.single['box']:.0f}",
                f"{v.single['map']:.0f}",
                _signed(v.saved("union", "minimal")),
                _signed(v.saved("sum", "minimal")),
                f"{radius:.2f}",
                "" if t.replaced else f"{t.pei_radius:.2f}",
            )
        )
    return Table(
        caption="Volumes, nm³, and what the balls save against the smallest sphere. The last "
        "columns compare the radius of the sphere around the map with the one that Pei et al. "
        "print; where they differ much, the entry's asymmetric unit or a larger assembly was "
        "theirs.",
        head=(
            "type",
            "isosurface",
            "sum",
            "union",
            "min. sphere",
            "box sphere",
            "map sphere",
            "union saves",
            "sum saves",
            "map R, nm",
            "Pei R, nm",
        ),
        rows=tuple(rows),
        paper="Shown as bars without numbers.",
    )


def _shape_true_table(volumes: Sequence[Volumes], covers: dict[int, list[BallModel]]) -> Table:
    rows = []
    for n, models in covers.items():
        sums = [float(_ball(m.radii).sum()) / m.volume for m in models]
        unions = [union_volume(m.positions, m.radii) / m.volume for m in models]
        saved = [
            1 - u * v.isosurface / v.single["minimal"] for u, v in zip(unions, volumes, strict=True)
        ]
        rows.append(
            (
                f"{n}",
                _range([m.n_balls for m in models], "d"),
                _range(unions, ".2f"),
                _range(sums, ".2f"),
                f"{np.mean([s >= SAVED[0] for s in saved]):.0%}",
                _range(saved, ".0%"),
                f"{100 * float(np.mean([_outside(m) for m in models])):.0f} %",
            )
        )
    return Table(
        caption='Shape-true balls (radius="volume"): the union of a molecule\'s balls has its '
        "envelope's volume. Volumes are over the envelope's; what is saved is the union's against "
        "the smallest sphere; the last column is the share of points that no ball covers, the "
        "price of few balls.",
        head=(
            "atoms a ball",
            "balls",
            "union / envelope",
            "sum / envelope",
            "save 11 % or more",
            "saved",
            "uncovered",
        ),
        rows=tuple(rows),
        paper="Not in the paper, whose radii are those of the farthest atoms.",
    )


def _outside(model: BallModel) -> float:
    """Return the share of a molecule's points that no ball holds."""
    assert model.structure is not None
    points = model.structure.positions
    held = np.zeros(len(points), bool)
    for centre, radius in zip(model.positions, model.radii, strict=True):
        held |= ((points - centre) ** 2).sum(axis=1) < radius**2
    return 1 - float(held.mean())


def _packing_table(packings: Sequence[Packed]) -> Table:
    return Table(
        caption="The same molecules, each cover compressed as far as it goes. The fraction is that "
        "of the molecules' envelopes in the cube; the balls' fraction is that of their unions, one "
        "for each molecule. The deepest overlap of two balls is given over "
        "their contact distance; the last column is the share of the molecules' points nearer "
        f"than {CLASH:g} nm to another molecule's, before any clash removal.",
        head=(
            "cover",
            "balls",
            "fraction",
            "balls' fraction",
            "edge of the cube, nm",
            "overlap, nm rms",
            "deepest overlap",
            "points too near",
        ),
        rows=tuple(
            (
                p.name,
                f"{p.packed.scene.n_balls}",
                f"{p.fraction:.3f}",
                f"{p.filled:.2f}",
                f"{(p.packed.scene.volume / p.fraction) ** (1 / 3):.1f}",
                f"{p.overlap:.3f}",
                f"{p.deepest:.2f}",
                f"{p.clash:.2%}",
            )
            for p in packings
        ),
        paper="No fraction is reported.",
    )


def _bought(packings: Sequence[Packed]) -> str:
    one, paper, true = packings[0], packings[1], packings[-1]
    return (
        f"Compressed as far as they go, {one.name} reaches an envelope fraction of "
        f"{one.fraction:.2f}, {paper.name} {paper.fraction:.2f} "
        f"({paper.fraction / one.fraction:.1f} times), {true.name} {true.fraction:.2f} "
        f"({true.fraction / one.fraction:.1f} times); a cell's cytoplasm has {CYTOPLASM[0]:.2f} "
        f"to {CYTOPLASM[1]:.2f}. All overlap by at most {TOLERANCE:g} nm, root mean square."
    )


def _bars(volumes: Sequence[Volumes]) -> Figure:
    figure = blank_figure((12.0, 4.8))
    axes = figure.add_subplot()
    series = [
        ("isosurface", [v.isosurface for v in volumes], "#2b6c4f"),
        ("multi-ball, union", [v.multi["union"] for v in volumes], "#4f86c6"),
        ("multi-ball, sum", [v.multi["sum"] for v in volumes], "#9dc0e8"),
        ("single ball, smallest sphere", [v.single["minimal"] for v in volumes], "#d9793b"),
        ("single ball, bounding box", [v.single["box"] for v in volumes], "#eab08a"),
        ("single ball, 4 nm map", [v.single["map"] for v in volumes], "#f4d9c6"),
    ]
    place = np.arange(len(volumes))
    wide = 0.85 / len(series)
    for k, (name, values, colour) in enumerate(series):
        axes.bar(place + (k - 2.5) * wide, values, wide, label=name, color=colour)
    names = [f"{t.pdb_id}\n({t.species.upper()})" if t.replaced else t.pdb_id for t in PAPER_TYPES]
    axes.set_xticks(place, names, fontsize=8, color=INK)
    axes.set_ylabel("volume, nm³", color=INK)
    axes.set_xlim(-0.6, len(volumes) - 0.4)
    axes.legend(frameon=False, fontsize=9, ncols=2)
    _bare(axes)
    figure.tight_layout()
    return figure


def _packing_bars(packings: Sequence[Packed]) -> Figure:
    figure = blank_figure((7.6, 3.6))
    axes = figure.add_subplot()
    place = np.arange(len(packings))
    values = [p.fraction for p in packings]
    bars = axes.bar(place, values, 0.5, color="#4f86c6")
    axes.bar_label(bars, [f"{v:.2f}" for v in values], fontsize=9, color=INK)
    axes.axhspan(*CYTOPLASM, color="#d9793b", alpha=0.2, linewidth=0, label="cytoplasm")
    axes.set_xticks(place, [p.name.replace(", ", ",\n") for p in packings], fontsize=8, color=INK)
    axes.set_ylabel("envelope volume fraction", color=INK)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    _bare(axes)
    figure.tight_layout()
    return figure


def _bare(axes: object) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)  # type: ignore[attr-defined]
