"""Contract tests, for those who add parts of their own.

Each function raises AssertionError where the part does not keep the contract, and is used in a
test of one line: ``check_stage(MyStage())``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .core import Open, Periodic, Slab
from .core.boundary import Boundary
from .core.settings import Settings, family_of
from .core.tables import from_table, to_table
from .imaging.stages import ACTS_ON, Exposure, FourierFilter, Stage

if TYPE_CHECKING:
    from .export import Format
    from .export.truth import GroundTruth
    from .forces import ForceTerm
    from .models import Structure
    from .packing import Protocol


def check_stage(stage: Stage, *, exposure: Exposure | None = None) -> None:
    """Check a stage of image formation: see `openmm_cgpack.imaging.Stage`.

    It is a frozen value, which goes to a table and back; it returns a float32 image of the same
    shape, of finite numbers; it leaves its input as it was; without a generator it is silent, and
    says the same twice; with one it repeats for the same seed. A `FourierFilter` is linear, and
    moves with the image where that has no mirrored frame. It is tried on images and volumes, as its
    `dimensions` say, with an `exposure` that may be given.

    Examples
    --------
    >>> from openmm_cgpack.imaging import Envelope
    >>> check_stage(Envelope(cutoff=0.4))
    """
    _check_frozen(stage)
    _require(stage.acts_on in ACTS_ON, f"acts_on: wanted one of {', '.join(ACTS_ON)}")
    if stage.kind:
        again = from_table(family_of(type(stage)), to_table(stage))
        _require(again == stage, f"from its table comes {again}")
    told = exposure or Exposure(
        angle=0.5,
        pixel_size=1.5,
        voltage_kv=300.0,
        dose_e_per_a2=3.0,
        pre_dose_e_per_a2=20.0,
        path=120.0,
    )

    def run(values: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        given = values.copy()
        result = stage(given, told, rng)
        _require(isinstance(result, np.ndarray), "wanted an array back")
        _require(result.shape == values.shape, f"the shape has become {result.shape}")
        _require(result.dtype == np.float32, f"wanted float32 back, got {result.dtype}")
        _require(np.array_equal(given, values), "the input has been written to")
        return result

    for dimension in stage.dimensions:
        data = np.random.default_rng(0).random((12, 14, 17)[-dimension:], dtype=np.float32)
        _check_noise(run, data)
        if isinstance(stage, FourierFilter) and not told.padding:
            _check_filter(run, data)


def _check_frozen(stage: Any) -> None:
    params = getattr(type(stage), "__dataclass_params__", None)
    _require(params is not None and params.frozen, "wanted a frozen dataclass")
    twin = dataclasses.replace(stage)
    _require(twin == stage, "a copy of it is not equal to it")


Run = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]


def _check_noise(run: Run, data: np.ndarray) -> None:
    silent = run(data, None)
    _require(bool(np.isfinite(silent).all()), "not all numbers are finite")
    _require(np.array_equal(silent, run(data, None)), "without a generator it varies")
    noisy = [run(data, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    _require(np.array_equal(noisy[0], noisy[1]), "the same seed does not repeat")
    draws = not np.array_equal(noisy[0], noisy[2])
    quiet = np.array_equal(noisy[0], silent)
    _require(draws or quiet, "with a generator it differs, and yet does not draw from it")


def _check_filter(run: Run, data: np.ndarray) -> None:
    first, second = data, np.roll(data[::-1], 3, axis=-1)
    alone = run(first, None)
    mixed = run(2 * first - second, None)
    scale = float(np.abs(alone).max()) + float(np.abs(mixed).max()) + 1e-30
    apart = 2 * alone - run(second, None)
    _require(np.allclose(mixed, apart, atol=1e-4 * scale), "it is not linear")
    moved = run(np.roll(first, (3, 5), axis=(-2, -1)), None)
    there = np.roll(alone, (3, 5), axis=(-2, -1))
    _require(np.allclose(moved, there, atol=1e-4 * scale), "it does not move with its input")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def check_structure(structure: Structure) -> None:
    """Check a kind of structure: see `openmm_cgpack.models.Structure`.

    It goes to a table and back; one seed gives one model, under its label; its bonds and angles
    can be held by forces; what it holds has a geometry to paint, or a structure.

    Examples
    --------
    >>> from openmm_cgpack import Filament
    >>> check_structure(Filament(n_balls=5))
    """
    _check_settings(structure)
    model, again = structure.build(seed=1), structure.build(seed=1)
    _require(model.name == structure.label, f"wanted the name {structure.label!r}")
    same = np.array_equal(model.positions, again.positions)
    _require(same and np.array_equal(model.radii, again.radii), "the same seed does not repeat")
    drawn = model.structure is not None or model.geometry is not None
    _require(drawn, "wanted a structure, or a geometry that painters draw")
    lengths = np.append(model.bond_lengths, 1.0)
    _require(bool((lengths > 0).all()), "a bond has no length")
    _require(not len(model.bonds) or model.bond_k > 0, "wanted a bond constant for its bonds")


def check_force_term(term: ForceTerm) -> None:
    """Check a force term: see `openmm_cgpack.forces.ForceTerm`.

    It goes to a table and back, and builds a force in scenes with and without a box, which hold
    filaments named ``"filament"``; on the Reference platform forces are minus the gradient of its
    energy. In a box they do not depend on which image of an instance is meant: platforms of GPUs
    hand over any, though not to a PythonForce.

    Examples
    --------
    >>> from openmm_cgpack import CentrePull
    >>> check_force_term(CentrePull(k=1.0))
    """
    import openmm

    from .forces import HarmonicBonds
    from .models import Filament
    from .packing import create_system, place

    _check_settings(term)
    chain = Filament(n_balls=4).build()
    for boundary in (Open(), Periodic(box=(400.0,) * 3), Slab(box=(400.0,) * 3)):
        scene = place([(chain, 2)], boundary=boundary, seed=1)
        system = create_system(scene, forces=(HarmonicBonds(), term))
        if system.getNumForces() < 2:
            continue
        context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
        )
        rng = np.random.default_rng(1)
        positions = scene.positions + rng.normal(scale=0.1, size=scene.positions.shape)
        direction = rng.normal(size=positions.shape)
        step = 1e-4

        def energy(places: np.ndarray, context: openmm.Context = context) -> float:
            context.setPositions(places)
            state = context.getState(energy=True, groups={1})
            return float(state.getPotentialEnergy()._value)

        slope = energy(positions + step * direction) - energy(positions - step * direction)
        context.setPositions(positions)
        forces = context.getState(forces=True, groups={1}).getForces(asNumpy=True)._value
        wanted = -float((forces * direction).sum())
        scale = float(np.abs(forces * direction).sum()) + 1e-9
        good = abs(slope / (2 * step) - wanted) < 1e-3 * scale
        _require(good, f"the force is not minus the gradient of the energy ({boundary.kind})")
        in_python = isinstance(system.getForce(1), openmm.PythonForce)
        if not boundary.bounded or in_python:
            continue
        vectors = system.getDefaultPeriodicBoxVectors()
        boxes = rng.integers(-1, 2, size=(scene.n_instances, 3))[scene.instance_of_ball]
        context.setPositions(positions + boxes * np.diag([list(v._value) for v in vectors]))
        images = context.getState(forces=True, groups={1}).getForces(asNumpy=True)._value
        same = np.allclose(images, forces, rtol=1e-6, atol=1e-9 * float(np.abs(forces).max()))
        _require(same, f"another image of an instance feels another force ({boundary.kind})")


def check_protocol(protocol: Protocol, *, boundary: Boundary = Open()) -> None:
    """Check a protocol with few steps: see `openmm_cgpack.packing.Protocol`.

    It packs three small filaments in a boundary. It goes to a table and back; it returns every ball
    at a finite place; on one thread a seed repeats bit for bit, stepped from outside too, and cut
    off and gone on with; it stops in good order where it is told to.

    Examples
    --------
    >>> from openmm_cgpack import Pull
    >>> check_protocol(Pull(max_steps=40, block=20, relax_steps=0))
    """
    from .models import Filament
    from .packing import Block, Packing, Run, pack_scene, place

    _check_settings(protocol)
    one = Run(platform="CPU", threads=1)
    scene = place([(Filament(n_balls=4).build(), 3)], boundary=boundary, seed=1)
    seen: list[int] = []

    def run(watch: Callable[[Block], Any], path: Path | None = None) -> np.ndarray:
        packed = pack_scene(scene, protocol, run=one, seed=1, checkpoint=path, watch=watch)
        return packed.positions

    first = run(lambda block: seen.append(block.step))
    _require(first.shape == scene.positions.shape, "wanted a place for every ball")
    _require(bool(np.isfinite(first).all()), "not all places are finite")
    _require(bool(seen), "wanted at least one block")
    _require(np.array_equal(first, run(lambda block: False)), "the same seed does not repeat")
    stopped = run(lambda block: True)
    _require(bool(np.isfinite(stopped).all()), "stopped, not all places are finite")
    packing = Packing(protocol.steps(scene, run=one, seed=1))
    _require([block.step for block in packing] == seen, "stepped from outside, its blocks differ")

    def cut(block: Block) -> None:
        raise InterruptedError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.npz")
        with contextlib.suppress(InterruptedError):
            run(cut, path)
        again = run(lambda block: False, path)
    _require(np.array_equal(first, again), "cut off and gone on with, it ends elsewhere")


def check_format(written: Format, truth: GroundTruth | None = None) -> None:
    """Check an export format: see `openmm_cgpack.export.Format`.

    It goes to a table and back, and writes a folder that is not empty, the same twice; what is
    written is a small scene without a tilt series where no `truth` is given.
    """
    _check_settings(written)
    truth = _small_truth() if truth is None else truth
    if written.refuses(truth) is not None:
        return
    held = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            path = written.save(Path(folder) / "out", truth)
            held.append({p.name: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()})
    _require(bool(held[0]), "wanted at least one file")
    _require(held[0] == held[1], "the same truth is not written the same twice")


def _small_truth() -> GroundTruth:
    from .density import MapSettings, render_density, render_labels
    from .export import ground_truth
    from .models import Filament
    from .packing import as_packed, place

    packed = as_packed(place([(Filament(n_balls=4).build(), 2)], seed=1))
    settings = MapSettings(voxel_size=2.0)
    density = render_density(packed, settings)
    labels = render_labels(packed, settings, grid=density.grid)
    return ground_truth(packed, labels=labels, maps={"density": density}, name="small")


def _check_settings(value: Settings) -> None:
    _require(bool(value.kind), "wanted a kind with a name: put kind(...) above the class")
    back = from_table(type(value), to_table(value))
    _require(back == value, "from its table it comes back as another value")
