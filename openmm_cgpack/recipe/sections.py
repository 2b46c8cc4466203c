"""The tables of a recipe and their keys; every default is the function's that the key goes to."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Literal

from ..core.settings import Settings, setting
from ..density import MapSettings
from ..models import Structure


class SceneSection(Settings):
    """The start, and where the scene ends."""

    boundary: Literal["open", "periodic", "slab"] = setting(
        "open: pulled together by [forces] as [pack] says, which are for such scenes only; "
        "periodic: a box that repeats; slab: one that repeats along x and y and has walls in z",
        default="open",
    )
    box: float | tuple[float, float, float] | None = setting(
        "edge or edges of a periodic box or slab; left out, a cube that counts fill to fraction",
        default=None,
        unit="nm",
        above=0,
    )
    fraction: float | None = setting(
        "envelope volume fraction of a periodic box or slab; left out, what the counts make in box",
        default=None,
        above=0,
        below=1,
    )
    fractions: tuple[float, ...] | None = setting(
        "in place of fraction: rising ones of a crowding series, which has the same molecules at "
        "each, and a folder for each",
        default=None,
        above=0,
        below=1,
    )
    counts: Literal["exact", "relative"] = setting(
        "exact: as many instances as said; relative: counts are abundances, and as many instances "
        "are made as fill box to fraction",
        default="exact",
    )
    extent: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box that holds all balls of an open scene at the start; "
        "left out, the molecules' enclosing spheres fill about 15 % of it",
        default=None,
        unit="nm",
        above=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {
            name: getattr(self, name) is not None
            for name in ("box", "fraction", "fractions", "extent")
        }
        if self.boundary == "open":
            for name in ("box", "fraction", "fractions"):
                if given[name]:
                    raise ValueError(f'{name}: is for boundary = "periodic" or "slab"')
            if self.counts == "relative":
                raise ValueError('counts: "relative" is for boundary = "periodic" or "slab"')
            return
        if given["extent"]:
            raise ValueError('extent: is for boundary = "open"; wanted box or fraction')
        if self.fractions is not None:
            if given["box"] or given["fraction"]:
                raise ValueError("fractions: are in place of box and fraction, not beside them")
            if not self.fractions or any(b <= a for a, b in pairwise(self.fractions)):
                raise ValueError(f"fractions: wanted rising numbers, got {list(self.fractions)}")
        elif not given["box"] and not given["fraction"]:
            raise ValueError(f'boundary: "{self.boundary}" wants box or fraction, got neither')
        if self.counts == "relative" and not (given["box"] and given["fraction"]):
            raise ValueError('counts: "relative" wants both box and fraction')


class Forces(Settings):
    """The paper's force field."""

    epsilon: float = setting(
        "depth of the Lennard-Jones well", default=8368.0, unit="kJ/mol", above=0
    )
    pull_k: float = setting(
        "constant of the centre pull; 0 leaves it out",
        default=4184.0,
        unit="kJ/mol/nm²",
        minimum=0,
    )
    pull_radius: float = setting("where the pull stops growing", default=30.0, unit="nm", above=0)
    switch: float = setting(
        "where the Lennard-Jones potential begins to be switched off",
        default=60.0,
        unit="nm",
        above=0,
    )
    cutoff: float = setting("where it is zero", default=61.0, unit="nm", above=0)
    lennard_jones: Literal["auto", "custom", "standard"] = setting(
        "OpenMM force that holds it: a CustomNonbondedForce, or a NonbondedForce without charges, "
        "which is several times faster on the CPU for bodies of few balls; auto takes that one "
        "where the bodies are such",
        default="auto",
    )


class Pack(Settings):
    """The dynamics."""

    rigidity: Literal["bonds", "constraints"] = setting(
        "what keeps a rigid body's shape", default="constraints"
    )
    max_steps: int = setting("most steps under the pull", default=20_000, minimum=1)
    block: int = setting("steps between measurements", default=250, minimum=1)
    tolerance: float = setting(
        "relative tightening below which a packing has ended", default=2e-3, minimum=0
    )
    patience: int = setting("blocks without tightening that end it", default=4, minimum=1)
    relax_steps: int | None = setting(
        "steps in which the pull is ramped off and the balls settle; 0 leaves it on; left out, "
        "8000 with bonds and 4000 with constraints",
        default=None,
        minimum=0,
    )
    timestep: float = setting("time step", default=0.02, unit="ps", above=0)
    friction: float = setting(
        "friction of the Langevin dynamics", default=10.0, unit="1/ps", minimum=0
    )
    temperature: float = setting("temperature", default=300.0, unit="K", minimum=0)
    frame_interval: int = setting("steps between frames of the trajectory", default=250, minimum=1)
    checkpoint_every: int = setting(
        "steps between checkpoints, from which an unfinished run goes on",
        default=2500,
        minimum=1,
    )


class Tomogram(Settings):
    """The simulated tomogram."""

    snr: float = setting("signal-to-noise ratio", default=200.0, above=0)
    snr_definition: Literal["volume", "projection", "pei2016"] = setting(
        "what the ratio means", default="volume"
    )
    tilt_max: float = setting(
        "largest tilt; the missing wedge is beyond", default=60.0, unit="°", above=0, maximum=90
    )
    defocus_um: float = setting("underfocus", default=5.0, unit="µm")
    voltage_kv: float = setting("acceleration voltage", default=300.0, unit="kV", above=0)
    cs_mm: float = setting("spherical aberration", default=2.0, unit="mm", minimum=0)
    amplitude_contrast: float = setting("amplitude contrast", default=0.07, minimum=0, maximum=1)
    envelope: float | None = setting(
        "fraction of Nyquist at which the envelope falls to 1/e; left out, there is none",
        default=None,
        above=0,
    )


_PLAIN = ("preset",)
_CLEAN = (
    *_PLAIN,
    *("tilt_min", "tilt_max", "tilt_step", "method", "filter", "iterations", "dark", "border"),
    *("ice_thickness", "gold", "gold_diameter", "gold_place", "carbon_edge", "carbon_thickness"),
)


class Imaging(Settings):
    """How the tomogram comes about: in one step, as `[tomogram]` says, or by a tilt series."""

    preset: Literal["paper", "titan_krios_k3", "clean"] = setting(
        "the one-step model of `[tomogram]`, a tilt series with all its physics, or one without "
        "CTF and noise",
        default="paper",
    )
    tilt_min: float = setting("first tilt", default=-60.0, unit="°", minimum=-90, maximum=90)
    tilt_max: float = setting("last tilt", default=60.0, unit="°", minimum=-90, maximum=90)
    tilt_step: float = setting("between tilts", default=3.0, unit="°", above=0)
    order: Literal["dose_symmetric", "bidirectional", "ascending", "descending"] = setting(
        "order of the exposures", default="dose_symmetric"
    )
    total_dose: float = setting("dose of the whole series", default=120.0, unit="e/Å²", above=0)
    defocus_um: float = setting("underfocus", default=4.0, unit="µm", minimum=0)
    astigmatism_um: float = setting("difference of the two defoci", default=0.0, unit="µm")
    astigmatism_angle: float = setting("axis of the first, from x", default=0.0, unit="°")
    voltage_kv: float = setting("acceleration voltage", default=300.0, unit="kV", above=0)
    cs_mm: float = setting("spherical aberration", default=2.7, unit="mm", minimum=0)
    amplitude_contrast: float = setting("amplitude contrast", default=0.07, minimum=0, maximum=0.99)
    phase_shift: float = setting("of a phase plate", default=0.0, unit="°")
    gradient: Literal["none", "across", "through"] = setting(
        "whether the defocus is one for all of an image, changes across it in strips, or through "
        "the depth of the specimen in slabs",
        default="through",
    )
    border: Literal["mirror", "periodic", "vacuum"] = setting(
        "what tilted beams meet beyond the box", default="mirror"
    )
    damage: bool = setting("whether dose takes contrast", default=True)
    camera: Literal["k3", "falcon4", "scintillator", "perfect"] = setting(
        "model of the camera", default="k3"
    )
    camera_pixel_size: float = setting("its pixel at the specimen", default=0.2, unit="nm", above=0)
    ice_thickness: float | None = setting(
        "thickness of the ice; left out, that of the box", default=None, unit="nm", above=0
    )
    ice_grain: float = setting("graininess of the ice, 0 is smooth", default=1.0, minimum=0)
    shift_error: float = setting(
        "standard deviation of the images' shifts", default=0.0, unit="nm", minimum=0
    )
    rotation_error: float = setting("of their rotations", default=0.0, unit="°", minimum=0)
    angle_error: float = setting("of their tilts", default=0.0, unit="°", minimum=0)
    defocus_error: float = setting("of their defocus", default=0.0, unit="µm", minimum=0)
    gold: int = setting("gold fiducials", default=0, minimum=0)
    gold_diameter: float = setting("their diameter", default=10.0, unit="nm", above=0)
    gold_place: Literal["faces", "inside"] = setting(
        "at the faces of the ice or anywhere in it", default="faces"
    )
    carbon_edge: float | None = setting(
        "how far a carbon film reaches into the box; left out, there is none",
        default=None,
        unit="nm",
        above=0,
    )
    carbon_thickness: float = setting("its thickness", default=20.0, unit="nm", above=0)
    snr: float | None = setting(
        "signal-to-noise ratio to which the noise is scaled; left out, what the dose makes it",
        default=None,
        above=0,
    )
    snr_definition: Literal["volume", "projection", "pei2016"] = setting(
        "what the ratio means", default="volume"
    )
    halves: Literal["none", "tilts", "dose"] = setting(
        "two more tomograms that share no noise: even and odd tilts, or halves of the dose",
        default="none",
    )
    method: Literal["wbp", "sirt"] = setting("method of the reconstruction", default="wbp")
    filter: Literal["ramp", "exact", "none"] = setting("weights of wbp", default="ramp")
    iterations: int = setting("iterations of sirt", default=20, minimum=1)
    ctf: Literal["none", "flip"] = setting("whether phases are flipped", default="none")
    align: bool = setting("whether shifts and rotations of the images are undone", default=True)
    dark: bool = setting("whether mass is dark", default=True)

    def meaningless(self) -> dict[str, str]:
        """Return keys that mean nothing beside the preset."""
        used = {"paper": _PLAIN, "clean": _CLEAN}.get(self.preset)
        names = (field.name for field in dataclasses.fields(self))
        if used is None:
            return {}
        return {name: f'with preset = "{self.preset}"' for name in names if name not in used}


class Files(Settings):
    """Files that are written only when asked for."""

    atoms: bool = setting(
        "atoms.cif: all atoms of all molecules at their final places; wants molecules from files "
        "or downloads, since the library's have none",
        default=False,
    )
    bild: bool = setting("balls.bild: the balls with their radii, for ChimeraX", default=False)
    cmm: bool = setting("balls.cmm: balls and bonds as ChimeraX markers", default=False)


class Run(Settings):
    """Where it runs; Reference, and CPU with one thread, repeat bit for bit."""

    platform: str | None = setting("OpenMM platform; left out, the fastest", default=None)
    threads: int | None = setting("threads of the CPU platform", default=None, minimum=1)


class Recipe(Settings):
    """A whole scene, from structures to the tomogram.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> recipe = Recipe(structures=(Filament(n_balls=20, count=2),))
    >>> recipe.structures[0].radius
    2.0
    """

    name: str = setting("name of the scene", default="scene")
    seed: int = setting("seed of every stage", default=0, minimum=0)
    index: int = setting("number of the scene, where one recipe makes many", default=0, minimum=0)
    structures: tuple[Structure, ...] = setting(
        "what the scene holds, at least one; those of a kind follow one another",
        default=(),
        by_kind=True,
    )
    scene: SceneSection = setting("the start", default=SceneSection())
    forces: Forces = setting("the force field", default=Forces())
    pack: Pack = setting("the dynamics", default=Pack())
    density: MapSettings = setting("the density map and labels", default=MapSettings())
    tomogram: Tomogram = setting("the one-step tomogram", default=Tomogram())
    imaging: Imaging = setting("how the tomogram comes about", default=Imaging())
    files: Files = setting("files on demand", default=Files())
    run: Run = setting("where it runs", default=Run())

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.structures:
            tables = " or ".join(f"[[{name}]]" for name in Structure.kinds)
            raise ValueError(f"the recipe is empty: wanted at least one {tables}")
        # Files have the tables of a kind together: so does the value, to be equal to its file.
        kinds = list(dict.fromkeys(entry.kind for entry in self.structures))
        in_order = sorted(self.structures, key=lambda entry: kinds.index(entry.kind))
        object.__setattr__(self, "structures", tuple(in_order))
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
