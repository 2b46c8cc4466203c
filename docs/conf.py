"""Configuration of the documentation."""

import functools
import os
import re
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

import public_names


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

# Written when the configuration is read: autosummary looks for its pages before any event.
(HERE / "api").mkdir(exist_ok=True)
(HERE / "api" / "index.rst").write_text(public_names.autosummary_page(), encoding="utf-8")


def setup(app):
    """Lead from what is in the repository to what the build makes of it."""
    app.connect("source-read", _built)


def _built(app, name, source):
    """Links to sources become links to the pages of names, those to examples to the gallery's."""
    if name == "reference/api":
        source[0] = public_names.names_page(public_names.in_sphinx)
    source[0] = re.sub(r"\]\((\.\./)+examples/README\.rst\)", "](/gallery/index.rst)", source[0])
    source[0] = re.sub(r"\]\((\.\./)+examples/(\d\w+)\.py\)", r"](/gallery/\2.rst)", source[0])
