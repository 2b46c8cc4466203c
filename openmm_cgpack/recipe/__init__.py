"""A recipe: the settings of a whole scene, from structures to the tomogram."""

from .distributions import Distribution
from .drawing import distributions_in, drawn
from .settings import Files, Recipe, dump_recipe, load_recipe, recipe_from
from .shipped import Recipes, demo_recipe, find_recipe, first_scene, recipes

__all__ = [
    "Distribution",
    "Files",
    "Recipe",
    "Recipes",
    "demo_recipe",
    "distributions_in",
    "drawn",
    "dump_recipe",
    "find_recipe",
    "first_scene",
    "load_recipe",
    "recipe_from",
    "recipes",
]
