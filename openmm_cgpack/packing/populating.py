"""A cell at its start: membranes, what sits in them, filaments and molecules, each in its place.

A box that keeps its size is filled one instance after another, by random sequential addition (see
`addition`): membranes before what they enclose, then membrane proteins, which their structures put
on random points of a membrane's surface, then filaments, then molecules, the largest first. Where a
body may be is a region of voxels (see `regions`), from which its centre is drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core import BallModel, Obstacle, PlacementError, Scene
from ..core.boundary import Boundary, check_boundary
from ..core.progress import progress_bar, progress_shown, tracked
from ..core.runtime import seed_sequence
from ..core.scene import Links
from ..core.settings import checked_settings
from ..models import SHAPE_COVER, Cover, Group, Structure, Where
from ..models.structure import NoSeat, names
from ..models.triangulation import areas_of
from .addition import Insertion, Room, find_room, random_rotation
from .bodies import Body, Link, Species, scene_of
from .building import built
from .lattice import BallShape, Lattice, Region, Shape, ShellShape
from .regions import MARGIN, Compartments, Sheath, ranks

if TYPE_CHECKING:
    from .crowd import Placed

_log = logging.getLogger(__name__)

_LEASH = 500.0
"""Constant of the bonds that keep bodies near a membrane, kJ/mol/nm²: kT at 0.1 nm beyond."""
_TURNS = 200
"""Rotations that are drawn until a body fits between walls, or at its given place."""
_SITES = 2000
"""Places on membranes that are tried for one membrane protein."""


def populate(
    structures: Sequence[Structure],
    *,
    boundary: Boundary,
    cover: Cover = SHAPE_COVER,
    insertion: Insertion = Insertion(),
    obstacle: Obstacle | None = None,
    models: Sequence[BallModel] | None = None,
    seed: int | np.random.SeedSequence,
    progress: bool = True,
) -> Scene:
    """Fill a box with structures, each as many as it says and where it says.

    Atoms of rigid molecules keep the insertion's distance while there is room for that. Where there
    is none, the rest begin nearer to others, and the protocol moves them apart.

    Membranes and filaments start in shapes that heat has bent, each instance in its own. A
    structure's `fraction` is that of the volume of its region: of the box less the obstacle and all
    bilayers, inside, outside or within a distance of the membranes that its `where` names. Without
    `where` it is wherever there is room, inside of closed membranes as well. What is `within` a
    distance of a membrane is held there by links with slack.

    Parameters
    ----------
    structures : sequence of Structure
        What the scene holds; species and their instances are in this order.
    boundary : Periodic or Slab
        The box.
    cover : Cover, optional
        How molecules that say nothing of their balls are covered.
    insertion : Insertion, optional
        The lattice of voxels.
    obstacle : Obstacle, optional
        Where nothing may be.
    models : sequence of BallModel, optional
        Those of the structures, where they have been built.
    seed : int or numpy.random.SeedSequence
        Seed of models, shapes, places and rotations.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        There is no box, or a structure's `where` names what cannot be.
    PlacementError
        There is no room for an instance; the message says of which, and how many there are.

    Examples
    --------
    >>> from openmm_cgpack import Filament, Molecule, Periodic
    >>> scene = populate(
    ...     [Filament(n_balls=8, count=2), Molecule(species="3hhb", fraction=0.05)],
    ...     boundary=Periodic(box=40.0),
    ...     seed=1,
    ... )
    >>> [model.name for model in scene.species], scene.n_instances
    (['filament', '3hhb'], 42)
    """
    check_boundary(boundary)
    if not boundary.bounded:
        raise ValueError("boundary: populate wants Periodic or Slab, got Open; see place")
    if not structures:
        raise ValueError("structures: wanted at least one, got none")
    for structure in structures:
        checked_settings("structures", structure, Structure)
    rounds = ranks(structures)
    of_models, of_places, of_shapes = seed_sequence(seed).spawn(3)
    with progress_shown(progress):
        if models is None:
            models = built(structures, boundary=boundary, cover=cover, seed=of_models)
        species = [
            Species(structure, model, child)
            for structure, model, child in zip(
                structures, models, of_shapes.spawn(len(structures)), strict=True
            )
        ]
        populating = _Populating(species, insertion, boundary, obstacle, seed=of_places)
        populating.fill(rounds)
    return scene_of(species, populating.links, boundary=boundary, obstacle=obstacle)


class _Populating:
    """The instances placed so far, and the voxels that they have taken."""

    def __init__(
        self,
        species: Sequence[Species],
        insertion: Insertion,
        boundary: Boundary,
        obstacle: Obstacle | None,
        *,
        seed: np.random.SeedSequence,
    ) -> None:
        from .crowd import Placed

        self.species = species
        self.boundary = boundary
        self.lattice = Lattice(boundary, spacing=insertion.spacing, obstacle=obstacle)
        self.rng = np.random.default_rng(seed)
        self.links: list[Link] = []
        self._tries = insertion.tries
        self._rigid = Placed(
            [one.model for one in species if one.model.is_rigid],
            boundary=boundary,
            obstacle=obstacle,
            distance=insertion.distance,
        )
        self._nobody = self._rigid.emptied()
        self._crowded: dict[str, int] = {}
        """How many instances had no room by their atoms, by species."""
        self._blocked = self.lattice.taken.copy()
        self._membranes: list[tuple[Sheath, Body]] = []
        self._membrane_at = np.zeros(self.lattice.shape, np.int16)
        self._compartments: Compartments | None = None
        self._regions: dict[Where, Region] = {}

    def fill(self, rounds: Sequence[int]) -> None:
        """Place all species; `rounds` say of membranes which of them come before which."""
        membranes = [
            (turn, one.structure.fixed_centre is None, -one.model.radius, s)
            for s, (turn, one) in enumerate(zip(rounds, self.species, strict=True))
            if len(one.model.faces)
        ]
        for *_, s in sorted(membranes):
            self._place_membranes(self.species[s])
        for one in self.species:
            if one.structure.hosts:
                self._seat_all(one)
        self._forget_regions()
        others = [
            (one.model.is_rigid, -one.model.radius, s)
            for s, one in enumerate(self.species)
            if not len(one.model.faces) and not one.structure.hosts
        ]
        for *_, s in sorted(others):
            self._place_all(self.species[s])
        for name, number in self._crowded.items():
            _log.info("%s: %d begin nearer to others than they may end", name, number)

    def _place_membranes(self, one: Species) -> None:
        """Place all instances of a membrane; closed ones enclose nothing that is there already."""
        region = self._region(one.where)
        one.number = self._number(one, region.volume)
        for _ in tracked(range(one.number), f"placing {one.model.name}"):
            group = one.new_group()
            solid = (ShellShape if one.model.is_closed else BallShape)(*_filled(group, one.model))
            (body,), _ = self._place(one, solid, group, region)
            sheath = Sheath(one.model.name, one.model, body.balls)
            shell = self.lattice.covered(sheath.balls, one.model.radii)
            self._membranes.append((sheath, body))
            self._membrane_at[shell] = len(self._membranes)
            self.lattice.take(np.argwhere(shell))
        self._forget_regions()

    def _place_all(self, one: Species) -> None:
        """Place all instances of a filament or a molecule."""
        region = self._region(one.where)
        one.number = self._number(one, region.volume)
        rigid = self._shape(one) if one.model.is_rigid else None
        with progress_bar(f"placing {one.model.name}", total=one.number) as advance:
            while len(one.bodies) < one.number:
                group = one.new_group()
                solid = rigid or BallShape(*_filled(group, one.model))
                bodies, room = self._place(one, solid, group, region)
                self.lattice.take(room.voxels)
                if rigid is not None:
                    self._rigid.add(rigid.number, room.rotation, room.centre)
                advance(len(bodies))

    def _place(
        self,
        one: Species,
        solid: Shape | BallShape,
        group: Group,
        region: Region,
    ) -> tuple[list[Body], Room]:
        """Add the instances of a group where what they fill has room."""
        room = None
        if one.structure.fixed_centre is not None or one.model.spans:
            room = self._given_room(one, solid, region)
        elif len(region):
            room = self._free_room(one, solid, region)
        if room is None:
            raise self._no_room(one, region.volume, "nm³")
        bodies = [
            Body(room.rotation @ turn, room.rotation @ centre + room.centre, shape)
            for turn, centre, shape in zip(*group[:3], strict=True)
        ]
        one.bodies += bodies
        self._link(bodies, group.links)
        if one.where.within is not None:
            nearest = min(bodies, key=lambda body: float(np.linalg.norm(body.centre - room.centre)))
            self._leash(nearest, room.centre, one.where)
        return bodies, room

    def _free_room(self, one: Species, solid: Shape | BallShape, region: Region) -> Room | None:
        """Return room by atoms or, once a molecule has found none, by the voxels it fills.

        Those are a little less than its atoms fill: nothing is hooked, and whatever packs the scene
        moves it apart.
        """
        name = one.model.name
        for placed in (self._rigid, self._nobody):
            if placed is self._rigid and name in self._crowded:
                continue
            room = find_room(
                solid,
                self.lattice,
                self.rng,
                placed,
                tries=self._tries,
                region=region,
                turn=self._turning(one, solid),
            )
            if room is not None and placed is self._nobody:
                self._crowded[name] = self._crowded.get(name, 0) + 1
            if room is not None or not one.model.is_rigid:
                return room
        return None

    def _link(self, bodies: Sequence[Body], links: Links) -> None:
        """Add the bonds between the instances of a group."""
        ends = [(body, ball) for body in bodies for ball in range(len(body.shape))]
        for (i, j), *numbers in zip(
            links.pairs.tolist(), links.lengths, links.constants, links.slacks, strict=True
        ):
            self.links.append(Link(*ends[i], *ends[j], *numbers))

    def _given_room(self, one: Species, solid: Shape | BallShape, region: Region) -> Room | None:
        """Return room at a given place, or for what spans the box and is not turned."""
        lattice, rng = self.lattice, self.rng
        given, turned = one.structure.fixed_centre, one.structure.fixed_rotation
        for _ in range(_TURNS):
            anywhere = np.array(self.boundary.box) * rng.uniform(-0.5, 0.5, 3)
            centre = anywhere if given is None else given
            rotation = random_rotation(rng) if turned is None else turned
            if one.model.spans:
                rotation = np.eye(3) if turned is None else turned
                balls = solid.positions @ rotation.T + centre
                if self._beyond_walls(balls, one.model.radii):
                    continue
                voxels = np.argwhere(lattice.covered(balls, one.model.radii))
                free = True
            else:
                voxels = solid.voxels(rotation, lattice.index(centre), lattice.size)
                if isinstance(solid, Shape):
                    free = self._rigid.free(solid.number, rotation, centre)
                else:
                    free = not lattice.folds(voxels)
            there = one.structure.where is None or region.holds(lattice.index(centre))
            if there and free and lattice.free(voxels):
                return Room(rotation, centre, voxels)
        return None

    def _beyond_walls(self, balls: np.ndarray, radii: np.ndarray) -> bool:
        """Return whether balls reach into a wall by more than a voxel."""
        walls = self.boundary.walls
        reach = (np.abs(balls) + radii[:, None])[:, walls]
        return bool(
            (reach > np.array(self.boundary.box)[walls] / 2 + self.lattice.size[walls]).any()
        )

    def _turning(
        self, one: Species, solid: Shape | BallShape
    ) -> Callable[[np.random.Generator], np.ndarray]:
        """Return how rotations are drawn: so that the body is no longer than walls are apart."""
        fixed = one.structure.fixed_rotation
        if fixed is not None:
            return lambda rng, fixed=fixed: fixed  # type: ignore[misc]
        walls = self.boundary.walls
        room = np.array(self.boundary.box)[walls]
        reach = one.model.radii.max()
        if 2 * np.linalg.norm(solid.positions, axis=1).max(initial=0.0) < room.min(initial=np.inf):
            return random_rotation

        def turn(rng: np.random.Generator) -> np.ndarray:
            for _ in range(_TURNS):
                rotation = random_rotation(rng)
                extent = np.ptp(solid.positions @ rotation[walls].T, axis=0)
                if (extent + 2 * reach < room).all():
                    break
            return rotation

        return turn

    def _leash(self, body: Body, centre: np.ndarray, where: Where) -> None:
        """Hold the ball of a body nearest to a centre near the nearest ball of the membranes."""
        distance = np.linalg.norm(body.balls - centre, axis=1)
        ball = int(distance.argmin())
        best = (np.inf, 0, 0)
        for m in self._members(names(where.of)):
            offset = self.boundary.minimum_image(self._membranes[m][0].balls - body.balls[ball])
            apart = np.linalg.norm(offset, axis=1)
            best = min(best, (float(apart.min()), m, int(apart.argmin())))
        assert where.within is not None
        longest = max(where.within - MARGIN - float(distance[ball]), MARGIN)
        _, m, vertex = best
        other = self._membranes[m][1]
        self.links.append(Link(body, ball, other, vertex, longest / 2, _LEASH, longest / 2))

    def _seat_all(self, one: Species) -> None:
        """Put all instances of a membrane protein at random places of its membranes."""
        hosts = self._members(one.structure.hosts)
        areas = [areas_of(self._membranes[m][0].corners) for m in hosts]
        owner = np.repeat(hosts, [len(area) for area in areas])
        face = np.concatenate([np.arange(len(area)) for area in areas])
        share = np.cumsum(np.concatenate(areas))
        total = float(share[-1])
        one.number = self._number(one, total)
        solid = self._shape(one)
        for _ in range(one.number):
            unfit: list[NoSeat] = []
            for site in range(2 * _SITES):
                k = int(np.searchsorted(share, self.rng.random() * total, side="right"))
                # Half of the places are tried by atoms, and if they are in vain half by voxels.
                placed = self._rigid if site < _SITES else self._nobody
                try:
                    if self._seat(one, solid, int(owner[k]), int(face[k]), placed):
                        break
                except NoSeat as error:
                    unfit.append(error)
            else:
                if len(unfit) == 2 * _SITES:
                    raise PlacementError(str(unfit[0]))
                raise self._no_room(one, total, "nm²")

    def _seat(self, one: Species, solid: Shape, host: int, face: int, placed: Placed) -> bool:
        """Put an instance at a random place of a face; return whether what is placed left room."""
        lattice = self.lattice
        sheath, membrane = self._membranes[host]
        a, b = np.sort(self.rng.random(2))
        seat = one.structure.seat(
            one.model,
            sheath.model,
            sheath.balls,
            face=face,
            weights=np.array([a, b - a, 1 - b]),
            rng=self.rng,
        )
        voxels = solid.voxels(seat.rotation, lattice.index(seat.translation), lattice.size)
        cells = lattice.cells(voxels)
        # Its own membrane gives way, but no protein that sits there already.
        if (lattice.taken[cells] & (self._membrane_at[cells] != host + 1)).any():
            return False
        if not placed.free(solid.number, seat.rotation, seat.translation):
            return False
        if placed is self._nobody:
            self._crowded[one.model.name] = self._crowded.get(one.model.name, 0) + 1
        lattice.take(voxels)
        self._membrane_at[cells] = 0
        self._rigid.add(solid.number, seat.rotation, seat.translation)
        body = Body(seat.rotation, seat.translation, one.model.positions)
        one.bodies.append(body)
        links = seat.links
        for (ball, vertex), length, constant, slack in zip(
            links.pairs.tolist(), links.lengths, links.constants, links.slacks, strict=True
        ):
            self.links.append(Link(body, ball, membrane, vertex, length, constant, slack))
        return True

    def _shape(self, one: Species) -> Shape:
        """Return what a rigid species fills."""
        rigid = [other.model for other in self.species if other.model.is_rigid]
        number = next(s for s, model in enumerate(rigid) if model is one.model)
        return Shape(*self._rigid.points[number], number=number)

    def _members(self, wanted: Sequence[str]) -> list[int]:
        """Return the membranes of some names."""
        return [m for m, (sheath, _) in enumerate(self._membranes) if sheath.name in wanted]

    def _forget_regions(self) -> None:
        self._compartments = None
        self._regions.clear()

    def _region(self, where: Where) -> Region:
        """Return where the centres of bodies of a place may be as membranes are now."""
        if self._compartments is None:
            self._compartments = Compartments(
                self.lattice,
                self.boundary,
                self._blocked,
                [sheath for sheath, _ in self._membranes],
            )
        if where not in self._regions:
            self._regions[where] = self._compartments.region(where)
        return self._regions[where]

    def _number(self, one: Species, room: float) -> int:
        """Return how many instances of a species there are to be."""
        number = one.structure.number(one.model, room)
        if number < 1:
            of = f"{room:.4g} nm² of membrane" if one.structure.hosts else f"{room:.4g} nm³"
            raise PlacementError(
                f"{one.model.name}: wanted at least one instance, got {number} for the {of} where "
                "they are to be; ask for more, or for more room"
            )
        return number

    def _no_room(self, one: Species, room: float, unit: str) -> PlacementError:
        """Return the error for a species of which another instance finds no place."""
        done = len(one.bodies)
        if not room:
            return PlacementError(f"no room: nothing of the box is where {one.model.name} is to be")
        given = one.structure.fixed_centre
        if given is not None:
            at = ", ".join(f"{x:g}" for x in given)
            return PlacementError(
                f"no room: {one.model.name} cannot be at ({at}) nm: a wall, what is there already, "
                "its own image or its where is in the way"
            )
        reached = done * one.model.volume / room
        filled = f", to a fraction of {reached:.3g}" if unit == "nm³" else ""
        return PlacementError(
            f"no room: {done} of {one.number} {one.model.name} fit into {room:.4g} {unit} where "
            f"they are to be{filled}; ask for fewer, or for more room"
        )


def _filled(group: Group, model: BallModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the balls that a group fills in its frame, those between linked instances included."""
    balls = group.balls
    radii = np.tile(model.radii, len(group.shapes))
    if not group.room:
        return balls, radii
    ends = balls[group.links.pairs]
    count = int(np.ceil(group.links.lengths.max(initial=0.0) / group.room))
    part = np.linspace(0, 1, count + 1)[1:-1, None, None]
    between = (ends[:, 0] + part * (ends[:, 1] - ends[:, 0])).reshape(-1, 3)
    return np.concatenate([balls, between]), np.append(radii, np.full(len(between), group.room))
