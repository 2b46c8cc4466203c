"""The tables of a recipe and their keys; every default is the function's that the key goes to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ..density.kernel import gaussian_sigma, lattice_factor
from .entries import Filament, Membrane, Molecule
from .fields import Section, key


@dataclass(frozen=True, kw_only=True)
class SceneSection(Section):
    """The start, and where the scene ends."""

    boundary: Literal["open", "periodic", "slab"] = key(
        "open: pulled together by [forces] as [pack] says, which are for such scenes only; "
        "periodic: a box that repeats; slab: one that repeats along x and y and has walls in z",
        default="open",
    )
    box: float | tuple[float, float, float] | None = key(
        "edge or edges of a periodic box or slab; left out, a cube that counts fill to fraction",
        default=None,
        unit="nm",
        above=0,
    )
    fraction: float | None = key(
        "envelope volume fraction of a periodic box or slab; left out, what the counts make in box",
        default=None,
        above=0,
        below=1,
    )
    fractions: tuple[float, ...] | None = key(
        "in place of fraction: rising ones of a crowding series, which has the same molecules at "
        "each, and a folder for each",
        default=None,
        above=0,
        below=1,
    )
    counts: Literal["exact", "relative"] = key(
        "exact: as many instances as said; relative: counts are abundances, and as many instances "
        "are made as fill box to fraction",
        default="exact",
    )
    extent: float | tuple[float, float, float] | None = key(
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


@dataclass(frozen=True, kw_only=True)
class Forces(Section):
    """The paper's force field."""

    epsilon: float = key("depth of the Lennard-Jones well", default=8368.0, unit="kJ/mol", above=0)
    pull_k: float = key(
        "constant of the centre pull; 0 leaves it out",
        default=4184.0,
        unit="kJ/mol/nm²",
        minimum=0,
    )
    pull_radius: float = key("where the pull stops growing", default=30.0, unit="nm", above=0)
    switch: float = key(
        "where the Lennard-Jones potential begins to be switched off",
        default=60.0,
        unit="nm",
        above=0,
    )
    cutoff: float = key("where it is zero", default=61.0, unit="nm", above=0)
    lennard_jones: Literal["auto", "custom", "standard"] = key(
        "OpenMM force that holds it: a CustomNonbondedForce, or a NonbondedForce without charges, "
        "which is several times faster on the CPU for bodies of few balls; auto takes that one "
        "where the bodies are such",
        default="auto",
    )
    bond_k: float = key(
        "bond constant of rigid bodies, filaments and membranes",
        default=1673600.0,
        unit="kJ/mol/nm²",
        above=0,
    )
    ball_mass: float = key(
        "mass of a ball for the dynamics; densities come from atomic masses",
        default=5000.0,
        unit="Da",
        above=0,
    )


@dataclass(frozen=True, kw_only=True)
class Pack(Section):
    """The dynamics."""

    rigidity: Literal["bonds", "constraints"] = key(
        "what keeps a rigid body's shape", default="constraints"
    )
    max_steps: int = key("most steps under the pull", default=20_000, minimum=1)
    block: int = key("steps between measurements", default=250, minimum=1)
    tolerance: float = key(
        "relative tightening below which a packing has ended", default=2e-3, minimum=0
    )
    patience: int = key("blocks without tightening that end it", default=4, minimum=1)
    relax_steps: int | None = key(
        "steps in which the pull is ramped off and the balls settle; 0 leaves it on; left out, "
        "8000 with bonds and 4000 with constraints",
        default=None,
        minimum=0,
    )
    timestep: float = key("time step", default=0.02, unit="ps", above=0)
    friction: float = key("friction of the Langevin dynamics", default=10.0, unit="1/ps", minimum=0)
    temperature: float = key("temperature", default=300.0, unit="K", minimum=0)
    frame_interval: int = key("steps between frames of the trajectory", default=250, minimum=1)
    checkpoint_every: int = key(
        "steps between checkpoints, from which an unfinished run goes on",
        default=2500,
        minimum=1,
    )


@dataclass(frozen=True, kw_only=True)
class Density(Section):
    """The density map and the label masks, on one grid."""

    voxel_size: float = key("edge of a voxel", default=1.0, unit="nm", above=0)
    resolution: float = key("resolution of the map", default=4.0, unit="nm", above=0)
    convention: Literal["situs", "molmap", "fwhm"] = key("what resolution means", default="situs")
    merge: Literal["add", "max"] = key("what happens where maps meet", default="add")
    deformables: Literal["smooth", "balls"] = key(
        "whether filaments and membranes are painted as tube and sheet or as balls",
        default="smooth",
    )
    box: float | tuple[float, float, float] | None = key(
        "edge or edges of the box of voxels around the scene's centre; "
        "left out, the bounding box of everything",
        default=None,
        unit="nm",
        above=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # Said now, and not after the packing.
        lattice_factor(gaussian_sigma(self.resolution, self.convention), self.voxel_size)


@dataclass(frozen=True, kw_only=True)
class Tomogram(Section):
    """The simulated tomogram."""

    snr: float = key("signal-to-noise ratio", default=200.0, above=0)
    snr_definition: Literal["volume", "projection", "pei2016"] = key(
        "what the ratio means", default="volume"
    )
    tilt_max: float = key(
        "largest tilt; the missing wedge is beyond", default=60.0, unit="°", above=0, maximum=90
    )
    defocus_um: float = key("underfocus", default=5.0, unit="µm")
    voltage_kv: float = key("acceleration voltage", default=300.0, unit="kV", above=0)
    cs_mm: float = key("spherical aberration", default=2.0, unit="mm", minimum=0)
    amplitude_contrast: float = key("amplitude contrast", default=0.07, minimum=0, maximum=1)
    envelope: float | None = key(
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


@dataclass(frozen=True, kw_only=True)
class Imaging(Section):
    """How the tomogram comes about: in one step, as `[tomogram]` says, or by a tilt series."""

    preset: Literal["paper", "titan_krios_k3", "clean"] = key(
        "the one-step model of `[tomogram]`, a tilt series with all its physics, or one without "
        "CTF and noise",
        default="paper",
    )
    tilt_min: float = key("first tilt", default=-60.0, unit="°", minimum=-90, maximum=90)
    tilt_max: float = key("last tilt", default=60.0, unit="°", minimum=-90, maximum=90)
    tilt_step: float = key("between tilts", default=3.0, unit="°", above=0)
    order: Literal["dose_symmetric", "bidirectional", "ascending", "descending"] = key(
        "order of the exposures", default="dose_symmetric"
    )
    total_dose: float = key("dose of the whole series", default=120.0, unit="e/Å²", above=0)
    defocus_um: float = key("underfocus", default=4.0, unit="µm", minimum=0)
    astigmatism_um: float = key("difference of the two defoci", default=0.0, unit="µm")
    astigmatism_angle: float = key("axis of the first, from x", default=0.0, unit="°")
    voltage_kv: float = key("acceleration voltage", default=300.0, unit="kV", above=0)
    cs_mm: float = key("spherical aberration", default=2.7, unit="mm", minimum=0)
    amplitude_contrast: float = key("amplitude contrast", default=0.07, minimum=0, maximum=0.99)
    phase_shift: float = key("of a phase plate", default=0.0, unit="°")
    gradient: Literal["none", "across", "through"] = key(
        "whether the defocus is one for all of an image, changes across it in strips, or through "
        "the depth of the specimen in slabs",
        default="through",
    )
    border: Literal["mirror", "periodic", "vacuum"] = key(
        "what tilted beams meet beyond the box", default="mirror"
    )
    damage: bool = key("whether dose takes contrast", default=True)
    camera: Literal["k3", "falcon4", "scintillator", "perfect"] = key(
        "model of the camera", default="k3"
    )
    camera_pixel_size: float = key("its pixel at the specimen", default=0.2, unit="nm", above=0)
    ice_thickness: float | None = key(
        "thickness of the ice; left out, that of the box", default=None, unit="nm", above=0
    )
    ice_grain: float = key("graininess of the ice, 0 is smooth", default=1.0, minimum=0)
    shift_error: float = key(
        "standard deviation of the images' shifts", default=0.0, unit="nm", minimum=0
    )
    rotation_error: float = key("of their rotations", default=0.0, unit="°", minimum=0)
    angle_error: float = key("of their tilts", default=0.0, unit="°", minimum=0)
    defocus_error: float = key("of their defocus", default=0.0, unit="µm", minimum=0)
    gold: int = key("gold fiducials", default=0, minimum=0)
    gold_diameter: float = key("their diameter", default=10.0, unit="nm", above=0)
    gold_place: Literal["faces", "inside"] = key(
        "at the faces of the ice or anywhere in it", default="faces"
    )
    carbon_edge: float | None = key(
        "how far a carbon film reaches into the box; left out, there is none",
        default=None,
        unit="nm",
        above=0,
    )
    carbon_thickness: float = key("its thickness", default=20.0, unit="nm", above=0)
    snr: float | None = key(
        "signal-to-noise ratio to which the noise is scaled; left out, what the dose makes it",
        default=None,
        above=0,
    )
    snr_definition: Literal["volume", "projection", "pei2016"] = key(
        "what the ratio means", default="volume"
    )
    halves: Literal["none", "tilts", "dose"] = key(
        "two more tomograms that share no noise: even and odd tilts, or halves of the dose",
        default="none",
    )
    method: Literal["wbp", "sirt"] = key("method of the reconstruction", default="wbp")
    filter: Literal["ramp", "exact", "none"] = key("weights of wbp", default="ramp")
    iterations: int = key("iterations of sirt", default=20, minimum=1)
    ctf: Literal["none", "flip"] = key("whether phases are flipped", default="none")
    align: bool = key("whether shifts and rotations of the images are undone", default=True)
    dark: bool = key("whether mass is dark", default=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in dataclasses.fields(self):
            if field.name in self.unused and getattr(self, field.name) != field.default:
                raise ValueError(f'{field.name}: means nothing with preset = "{self.preset}"')

    @property
    def unused(self) -> tuple[str, ...]:
        """Keys that mean nothing beside the preset."""
        used = {"paper": _PLAIN, "clean": _CLEAN}.get(self.preset)
        names = (field.name for field in dataclasses.fields(self))
        return () if used is None else tuple(name for name in names if name not in used)


@dataclass(frozen=True, kw_only=True)
class Files(Section):
    """Files that are written only when asked for."""

    atoms: bool = key(
        "atoms.cif: all atoms of all molecules at their final places; wants molecules from files "
        "or downloads, since the library's have none",
        default=False,
    )
    bild: bool = key("balls.bild: the balls with their radii, for ChimeraX", default=False)
    cmm: bool = key("balls.cmm: balls and bonds as ChimeraX markers", default=False)


@dataclass(frozen=True, kw_only=True)
class Run(Section):
    """Where it runs; Reference, and CPU with one thread, repeat bit for bit."""

    platform: str | None = key("OpenMM platform; left out, the fastest", default=None)
    threads: int | None = key("threads of the CPU platform", default=None, minimum=1)


@dataclass(frozen=True, kw_only=True)
class Recipe(Section):
    """A whole scene, from structures to the tomogram.

    Parameters
    ----------
    name : str, optional
        Name of the scene.
    seed : int, optional
        Seed of every stage.
    index : int, optional
        Number of the scene, where one recipe makes many.
    molecule, filament, membrane : tuple, optional
        What the scene holds; at least one of them.
    scene, forces, pack, density, tomogram, imaging, files, run : optional
        The settings.
    folder : pathlib.Path, optional
        Where relative paths start; not a key of the file.

    Examples
    --------
    >>> recipe = Recipe(filament=(Filament(n_balls=20, count=2),))
    >>> recipe.filament[0].radius
    2.0
    """

    name: str = key("name of the scene", default="scene")
    seed: int = key("seed of every stage", default=0, minimum=0)
    index: int = key("number of the scene, where one recipe makes many", default=0, minimum=0)
    molecule: tuple[Molecule, ...] = ()
    filament: tuple[Filament, ...] = ()
    membrane: tuple[Membrane, ...] = ()
    scene: SceneSection = SceneSection()
    forces: Forces = Forces()
    pack: Pack = Pack()
    density: Density = Density()
    tomogram: Tomogram = Tomogram()
    imaging: Imaging = Imaging()
    files: Files = Files()
    run: Run = Run()
    folder: Path = Path()

    def __post_init__(self) -> None:
        super().__post_init__()
        labels = [entry.label for entry in self.entries]
        if not labels:
            raise ValueError(
                "the recipe is empty: wanted at least one [[molecule]], [[filament]] or "
                "[[membrane]]"
            )
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(
                    f'{labels.count(label)} entries have the name "{label}"; '
                    "give each a name of its own"
                )
        shipped = [entry.species for entry in self.molecule if entry.species is not None]
        if self.files.atoms and shipped:
            raise ValueError(
                "files: atoms: wanted molecules from files or downloads only; the library has "
                f"no atoms of {', '.join(shipped)}"
            )

    @property
    def entries(self) -> tuple[Molecule | Filament | Membrane, ...]:
        """Molecules, filaments and membranes, in the order of the scene's species."""
        entries: list[Molecule | Filament | Membrane] = []
        entries += self.molecule
        entries += self.filament
        entries += self.membrane
        return tuple(entries)
