"""A recipe: the settings of a whole scene, from structures to the tomogram."""

from .drawing import drawn
from .settings import Files, Recipe, dump_recipe, load_recipe, recipe_from
from .shipped import Recipes, demo_recipe, find_recipe, first_scene, recipes

__all__ = [
    "Files",
    "Recipe",
    "Recipes",
    "demo_recipe",
    "drawn",
    "dump_recipe",
    "find_recipe",
    "first_scene",
    "load_recipe",
    "recipe_from",
    "recipes",
]
