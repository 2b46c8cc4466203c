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
from typing import get_args

import numpy as np

from .core import PackedScene, Periodic, Scene, Slab
from .core.settings import Settings, family_of
from .core.tables import from_table, to_table
from .core.units import strip
from .forces import ForceTerm, Rigidity
from .imaging.stages import ACTS_ON, Exposure, FourierFilter, Stage
from .models import Filament
from .packing import Block, Packing, Placement, Protocol, Run, create_system, pack_scene, place
from .packing.system import langevin_simulation


def check_stage(stage: Stage, *, exposure: Exposure | None = None) -> None:
    """Check a stage of image formation: see `openmm_cgpack.imaging.Stage`.

    It is a frozen value, which goes to a table and back; it returns a float32 image of the same
    shape, of finite numbers; it leaves its input as it was; without a generator it is silent, and
    says the same twice; with one it repeats for the same seed. A `FourierFilter` is linear, and
    moves with the image where that has no mirrored frame.

    Parameters
    ----------
    stage : Stage
        The stage; it is tried on images and volumes, as its `dimensions` say.
    exposure : Exposure, optional
        What it is told about the image.

    Raises
    ------
    AssertionError
        The stage does not keep the contract.

    Examples
    --------
    >>> from openmm_cgpack.imaging import Envelope
    >>> check_stage(Envelope(cutoff=0.4))
    """
    _check_settings(stage)
    _require(stage.acts_on in ACTS_ON, f"acts_on: wanted one of {', '.join(ACTS_ON)}")
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


def check_force_term(term: ForceTerm, *, scene: Scene | None = None) -> None:
    """Check a force term: see `openmm_cgpack.forces.ForceTerm`.

    It is a frozen value, which goes to a table and back; it builds a force, or None, for both ways
    to be rigid and for every boundary; its forces are minus the gradient of its energy.

    Parameters
    ----------
    term : ForceTerm
        The term.
    scene : Scene, optional
        An open scene for which it builds a force; three filaments when left out.

    Raises
    ------
    AssertionError
        The term does not keep the contract.

    Examples
    --------
    >>> from openmm_cgpack import CentrePull
    >>> check_force_term(CentrePull(radius=10))
    """
    _check_settings(term)
    if scene is None:
        threads = [(Filament(n_balls=4, angle_k=100.0).build(), 3)]
        scene = place(threads, Placement(extent=40), seed=1)
    for boundary in (Periodic(box=(200.0,) * 3), Slab(box=(200.0,) * 3), scene.boundary):
        there = dataclasses.replace(scene, boundary=boundary)
        for rigidity in get_args(Rigidity):
            create_system(there, forces=[term], rigidity=rigidity)
    _check_gradient(term, scene)


def check_protocol(protocol: Protocol, scene: Scene) -> None:
    """Check a protocol on a small scene: see `openmm_cgpack.packing.Protocol`.

    It is a frozen value, which goes to a table and back; equal seeds give equal packings; stepped
    from outside it ends as in one call; cut off after its first block and gone on with it does,
    too; it can be stopped at its first block.

    Parameters
    ----------
    protocol : Protocol
        The protocol, its numbers of steps small: it is run five times.
    scene : Scene
        A scene that it is for.

    Raises
    ------
    AssertionError
        The protocol does not keep the contract.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, place
    >>> scene = place([(Filament(n_balls=4).build(), 3)], seed=1)
    >>> check_protocol(Pull(max_steps=40, relax_steps=20, block=20, checkpoint_every=20), scene)
    """
    _check_settings(protocol)
    run = Run(platform="Reference")
    blocks: list[Block] = []
    whole = pack_scene(scene, protocol, run=run, seed=1, watch=blocks.append)

    def require_same(packed: PackedScene, when: str) -> None:
        same = np.array_equal(packed.positions, whole.positions)
        _require(same and packed.boundary == whole.boundary, f"{when} it ends elsewhere")

    _require(len(blocks) > 0, "it yields no block")
    _require(blocks[-1].positions.shape == (scene.n_balls, 3), "a block has not all positions")
    require_same(pack_scene(scene, protocol, run=run, seed=1), "not watched")
    packing = Packing(protocol.steps(scene, run=run, seed=1))
    _require([b.stage for b in packing] == [b.stage for b in blocks], "stepped, its stages differ")
    _require(packing.result is not None, "stepped to its end it returns nothing")
    stopped = Packing(protocol.steps(scene, run=run, seed=1)).stop()
    _require(isinstance(stopped, PackedScene), "stopped, it returns no PackedScene")

    class CutError(Exception):
        pass

    def cut(block: Block) -> None:
        raise CutError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.npz")
        with contextlib.suppress(CutError):
            pack_scene(scene, protocol, run=run, seed=1, checkpoint=path, watch=cut)
        again = pack_scene(scene, protocol, run=run, seed=1, checkpoint=path)
    require_same(again, "cut off and gone on with")


def _check_gradient(term: ForceTerm, scene: Scene) -> None:
    system = create_system(scene, forces=[term], rigidity="bonds")
    simulation = langevin_simulation(
        scene,
        system,
        temperature=0.0,
        friction=0.0,
        timestep=1e-3,
        constraint_tolerance=1e-6,
        run=Run(platform="Reference"),
        seed=1,
    )
    context = simulation.context

    def energy(positions: np.ndarray) -> float:
        context.setPositions(positions)
        return float(strip(context.getState(energy=True).getPotentialEnergy()))

    # Off their resting places, or bonds and angles would have no force.
    start = scene.positions + np.random.default_rng(1).normal(scale=0.1, size=(scene.n_balls, 3))
    context.setPositions(start)
    forces = np.asarray(strip(context.getState(forces=True).getForces(asNumpy=True)))
    _require(bool(np.isfinite(forces).all()), "not all forces are finite")
    scale = float(np.abs(forces).max()) + 1e-6
    for ball, axis in np.ndindex(min(scene.n_balls, 5), 3):
        step = np.zeros_like(start)
        step[ball, axis] = 1e-4
        slope = (energy(start + step) - energy(start - step)) / 2e-4
        good = abs(forces[ball, axis] + slope) < 1e-3 * scale
        _require(
            bool(good), f"the force on ball {ball + 1} is not minus the gradient of the energy"
        )


def _check_settings(value: Settings) -> None:
    _require(
        dataclasses.replace(value) == value,  # type: ignore[type-var]
        "a copy of it is not equal to it",
    )
    if value.kind:
        again = from_table(family_of(type(value)), to_table(value))
        _require(again == value, f"from its table comes {again}")


_Filtered = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]


def _check_noise(run: _Filtered, data: np.ndarray) -> None:
    silent = run(data, None)
    _require(bool(np.isfinite(silent).all()), "not all numbers are finite")
    _require(np.array_equal(silent, run(data, None)), "without a generator it varies")
    noisy = [run(data, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    _require(np.array_equal(noisy[0], noisy[1]), "the same seed does not repeat")
    draws = not np.array_equal(noisy[0], noisy[2])
    quiet = np.array_equal(noisy[0], silent)
    _require(draws or quiet, "with a generator it differs, and yet does not draw from it")


def _check_filter(run: _Filtered, data: np.ndarray) -> None:
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
