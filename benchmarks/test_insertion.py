"""What insertion costs to a fraction and what it leaves too close, beside bentopy.

bentopy 1.0.1 is another program for random sequential addition, compiled, by voxels of 0.5 nm. Its
`bentopy-pack` is looked for on the PATH, or where BENTOPY says; without it there are no rows of it.
"""

import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from test_dense import FULL, SMALL, full_structures

from openmm_cgpack import (
    SHAPE_COVER,
    Dense,
    PlacementError,
    RigidTransforms,
    Run,
    Scene,
    coarse_grain,
    extract_transforms,
    insert,
    library,
    pack_scene,
)
from openmm_cgpack.auditing import atom_contacts
from openmm_cgpack.core import Periodic
from openmm_cgpack.packing import fit_box

BENTOPY = os.environ.get("BENTOPY") or shutil.which("bentopy-pack")

VOXEL = 0.5
"""Of both, nm."""

COMPILE = """
import time
start = time.process_time()
import openmm_cgpack
package = time.process_time()
import numba
imported = time.process_time()
model = openmm_cgpack.coarse_grain(
    openmm_cgpack.library.load("3hhb"), openmm_cgpack.SHAPE_COVER, seed=1
)
begin = time.process_time()
openmm_cgpack.insert([(model, 2)], fraction=0.01, seed=1)
print(imported - package, time.process_time() - begin)
"""


@pytest.fixture(scope="module")
def models(full):
    """Return 20 full structures at 300 atoms a ball, or three of the library."""
    structures = full_structures(FULL) if full else [library.load(name) for name in SMALL]
    return [coarse_grain(s, SHAPE_COVER, seed=1) for s in structures]


class Bentopy:
    """bentopy's program, which reads the models' atoms from files in a folder."""

    def __init__(self, folder, models):
        self.folder = folder
        self.models = models
        for model in models:
            atoms = model.structure.positions
            lines = [
                f"{1:5d}{'ALA':5s}{'C':>5s}{i % 100_000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
                for i, (x, y, z) in enumerate(atoms, start=1)
            ]
            text = "\n".join([model.name, str(len(atoms)), *lines, "10.0 10.0 10.0", ""])
            (folder / f"{model.name}.gro").write_text(text, encoding="utf-8")

    def pack(self, copies, edge, seed):
        """Return the scene that it packs in a box of an edge, nm, and its CPU time, s."""
        segments = "\n".join(
            f'{model.name} {copies} from "{self.folder / model.name}.gro" in box'
            for model in self.models
        )
        (self.folder / "in.bent").write_text(
            f'[ general ]\ntitle "box"\nseed {seed}\n[ space ]\ndimensions {edge},{edge},{edge}\n'
            f"resolution {VOXEL}\n[ compartments ]\nbox is all\n[ segments ]\n{segments}\n",
            encoding="utf-8",
        )
        names = [str(self.folder / "in.bent"), str(self.folder / "out.json")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([BENTOPY, *names], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return self._scene(
            json.loads((self.folder / "out.json").read_text(encoding="utf-8")), edge
        ), cpu

    def _scene(self, packed, edge):
        """Return what it has packed; it says where the lowest corner of each molecule is."""
        number = {model.name: s for s, model in enumerate(self.models)}
        index, rotations, translations = [], [], []
        for placement in packed["placements"]:
            species = number[placement["name"]]
            atoms = self.models[species].structure.positions
            for batch in placement["batches"]:
                rotation = np.array(batch["rotation"])
                corner = (atoms @ rotation.T).min(axis=0)
                for place in batch["positions"]:
                    index.append(species)
                    rotations.append(rotation)
                    translations.append(np.array(place) - corner - edge / 2)
        poses = RigidTransforms(
            rotations=orthonormal(np.array(rotations)), translations=np.array(translations)
        )
        return Scene(
            species=tuple(self.models),
            species_index=np.array(index),
            transforms=poses,
            boundary=Periodic(box=edge),
        )


def orthonormal(rotations):
    """Return rotations (n, 3, 3) of seven digits as such of all digits."""
    u, _, v = np.linalg.svd(rotations)
    return u @ v


def row(program, fraction, scene, cpu, asked):
    """Return a row of the table."""
    near = "no atoms"
    nearer = near
    found = atom_contacts(scene, scene.positions, scene.transforms, scene.boundary)
    if found is not None:
        near, nearer = (within.atoms for within in found.within)
    return {
        "asked for": f"{fraction:.2f}",
        "": program,
        "CPU, s": f"{cpu:.1f}",
        "placed": f"{scene.n_instances} of {asked}",
        "reached": f"{scene.volume / scene.boundary.volume:.3f}",
        "atoms < 2.5 Å": near,
        "< 1.5 Å": nearer,
    }


@pytest.mark.slow
def test_insertion(models, full, record, tmp_path):
    """CPU time from models to a scene, two seeds each, and all of bentopy's process."""
    copies = 50 if full else 4
    counts = [(model, copies) for model in models]
    asked = copies * len(models)
    insert([(models[0], 1)], fraction=0.01, seed=1)
    bentopy = Bentopy(tmp_path, models) if full and BENTOPY else None
    rows = []
    for fraction in (0.10, 0.15, 0.20, 0.25, 0.30) if full else (0.10, 0.15):
        box = fit_box(sum(n * model.volume for model, n in counts), fraction=fraction)
        # bentopy's boxes are whole voxels.
        edge = VOXEL * round(box.box[0] / VOXEL)
        for seed in (1, 2) if full else (1,):
            begin = time.process_time()
            try:
                scene = insert(counts, boundary=Periodic(box=edge), seed=seed)
                made = row("`insert`", fraction, scene, time.process_time() - begin, asked)
                if full:
                    assert made["atoms < 2.5 Å"] == 0
            except PlacementError as error:
                done, reached = placed_before(error)
                made = dict.fromkeys(rows[0], "") | {
                    "asked for": f"{fraction:.2f}",
                    "": "`insert`: PlacementError",
                    "CPU, s": f"{time.process_time() - begin:.1f}",
                    "placed": f"{done} of {asked}",
                    "reached": reached,
                }
            rows.append(made)
            if full and made["atoms < 2.5 Å"] != 0:
                rows.append(dense_row(counts, fraction, seed, asked))
            if bentopy is not None:
                rows.append(row("bentopy", fraction, *bentopy.pack(copies, edge, seed), asked))
    record(rows, note=f"{asked} molecules of {len(models)} species, seeds 1 and 2, one thread.")


def dense_row(counts, fraction, seed, asked):
    """Return a row of dense packing, which goes on where insertion ends."""
    begin = time.process_time()
    start = insert(counts, fraction=0.1, seed=seed)
    packed = pack_scene(
        start, Dense(fraction=fraction), run=Run(platform="CPU", threads=1), seed=seed
    )
    seconds = time.process_time() - begin
    poses = extract_transforms(packed).transforms
    scene = dataclasses.replace(packed.scene, transforms=poses, boundary=packed.boundary)
    return row("`pack_scene`, `Dense`", fraction, scene, seconds, asked)


def placed_before(error):
    """Return how many instances there were, and their fraction, when one found no room."""
    words = str(error).split()
    return words[words.index("of") - 1], words[words.index("fraction") + 2].strip(";")


@pytest.mark.slow
def test_insertion_compiling(full, record, tmp_path):
    """CPU time of numba's import, and of a first insertion, compiled and from the disk."""
    if not full:
        pytest.skip("compiling takes long")
    rows, took = [], []
    for what in ("compiled", "from the disk"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        made = subprocess.run(
            [sys.executable, "-c", COMPILE], env=environment, check=True, capture_output=True
        )
        imported, inserted = map(float, made.stdout.split())
        took.append(inserted)
        rows.append(
            {
                "kernels": what,
                "importing numba, s": f"{imported:.2f}",
                "first `insert`, s": f"{inserted:.2f}",
            }
        )
    assert took[1] < took[0] / 4
    record(rows, note="CPU time of a new process, two molecules.")
