"""A recipe, from structures to the tomogram: read from TOML, run into a folder."""

from .again import render_again
from .pipeline import Simulated, simulate, simulate_series, write_outputs
from .running import resume, run
from .sections import (
    Files,
    Forces,
    Imaging,
    Pack,
    Recipe,
    Run,
    SceneSection,
    Tomogram,
)
from .toml import demo_recipe, dump_recipe, load_imaging, load_recipe

__all__ = [
    "Files",
    "Forces",
    "Imaging",
    "Pack",
    "Recipe",
    "Run",
    "SceneSection",
    "Simulated",
    "Tomogram",
    "demo_recipe",
    "dump_recipe",
    "load_imaging",
    "load_recipe",
    "render_again",
    "resume",
    "run",
    "simulate",
    "simulate_series",
    "write_outputs",
]
