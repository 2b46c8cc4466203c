"""The scene at its start: dispersed, or inserted into a box as far as that is easy."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core import BallModel, Scene
from ..core.boundary import Boundary
from ..core.settings import setting
from .addition import Insertion, insert
from .fractions import check_fraction, fit_box, fit_counts
from .placement import Placement, place

_EASY = 0.24
"""Fraction up to which insertion is fast, and from which on packing keeps the start."""


class Start(Placement):
    """Where the scene ends, and how much of everything it holds.

    Counts, box and volume fraction: two of them give the third.

    Examples
    --------
    >>> from openmm_cgpack.models import Filament
    >>> scene = Start(extent=60.0).scene([(Filament(n_balls=5).build(), 3)], seed=1)
    >>> scene.n_instances, scene.boundary
    (3, Open())
    """

    boundary: Literal["open", "periodic", "slab"] = setting(
        "open: without a box, for the pull; periodic: a box that repeats; slab: one that repeats "
        "along x and y and has walls in z",
        default="open",
    )
    box: float | tuple[float, float, float] | None = setting(
        "edge or edges of the box; left out, a cube that the counts fill to the fraction of [pack]",
        default=None,
        unit="nm",
        above=0,
    )
    counts: Literal["exact", "relative"] = setting(
        "exact: as many instances as said; relative: counts are abundances, and as many instances "
        "are made as fill the box to the fraction of [pack]",
        default="exact",
    )
    insertion: Insertion = setting("how a box is filled", default=Insertion())

    def meaningless(self) -> dict[str, str]:
        """Return what has no use with the boundary."""
        if self.boundary == "open":
            return dict.fromkeys(("box", "counts", "insertion"), 'with boundary = "open"')
        return dict.fromkeys(("extent", "grow"), f'with boundary = "{self.boundary}"')

    @property
    def shape(self) -> Boundary:
        """The boundary, in a box of edge 1 where there is none yet."""
        kind = Boundary.kinds[self.boundary]
        if not kind.bounded:
            return kind()
        edges = np.broadcast_to(1.0 if self.box is None else self.box, 3)
        return kind(box=tuple(edges.tolist()))  # type: ignore[call-arg]

    def check(self, fraction: float | None) -> None:
        """Raise ValueError unless the fraction that a protocol aims at goes with the rest."""
        if self.boundary == "open":
            return
        if self.box is None and fraction is None:
            raise ValueError(
                f'boundary: "{self.boundary}" wants a box, or a fraction in [pack], got neither'
            )
        if self.counts == "relative" and (self.box is None or fraction is None):
            raise ValueError('counts: "relative" wants both a box, and a fraction in [pack]')

    def scene(
        self,
        models: list[tuple[BallModel, int]],
        *,
        fraction: float | None = None,
        shrinks: bool = True,
        seed: int | np.random.SeedSequence,
    ) -> Scene:
        """Return the scene.

        Parameters
        ----------
        models : list of (BallModel, int)
            The models, and how many instances of each, or their abundances.
        fraction : float, optional
            Envelope volume fraction to which it will be packed; what counts and box make when left
            out. An open scene has none.
        shrinks : bool, optional
            Whether the packing shrinks the box to that fraction: then a scene in a box begins at
            no more than a fraction that insertion reaches quickly.
        seed : int or numpy.random.SeedSequence
            Seed of positions and rotations.

        Returns
        -------
        Scene

        Raises
        ------
        ValueError
            Counts, box and fraction contradict one another; the message shows the arithmetic.
        PlacementError
            There is no room.
        """
        self.check(fraction)
        box = self.shape
        if not box.bounded:
            return place(models, self, seed=seed)
        if self.counts == "relative":
            assert fraction is not None
            models = fit_counts(models, fraction=fraction, boundary=box)
        volume = sum(model.volume * count for model, count in models)
        if self.box is not None:
            if fraction is not None:
                check_fraction(volume, fraction=fraction, boundary=box)
            # With whole counts the box is exact, and the fraction within half a per cent.
            fraction = volume / box.volume
        assert fraction is not None
        if shrinks:
            fraction = min(fraction, _EASY)
        boundary = fit_box(volume, fraction=fraction, shape=box)
        return insert(models, self.insertion, boundary=boundary, seed=seed)

    def reached(self, scene: Scene, fraction: float | None) -> float | None:
        """Return the fraction of a scene's molecules in the box, or that asked for without one."""
        if self.box is None:
            return fraction
        return scene.volume / float(np.prod(np.broadcast_to(self.box, 3)))
