"""A recipe: the settings of a whole scene, from structures to the tomogram, in one value."""

from __future__ import annotations

import dataclasses
import os
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..core.messages import shown, within
from ..core.names import checked_name
from ..core.settings import Settings, setting
from ..core.tables import from_table, to_table
from ..density import MapSettings
from ..imaging import Imaging, OneStep, preset
from ..io.files import read_toml, toml_text
from ..models import Structure
from ..packing import Dense, Protocol, Pull, Run, Start
from ..packing.regions import ranks
from .drawing import refuse_distributions


class Files(Settings):
    """What is written, beyond what every run writes."""

    trajectory: bool = setting(
        "topology.cif and trajectory.dcd: the balls, what joins them, and their way from start to "
        "end, for VMD, mdtraj and OpenMM; 130 bytes a ball, and 12 for each frame",
        default=False,
    )
    frame_interval: int = setting("steps between frames of the trajectory", default=250, minimum=1)
    overview: bool = setting(
        "overview.png: one picture of the whole run; a small run without it takes half the time",
        default=True,
    )
    atoms: bool = setting(
        "atoms.cif: all atoms of all molecules at their final places; wants molecules from files "
        "or downloads, since the library's have none",
        default=False,
    )
    bild: bool = setting("balls.bild: the balls with their radii, for ChimeraX", default=False)
    cmm: bool = setting("balls.cmm: balls and bonds as ChimeraX markers", default=False)

    def meaningless(self) -> dict[str, str]:
        """Return what means nothing beside the other values."""
        return {} if self.trajectory else {"frame_interval": "without trajectory = true"}


class Recipe(Settings):
    """A whole scene, from structures to the tomogram: what a run needs besides a folder.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> recipe = Recipe(structures=(Filament(n_balls=20, count=2),))
    >>> recipe.structures[0].radius
    2.0
    """

    name: str = setting("name of the scene", default="scene", check=checked_name)
    seed: int = setting("seed of every stage", default=0, minimum=0, maximum=2**63 - 1)
    index: int = setting(
        "number of the scene, where one recipe makes many", default=0, minimum=0, maximum=2**63 - 1
    )
    fractions: tuple[float, ...] | None = setting(
        "in place of the fraction of [pack]: rising ones of a crowding series, which has the same "
        "molecules at each, and a folder for each",
        default=None,
        above=0,
        below=1,
    )
    structures: tuple[Structure, ...] = setting(
        "what the scene holds, at least one; those of a kind follow one another",
        default=(),
        by_kind=True,
    )
    start: Start = setting("where the scene ends, and how it begins", default=Start())
    pack: Protocol = setting("how it is packed", default=Pull())
    density: MapSettings = setting("the density map and the label masks", default=MapSettings())
    imaging: Imaging = setting("how the tomogram comes about", default=OneStep())
    files: Files = setting("what is written", default=Files())
    run: Run = setting("where it runs", default=Run())
    source: str = dataclasses.field(default="", compare=False)
    """The file that it was read from, with which messages begin; nothing that a user sets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.structures:
            tables = " or ".join(f"[[{name}]]" for name in Structure.kinds)
            raise ValueError(f"the recipe is empty: wanted at least one {tables}")
        # Files have the tables of a kind together: so does the value, to be equal to its file.
        kinds = list(dict.fromkeys(entry.kind for entry in self.structures))
        in_order = sorted(self.structures, key=lambda entry: kinds.index(entry.kind))
        object.__setattr__(self, "structures", tuple(in_order))
        self._check_names()
        self._check_packing()

    def summary(self) -> str:
        """Return what the repr says."""
        names = ", ".join(entry.label for entry in self.structures)
        ways = f"boundary {self.start.boundary}, packed by {self.pack.kind or 'a protocol'}"
        return f"{self.name!r}, {ways}, imaged by {self.imaging.kind}, {names}"

    def _check_names(self) -> None:
        labels = [entry.label for entry in self.structures]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(
                    f'{labels.count(label)} entries have the name "{label}"; '
                    "give each a name of its own"
                )
        without = [entry.label for entry in self.structures if entry.has_atoms is False]
        if self.files.atoms and without:
            raise ValueError(
                "files: atoms: wanted molecules from files or downloads only; the library has "
                f"no atoms of {', '.join(without)}"
            )

    def _check_packing(self) -> None:
        if self.fractions is not None:
            if self.start.box is not None or self.pack.goal is not None:
                raise ValueError(
                    "fractions: stand in place of the box of [start] and the fraction of [pack], "
                    "not beside them"
                )
            if not isinstance(self.pack, Dense):
                raise ValueError(
                    f'fractions: wanted kind = "dense" in [pack], got "{self.pack.kind}"'
                )
            if not self.fractions or any(b <= a for a, b in pairwise(self.fractions)):
                raise ValueError(f"fractions: wanted rising numbers, got {list(self.fractions)}")
        in_box = self.start.shape.bounded
        if self.pack.in_box is not None and self.pack.in_box != in_box:
            wanted = '"periodic" or "slab"' if self.pack.in_box else '"open"'
            raise ValueError(
                f'[start]: boundary: wanted {wanted} with kind = "{self.pack.kind}" in [pack], got '
                f'"{self.start.boundary}"'
            )
        self.pack.check(self.start.shape)
        if self.pack.populates:
            self._check_cell()
        else:
            self._check_no_cell()
            self.start.check(self.fraction)

    def _check_cell(self) -> None:
        """Raise ValueError unless the box is given, and all names of places stand for what is."""
        if self.start.box is None:
            raise ValueError(f'box: wanted in [start] with kind = "{self.pack.kind}" in [pack]')
        if self.start.counts == "relative":
            raise ValueError(
                f'counts: "relative" means nothing with kind = "{self.pack.kind}" in [pack]; give '
                "structures a fraction each"
            )
        ranks(self.structures)

    def _check_no_cell(self) -> None:
        """Raise ValueError where a structure wants a cell."""
        for entry in self.structures:
            if entry.cellular:
                given = [key for key in ("where", "fraction") if getattr(entry, key) is not None]
                what = given[0] if given else f"[[{entry.kind}]]"
                raise ValueError(
                    f'{entry.label}: {what}: is for cells: wanted kind = "cell" in [pack], got '
                    f'"{self.pack.kind}"'
                )

    def within(self, table: str = "") -> AbstractContextManager[None]:
        """Begin the messages of errors with the recipe's file, where it has one, and a table."""
        return within(": ".join(filter(None, [self.source, table])))

    @property
    def fraction(self) -> float | None:
        """The volume fraction that the packing aims at, the first of several; None without one."""
        return self.pack.goal if self.fractions is None else self.fractions[0]


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe from a TOML file; relative paths in it start at its folder.

    Raises
    ------
    ValueError, TypeError
        The file is no TOML, a key is unknown or missing, or a value is out of its range or of
        another type.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from openmm_cgpack import recipes
    >>> load_recipe(recipes.path("demo")).name
    'demo'
    """
    return recipe_from(read_toml(path), folder=Path(path).parent, source=path)


def recipe_from(
    document: dict[str, Any],
    *,
    folder: str | os.PathLike[str] | None = None,
    base: Recipe | None = None,
    source: str | os.PathLike[str] = "",
) -> Recipe:
    """Return a recipe from the nested tables of a document.

    ``preset`` in ``[imaging]`` names what the rest of that table changes. Relative paths start at
    `folder`. With a `base`, keys that the document does not name keep the base's values. Messages
    begin with the document's file, `source`, those of a run of the recipe, too.
    """
    if source:
        with within(str(source)):
            recipe = recipe_from(document, folder=folder, base=base)
        return dataclasses.replace(recipe, source=str(source))
    refuse_distributions(document)
    document = dict(document)
    imaging = document.get("imaging")
    if not isinstance(imaging, dict) or "preset" not in imaging:
        return from_table(Recipe, document, folder=folder, base=base)
    rest = {key: value for key, value in document.pop("imaging").items() if key != "preset"}
    with within("[imaging]"):
        chosen = preset(imaging["preset"])
    if rest.get("kind", chosen.kind) != chosen.kind:
        raise ValueError(
            f'[imaging]: kind: is "{chosen.kind}" of preset = "{imaging["preset"]}", got '
            f"{shown(rest['kind'])}; give one of the two"
        )
    changed = from_table(type(chosen), rest, where="[imaging]", base=chosen, folder=folder)
    recipe = from_table(Recipe, document, folder=folder, base=base)
    return dataclasses.replace(recipe, imaging=changed)


def dump_recipe(recipe: Recipe, *, folder: str | os.PathLike[str] | None = None) -> str:
    """Return a recipe as the text of a TOML file, with all its values.

    Paths of structures are written relative to `folder`, where the file will be.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> print(dump_recipe(Recipe(structures=(Filament(n_balls=20, count=2),))))
    name = "scene"
    seed = 0
    ...
    [[filament]]
    n_balls = 20
    ...
    """
    return toml_text(to_table(recipe, folder=folder))
