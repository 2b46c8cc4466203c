"""How the parts stand to each other: who imports whom, and what an import costs."""

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import openmm_cgpack

PACKAGE = Path(openmm_cgpack.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]

STAGES = (
    "structures",
    "models",
    "poses",
    "forces",
    "packing",
    "density",
    "draw",
    "imaging",
    "evaluation",
    "auditing",
    "recipe",
    "runs",
    "export",
    "datasets",
)
ALLOWED = {"core": set(), "io": {"core"}} | {
    stage: {"core", "io", *STAGES[:number]} for number, stage in enumerate(STAGES)
}
HEAVY = {"openmm", "sklearn", "mdtraj", "gemmi", "matplotlib", "tqdm", "mrcfile"}
OPTIONAL = {"torch", "monai", "dask", "distributed", "pandas", "IPython"}
EXAMPLES_OF_TORCH = {"openmm_cgpack.evaluation.segmentation_network"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def folder_of(path):
    """Return the folder that a module is in, or the module where it is at the top."""
    return path.relative_to(PACKAGE).parts[0]


def imports(path):
    """Yield the absolute name of everything that a module imports, and whether on import of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = ("openmm_cgpack", *path.relative_to(PACKAGE).with_suffix("").parts)
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = parts[: -node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", id(node) not in lazy


def name(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", [p for p in MODULES if folder_of(p) in ALLOWED], ids=name)
def test_folders_import_only_what_comes_before_them(path):
    folder = folder_of(path)
    reached = {
        target.split(".")[1] for target, _ in imports(path) if target.startswith("openmm_cgpack.")
    }
    assert reached - {folder} <= ALLOWED[folder]


USE_OPENMM = ("forces", "packing", "testing.py")


@pytest.mark.parametrize("path", [p for p in MODULES if folder_of(p) not in USE_OPENMM], ids=name)
def test_only_forces_and_packing_import_openmm(path):
    assert not [target for target, _ in imports(path) if target.split(".")[0] == "openmm"]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_heavy_packages_are_imported_on_use(path):
    at_once = {target.split(".")[0] for target, on_import in imports(path) if on_import}
    assert not at_once & HEAVY


OPENS_INPUTS = {"io/inputs.py"}
OWN_FILES = {"runs/work.py", "runs/manifest.py", "io/shared_folders.py", "testing.py"}
OWN_FILES |= {"io/files.py", "core/runtime.py"}
"""They read what a run has written, by names of its own; and what the system tells of memory."""
READ = {"read_text", "read_bytes", "loadtxt", "genfromtxt", "fromfile", "memmap"}


def opened_to_read(path):
    """Yield the line of every call that opens a file to read it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [value.value for value in given if isinstance(value, ast.Constant)]
        writes = any(re.fullmatch(r"r?b?[wxa+]b?[+]?", str(text)) for text in texts)
        called = ast.unparse(node.func)
        method = called.rpartition(".")[2] if isinstance(node.func, ast.Attribute) else ""
        if method in READ or ("open" in (method, called) and called != "os.open" and not writes):
            yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_one_module_opens_input_files(path):
    if name(path) not in OPENS_INPUTS | OWN_FILES:
        assert list(opened_to_read(path)) == []


def without_encoding(path):
    """Yield the line of every call that opens a text file in the encoding of the locale."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        binary = any(re.fullmatch(r"[rwxa+]*b[rwxa+]*", str(text)) for text in texts)
        said = any(word.arg == "encoding" for word in node.keywords) or {"utf-8", "ascii"} & set(
            map(str, texts)
        )
        whole = called in ("read_text", "write_text") and isinstance(node.func, ast.Attribute)
        opens = ast.unparse(node.func) == "open" or (
            called == "open" and any(re.fullmatch("[rwxa][+]?", str(text)) for text in texts)
        )
        if (whole or opens) and not (said or binary):
            yield node.lineno


SHIPPED = [
    path
    for folder in ("openmm_cgpack", "tools", "examples", "benchmarks", "docs")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if "gallery" not in path.parts and "_build" not in path.parts
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_text_files_are_opened_with_their_encoding(path):
    assert list(without_encoding(path)) == []


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, openmm_cgpack; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "openmm_cgpack" in loaded
    assert not set(loaded) & (HEAVY | OPTIONAL)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_stay_readable_in_one_go(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_public_names_exist_and_are_sorted_once():
    names = openmm_cgpack.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(openmm_cgpack, public) for public in names)


def public_names(path):
    """Return what a module offers: what it lists in `__all__`, or else what it defines."""
    tree = ast.parse(path.read_text(encoding="utf-8")).body
    for node in tree:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_no_module_shares_its_name_with_what_is_exported():
    """`import openmm_cgpack.x.y as m` gives the module, whatever it, its folder or all exports."""
    shared = set()
    for path in MODULES:
        module = path.parent if path.stem == "__init__" else path
        homes = {path, module.parent / "__init__.py", PACKAGE / "__init__.py"}
        exported = set().union(*(public_names(home) for home in homes if PACKAGE in home.parents))
        if module.stem in exported:
            shared.add(name(path))
    assert shared == set()


def test_no_paths_of_one_machine():
    """No file of the repository names a folder that only one machine has."""
    local = re.compile(r"(/work/|/home/\w|/root/|/Users/\w|/tmp/)")
    files = [
        path
        for folder in ("openmm_cgpack", "tests", "docs", "examples", "benchmarks", "tools")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in (".py", ".md", ".toml", ".rst", ".json")
        and "_build" not in path.parts
        and path != Path(__file__)
    ]
    found = [path for path in files if local.search(path.read_text(encoding="utf-8"))]
    assert len(files) > 50
    assert found == []


def modules():
    walked = pkgutil.walk_packages(openmm_cgpack.__path__, "openmm_cgpack.")
    return ["openmm_cgpack", *(module.name for module in walked)]


@pytest.mark.parametrize("module", modules())
def test_examples_of_docstrings_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    if module in EXAMPLES_OF_TORCH:
        pytest.importorskip("monai")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(loaded, optionflags=flags).failed == 0
