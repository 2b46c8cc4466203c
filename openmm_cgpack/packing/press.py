"""A Simulation in a box that shrinks, and how far it may shrink."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import BallModel, History, Open, PackedScene, PackingError, Scene, Slab
from ..core.arrays import positive
from ..core.boundary import Boundary
from ..core.seeds import integer_seed
from ..core.units import BOLTZMANN, strip
from ..forces import (
    BOX_EDGES,
    SLAB_HEIGHT,
    HarmonicAngles,
    HarmonicBonds,
    ObstacleWall,
    SoftRepulsion,
    Walls,
)
from .checkpoint import COLUMNS, frame_reporters
from .fractions import fit_box
from .journal import Journal
from .measure import box_fraction
from .scenes import in_steps, joined, means, measured, wrapped
from .system import create_system, periodic_vectors
from .topology import to_topology

if TYPE_CHECKING:
    import openmm
    import openmm.app

_SOFT_BOND_K = 4e5
_STABLE = 16.0
_GENTLE = 0.15
_RETRIES = 4
_EVERY = 500
"""Steps between checkpoints."""


class Press:
    """A Simulation of a scene in a box that shrinks.

    Parameters
    ----------
    packed : PackedScene
        The start.
    stiffness : float
        Of a contact, kJ/mol/nm^2.
    gap : float
        Distance that balls keep, nm.
    timestep : float
        Of the dynamics, ps.
    platform : tuple
        What `choose_platform` returns.
    seed : int or numpy.random.SeedSequence
        Of the dynamics.
    reporters : sequence of OpenMM reporters
        Added to the Simulation.
    settings : mapping, optional
        What decides how the Press is driven; plain JSON types.
    checkpoint : path-like, optional
        File for checkpoints. Where it exists, everything that was done before is played back.
    """

    def __init__(
        self,
        packed: PackedScene,
        *,
        stiffness: float,
        gap: float,
        timestep: float,
        platform: tuple[openmm.Platform, dict[str, str]],
        seed: int | np.random.SeedSequence,
        reporters: Sequence[Any],
        settings: Mapping[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        import openmm
        import openmm.app

        self.start = packed
        self.scene = packed.scene
        assert not isinstance(packed.boundary, Open)
        self.boundary: Boundary = packed.boundary
        self.stiffness = positive(stiffness, "stiffness")
        self.gap = gap
        self.steps = 0
        self.rows: list[History] = []
        flexible = dataclasses.replace(
            self.scene,
            species=tuple(_heavy(model, timestep) for model in self.scene.species),
            boundary=self.boundary,
        )
        terms = (
            SoftRepulsion(k=self.stiffness, gap=gap),
            Walls(k=self.stiffness),
            ObstacleWall(k=self.stiffness),
            HarmonicBonds(),
            HarmonicAngles(),
        )
        self.soft = 0b111
        self.reach = 2 * float(self.scene.radii.max()) + gap
        system = create_system(flexible, forces=terms, rigidity="constraints")
        integrator = openmm.LangevinMiddleIntegrator(0.0, 1.0, timestep)
        sequence = (
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        )
        integrator.setRandomNumberSeed(integer_seed(sequence))
        integrator.setConstraintTolerance(1e-6)
        self.simulation = openmm.app.Simulation(
            to_topology(flexible), system, integrator, *platform
        )
        self.simulation.reporters += list(reporters)
        self.context = self.simulation.context
        self.context.setPositions(packed.positions)
        self.timestep = timestep
        self.thickness = float(spans(self.scene, packed.positions)[2])
        self.agitation = 0.0
        self.last_depth = self.depth()
        self.best = packed
        digest = hashlib.sha256(np.ascontiguousarray(packed.positions).tobytes())
        self.journal = Journal(
            self.simulation,
            self.scene,
            settings={
                **(settings or {}),
                "start": digest.hexdigest(),
                "boundary": packed.boundary.to_json(),
                "gap": float(gap),
                "stiffness": self.stiffness,
                "timestep": float(timestep),
            },
            columns=("steps", "depth", "timestep", "x", "y", "z"),
            path=checkpoint,
            every=_EVERY,
        )

    def heat(self, agitation: float, *, friction: float) -> None:
        """Set the heat, as the root mean square depth of a contact that it makes, nm."""
        self.agitation = agitation
        integrator = self.simulation.integrator
        integrator.setTemperature(self.stiffness * agitation**2 / BOLTZMANN)
        integrator.setFriction(friction)

    @property
    def fraction(self) -> float:
        """Envelope volume fraction of the box as it is now."""
        return box_fraction(self.scene, self.boundary)

    def positions(self) -> np.ndarray:
        """Return ball centres, (b, 3) nm, as the dynamics has them."""
        state = self.context.getState(positions=True)
        return np.asarray(strip(state.getPositions(asNumpy=True)))

    def depth(self) -> float:
        """Return the root mean square overlap of balls, nm: of balls that touch nothing it is 0."""
        energy = self.context.getState(energy=True, groups=self.soft).getPotentialEnergy()
        return float(np.sqrt(2 * strip(energy) / self.stiffness / self.scene.n_balls))

    def relax(self, steps: int) -> float:
        """Step, and return the depth left; a step that is too long is taken again, shorter."""
        if self._replayed(steps):
            self.steps += steps
            return self.last_depth
        before, step = self.positions(), self.simulation.currentStep
        frames = frame_reporters(self.simulation.reporters)
        kept = [len(reporter.steps) for reporter in frames]
        for _ in range(_RETRIES):
            depth = self._step(steps)
            if np.isfinite(depth):
                self.steps += steps
                self.last_depth = depth
                self._note(steps)
                return depth
            self.timestep /= 2
            self.simulation.currentStep = step
            for reporter, n in zip(frames, kept, strict=True):
                del reporter.steps[n:], reporter.frames[n:]
            self.context.setPositions(before)
            self.context.setVelocitiesToTemperature(0.0)
        raise PackingError(
            f"the compression diverged after step {self.steps}, even at a time step of "
            f"{2 * self.timestep:.2g} ps"
        )

    def _step(self, steps: int) -> float:
        import openmm

        # Deep overlaps push hard: only short steps are stable.
        brake = float(np.clip(max(self.agitation, _GENTLE) / max(self.last_depth, 1e-9), 0.1, 1.0))
        self.simulation.integrator.setStepSize(self.timestep * brake)
        try:
            self.simulation.step(steps)
        except (openmm.OpenMMException, ValueError):
            # OpenMM's integrators and reporters raise these on NaN.
            return np.nan
        if not np.isfinite(self.positions()).all():
            # Reference's list of neighbours leaves such balls out: the depth would be finite.
            return np.nan
        if brake < 1 and self.agitation == 0:
            # What the push has set going would outrun the longer steps to come.
            self.context.setVelocitiesToTemperature(0.0)
        return self.depth()

    def shrink(self, fraction: float) -> None:
        """Shrink the box to a fraction; bodies keep their shapes and come along by their means."""
        if self._replayed(0):
            return
        positions = self.positions()
        least = spans(self.scene, positions) + self.gap
        if isinstance(self.boundary, Slab):
            # Heat drives bodies into the walls, from which they keep no gap.
            least[2] = min(least[2] - self.gap, self.thickness)
        box = fit_box(
            self.scene.volume,
            fraction=fraction,
            shape=self.boundary,
            obstacle=self.scene.obstacle,
            least=np.minimum(least, self.boundary.box),
        )
        factors = np.minimum(np.array(box.box) / self.boundary.box, 1.0)
        centres = means(self.scene, positions)
        shift = np.where(self.scene.fixed[:, None], 0.0, (factors - 1) * centres)
        try:
            vectors = periodic_vectors(box, self.reach)
        except ValueError as error:
            raise PackingError(f"{error}: too few molecules for the size of their balls") from None
        self.boundary = box
        self.context.setPeriodicBoxVectors(*vectors)
        known = self.context.getParameters()
        for name, edge in zip(BOX_EDGES, box.box, strict=True):
            if name in known:
                self.context.setParameter(name, edge)
        if SLAB_HEIGHT in known:
            self.context.setParameter(SLAB_HEIGHT, box.box[2])
        self.context.setPositions(positions + shift[self.scene.instance_of_ball])
        self.last_depth = self.depth()
        self._note(0)

    def _note(self, steps: int) -> None:
        """Enter what so many steps have led to, or a smaller box, and what `packed` needs."""
        kept = {"positions": self.best.positions}
        if self.rows:
            rows = in_steps(self.rows)
            kept |= {key: getattr(rows, key) for key in COLUMNS}
        outcome = (steps, self.last_depth, self.timestep, *self.boundary.box)
        self.journal.note(outcome, phase="compressing", kept=kept)

    def _replayed(self, steps: int) -> bool:
        """Take over what so many steps led to in an earlier run; return whether there is one."""
        outcome = self.journal.replay()
        if outcome is None:
            return False
        done, self.last_depth, self.timestep, x, y, z = outcome
        if done != steps:
            raise ValueError(
                f"{self.journal.path}: is a checkpoint of another protocol, which took {done:g} "
                f"steps where this one takes {steps}; remove it to start anew"
            )
        self.boundary = self.boundary.with_box((x, y, z))
        return True

    def packed(self) -> PackedScene:
        """Measure the state as it is now, and return it with all that was measured before.

        Played back, it has the positions of the last time, which is the only one still wanted.
        """
        import openmm

        kept = self.journal.kept
        if kept is None:
            state = self.context.getState(energy=True)
            positions = wrapped(self.scene, self.positions(), self.boundary)
            row = measured(
                self.scene,
                positions,
                self.boundary,
                step=self.steps,
                energy=float(strip(state.getPotentialEnergy())),
            )
        else:
            positions, number = kept["positions"], len(self.rows)
            row = History(**{key: kept[key][number : number + 1] for key in COLUMNS})
        self.rows.append(row)
        platform = self.context.getPlatform()
        self.best = PackedScene(
            scene=self.scene,
            positions=positions,
            boundary=self.boundary,
            history=joined(self.start.history, in_steps(self.rows)),
            provenance=self.start.provenance
            | {
                "openmm": openmm.version.full_version,
                "platform": platform.getName(),
                "properties": {
                    name: platform.getPropertyValue(self.context, name)
                    for name in platform.getPropertyNames()
                },
                "compress": {
                    "fraction": self.fraction,
                    "steps": self.steps,
                    "rms_overlap_nm": round(self.last_depth, 6),
                },
            },
        )
        return self.best


def spans(scene: Scene, positions: np.ndarray) -> np.ndarray:
    """Return the shortest edges, (3,) nm, of a box that no body in it meets itself across.

    Parameters
    ----------
    scene : Scene
        The scene.
    positions : (b, 3) array
        Ball centres, nm, every instance whole.

    Returns
    -------
    (3,) array
        The longest extent of any instance along each axis; fixed ones and the obstacle, which
        keep their places, must be in a box around 0.
    """
    starts = scene.offsets[:-1]
    radii = scene.radii[:, None]
    high = np.maximum.reduceat(positions + radii, starts, axis=0)
    low = np.minimum.reduceat(positions - radii, starts, axis=0)
    outermost = 2 * np.maximum(np.abs(high), np.abs(low))
    longest = np.where(scene.fixed[:, None], outermost, high - low).max(axis=0)
    obstacle = scene.obstacle
    if obstacle is not None and not obstacle.beyond:
        longest = np.maximum(longest, 2 * obstacle.outermost())
    return longest


def _heavy(model: BallModel, timestep: float) -> BallModel:
    """Return a deformable whose bonds and angles are stable at long steps; bodies lose theirs.

    A ball with eight bonds of constant k and mass m vibrates at up to 4 sqrt(k / m), and a step
    must be shorter than half of the inverse. Here only the way to the resting state matters, so
    that balls may be heavy, and bonds softer than the paper's.
    """
    if model.is_rigid:
        # Constraints hold its shape, and a list that grows with the square of its balls is spared.
        return dataclasses.replace(model, bonds=np.empty((0, 2), np.int64))
    if not len(model.bonds):
        return model
    bond_k = min(model.bond_k, _SOFT_BOND_K)
    shortest = float(model.bond_lengths.min())
    stiffest = max(bond_k, model.angle_k / shortest**2)
    masses = np.maximum(model.masses, _STABLE * stiffest * timestep**2)
    return dataclasses.replace(model, bond_k=bond_k, masses=masses)
