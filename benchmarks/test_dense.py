"""Dense packing to a volume fraction: what is left too close, and what it costs."""

import time
from pathlib import Path

import numpy as np
import openmm.app
import pytest
from prototypes import prototype_a, prototype_b, voxel_envelope

from openmm_cgpack import (
    SHAPE_COVER,
    Dense,
    PackingError,
    PlacementError,
    Run,
    as_packed,
    audit,
    coarse_grain,
    extract_transforms,
    insert,
    library,
    load_structure,
    pack_scene,
)
from openmm_cgpack.auditing import atom_contacts
from openmm_cgpack.packing import Packing, box_fraction
from openmm_cgpack.structures import Reading

FULL = (
    "3h84",
    "1bxr_AB",
    "2cg9",
    "1f1b",
    "1gyt",
    "1oel",
    "1g3i",
    "1u6g",
    "1bxn",
    "3hhb",
    "3d2f",
    "1w6t",
    "1yg6",
    "2bo9",
    "2byu",
    "4v4r_30S",
    "1aon",
    "2h12",
    "3gl1",
    "3j9i",
)
"""Structures of the shared folder."""

ASSEMBLIES = ("1f1b", "1w6t", "1oel", "1aon")
"""Those whose first biological assembly is taken."""

LATTICE = 0.5
"""Voxels of insertion, nm."""

SMALL = ("3hhb", "2bo9", "1f1b")


@pytest.fixture(scope="module")
def models(full):
    """Return 20 full structures at 300 atoms a ball, or three of the library."""
    structures = full_structures(FULL) if full else [library.load(name) for name in SMALL]
    return [coarse_grain(s, SHAPE_COVER, seed=1) for s in structures]


def full_structures(names):
    """Return structures of the developers' folder with every atom, or skip where it is not here."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("the developers' shared/ folder is not here")
    structures = []
    for name in names:
        (path,) = sorted(folder.glob(f"{name}.*"))[:1]
        assembly = "1" if name in ASSEMBLIES else None
        structures.append(load_structure(path, Reading(assembly=assembly), name=name))
    return structures


def shared_folder():
    """Return the developers' folder of structures, or None."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "pdb").is_dir():
            return parent / "shared" / "pdb"
    return None


def contacts(packed):
    """Return what is left too close, as columns of a table."""
    poses = extract_transforms(packed).transforms
    found = atom_contacts(packed.scene, packed.positions, poses, packed.boundary)
    if found is None:
        cleared = packed.provenance.get("clash_removal", {})
        return {"points too close": cleared.get("points_too_close", "not removed")}
    near, nearer = found.within
    return {
        "atoms < 2.5 Å, %": f"{100 * near.atoms / found.atoms:.4f}",
        "< 1.5 Å, %": f"{100 * nearer.atoms / found.atoms:.4f}",
        "molecules with one < 1.5 Å, %": f"{100 * nearer.molecules / packed.scene.n_instances:.1f}",
    }


def timed(run):
    start = time.process_time()
    packed = run()
    return packed, time.process_time() - start


class Clock:
    """What compressions take, and what of it OpenMM's own steps take, in seconds of CPU."""

    def __init__(self):
        self.whole = self.steps = 0.0

    @property
    def overhead(self):
        """Time of the driver over that of bare steps."""
        return self.whole / self.steps - 1 if self.steps else np.nan

    def pack(self, scene, protocol):
        """Pack a scene block by block; measured are compressions and every call to step."""
        packing = Packing(protocol.steps(scene, run=Run(platform="CPU"), seed=1))
        plain_step = openmm.app.Simulation.step

        def step(simulation, steps):
            begin = time.process_time()
            plain_step(simulation, steps)
            self.steps += time.process_time() - begin

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(openmm.app.Simulation, "step", step)
            begin = time.process_time()
            for block in packing:
                now = time.process_time()
                self.whole += now - begin if block.stage.startswith("compression") else 0.0
                begin = now
        return packing.result


@pytest.mark.slow
def test_dense_fractions(models, full, record):
    """What the protocols and the prototypes leave at each fraction, in one run."""
    counts = [(model, 10 if full else 6) for model in models]
    volume = sum(count * model.volume for model, count in counts)
    # Of species of the library only the envelope's volume is known.
    larger = sum(n * voxel_envelope(m) for m, n in counts) / volume if full else 1.0
    rows = []

    def row(protocol, packed, seconds, clock=None):
        reached = box_fraction(packed.scene, packed.boundary)
        steps = packed.provenance.get("compression", {}).get("steps", 0) if clock else 0
        rows.append(
            {
                "protocol": protocol,
                "fraction": f"{reached:.3f}",
                "by whole voxels": f"{reached * larger:.3f}",
                "CPU, s": f"{seconds:.0f}",
                **contacts(packed),
                "steps": steps or "",
                "driver over bare steps, %": f"{100 * clock.overhead:.1f}" if steps else "",
            }
        )
        return reached

    for fraction in (0.2, 0.25, 0.28):
        try:
            scene, seconds = timed(lambda f=fraction: insert(counts, fraction=f, seed=1))
        except PlacementError:
            continue
        row("`insert` alone", as_packed(scene), seconds)
    reached = []
    # 0.3, 0.45 and 0.55 by whole voxels, and one by the envelope itself.
    asked = [0.3 / larger, 0.3, 0.45 / larger, 0.55 / larger] if full else [0.3]
    for fraction in asked:
        start = insert(counts, fraction=0.1, seed=1)
        begin, protocol = time.process_time(), "`pack_scene`"
        clock = Clock()
        try:
            packed = clock.pack(start, Dense(fraction=fraction))
        except PackingError as error:
            packed, protocol = error.best, f"{protocol} to {fraction:.2f}: PackingError"
        reached.append(row(protocol, packed, time.process_time() - begin, clock) / fraction)
    if full:
        slow, seconds = timed(lambda: prototype_a(counts, 0.45, seed=1))
        row("prototype A", slow, seconds)
        fine, more = timed(lambda: prototype_b(slow, seed=1))
        row("prototypes A and B", fine, seconds + more)
    assert reached[0] == pytest.approx(1, rel=0.005)
    molecules = sum(count for _, count in counts)
    record(rows, note=f"{molecules} molecules of {len(models)} species, 2 threads.")


@pytest.mark.slow
def test_dense_order(models, full, record):
    """Orientations and distances beside those of chance, and what is left of the lattice."""
    counts = [(model, 10 if full else 12) for model in models]
    start = insert(counts, fraction=0.2, seed=1)
    rows = []

    def row(protocol, packed):
        found = audit(packed)
        places = extract_transforms(packed).transforms.translations
        # Of even places the mean of n unit numbers is about 1 / sqrt(n) long.
        comb = np.abs(np.exp(2j * np.pi * places / LATTICE).mean(axis=0)).max()
        nematic, neighbours = found.orientation.nematic[0], found.orientation.neighbours
        rows.append(
            {
                "protocol": protocol,
                "fraction": f"{box_fraction(packed.scene, packed.boundary):.2f}",
                "nematic order, sigma": f"{nematic.deviation:+.1f}",
                "nearest neighbours' order, sigma": f"{neighbours.deviation:+.1f}",
                "p, vectors": f"{found.orientation.polar_p:.2f}",
                "p, tensors": f"{found.orientation.axial_p:.2f}",
                "g(r) beyond 1.5 spacings, rms sigma": (
                    f"{found.radial.order_beyond(1.5 * found.mean_spacing):.2f}"
                ),
                "comb of 0.5 nm, times chance": f"{comb * np.sqrt(len(places)):.1f}",
            }
        )
        return abs(nematic.deviation), found.orientation.axial_p

    row("`insert` alone", as_packed(start))
    for fraction in (0.3, 0.33) if full else (0.3,):
        deviation, p = row("`pack_scene`", pack_scene(start, Dense(fraction=fraction), seed=1))
        assert deviation < 5
        assert p > 1e-6
    record(rows, note=f"{start.n_instances} molecules of {len(models)} species.")
