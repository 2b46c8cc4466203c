"""What a cell is made of, before any of it has a place: its models, and about how many of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core import BallModel
from ..core.boundary import Boundary
from ..core.messages import within
from ..core.progress import tracked
from ..models import Cover, Structure, Where
from ..models.structure import names
from ..models.triangulation import area_of, volume_of
from .regions import ranks


def check_files(structures: Sequence[Structure]) -> None:
    """Raise an error where a file that a structure is read from is not there: before any work."""
    for structure in structures:
        with within(f"[[{structure.kind}]] {structure.label}"):
            structure.check_files()


def built(
    structures: Sequence[Structure],
    *,
    boundary: Boundary,
    cover: Cover,
    seed: np.random.SeedSequence,
) -> list[BallModel]:
    """Return the models of structures, what they leave open as a cover and a box have it."""
    check_files(structures)
    models = []
    children = seed.spawn(len(structures))
    for structure, child in zip(tracked(structures, "models"), children, strict=True):
        with within(f"[[{structure.kind}]] {structure.label}"):
            models.append(structure.covered(cover).spanning(boundary).build(seed=child))
    return models


def expected_counts(
    structures: Sequence[Structure], models: Sequence[BallModel], *, boundary: Boundary
) -> list[int]:
    """Return about how many instances of each `populate` will place, before it does.

    As if membranes were at rest, and all rooms outside of them the box.
    """
    counts: dict[str, int] = {}
    shapes = {model.name: model for model in models}
    for _, structure, model in sorted(
        zip(ranks(structures), structures, models, strict=True), key=lambda row: row[0]
    ):
        where = structure.where or Where()

        def total(wanted: Sequence[str], of: Callable[[np.ndarray], float]) -> float:
            return sum(
                counts[name] * of(shapes[name].mesh.corners(shapes[name].positions))
                for name in wanted
            )

        room = boundary.volume
        if where.inside is not None:
            room = min(room, total(names(where.inside), volume_of))
        if where.within is not None:
            room = min(room, 2 * where.within * total(names(where.of), area_of))
        if structure.hosts:
            room = total(structure.hosts, area_of)
        counts[model.name] = max(1, structure.number(model, room))
    return [counts[model.name] for model in models]
