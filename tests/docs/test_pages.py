"""Every piece of code of every page runs as it is written, or is checked; see `page_code`."""

import ast
import contextlib
import doctest
import functools
import importlib
import io
import json
import pkgutil
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from page_code import Calls, blocks, commands, compiled, spans
from page_commands import (
    ROOT,
    SCRIPTS,
    all_options,
    check_command,
    extras,
    options_of_scripts,
)

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.core.reference import families
from openmm_cgpack.core.settings import Settings, all_settings, settings_fields
from openmm_cgpack.recipe import drawn, recipe_from

REFERENCE = ROOT / "docs" / "reference"
GENERATED = [REFERENCE / name for name in ("recipe_keys.md", "settings.md", "api.md")]
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not {"tables", "_build", "gallery", "api"} & set(path.parts) and path not in GENERATED
}
OWN = ("ring", "tether", "settle", "vignette", "xyz")

NOT_OURS = {"k", "periodicdistance", "__call__", "Rotation", "torch"}
"""Calls in sentences that are formulas, signatures, or of libraries that a page does not import."""

NAMES_OF_OTHERS = {
    *("DateTime", "Defocus", "ExposureDose", "PriorRecordDose", "RotationAngle", "TiltAngle"),
    *("Filaments", "Psi", "Tilt", "ThatGeometry", "Segmentations", "Meshes"),
}


@pytest.fixture(autouse=True)
def as_a_user(monkeypatch, tmp_path_factory):
    """Work in an empty folder, without windows; forget the kinds that a page registers."""
    before = {family: dict(family.kinds) for family in families()}
    modules = set(sys.modules)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path_factory.mktemp("page"))
    monkeypatch.syspath_prepend(ROOT / "examples" / "own")
    yield
    for family, kinds in before.items():
        family.kinds.clear()
        family.kinds.update(kinds)
    for name in set(sys.modules) - modules:
        if name in OWN:
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page(page, request):
    path = PAGES[page]
    text = path.read_text(encoding="utf-8")
    names = {"__name__": "page"}
    for block in blocks(text):
        where = f"{page}:{block.line}"
        if block.mark == "given":
            shutil.copytree(request.getfixturevalue("small_run"), block.text)
        if block.mark == "file":
            Path(block.why).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            python(block, path, names, where)
        elif block.language == "toml":
            toml(block, where)
        elif block.language == "sh":
            for words in commands(block.text):
                check_command(words, where, run=True)
        elif block.language == "text":
            known = ("file", "given", "output of", "recorded")
            assert block.mark in known, f"{where}: says not what it is"
            if block.mark == "output of":
                assert printed_by(block.why) == block.text, where
        else:
            assert block.language.startswith("{"), f"{where}: {block.language!r} is no language"
    sentences(page, text, names)


LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[\w-]+)?\)")
NOTEBOOKS = sorted((ROOT / "docs" / "tutorial").glob("*.ipynb"))


@pytest.mark.parametrize("path", [*PAGES.values(), *GENERATED, *NOTEBOOKS], ids=lambda p: p.name)
def test_links_lead_to_what_is_in_the_repository(path):
    """What a build makes is no use to whoever reads the pages where they are kept."""
    text = path.read_text(encoding="utf-8")
    if path in NOTEBOOKS:
        cells = json.loads(text)["cells"]
        text = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert [to for to in LINK.findall(text) if not (path.parent / to).exists()] == []


CELL = {"pack": {"kind": "cell"}, "start": {"boundary": "slab", "box": [300, 300, 100]}}
"""What a piece of a recipe stands in that is for cells alone."""

SMALL = """
name = "OUT"
[[molecule]]
species = "1f1b"
count = 2
[[molecule]]
species = "3hhb"
count = 3
[start]
boundary = "periodic"
box = [40, 40, 24]
[pack]
kind = "cell"
[pack.settling]
steps = 50
[density]
voxel_size = 2.0
resolution = 4.0
"""


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """Return the folder of a run, as a reader has one."""
    out = tmp_path_factory.mktemp("small") / "OUT"
    cgp.run(recipe_from(tomllib.loads(SMALL)), out)
    return out


def python(block, path, names, where):
    """Run a block in a page's names, or bind its calls where it says that it cannot run here."""
    tree = compiled(block, path)
    if block.mark == "not run":
        calls = Calls(names, f"{where}: ")
        calls.visit(tree)
        assert (calls.wrong, calls.unknown) == ([], []), where
        names.update({name: kept for name, kept in calls.names.items() if name not in names})
        return
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, str(path), "exec"), names)
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


def toml(block, where):
    """Read a block as a recipe, or a piece of one, with a molecule where it has no structure."""
    tables = tomllib.loads(block.text)
    if block.mark == "not run":
        return
    try:
        recipe_of(tables)
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


def recipe_of(tables):
    """Return the recipe of tables, with a molecule where they have no structure."""
    if not any(isinstance(value, list) and isinstance(value[0], dict) for value in tables.values()):
        tables = tables | {"molecule": [{"species": "3hhb", "count": 1}]}
    try:
        return recipe_from(tables)
    except ValueError as error:
        if "is for cells" in str(error) and "pack" not in tables:
            return recipe_of(tables | CELL)
        if "distribution" not in str(error):
            raise
    return recipe_from(drawn(tables, 1, 0)[0])


def printed_by(line):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for words in commands(line):
            main(words[1:])
    return said.getvalue()


KEYS = (REFERENCE / "recipe_keys.md").read_text(encoding="utf-8")
TABLES = set(re.findall(r"`(\[+[\w.]+\]+)`", KEYS))


def sentences(page, text, names):
    """Check the code within sentences: commands, options, calls, names, tables, keys and files."""
    for line, code in spans(text):
        where = f"{page}:{line}"
        if code.startswith(("cgpack ", "pip ", "python ", "pytest ", "sphinx-build ")):
            for words in commands(code):
                check_command(words, where)
        elif code.startswith("--"):
            option = code.split()[0]
            assert option in all_options() or option in options_of_scripts(), f"{where}: {code}"
        elif code.startswith(SCRIPTS) and "*" not in code:
            assert (ROOT / code.split()[0]).exists(), f"{where}: there is no {code}"
        elif found := re.fullmatch(r"(\[+[a-z_.]+\]+)(?: (\w+)( = .*)?)?", code):
            table = found[1]
            assert table in TABLES or table.strip("[]") in extras(), f"{where}: no table {table}"
            assert found[2] in fields() | {None, "kind"}, f"{where}: no key {found[2]}"
        elif found := re.fullmatch(r"([a-z_]+) = .+", code):
            assert found[1] in fields() | attributes() | {"from"}, f"{where}: no key {found[1]}"
        else:
            expression(code, names, where)


def expression(code, names, where):
    """Bind the calls of a piece of Python, and look up the names that can only be the package's."""
    try:
        tree = ast.parse(code, mode="eval")
    except SyntaxError:
        return
    known = {name: getattr(cgp, name) for name in cgp.__all__} | {"cgp": cgp, "openmm_cgpack": cgp}
    calls = Calls(known | names, f"{where}: ")
    calls.visit(tree)
    unknown = [name for name in calls.unknown if name.split(".")[0] not in NOT_OURS]
    assert (calls.wrong, unknown) == ([], []), where
    if re.fullmatch(r"[A-Z][a-z][a-zA-Z]*(\.[a-z]\w*)?", code):
        head, _, member = code.partition(".")
        owner = public_names().get(head, names.get(head))
        assert owner is not None or head in NAMES_OF_OTHERS, f"{where}: what is {code}?"
        if owner is not None and member:
            declared = getattr(owner, "__dataclass_fields__", ())
            assert hasattr(owner, member) or member in declared, f"{where}: {code}"
    elif re.fullmatch(r"(cgp|openmm_cgpack)(\.\w+)+", code):
        calls.value_of(tree.body)
        assert calls.wrong == [], where


@functools.cache
def public_names():
    """Return what the package's folders, and OpenMM, make public, by name."""
    import openmm
    import openmm.app

    found = {**vars(openmm.app), **vars(openmm)}
    for _, folder, _ in pkgutil.iter_modules(cgp.__path__):
        if folder != "__main__":
            module = importlib.import_module(f"openmm_cgpack.{folder}")
            found |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return found | {cls.__name__: cls for cls in (Settings, *all_settings())}


@functools.cache
def fields():
    """Return the keys of all settings."""
    return {field.name for cls in all_settings() for field in settings_fields(cls)}


@functools.cache
def attributes():
    """Return the attributes that kinds of one's own set."""
    return {name for family in families() for name in vars(family)}


def modules():
    found = pkgutil.walk_packages(cgp.__path__, "openmm_cgpack.")
    return [module.name for module in found if "+SKIP" in source(module)]


def source(module):
    return Path(module.module_finder.find_spec(module.name).origin).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", modules())
def test_examples_of_docstrings_that_are_not_run_can_be_called(module):
    """Those that can be run are: see ``test_architecture.py``."""
    loaded = importlib.import_module(module)
    checked = 0
    for case in doctest.DocTestFinder().find(loaded):
        if any(doctest.SKIP in example.options for example in case.examples):
            calls = Calls(vars(loaded), f"{case.name}: ")
            for example in case.examples:
                calls.visit(ast.parse(example.source))
            assert calls.wrong == [], case.name
            checked += 1
    assert checked > 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=str)
def test_notebooks_are_kept_as_they_ran(path):
    """They run when the documentation is built; here their calls are bound, and they have run."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    calls = Calls({})
    for cell in code:
        tree = ast.parse("".join(cell["source"]))
        calls.visit(tree)
        kinds = {output["output_type"] for output in cell["outputs"]}
        assert "error" not in kinds
        assert cell["execution_count"]
        if isinstance(tree.body[-1], ast.Expr):
            assert kinds
    assert (calls.wrong, calls.unknown) == ([], [])
    shown = [output.get("data", {}) for cell in code for output in cell["outputs"]]
    assert sum("image/png" in data for data in shown) >= 6
    assert path.stat().st_size < 1_500_000
