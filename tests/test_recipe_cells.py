"""Recipes of cells: what they refuse, how large a run they foresee, and what a run makes."""

import tomllib
from typing import ClassVar

import numpy as np
import pytest

from openmm_cgpack import (
    Filament,
    MapSettings,
    Molecule,
    Protocol,
    Recipe,
    Start,
    Where,
    as_packed,
    kind,
    populate,
)
from openmm_cgpack.models import Vesicle
from openmm_cgpack.packing import Insertion
from openmm_cgpack.recipe import dump_recipe, recipe_from
from openmm_cgpack.runs.pipeline import STAGES, Simulated


@pytest.fixture(scope="module")
def still():
    """Return a protocol that leaves a populated box as it is."""

    @kind("still")
    class Still(Protocol):
        "Nothing moves."

        populates: ClassVar[bool] = True

        def steps(self, scene, *, run, seed, reporters=(), checkpoint=None):
            yield from ()
            return as_packed(scene)

    yield Still()
    del Protocol.kinds["still"]


START = Start(boundary="periodic", box=36.0, insertion=Insertion(spacing=0.75))
VESICLE = Vesicle(radius=11.0)
INSIDE = Molecule(species="1s3x", fraction=0.08, where=Where(inside="vesicle"))


def recipe(pack, *structures, start=START):
    return Recipe(structures=structures, start=start, pack=pack, density=MapSettings(voxel_size=2))


def test_a_recipe_of_a_cell_goes_to_its_file_and_back(still):
    made = recipe(still, VESICLE, INSIDE)
    text = dump_recipe(made)
    assert '[molecule.where]\ninside = "vesicle"' in text
    assert recipe_from(tomllib.loads(text)) == made


@pytest.mark.parametrize(
    ("structures", "said"),
    [
        ((Filament(n_balls=3, fraction=0.1),), "filament: fraction: is for cells: wanted kind"),
        ((VESICLE,), r"vesicle: \[\[vesicle\]\]: is for cells"),
        ((VESICLE, INSIDE), "is for cells"),
    ],
)
def test_other_protocols_refuse_what_only_cells_hold(structures, said):
    with pytest.raises(ValueError, match=said):
        Recipe(structures=structures)


def test_a_cell_wants_its_box(still):
    with pytest.raises(ValueError, match=r"box: wanted in \[start\] with kind = \"still\""):
        recipe(still, VESICLE, start=Start(boundary="periodic"))
    with pytest.raises(ValueError, match='counts: "relative" means nothing'):
        recipe(still, VESICLE, start=Start(boundary="periodic", box=36.0, counts="relative"))


def test_names_of_places_are_looked_up_when_the_recipe_is_made(still):
    with pytest.raises(ValueError, match='1s3x: where: inside: wanted one of 1s3x, got "vesicle"'):
        recipe(still, INSIDE)


def test_an_error_in_a_place_says_of_which_structure():
    entry = {"species": "1s3x", "where": {"insight": "vesicle"}}
    with pytest.raises(
        ValueError, match=r'^\[\[molecule\]\] number 1: where: unknown key "insight"'
    ):
        recipe_from({"molecule": [entry]})


def test_a_recipe_is_populated_as_by_hand(still):
    made = Simulated(recipe=recipe(still, VESICLE, INSIDE))
    for stage in ("models", "placement"):
        STAGES[stage](made)
    by_hand = populate(
        (VESICLE, INSIDE),
        boundary=START.shape,
        insertion=START.insertion,
        models=[model for model, _ in made.models],
        seed=made.seed("placement"),
    )
    assert np.array_equal(made.scene.positions, by_hand.positions)
    assert made.scene.boundary == START.shape
    # Counts are foreseen with the room of the inner leaf, too.
    placed, foreseen = (made.scene.species_index == 1).sum(), made.models[1][1]
    assert foreseen == pytest.approx(placed * (11 / 9) ** 3, rel=0.2)
