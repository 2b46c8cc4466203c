"""What a scene holds many of: settings that build a ball model, one class and one file a kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from ..core.boundary import Boundary
from ..core.display import described
from ..core.messages import within
from ..core.model import BallModel
from ..core.names import checked_name
from ..core.scene import Links
from ..core.settings import Settings, setting, settings_fields
from ..core.units import KCAL
from ..io.inputs import regular_file

if TYPE_CHECKING:
    from .molecule import Cover


class Balls(Settings):
    """How balls are bonded and what they weigh."""

    # 2000 kcal/mol/Å² of the paper's k (r - r0)² (eq. 10), for OpenMM's k/2 (r - r0)².
    bond_k: float = setting(
        "constant of the bonds, which have the factor 1/2",
        default=2 * 2000 * KCAL * 100,
        unit="kJ/mol/nm²",
        above=0,
    )
    ball_mass: float = setting(
        "mass of a ball for the dynamics, whatever it holds; densities come from atomic masses",
        default=5000.0,
        unit="Da",
        above=0,
    )


Names = str | tuple[str, ...]


class Where(Settings):
    """Where in a cell something is; what is said together holds together, nothing is anywhere.

    Examples
    --------
    >>> Where(inside="vesicle", within=10.0, of="vesicle").within
    10.0
    """

    inside: Names | None = setting(
        "name of a closed membrane, or a list of names, in one of whose instances it is",
        default=None,
    )
    outside: Names | None = setting(
        "name of a closed membrane, or a list of names, in none of whose instances it is",
        default=None,
    )
    within: float | None = setting(
        "how far from the middle of a membrane its centre is at most",
        default=None,
        unit="nm",
        above=0,
        usual=(1, 150),
    )
    of: Names | None = setting(
        "name of the membrane that `within` is about, or a list of names", default=None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.within is None) != (self.of is None):
            raise ValueError("within: wanted together with of, which names the membrane")
        for name in ("inside", "outside", "of"):
            if getattr(self, name) == ():
                raise ValueError(f"{name}: wanted at least one name")
        if self.inside is not None and set(names(self.inside)) <= set(names(self.outside)):
            both = ", ".join(names(self.inside))
            raise ValueError(f"inside and outside: nothing is both, of {both}")

    @property
    def membranes(self) -> tuple[str, ...]:
        """The names that it holds."""
        return names(self.inside) + names(self.outside) + names(self.of)


def names(given: Names | None) -> tuple[str, ...]:
    """Return one name or several as a tuple; none for None."""
    return () if given is None else (given,) if isinstance(given, str) else given


@described
class Seat(NamedTuple):
    """Where a body sits in a membrane, and what holds it there.

    Parameters
    ----------
    rotation, translation : (3, 3) and (3,) arrays
        Its pose, nm.
    links : Links
        Without slack, its pairs a ball of the body and one of the membrane, each counted in its
        own model.
    """

    rotation: np.ndarray
    translation: np.ndarray
    links: Links


@described
class Group(NamedTuple):
    """Instances that are placed together, in a frame of their own about their middle.

    Parameters
    ----------
    rotations, translations : (n, 3, 3) and (n, 3) arrays
        The pose of each in the group's frame, nm.
    shapes : tuple of (b, 3) array
        The balls of each in its body frame, nm.
    links : Links
        Bonds between them; balls are counted through the group, instance after instance.
    room : float
        Radius of the room that is kept free along the links at the start, nm.
    """

    rotations: np.ndarray
    translations: np.ndarray
    shapes: tuple[np.ndarray, ...]
    links: Links = Links()
    room: float = 0.0

    @property
    def balls(self) -> np.ndarray:
        """The balls of all in the group's frame, (n b, 3) nm."""
        poses = zip(self.shapes, self.rotations, self.translations, strict=True)
        return np.concatenate([shape @ turn.T + centre for shape, turn, centre in poses])


class NoSeat(ValueError):
    """A body cannot sit at a place of a membrane; there may be others."""


class Structure(Balls, family=True):
    """A molecule, filament or membrane, how many of it, and where.

    A new kind is a subclass with `build`, registered by `kind`: a recipe then has its tables
    ``[[name_of_the_kind]]``. Nothing downstream asks for the kind: forces, poses, density and
    labels follow from what the `BallModel` holds.
    """

    name: str | None = setting(
        "name of the species; left out, a name of the kind", default=None, check=checked_name
    )
    count: int = setting("how many instances", default=1, minimum=1)
    fraction: float | None = setting(
        "in place of count: the part of the volume of its region that it fills; in a cell only",
        default=None,
        above=0,
        below=1,
    )
    where: Where | None = setting(
        "where it is; left out, wherever there is room; in a cell only", default=None
    )

    def meaningless(self) -> dict[str, str]:
        """Return what a fraction stands in place of."""
        beside = {} if self.fraction is None else {"count": "beside fraction"}
        return super().meaningless() | beside

    @property
    def counted(self) -> int | None:
        """How many instances a count makes; None where something else says how many."""
        return None if "count" in self.meaningless() else self.count

    @property
    def cellular(self) -> bool:
        """Whether only a cell can hold it: it has a region, or a kind that needs one."""
        return self.fraction is not None or self.where is not None or bool(self.hosts)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the membranes that it sits in, in any of their instances; mostly none."""
        return ()

    @property
    def is_membrane(self) -> bool:
        """Whether it is a surface, which may be named by what is near it or sits in it."""
        return False

    @property
    def is_closed(self) -> bool | None:
        """Whether it is a membrane with an inside; None where only its model tells."""
        return False

    @property
    def has_atoms(self) -> bool | None:
        """Whether the model's structure has all its atoms; None where nothing has any."""
        return None

    @property
    def fixed_centre(self) -> np.ndarray | None:
        """Where the origin of its frame has to be, (3,) nm; None where that is left open."""
        return None

    @property
    def fixed_rotation(self) -> np.ndarray | None:
        """How its frame has to be turned, (3, 3); None where that is left open."""
        return None

    @property
    def label(self) -> str:
        """Name of the species in scenes and tables."""
        return self.kind if self.name is None else self.name

    def covered(self, cover: Cover) -> Self:
        """Return the structure with what it leaves open about its balls as a protocol has it."""
        return self

    def spanning(self, boundary: Boundary) -> Self:
        """Return the structure with what it leaves open as a scene's box has it."""
        return self

    def start_shape(
        self, model: BallModel, *, seed: int | np.random.SeedSequence
    ) -> np.ndarray | None:
        """Return the balls of one instance at its start in the body frame, (b, 3) nm.

        Heat bends filaments and membranes: each instance is drawn anew. None is as the model is.
        """
        return None

    def group(self, model: BallModel, *, seed: int | np.random.SeedSequence) -> Group:
        """Return the instances that are placed at one place together: mostly one by itself."""
        drawn = self.start_shape(model, seed=seed)
        shape = model.positions if drawn is None else drawn
        return Group(np.eye(3)[None], np.zeros((1, 3)), (shape,))

    def number(self, model: BallModel, room: float) -> int:
        """Return how many instances a cell holds: whole groups, where they come in groups.

        `room` is the volume of its region, nm³, or the area of its hosts, nm².
        """
        if self.fraction is None:
            return self.count
        return round(self.fraction * room / model.volume)

    def seat(
        self,
        model: BallModel,
        membrane: BallModel,
        balls: np.ndarray,
        *,
        face: int,
        weights: np.ndarray,
        rng: np.random.Generator,
    ) -> Seat:
        """Return how an instance sits in a membrane at a random place; for those with `hosts`.

        Parameters
        ----------
        model, membrane : BallModel
            Its own, and that of the membrane.
        balls : (b, 3) array
            The membrane's balls as they are in the scene, nm, in one piece.
        face, weights : int, (3,) array
            The place: a face of the membrane, and the weights of its corners.
        rng : numpy.random.Generator
            For what else is drawn, as the turn about the normal.

        Raises
        ------
        NoSeat
            It does not fit there.
        """
        raise NotImplementedError(f"{type(self).__name__}.seat")

    def check_files(self) -> None:
        """Raise FileNotFoundError or ValueError unless its files are there; it names the key."""
        for field in settings_fields(type(self)):
            held = getattr(self, field.name)
            if isinstance(held, Path):
                with within(field.name):
                    regular_file(held)

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the ball model, named `label`; `seed` is that of what is drawn on the way."""
        raise NotImplementedError


class Deformable(Structure):
    """A structure that bends."""

    angle_k: float = setting(
        "bending constant of k/2 (theta - pi)²; 0 bends freely",
        default=0.0,
        unit="kJ/mol/rad²",
        minimum=0,
    )
