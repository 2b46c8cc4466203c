"""Configuration of the documentation."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OPENMM_DEFAULT_PLATFORM", "CPU")

import openmm_cgpack
from openmm_cgpack.recipe import key_table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "openmm_cgpack"
copyright = "the openmm_cgpack developers"
version = release = openmm_cgpack.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "tables/*",
    "api/keys.md",
    "gallery/*.ipynb",
    "gallery/*.py",
    "gallery/*.zip",
]
html_theme = "pydata_sphinx_theme"
html_title = "openmm_cgpack"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "ignore_pattern": "report.py|common",
    # Without PyTorch the example that trains a network is shown but not run.
    "filename_pattern": r"/\d\d_" if find_spec("torch") else r"/(?!07_)\d\d_",
    "image_scrapers": ("matplotlib", "figures"),
    "ignore_repr_types": "matplotlib",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "abort_on_example_error": True,
}

_HEADS = {
    "core": "Data types",
    "structures": "Structures",
    "models": "Models",
    "forces": "Forces",
    "packing": "Scene and packing",
    "poses": "Poses",
    "density": "Density and labels",
    "imaging": "Tomogram",
    "auditing": "Audit",
    "evaluation": "Scores",
    "io": "Files",
    "recipe": "Recipes",
    "export": "Other programs and viewers",
    "overview": "Overview",
    "plot": "Pictures",
}


def _api_page() -> str:
    """Return the list of all public names, by the folder that they come from."""
    lines = ["API reference", "=============", "", "Everything here is ``openmm_cgpack.NAME``.", ""]
    names = {name: getattr(openmm_cgpack, name) for name in openmm_cgpack.__all__}
    for folder, head in _HEADS.items():
        here = [n for n, o in names.items() if _folder(o) == folder]
        if here:
            lines += ["", head, "-" * len(head), "", ".. currentmodule:: openmm_cgpack", ""]
            lines += [".. autosummary::", "   :toctree: generated", ""]
            lines += [f"   {name}" for name in here]
    return "\n".join(lines) + "\n"


def _folder(value: object) -> str:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module.split(".")[1] if module.startswith("openmm_cgpack.") else ""


# Written when the configuration is read: autosummary looks for its pages before any event.
(HERE / "api").mkdir(exist_ok=True)
(HERE / "api" / "keys.md").write_text(key_table(), encoding="utf-8")
(HERE / "api" / "index.rst").write_text(_api_page(), encoding="utf-8")
