"""What OpenMM needs of a scene: a plain System of its force terms, and a Topology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, get_args

import numpy as np

from ..core import BallModel, Scene
from ..core.boundary import Boundary
from ..forces import BOX_EDGES, ForceTerm, Rigidity

if TYPE_CHECKING:
    import openmm
    import openmm.app

_CANDIDATES = 12


def create_system(
    scene: Scene, *, forces: Sequence[ForceTerm], rigidity: Rigidity = "bonds"
) -> openmm.System:
    """Return the System of a scene: particle i is ball i.

    Parameters
    ----------
    scene : Scene
        The scene.
    forces : sequence of force terms
        For instance ``Pull().terms``. Each force gets a force group of its own, in this order.
    rigidity : {"bonds", "constraints"}, optional
        ``"bonds"`` keeps a rigid body's shape by the harmonic bonds between all its balls, as the
        paper does. ``"constraints"`` holds three of its balls, which carry its whole mass, at fixed
        distances and makes the others virtual sites on them: exact, and a body can not turn into
        its mirror image.

    Returns
    -------
    openmm.System
        Add any other force to it, and use any integrator, reporter or platform.

    Raises
    ------
    ValueError
        `rigidity` is neither, the balls of a body to be constrained lie on a line, or the
        boundary's box is narrower than two cutoffs.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Pull, place
    >>> scene = place([(Filament(n_balls=5).build(), 2)], seed=1)
    >>> create_system(scene, forces=Pull().terms).getNumParticles()
        10
    """
    import openmm

    if rigidity not in get_args(Rigidity):
        raise ValueError(f"rigidity: wanted 'bonds' or 'constraints', got {rigidity!r}")
    system = openmm.System()
    # OpenMM does not move particles without mass.
    for mass in np.where(scene.fixed[scene.instance_of_ball], 0.0, scene.masses).tolist():
        system.addParticle(mass)
    if rigidity == "constraints":
        bodies = [_Bodies(model) for model in scene.species]
        for i in np.flatnonzero(~scene.fixed).tolist():
            bodies[scene.species_index[i]].add_to(system, int(scene.offsets[i]))
    for group, term in enumerate(forces):
        force = _built(term, scene, rigidity)
        if force is not None:
            force.setForceGroup(group)
            system.addForce(force)
    if scene.boundary.bounded:
        vectors = periodic_vectors(scene.boundary, longest_cutoff(system))
        system.setDefaultPeriodicBoxVectors(*vectors)
        _tell_edges(system, dict(zip(BOX_EDGES, np.diag(vectors).tolist(), strict=True)))
    return system


def _tell_edges(system: openmm.System, edges: Mapping[str, float]) -> None:
    """Give the forces that want them the edges of OpenMM's box, nm, by name."""
    for force in system.getForces():
        for i in range(getattr(force, "getNumGlobalParameters", int)()):
            name = force.getGlobalParameterName(i)
            if name in edges:
                force.setGlobalParameterDefaultValue(i, edges[name])


def _built(term: ForceTerm, scene: Scene, rigidity: Rigidity) -> openmm.Force | None:
    import openmm

    words = f"forces: {term.kind}: wanted an OpenMM force from it"
    try:
        force = term.build(scene, rigidity)
    except Exception as error:
        raise ValueError(f"{words}, got {type(error).__name__}: {error}") from error
    if not isinstance(force, openmm.Force | None):
        raise ValueError(f"{words}, got {force!r}")
    return force


def longest_cutoff(system: openmm.System) -> float:
    """Return the longest cutoff of a System's forces between balls, nm; 0 where there is none."""
    import openmm

    pairs = openmm.CustomNonbondedForce | openmm.NonbondedForce
    forces = (force for force in system.getForces() if isinstance(force, pairs))
    return max((force.getCutoffDistance()._value for force in forces), default=0.0)


def periodic_vectors(boundary: Boundary, reach: float) -> list[tuple[float, float, float]]:
    """Return the box vectors, nm, that OpenMM wants for a box and forces of a longest cutoff, nm.

    OpenMM repeats a box along all three axes: a slab's is so high that its images do not meet.
    """
    edges = np.array(boundary.box)
    if boundary.walls[2]:
        edges[2] += max(2 * reach, edges[2])
    if edges.min() < 2 * reach:
        raise ValueError(
            f"boundary: wanted edges of at least twice the longest cutoff, {2 * reach:.4g} nm, "
            f"got {edges.min():.4g}"
        )
    return [tuple(row) for row in np.diag(edges).tolist()]


class _Bodies:
    """How the rigid groups of one model become constraints and virtual sites."""

    def __init__(self, model: BallModel) -> None:
        self.constraints: list[tuple[int, int, float]] = []
        self.sites: list[tuple[int, tuple[int, ...], np.ndarray]] = []
        self.masses: list[tuple[int, float]] = []
        for group in model.rigid_groups:
            anchors = _anchor_balls(model, group)
            for first, second in combinations(anchors, 2):
                length = float(np.linalg.norm(model.positions[first] - model.positions[second]))
                self.constraints.append((first, second, length))
            share = float(model.masses[group].sum()) / len(anchors)
            self.masses += [(ball, share) for ball in anchors]
            others = [int(ball) for ball in group if ball not in anchors]
            if not others:
                continue
            origin, second_ball, third_ball = (model.positions[ball] for ball in anchors)
            v12, v13 = second_ball - origin, third_ball - origin
            frame = np.stack([v12, v13, np.cross(v12, v13)], axis=1)
            weights = np.linalg.solve(frame, (model.positions[others] - origin).T).T
            self.sites += [(b, anchors, w) for b, w in zip(others, weights, strict=True)]
            self.masses += [(ball, 0.0) for ball in others]

    def add_to(self, system: openmm.System, offset: int) -> None:
        """Apply to the instance whose first ball is `offset`."""
        import openmm

        for ball, mass in self.masses:
            system.setParticleMass(offset + ball, mass)
        for first, second, length in self.constraints:
            system.addConstraint(offset + first, offset + second, length)
        for ball, anchors, weights in self.sites:
            # OutOfPlaneSite costs the CPU platform half of what LocalCoordinatesSite does.
            site = openmm.OutOfPlaneSite(*(offset + a for a in anchors), *map(float, weights))
            system.setVirtualSite(offset + ball, site)


def _anchor_balls(model: BallModel, group: np.ndarray) -> tuple[int, ...]:
    """Return the balls of a rigid group that carry its mass: three, or all of fewer.

    Of the balls farthest from the group's centre, these are the three with the largest triangle,
    where a triangle counts the less the farther its centroid is from the group's centre, since
    that is where the body's mass will be.
    """
    if len(group) < 3:
        return tuple(int(ball) for ball in group)
    centred = model.positions[group] - model.positions[group].mean(axis=0)
    distance = np.linalg.norm(centred, axis=1)
    outer = np.argsort(-distance, kind="stable")[:_CANDIDATES]
    triples = np.array(list(combinations(np.sort(outer), 3)))
    a, b, c = (centred[triples[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    scale = float((distance**2).mean())
    offset = ((a + b + c) ** 2).sum(axis=1) / 9
    best = int(np.argmax(area / (1 + offset / scale)))
    if area[best] < 1e-3 * scale:
        raise ValueError(
            f"{model.name}: rigidity='constraints' wants three balls that do not lie on a line"
        )
    return tuple(int(ball) for ball in group[triples[best]])


def to_topology(scene: Scene) -> openmm.app.Topology:
    """Return the Topology of a scene: one chain and one residue an instance, an atom a ball.

    Its bonds are those of `Scene.skeleton`, which join each instance.

    Parameters
    ----------
    scene : Scene
        The scene. Ball i is atom i.

    Returns
    -------
    openmm.app.Topology
        Chains are numbered from 1, residues have the species' names, atoms are B1, B2, ... and
        have no element. ``mdtraj.Topology.from_openmm`` takes it.

    Examples
    --------
    >>> from openmm_cgpack import Filament, place
    >>> topology = to_topology(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> topology.getNumChains(), topology.getNumAtoms(), topology.getNumBonds()
    (2, 10, 8)
    """
    import openmm.app

    topology = openmm.app.Topology()
    pairs = [model.skeleton.tolist() for model in scene.species]
    for i, s in enumerate(scene.species_index.tolist()):
        model = scene.species[s]
        chain = topology.addChain(str(i + 1))
        residue = topology.addResidue(model.name, chain, "1")
        atoms = [topology.addAtom(f"B{ball + 1}", None, residue) for ball in range(model.n_balls)]
        for first, second in pairs[s]:
            topology.addBond(atoms[first], atoms[second])
    return topology
