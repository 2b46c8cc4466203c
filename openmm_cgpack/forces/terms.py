"""What a force term is, and what the two ways to be rigid mean for pairs of balls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ..core import Scene
from ..core.settings import Settings

if TYPE_CHECKING:
    import openmm

Rigidity = Literal["bonds", "constraints"]
"""How bodies are rigid: harmonic bonds between all their balls, or constraints and sites."""


class ForceTerm(Settings, family=True):
    """A term of the energy: settings from which one OpenMM force is built for a scene.

    A term of your own is a subclass with a name of its own, and works in every protocol and
    recipe: ``Pull(forces=(Spring(k=2.0),))``, ``[[pack.forces]] kind = "spring"``. Lengths are nm,
    energies kJ/mol.

    Examples
    --------
    >>> import openmm
    >>> from openmm_cgpack import Filament, place
    >>> from openmm_cgpack.core.settings import kind, setting
    >>> @kind("sediment")
    ... class Sediment(ForceTerm):
    ...     "Everything falls along z."
    ...     weight: float = setting("force on a ball", unit="kJ/mol/nm", default=1.0)
    ...
    ...     def build(self, scene, rigidity):
    ...         force = openmm.CustomExternalForce(f"{self.weight!r}*z")
    ...         for ball in range(scene.n_balls):
    ...             force.addParticle(ball)
    ...         return force
    >>> scene = place([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> Sediment(weight=5).build(scene, "bonds").getNumParticles()
    15
    >>> del ForceTerm.kinds["sediment"]
    """

    def build(self, scene: Scene, rigidity: Rigidity) -> openmm.Force | None:
        """Return the force, whose particle i is ball i; None where the scene has nothing for it.

        A force that depends on the edges of a box has them as global parameters of the names
        `BOX_EDGES` or `SLAB_HEIGHT`, which follow the box where a protocol shrinks it. In a box,
        platforms of GPUs hand over the coordinates of any image of a ball: where they count and
        not distances between balls, they are wrapped, as by ``periodicdistance`` in an energy.
        """
        raise NotImplementedError(f"{type(self).__name__}.build")


BOX_EDGES = ("box_x", "box_y", "box_z")
"""Global parameters of the Context: edges of OpenMM's box, nm, whose values `create_system` sets. A
slab's is higher than the slab."""

SLAB_HEIGHT = "slab_height"
"""Global parameter of the Context: the distance between the walls of a slab, nm."""


def body_numbers(scene: Scene) -> np.ndarray:
    """Return a number for each ball, (b,) int, shared by the balls of one rigid group only.

    Every ball of a deformable has its own, or it could pass through itself.
    """
    numbers = np.arange(scene.n_balls)
    for i in range(scene.n_instances):
        for group in scene.model(i).rigid_groups:
            members = scene.offsets[i] + group
            numbers[members] = members[0]
    return np.unique(numbers, return_inverse=True)[1]


def flexible_bonds(scene: Scene) -> np.ndarray:
    """Return a mask over ``scene.bonds``: True where the two balls are not one rigid body."""
    body = body_numbers(scene)
    first, second = scene.bonds.T
    return body[first] != body[second]


def rigid_pairs(scene: Scene) -> np.ndarray:
    """Return all pairs of balls within rigid groups, (p, 2), first < second."""
    pairs = [np.empty((0, 2), np.int64)]
    for i in range(scene.n_instances):
        for group in scene.model(i).rigid_groups:
            first, second = np.triu_indices(len(group), k=1)
            members = np.sort(scene.offsets[i] + group)
            pairs.append(np.stack([members[first], members[second]], axis=1))
    return np.concatenate(pairs)
