"""A recipe, from structures to the tomogram: read from TOML, run into a folder."""

from .pipeline import Simulated, run, simulate, write_outputs
from .reference import key_table
from .sections import (
    Density,
    Filament,
    Forces,
    Membrane,
    Molecule,
    Pack,
    Recipe,
    Run,
    SceneSection,
    Tomogram,
)
from .toml import demo_recipe, dump_recipe, load_recipe

__all__ = [
    "Density",
    "Filament",
    "Forces",
    "Membrane",
    "Molecule",
    "Pack",
    "Recipe",
    "Run",
    "SceneSection",
    "Simulated",
    "Tomogram",
    "demo_recipe",
    "dump_recipe",
    "key_table",
    "load_recipe",
    "run",
    "simulate",
    "write_outputs",
]
