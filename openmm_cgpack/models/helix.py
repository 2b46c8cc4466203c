"""Filaments of real monomers: actin, microtubules, and any other helical lattice."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.geometry import HelicalCurve
from ..core.model import BallModel
from ..core.settings import kind, setting
from ..core.structure import AtomicStructure
from ..core.transforms import shortest_rotations
from ..core.units import KT
from ..structures.envelope import envelope_volume
from .bundles import bundle, hexagonal_cells, hexagonal_places
from .sources import Source
from .structure import Group

SPECIES = {"actin": "2zwh", "microtubule": "3j6e", "microtubule_14": "3j6e"}
"""The library's monomers of known lattices."""

LATTICES: dict[str, dict[str, float]] = {
    # At 2.76 nm and -166.6° no atoms of neighbours in 2ZWH (Oda et al. 2009, Nature 457, 441) are
    # nearer than 0.25 nm. Persistence lengths: Gittes et al. 1993, J. Cell Biol. 120, 923.
    # Fimbrin keeps filaments 12 nm apart (Volkmann et al. 2001, J. Cell Biol. 153, 947).
    "actin": {
        "rise": 2.76,
        "twist_deg": -166.6,
        "persistence_length": 17e3,
        "bundle_spacing": 12.0,
    },
    # A dimer of tubulin is 8.32 nm long; once around, the lattice of type B has fallen by three
    # monomers, so that alpha meets beta at its seam. 14 protofilaments are 3J6E's own; for 13 the
    # dimer's centre of mass moves in to where lateral neighbours are as far apart as in 14. Tau
    # keeps walls about 20 nm apart (Chen et al. 1992, Nature 360, 674), which are 25 nm across.
    "microtubule": {
        "rise": 8.32,
        "twist_deg": 0.0,
        "protofilaments": 13,
        "stagger": -12.48 / 13,
        "radius": 11.2,
        "persistence_length": 5e6,
        "bundle_spacing": 45.0,
    },
    "microtubule_14": {
        "rise": 8.32,
        "twist_deg": 0.0,
        "protofilaments": 14,
        "stagger": -12.48 / 14,
        "persistence_length": 5e6,
        "bundle_spacing": 45.0,
    },
}
"""Settings of known lattices."""

_SEGMENT = 0.5
"""Distance from ball to ball, in radii of the filament: closer ones add little to its girth."""

_STRETCH = 1.05
"""How much a bend stretches the outer side, for which the balls have room: at a radius of
curvature of 20 filament radii, that of 0.1 µm for actin."""


@kind("helix")
class Helix(Source):
    """A filament of monomers about the z axis of their file, which bends as a worm-like chain.

    The monomer is read from the library, a file or the PDB (`species`, `pdb` or `id`), as for a
    molecule; left out, it is the library's for a known lattice. It stands about the z axis through
    the file's origin as the file has it; monomer j of protofilament p is turned about the axis by
    ``j twist_deg + p 360°/protofilaments`` and moved along it by ``j rise + p stagger``. Turns are
    counterclockwise as seen from the end that the axis points to, so that a positive twist is
    right-handed.

    Its balls are a chain along the axis that holds all atoms; they bend with the persistence length
    P by ``k = kT P / b``, for their distance b, and start in a bent shape drawn at 300 K. Density,
    labels and poses are those of the monomers along the bent curve, each rigid, so that twist,
    handedness and lattice stay.

    Examples
    --------
    >>> model = Helix(lattice="actin", length=55.0).build()
    >>> model.name, len(model.geometry.along), model.is_rigid
    ('actin', 20, False)
    """

    lattice: Literal["actin", "microtubule", "microtubule_14"] | None = setting(
        "known lattice, which says what is left out of rise, twist_deg, protofilaments, stagger, "
        "radius and persistence_length; microtubules have 13 or 14 protofilaments and a seam",
        default=None,
    )
    length: float = setting(
        "length along the axis, to whole monomers", default=200.0, unit="nm", above=0
    )
    rise: float | None = setting(
        "from one monomer of a protofilament to its next, along the axis",
        default=None,
        unit="nm",
        above=0,
        usual=(0.1, 20),
    )
    twist_deg: float | None = setting(
        "turn from one monomer of a protofilament to its next; positive is right-handed",
        default=None,
        unit="°",
        minimum=-360,
        maximum=360,
    )
    protofilaments: int | None = setting(
        "protofilaments, evenly about the axis; left out, 1", default=None, minimum=1, maximum=100
    )
    stagger: float | None = setting(
        "from one protofilament to the next, counterclockwise, along the axis; left out, 0",
        default=None,
        unit="nm",
        usual=(-20, 20),
    )
    radius: float | None = setting(
        "distance of the monomers' centres of mass from the axis; left out, as in the file",
        default=None,
        unit="nm",
        above=0,
        usual=(0, 30),
    )
    um_per_um3: float | None = setting(
        "in place of count: total length per volume of its region, µm/µm³; in a cell only",
        default=None,
        above=0,
    )
    persistence_length: float | None = setting(
        "bending stiffness as a persistence length at 300 K",
        default=None,
        unit="nm",
        above=0,
    )
    max_curvature: float | None = setting(
        "the most that it is bent at the start, where heat would bend it more",
        default=None,
        unit="1/nm",
        above=0,
    )

    bundle: int = setting(
        "filaments side by side in hexagonal packing; count then counts bundles",
        default=1,
        minimum=1,
        maximum=500,
    )
    bundle_spacing: float | None = setting(
        "from the axis of a filament in a bundle to its neighbours'; left out, that of the lattice",
        default=None,
        unit="nm",
        above=0,
        usual=(2, 100),
    )
    bundle_polarity: Literal["parallel", "alternate"] = setting(
        "whether all filaments of a bundle point one way, or every other row the other way",
        default="parallel",
    )

    def __post_init__(self) -> None:
        if self.species is None and self.pdb is None and self.id is None:
            object.__setattr__(self, "species", SPECIES.get(self.lattice or ""))
        super().__post_init__()
        if self.lattice is None:
            wanted = ["rise", "twist_deg", "persistence_length"]
            for name in wanted + ["bundle_spacing"] * (self.bundle > 1):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: wanted a number, or a lattice that says it")
        if self.levels < 1:
            raise ValueError(
                f"length: wanted room for one monomer, {self.known('rise'):g} nm, got "
                f"{self.length:g}"
            )

    def meaningless(self) -> dict[str, str]:
        """Return what a length per volume stands in place of, and what only bundles have."""
        beside = {} if self.um_per_um3 is None else {"count": "beside um_per_um3"}
        if self.um_per_um3 is not None:
            beside["fraction"] = "beside um_per_um3"
        if self.bundle == 1:
            beside |= dict.fromkeys(("bundle_spacing", "bundle_polarity"), "without a bundle")
        if self.known("protofilaments", 1) == 1:
            beside["stagger"] = "with one protofilament"
        return super().meaningless() | beside

    @property
    def label(self) -> str:
        """Name of the species: that given, else of the lattice, else of the monomer."""
        return self.name or self.lattice or super().label

    @property
    def counted(self) -> int | None:
        """How many filaments a count of bundles makes; None where something else says how many."""
        bundles = super().counted
        return None if bundles is None else bundles * self.bundle

    @property
    def cellular(self) -> bool:
        """Whether only a cell can hold it: a pull, or a box that shrinks, crumples it."""
        return True

    def number(self, model: BallModel, room: float) -> int:
        """Return how many filaments a cell holds; `room` is the volume of its region, nm³."""
        if self.um_per_um3 is not None:
            wanted = self.um_per_um3 * 1e-6 * room / (self.levels * self.known("rise"))
        elif self.fraction is not None:
            wanted = self.fraction * room / model.volume
        else:
            wanted = self.count * self.bundle
        return self.bundle * round(wanted / self.bundle)

    @property
    def levels(self) -> int:
        """Monomers of each protofilament."""
        return round(self.length / self.known("rise"))

    def known(self, name: str, otherwise: float = 0.0) -> float:
        """Return a number of the lattice: the one given, else that of the known lattice."""
        given = getattr(self, name)
        known = LATTICES.get(self.lattice or "", {})
        return float(known.get(name, otherwise) if given is None else given)

    def build(self, *, seed: int | np.random.SeedSequence = 0) -> BallModel:
        """Return the straight filament: a chain of balls along z, and a `HelicalCurve`."""
        monomer = self.read()
        arm = self._arm(monomer)
        along, turn = self._monomers()
        atoms = monomer.positions + arm
        girth = float((np.linalg.norm(atoms[:, :2], axis=1) + monomer.spread).max())
        # Each ball holds a slice of the tube that holds all atoms.
        ends = monomer.positions[:, 2]
        below, above = (ends - monomer.spread).min(), (ends + monomer.spread).max()
        half = max(along.max() + above, -(along.min() + below))
        n = max(2, round(2 * half / (_SEGMENT * girth)))
        segment = 2 * half / n
        radius = float(np.hypot(girth, _STRETCH * segment / 2))
        positions = np.zeros((n, 3))
        positions[:, 2] = segment * (np.arange(n) - (n - 1) / 2)
        balls = np.arange(n)
        if self.bundle > 1 and self.known("bundle_spacing") < 2 * radius:
            raise ValueError(
                f"bundle_spacing: wanted {2 * radius:.4g} nm or more, where the filaments' balls, "
                f"which hold all atoms, touch, got {self.known('bundle_spacing'):.4g}"
            )
        first, second = np.triu_indices(n, 2)
        meet = (second - first) * segment < 2 * radius
        volume = envelope_volume(monomer) * len(along)
        return BallModel(
            name=self.label,
            positions=positions,
            radii=np.full(n, radius),
            masses=np.full(n, self.ball_mass),
            bonds=np.stack([balls[:-1], balls[1:]], axis=1),
            angles=np.stack([balls[:-2], balls[1:-1], balls[2:]], axis=1),
            bond_k=self.bond_k,
            angle_k=KT * self.known("persistence_length") / segment,
            exclusions=np.stack([first[meet], second[meet]], axis=1),
            volume=volume,
            geometry=HelicalCurve(
                balls=balls,
                radius=girth,
                density=monomer.mass * len(along) / (np.pi * girth**2 * 2 * half),
                overhang=segment / 2,
                along=along,
                turn=turn,
                arm=arm,
            ),
            structure=monomer,
        )

    def _arm(self, monomer: AtomicStructure) -> np.ndarray:
        """Return the way from the axis to the monomer's centre of mass, (3,) nm."""
        arm = monomer.file_origin * [1, 1, 0]
        distance = float(np.linalg.norm(arm))
        wanted = self.known("radius", distance)
        return arm * wanted / distance if distance > 0 else np.array([wanted, 0.0, 0.0])

    def _monomers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return each monomer's place along the axis from the middle, nm, and turn, rad."""
        protofilaments = int(self.known("protofilaments", 1))
        rise, twist = self.known("rise"), np.radians(self.known("twist_deg"))
        level, protofilament = np.divmod(np.arange(self.levels * protofilaments), protofilaments)
        along = level * rise + protofilament * self.known("stagger")
        turn = level * twist + protofilament * 2 * np.pi / protofilaments
        return along - (along.min() + along.max()) / 2, turn

    def start_shape(self, model: BallModel, *, seed: int | np.random.SeedSequence) -> np.ndarray:
        """Return the balls of a worm-like chain at 300 K, its ends on a line along z, (b, 3) nm."""
        return self._chain(model, seed=seed)

    def group(self, model: BallModel, *, seed: int | np.random.SeedSequence) -> Group:
        """Return the filaments of a bundle, about a chain as stiff as all of them; or one alone."""
        if self.bundle == 1:
            return super().group(model, seed=seed)
        cells, spacing = hexagonal_cells(self.bundle), self.known("bundle_spacing")
        reach = float(np.linalg.norm(hexagonal_places(cells, spacing), axis=1).max())
        return bundle(
            self._chain(model, filaments=self.bundle, reach=reach, seed=seed),
            cells=cells,
            spacing=spacing,
            segment=float(model.bond_lengths.mean()),
            alternate=self.bundle_polarity == "alternate",
        )

    def _chain(
        self,
        model: BallModel,
        *,
        filaments: int = 1,
        reach: float = 0.0,
        seed: int | np.random.SeedSequence,
    ) -> np.ndarray:
        """Return a bent chain for filaments that are up to `reach` nm away from it, (b, 3) nm."""
        segment = float(model.bond_lengths.mean())
        widest = np.pi
        if self.max_curvature is not None:
            # Of the filament on the inner side of the bend.
            widest = segment / (1 / self.max_curvature + reach)
        stiffness = filaments * model.angle_k / KT
        chain = worm_like_chain(
            model.n_balls, segment, stiffness=stiffness, widest=widest, seed=seed
        )
        tilt = shortest_rotations(chain[-1:] - chain[:1], np.array([[0.0, 0.0, 1.0]]))[0]
        chain = chain @ tilt.T
        return chain - chain.mean(axis=0)


def worm_like_chain(
    n: int,
    segment: float,
    *,
    stiffness: float,
    widest: float = np.pi,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Return the balls of a chain in equilibrium, (n, 3) nm, that starts along z.

    Its angles are independent, each with the density ``sin(theta) exp(-stiffness theta²/2)`` up to
    `widest`, about a random direction: exact for bonds that keep their length.

    Parameters
    ----------
    n : int
        Balls.
    segment : float
        Distance from ball to ball, nm.
    stiffness : float
        Bending constant in kT.
    widest : float, optional
        Largest angle between two segments, rad.
    seed : int or numpy.random.SeedSequence
        Seed of the angles.

    Examples
    --------
    >>> chain = worm_like_chain(50, 4.0, stiffness=1000.0, seed=1)
    >>> chain.shape, bool(np.allclose(np.linalg.norm(np.diff(chain, axis=0), axis=1), 4.0))
    ((50, 3), True)
    """
    rng = np.random.default_rng(seed)
    # The density by a table of its integral, which is as fine where the chain is stiff.
    top = min(widest, np.pi, 12 / np.sqrt(max(stiffness, 1e-12)))
    theta = np.linspace(0, top, 4097)
    density = np.sin(theta) * np.exp(-stiffness * theta**2 / 2)
    table = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    bends = np.interp(rng.random(n - 2), table / table[-1], theta)
    around = rng.uniform(0, 2 * np.pi, n - 2)
    axes = np.stack([np.cos(around), np.sin(around), np.zeros(n - 2)], axis=1)
    frame, directions = np.eye(3), np.empty((n - 1, 3))
    directions[0] = frame[:, 2]
    for k, turn in enumerate(Rotation.from_rotvec(bends[:, None] * axes).as_matrix()):
        frame = frame @ turn
        directions[k + 1] = frame[:, 2]
    return np.concatenate([np.zeros((1, 3)), np.cumsum(segment * directions, axis=0)])
