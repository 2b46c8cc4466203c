"""A recipe: the settings of a whole scene, from structures to the tomogram."""

from .distributions import Distribution
from .drawing import distributions_in, drawn
from .settings import Files, Recipe, demo_recipe, dump_recipe, load_recipe, recipe_from

__all__ = [
    "Distribution",
    "Files",
    "Recipe",
    "demo_recipe",
    "distributions_in",
    "drawn",
    "dump_recipe",
    "load_recipe",
    "recipe_from",
]
