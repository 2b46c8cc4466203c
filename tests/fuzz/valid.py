"""Valid files of every kind that the commands read, made once; all others come of them."""

import bz2
import contextlib
import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import mrcfile
import numpy as np
from pdb_text import ROTATED, record

from openmm_cgpack import Filament, PackedScene, as_packed, place
from openmm_cgpack.cli import main
from openmm_cgpack.io.scenes import save_packed
from openmm_cgpack.runs import run

PULL = """
name = "small"
seed = 2
[[filament]]
name = "chain"
n_balls = 4
count = 3
[[molecule]]
name = "small"
pdb = "small.pdb"
count = 2
atoms_per_ball = 20
[pack]
max_steps = {steps}
block = 50
relax_steps = 20
checkpoint_every = 50
[pack.lennard_jones]
epsilon = 4000.0
[files]
trajectory = true
frame_interval = 100
bild = true
cmm = true
atoms = true
[density]
voxel_size = 2.0
resolution = 5.0
[imaging]
kind = "tilt_series"
halves = "tilts"
[imaging.microscope.scheme]
tilt_step_deg = 30.0
[imaging.gold]
count = 2
diameter = 5.0
[run]
platform = "CPU"
threads = 1
"""

DENSE = """
seed = 3
[start]
boundary = "periodic"
box = 24.0
counts = "relative"
[[molecule]]
species = "3hhb"
count = 1
[[membrane]]
shape = [3, 3]
count = 1
[pack]
kind = "dense"
fraction = 0.08
[pack.compression]
max_steps = 200
[density]
voxel_size = 2.0
resolution = 6.0
[imaging]
snr = 1.0
[imaging.envelope]
cutoff = 0.5
[run]
platform = "CPU"
threads = 1
"""

IMAGING = """
seed = 5
[imaging]
snr = 0.5
[imaging.microscope.scheme]
tilt_step_deg = 40.0
"""

MODULE = """
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.models import Filament

@kind("string")
class String(Filament):
    "A filament of my own."
    knots: int = setting("knots", default=1, minimum=0)
"""

CIF_HEAD = """data_SMALL
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
"""

CIF_TAIL = """#
_pdbx_struct_assembly.id 1
_pdbx_struct_assembly.details author_defined_assembly
_pdbx_struct_assembly.oligomeric_count 2
_pdbx_struct_assembly_gen.assembly_id 1
_pdbx_struct_assembly_gen.oper_expression 1,2
_pdbx_struct_assembly_gen.asym_id_list A
loop_
_pdbx_struct_oper_list.id
_pdbx_struct_oper_list.type
_pdbx_struct_oper_list.matrix[1][1]
_pdbx_struct_oper_list.matrix[1][2]
_pdbx_struct_oper_list.matrix[1][3]
_pdbx_struct_oper_list.vector[1]
_pdbx_struct_oper_list.matrix[2][1]
_pdbx_struct_oper_list.matrix[2][2]
_pdbx_struct_oper_list.matrix[2][3]
_pdbx_struct_oper_list.vector[2]
_pdbx_struct_oper_list.matrix[3][1]
_pdbx_struct_oper_list.matrix[3][2]
_pdbx_struct_oper_list.matrix[3][3]
_pdbx_struct_oper_list.vector[3]
1 identity 1 0 0 0 0 1 0 0 0 0 1 0
2 crystal 0 -1 0 40 1 0 0 5 0 0 1 2
"""

STAR = """
data_optics
loop_
_rlnOpticsGroup #1
_rlnTomoTiltSeriesPixelSize #2
1 20.0

data_particles
loop_
_rlnTomoName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnOpticsGroup #5
_rlnClassNumber #6
_rlnAutopickFigureOfMerit #7
"""

LARGE = 4 << 30
"""Bytes that a small compressed file holds: twice the memory that a command may take."""


def make(folder: Path, *, quick: bool = False) -> None:
    """Write all of them, or only those that take no time; in a child, since commands run."""
    folder.mkdir(parents=True)
    _structures(folder)
    (folder / "pull.toml").write_text(PULL.format(steps=100))
    (folder / "dense.toml").write_text(DENSE)
    (folder / "imaging.toml").write_text(IMAGING)
    (folder / "mine.py").write_text(MODULE)
    _picks(folder)
    save_packed(folder / "packed.npz", _packed())
    if not quick:
        _runs(folder)
        _unfinished(folder)
        _bombs(folder)


def _packed() -> PackedScene:
    return as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))


def _runs(folder: Path) -> None:
    _command("simulate", folder / "pull.toml", "-o", folder / "run")
    _command("simulate", folder / "dense.toml", "-o", folder / "dense_run")
    _command("render", folder / "run", "--imaging", folder / "imaging.toml", "--name", "again")
    _command("export", folder / "run", "--to", folder / "exported")
    shutil.copy(folder / "run" / "packed.npz", folder / "packed.npz")
    shutil.copy(folder / "run" / "semantic.mrc", folder / "labels.mrc")
    shutil.copy(folder / "run" / "instances.mrc", folder / "instances.mrc")
    shutil.copy(folder / "run" / "particles.csv", folder / "truth.csv")
    shutil.copytree(folder / "exported" / "omezarr" / "semantic.zarr", folder / "labels.zarr")


def _command(*words) -> None:
    code = main([str(word) for word in words])
    if code:
        raise RuntimeError(f"{words}: exit code {code}")


def _structures(folder: Path) -> None:
    rng = np.random.default_rng(1)
    places = rng.normal(size=(60, 3)) * 12
    names = [" N  ", " CA ", " C  ", " O  ", " CB "]
    lines = [
        record(i + 1, names[i % 5], "ALA", "AB"[i // 40], i // 5 + 1, xyz, element=names[i % 5][1])
        for i, xyz in enumerate(places)
    ]
    text = ROTATED + "\n".join(lines) + "\nEND\n"
    rows = [
        f"ATOM {i + 1} {names[i % 5][1]} {names[i % 5].strip()} . ALA A 1 {i // 5 + 1} ? "
        f"{x:.3f} {y:.3f} {z:.3f} 1.00 0.00 {i // 5 + 1} A 1"
        for i, (x, y, z) in enumerate(places)
    ]
    (folder / "small.pdb").write_text(text)
    (folder / "small.pdb1").write_text(
        f"MODEL        1\n{text}ENDMDL\nMODEL        2\n{text}ENDMDL\n"
    )
    (folder / "small.cif").write_text(CIF_HEAD + "\n".join(rows) + "\n" + CIF_TAIL)
    (folder / "small.pdb.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "small.cif.gz").write_bytes(gzip.compress((folder / "small.cif").read_bytes()))
    # The volumes that a command reads are labels; gzip and bzip2 are the mrc library's own.
    labels = rng.integers(0, 3, (6, 7, 8)).astype(np.int8)
    with mrcfile.new(folder / "map.mrc") as file:
        file.set_data(labels)
        file.voxel_size = 20.0
    content = (folder / "map.mrc").read_bytes()
    (folder / "map.mrc.gz").write_bytes(gzip.compress(content))
    (folder / "map.mrc.bz2").write_bytes(bz2.compress(content))


def _picks(folder: Path) -> None:
    rng = np.random.default_rng(2)
    places = rng.uniform(0, 200, (6, 3)).round(2)
    rows = [",".join(map(str, [*place, "small", 0.5])) for place in places.tolist()]
    (folder / "picks.csv").write_text("x_angst,y_angst,z_angst,species,score\n" + "\n".join(rows))
    rows = [" ".join(map(str, ["one", *(place / 20), 1, 2, 0.5])) for place in places]
    (folder / "picks.star").write_text(STAR + "\n".join(rows) + "\n")
    copick = {
        "pickable_object_name": "small",
        "user_id": "me",
        "session_id": "1",
        "run_name": "one",
        "unit": "angstrom",
        "points": [
            {
                "location": dict(zip("xyz", place, strict=True)),
                "transformation_": np.eye(4).tolist(),
                "instance_id": 0,
                "score": 1.0,
            }
            for place in places.tolist()
        ],
    }
    project = folder / "copick" / "ExperimentRuns" / "one" / "Picks"
    project.mkdir(parents=True)
    (project / "me_1_small.json").write_text(json.dumps(copick, indent=1))
    objects = [{"name": "small", "is_particle": True, "label": 1, "radius": 20.0}]
    config = {"name": "mine", "version": "1", "pickable_objects": objects}
    (folder / "copick" / "copick_config.json").write_text(json.dumps(config, indent=1))


def _unfinished(folder: Path) -> None:
    """Leave a run on its way, interrupted as by Ctrl-C, with a checkpoint."""
    recipe, out = folder / "long.toml", folder / "cut"
    recipe.write_text(PULL.format(steps=3000).replace("[pack]", _PATIENT))

    def interrupt(*_) -> None:
        if (out.with_name("cut.unfinished") / "checkpoint.npz").exists():
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        run(recipe, out, watch=interrupt)


_PATIENT = "[pack]\npatience = 9999\ntolerance = 0.0"


def _bombs(folder: Path) -> None:
    """Write small files that hold much: members of one block, again and again."""
    block = 1 << 26
    for name, blank in (("blank.pdb.gz", b" " * block), ("blank.mrc.gz", bytes(block))):
        (folder / name).write_bytes(gzip.compress(blank, 6) * (LARGE // block))
    (folder / "blank.mrc.bz2").write_bytes(bz2.compress(bytes(block)) * (LARGE // block))
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (LARGE - (1 << 20),)}
    )
    shutil.copy(folder / "packed.npz", folder / "large.npz")
    with (
        zipfile.ZipFile(folder / "large.npz", "a", zipfile.ZIP_DEFLATED) as file,
        file.open("nobody_asked.npy", "w", force_zip64=True) as member,
    ):
        member.write(head.getvalue())
        for _ in range(LARGE // block):
            member.write(bytes(block))
