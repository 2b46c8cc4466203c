"""The command ``cgpack coarse-grain``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.files import refuse_inputs
from ..models import Cover, Molecule
from ..structures import Reading
from .console import say
from .options import add_settings, from_options

if TYPE_CHECKING:
    import numpy as np

    from ..core import BallModel
    from ..core.structure import MembranePlane


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    grain = commands.add_parser(
        "coarse-grain",
        examples=(
            "cgpack coarse-grain 3hhb",
            "cgpack coarse-grain mine.pdb -o mine.bild",
            "cgpack coarse-grain channel.pdb --membrane channel.png",
        ),
        help="show the ball model of a structure",
    )
    grain.add_argument("file", metavar="FILE", help="a PDB or mmCIF file, or a library species")
    grain.add_argument("-o", "--out", metavar="MODEL", help="write the balls: .bild or .cmm")
    grain.add_argument(
        "--membrane",
        metavar="PNG",
        help="find the membrane that a protein sits in, where its file marks none, and draw both",
    )
    add_settings(grain, Cover)
    add_settings(grain, Reading)
    grain.add_argument("--seed", type=int, default=0, metavar="N", help="of the clustering")
    grain.add_argument("--force", action="store_true", help="replace MODEL where it exists")
    grain.set_defaults(action=_coarse_grain)


def _coarse_grain(options: argparse.Namespace) -> None:
    from ..core.units import ANGSTROM_PER_NM
    from ..draw import plot_membrane, save_figure
    from ..models import coarse_grain
    from ..structures import find_belt, library

    for out in filter(None, (options.out, options.membrane)):
        refuse_inputs(out, [options.file])
        if os.path.lexists(out) and not options.force:
            raise FileExistsError(f"{out}: exists; give another file, or --force to replace it")
    if options.seed < 0:
        raise ValueError(f"--seed: wanted a whole number >= 0, got {options.seed}")
    values = vars(from_options(Cover, options)) | vars(from_options(Reading, options))
    shipped = not os.path.exists(options.file) and options.file in library
    which = {"species" if shipped else "pdb": options.file}
    molecule = Molecule(**which, **values)
    structure = molecule.read()
    if options.membrane is not None and structure.membrane is None:
        structure = structure.in_membrane(find_belt(structure).plane)
    model = coarse_grain(structure, molecule, seed=options.seed)
    say(f"{structure.name}: {structure.n_atoms} atoms, {structure.mass / 1e3:.1f} kDa")
    if structure.contents is not None:
        say("\n".join(structure.contents.lines()))
    if structure.membrane_plane is not None:
        _print_membrane(structure.membrane_plane, structure.file_origin)
    say("ball        x/Å       y/Å       z/Å  radius/Å")
    centres = (model.positions + structure.file_origin) * ANGSTROM_PER_NM
    for number, (centre, radius) in enumerate(zip(centres, model.radii, strict=True), start=1):
        x, y, z = centre
        say(f"{number:4d} {x:10.3f}{y:10.3f}{z:10.3f}{radius * ANGSTROM_PER_NM:10.3f}")
    if options.membrane is not None:
        save_figure(options.membrane, plot_membrane(structure))
        say(f"wrote {options.membrane}")
    say(f"molecular envelope {model.volume * ANGSTROM_PER_NM**3:.0f} Å³")
    if options.out is not None:
        _write_balls(Path(options.out), model, centres / ANGSTROM_PER_NM)
        say(f"wrote {options.out}")


def _print_membrane(plane: MembranePlane, origin: np.ndarray) -> None:
    from ..core.units import ANGSTROM_PER_NM

    x, y, z = (plane.centre + origin) * ANGSTROM_PER_NM
    normal = ", ".join(f"{part + 0.0:.3f}" for part in plane.normal)
    thickness = 2 * plane.half_thickness * ANGSTROM_PER_NM
    say(f"membrane {thickness:.1f} Å thick about ({x:.3f}, {y:.3f}, {z:.3f}) Å, normal ({normal})")


def _write_balls(path: Path, model: BallModel, centres: np.ndarray) -> None:
    import numpy as np

    from ..core import RigidTransforms, Scene
    from ..io import write_bild, write_cmm

    scene = Scene(
        species=(model,), species_index=np.zeros(1, int), transforms=RigidTransforms.identity(1)
    )
    writers = {".bild": write_bild, ".cmm": write_cmm}
    if path.suffix not in writers:
        raise ValueError(f"{path}: wanted a file name that ends in .bild or .cmm")
    writers[path.suffix](path, scene, centres)
