"""A recipe: the settings of a whole scene, from structures to the tomogram."""

from .settings import Files, Recipe, demo_recipe, dump_recipe, load_recipe, recipe_from

__all__ = ["Files", "Recipe", "demo_recipe", "dump_recipe", "load_recipe", "recipe_from"]
