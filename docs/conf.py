"""Configuration of the documentation."""

import functools
import importlib
import os
import pkgutil
import sys
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OPENMM_DEFAULT_PLATFORM", "CPU")
# Bars that move are no use on a page.
os.environ.setdefault("TQDM_DISABLE", "1")

import jinja2.sandbox
import numpydoc.docscrape_sphinx

import openmm_cgpack

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # where the gallery finds `figures`


class _Compiled(jinja2.BytecodeCache):
    """Keeps compiled templates as long as the process lives."""

    def __init__(self):
        self._code = {}

    def load_bytecode(self, bucket):
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket):
        self._code[bucket.key] = bucket.bytecode_to_string()


project = "openmm_cgpack"
copyright = "the openmm_cgpack developers"
version = release = openmm_cgpack.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "tables/*",
    "gallery/*.ipynb",
    "gallery/*.py",
    "gallery/*.zip",
]
# A class' page has its members in full, and no table of them before that.
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "openmm_cgpack"
html_show_sourcelink = False
# The list of all names beside each of them was most of the page.
html_sidebars = {"api/generated/*": []}
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks run at every build; `-D nb_execution_mode=off` shows them as they are kept. To keep one
# as it runs now: TQDM_DISABLE=1 jupyter nbconvert --execute --inplace docs/tutorial/slab.ipynb
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False
# numpydoc would compile its one template again for each of thousands of docstrings.
numpydoc.docscrape_sphinx.SandboxedEnvironment = functools.partial(
    jinja2.sandbox.SandboxedEnvironment, bytecode_cache=_Compiled()
)

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "ignore_pattern": "report.py|common",
    # Without PyTorch the example that trains a network is shown but not run.
    "filename_pattern": r"/\d\d_" if find_spec("monai") else r"/(?!07_)\d\d_",
    "image_scrapers": ("matplotlib", "figures"),
    "ignore_repr_types": "matplotlib|list",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    # A process for each core; the examples need nothing of each other.
    "parallel": os.cpu_count() or 1,
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
    "runs": "Runs",
    "export": "Other programs and viewers",
    "datasets": "Data sets",
    "draw": "Pictures",
}


def _api_page() -> str:
    """Return the list of all public names, by the folder that they come from."""
    lines = ["API reference", "=============", ""]
    top = {name: getattr(openmm_cgpack, name) for name in openmm_cgpack.__all__}
    for folder in _folders():
        here = [n for n, value in top.items() if _folder(value) == folder]
        module = importlib.import_module(f"openmm_cgpack.{folder}")
        # What the folder has beside those, a name of two folders with the first of them.
        inner = [
            n
            for n in getattr(module, "__all__", ())
            if n not in top and _folder(getattr(module, n)) in ("", folder)
        ]
        head = _HEADS.get(folder, folder.capitalize())
        lines += ["", head, "-" * len(head)]
        lines += _summary("openmm_cgpack", here) + _summary(f"openmm_cgpack.{folder}", inner)
    return "\n".join(lines) + "\n"


def _folders() -> list[str]:
    """Return the folders that have public names, in the order of the data's way."""
    there = {
        folder
        for _, folder, _ in pkgutil.iter_modules(openmm_cgpack.__path__)
        if folder != "__main__"
        and hasattr(importlib.import_module(f"openmm_cgpack.{folder}"), "__all__")
    }
    there |= {_folder(getattr(openmm_cgpack, name)) for name in openmm_cgpack.__all__} - {""}
    return [f for f in _HEADS if f in there] + sorted(there - set(_HEADS))


def _summary(module: str, names: list[str]) -> list[str]:
    if not names:
        return []
    lines = ["", f".. currentmodule:: {module}", "", f"``{module}.NAME``:", ""]
    return [*lines, ".. autosummary::", "   :toctree: generated", "", *(f"   {n}" for n in names)]


def _folder(value: object) -> str:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module.split(".")[1] if module.startswith("openmm_cgpack.") else ""


# Written when the configuration is read: autosummary looks for its pages before any event.
(HERE / "api").mkdir(exist_ok=True)
(HERE / "api" / "index.rst").write_text(_api_page(), encoding="utf-8")
