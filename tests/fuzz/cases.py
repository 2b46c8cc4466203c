"""A case: files in a folder, one of them spoiled, and the words of a command."""

import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from openmm_cgpack.core.settings import hints_of, is_many, nested_in, settings_fields

from .mutations import NUMBERS, TEXTS, odd_value, spoiled, spoiled_value, toml_bytes


@dataclass
class Case:
    """A command in a folder: `outputs` are the beginnings of all that it may make there."""

    words: list[str]
    outputs: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    """Files that are there before, and that it shall change."""
    said: str = ""
    """What was done, for a reader."""


STRUCTURES = (
    "small.pdb",
    "small.pdb1",
    "small.cif",
    "small.pdb.gz",
    "small.cif.gz",
    "blank.pdb.gz",
)
PICKS = ("picks.csv", "picks.star", "copick", "copick/ExperimentRuns/one/Picks", "truth.csv")
TRUTHS = ("run", "truth.csv", "copick/ExperimentRuns/one/Picks", "dense_run")
LABELS = (
    "labels.mrc",
    "map.mrc",
    "map.mrc.gz",
    "map.mrc.bz2",
    "labels.zarr",
    "blank.mrc.gz",
    "blank.mrc.bz2",
)
_NAMES = {
    *STRUCTURES,
    *PICKS,
    *TRUTHS,
    *LABELS,
    "run",
    "dense_run",
    "packed.npz",
    "large.npz",
    "cut",
}
_LEFT_BY = {"cut": "cut.unfinished"}
RUNS = ("run", "run", "dense_run")
FORMATS = (
    "copick",
    "dynamo",
    "imod",
    "omezarr",
    "portal",
    "relion5",
    "shrec",
    "chimerax",
    "html",
    "napari",
)


def command(rng: random.Random, valid: Path) -> Case:
    """Return a command whose files are among the valid ones."""
    while True:
        case = rng.choice(_COMMANDS)(rng)
        reads = [word for word in case.words if word in _NAMES or "/" in word]
        if all((valid / _LEFT_BY.get(word, word)).exists() for word in reads):
            return case


def _simulate(rng):
    recipe = rng.choice(("pull.toml", "pull.toml", "dense.toml"))
    words = ["simulate", recipe, "-o", "out"]
    if rng.random() < 0.15:
        words += ["--index", rng.choice(("0", "3"))]
    if rng.random() < 0.15:
        words += ["--seed", "4"]
    return Case(words, ["out"])


def _simulate_any_key(rng):
    """Set a key of any settings class, found by a walk through all tables, to any value."""
    path = _any_key(rng)
    value = rng.choice((*NUMBERS, *NUMBERS, *TEXTS, "[1, 2, 3]", "{a = 1}", "[" * 3000))
    words = ["simulate", rng.choice(("pull.toml", "dense.toml")), "-o", "out", "--set"]
    return Case([*words, f"{path}={value}"], ["out"])


def _any_key(rng) -> str:
    from openmm_cgpack.recipe import Recipe

    cls, path = Recipe, ""
    while True:
        chosen = rng.choice(settings_fields(cls))
        path += f".{chosen.name}" if path else chosen.name
        hint = hints_of(cls)[chosen.name]
        inner = nested_in(hint)
        if inner is None or is_many(hint) or rng.random() < 0.1:
            return path
        cls = rng.choice(list(inner.kinds.values())) if "kinds" in vars(inner) else inner


def _resume(rng):
    words = ["simulate", "--resume", "cut"]
    if rng.random() < 0.3:
        words += ["--set", rng.choice(("imaging.snr=3", "pack.block=3", "density.voxel_size=3"))]
    return Case(words, ["cut"])


def _demo(rng):
    words = ["demo", "paper", "-o", "out", "--set", "pack.max_steps=100", "--set", "molecule=[]"]
    return Case(words, ["out"])


def _coarse_grain(rng):
    words = ["coarse-grain", rng.choice((*STRUCTURES, "3hhb"))]
    outputs = []
    if rng.random() < 0.4:
        outputs = [f"model.{rng.choice(('bild', 'cmm'))}"]
        words += ["-o", outputs[0]]
    words += rng.choice(([], ["--atoms-per-ball", "10"], ["--assembly", "1"], ["--waters"]))
    return Case(words, outputs)


def _library(rng):
    return Case([rng.choice(("library", "kinds"))])


def _render(rng):
    run = rng.choice(RUNS)
    words = ["render", run, "--imaging", "imaging.toml"]
    if rng.random() < 0.5:
        words += ["--name", "second"]
    return Case(words, [f"{run}/renders"], [f"{run}/manifest.json"])


def _audit(rng):
    target = rng.choice(("run", "dense_run", "packed.npz", "large.npz"))
    words = ["audit", target, *rng.choice(([], ["--no-files"], ["--to", "audited"]))]
    beside = f"{target}/audit" if "." not in target else "audit"
    return Case(words, [beside, "audited"])


def _export(rng):
    run = rng.choice(RUNS)
    words = ["export", run, "--format", rng.choice(FORMATS)]
    if rng.random() < 0.7:
        return Case([*words, "--to", "project"], ["project"])
    return Case(words, [f"{run}/"])


def _view(rng):
    run = rng.choice(RUNS)
    return Case(["view", run, "--format", rng.choice(FORMATS[-3:])], [f"{run}/"])


def _score_picks(rng):
    words = ["score", "picks", rng.choice(PICKS), rng.choice(TRUTHS)]
    words += rng.choice(([], ["--rule", "shrec"], ["--rule", "czii"], ["--best", "2"]))
    words += rng.choice(([], ["--labels", "instances.mrc"], ["--tomogram", "map.mrc"]))
    return Case(*_with_json(words, rng))


def _score_labels(rng):
    words = ["score", "labels", rng.choice(LABELS), rng.choice((*LABELS, "run", "run"))]
    words += rng.choice(([], [], ["--names", "small,chain"]))
    return Case(*_with_json(words, rng))


def _with_json(words, rng):
    return (
        ([*words, "--json", "scores.json"], ["scores.json"]) if rng.random() < 0.3 else (words, [])
    )


def _own_module(rng):
    case = rng.choice((_coarse_grain, _library))(rng)
    return Case(["--import", rng.choice(("mine.py", "mine")), *case.words], case.outputs)


_COMMANDS = (
    _simulate, _simulate, _simulate, _simulate_any_key, _simulate_any_key, _simulate_any_key,
    _resume, _resume, _demo, _coarse_grain, _coarse_grain, _coarse_grain, _library, _render,
    _render, _audit, _audit, _export, _export, _export, _view, _score_picks, _score_picks,
    _score_labels, _score_labels, _own_module,
)  # fmt: skip


def _populate(folder: Path, valid: Path, case: Case) -> None:
    """Copy into a case's folder what its command reads, and files that nothing may touch."""
    folder.mkdir(parents=True)
    wanted = {word.split("/")[0] for word in case.words}
    for path in valid.iterdir():
        name = path.name
        if path.is_file() and (path.stat().st_size < 200_000 or name in wanted):
            shutil.copy(path, folder / name)
        elif path.is_dir() and (name in wanted or (name == "cut.unfinished" and "cut" in wanted)):
            shutil.copytree(path, folder / name)
    (folder / "precious.txt").write_text("mine")
    (folder / "precious").mkdir()
    (folder / "precious" / "mine.txt").write_text("mine")


def spoil(case: Case, folder: Path, rng: random.Random) -> None:
    """Do one thing to a file that the command reads, to a path, or to its words."""
    rng.choice(_WAYS)(case, folder, rng)


def _a_file(case: Case, folder: Path, rng: random.Random) -> Path | None:
    """Return a file that the command names, or one in a folder that it names."""
    # Only what was copied there: words may be paths of the machine's by now.
    copied = {path.name for path in folder.iterdir()}
    named = [folder / word for word in case.words if word.split("/")[0] in copied]
    named = [path for path in named if _exists(path) and ".." not in path.parts]
    if "simulate" in case.words and "--resume" in case.words:
        named = [folder / "cut.unfinished"]
    if case.words[0] == "simulate" and rng.random() < 0.4:
        named += [folder / "small.pdb"]
    if not named:
        return None
    path = rng.choice(named)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if os.path.isfile(p) and not p.is_symlink())
        path = rng.choice(inside) if inside else path
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _content(case, folder, rng):
    path = _a_file(case, folder, rng)
    if path is None or path.is_symlink() or not path.is_file():
        return
    data = path.read_bytes()
    if len(data) < 3_000_000:
        data = spoiled(path.relative_to(folder).as_posix(), data, rng)
        path.unlink()
        path.write_bytes(data)
    case.said += f"content of {path.relative_to(folder)}; "


def _place(case, folder, rng):
    """Put something else in the place of a file."""
    path = _a_file(case, folder, rng)
    if path is None:
        return
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    what = rng.choice(_OTHER_THINGS)
    if what == "folder":
        path.mkdir()
        (path / "mine.txt").write_text("mine")
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "other":
        others = [p for p in folder.iterdir() if p.is_file() and p.stat().st_size < 10**6]
        shutil.copy(rng.choice(others), path)
    elif what != "nothing":
        path.symlink_to(what)
    case.said += f"{what} as {path.relative_to(folder)}; "


_OTHER_THINGS = (
    "folder", "pipe", "other", "other", "nothing", "/dev/zero", "/dev/null", "/dev/full",
    "nowhere", "precious.txt", "/etc/passwd", ".", "/proc/self/mem", "x" * 300,
)  # fmt: skip


def _unreadable(case, folder, rng):
    path = _a_file(case, folder, rng)
    # The mode of a link is that of what it leads to: that is nobody's to change.
    if path is not None and not path.is_symlink():
        rng.choice((path, path.parent)).chmod(rng.choice((0o000, 0o444, 0o555)))
        case.said += f"{path.relative_to(folder)} or its folder cannot be read or written; "


def _output_is_there(case, folder, rng):
    """Let something of the user's be where an output goes."""
    if not case.outputs:
        return
    path = folder / rng.choice([*case.outputs, *(f"{o}.unfinished" for o in case.outputs)])
    if path.exists() or path.is_symlink() or path.suffix == "":
        case.said += "an output is there; "
    if _exists(path) or not path.parent.is_dir() or path.name == "":
        return
    what = rng.choice(("file", "folder", "manifest", "link", "link to a folder", "nowhere"))
    if what == "file":
        path.write_text("mine")
    elif what == "link":
        path.symlink_to("precious.txt")
    elif what == "link to a folder":
        path.symlink_to("precious")
    elif what == "nowhere":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
        (path / "mine.txt").write_text("mine")
        if what == "manifest":
            (path / "manifest.json").write_text('{"name": "a web app"}')
    if rng.random() < 0.4 and case.words[0] in ("simulate", "demo", "render", "coarse-grain"):
        case.words.append("--force")
    # It is the user's: nothing may change there unless it is forced.
    case.said += f"{what} as {path.name}; "


def _a_word(case, folder, rng):
    """Replace a word that the user gives: a path, a name, a number."""
    places = [i for i, word in enumerate(case.words) if i and not word.startswith("-")] or [0]
    i = rng.choice(places)
    words = (*TEXTS, *NUMBERS, ".", "..", "precious.txt", "out")
    if not case.words[i - 1].startswith("-"):
        # Read, not written: a superuser's fuzzer would make a file of the device.
        words += ("/", "/dev/null", "/dev/zero", "/dev/stdin", "/proc/self/mem")
    word = rng.choice(words).replace("\x00", "\x01")
    case.words[i] = os.fsdecode(word.encode("utf-8", "surrogatepass"))
    case.said += f"word {i}; "


def _more_words(case, folder, rng):
    extra = rng.choice(_OPTIONS.get(case.words[0], ("--nonsense",)))
    word = rng.choice((*NUMBERS, *TEXTS, "1 2 3")).replace("\x00", "\x01")
    word = os.fsdecode(word.encode("utf-8", "surrogatepass"))
    case.words += [extra, word]
    case.said += f"{extra}; "


_OPTIONS = {
    "simulate": ("--seed", "--index", "--threads", "--platform", "--set", "--force", "--resume"),
    "demo": ("--seed", "--threads", "--platform", "--set"),
    "coarse-grain": ("--atoms-per-ball", "--n-starts", "--bond-k", "--ball-mass", "--assembly",
                     "--seed", "--radius", "--model", "-o"),
    "render": ("--name", "--imaging"),
    "audit": ("--distances", "--voxel-size", "--to"),
    "export": ("--name", "--min-visible", "--render", "--format", "--to"),
    "view": ("--format",),
    "score": ("--reach", "--beta", "--dilation", "--best", "--without", "--names", "--json",
              "--tomogram", "--labels", "--rule"),
}  # fmt: skip


def _whole_recipe(case, folder, rng):
    """Write a recipe of random tables with random values, most of them within their bounds."""
    if case.words[0] != "simulate":
        _content(case, folder, rng)
        return
    from openmm_cgpack.recipe import Recipe

    table = _table(Recipe, rng, depth=0)
    for _ in range(rng.choice((0, 1, 1, 2))):
        table = spoiled_value(table, rng)
    (folder / "random.toml").write_bytes(toml_bytes(table))
    case.words = ["simulate", "random.toml", "-o", "out"]
    case.said += "recipe of random tables; "


def _table(cls, rng, depth):
    table = {"kind": cls.kind} if cls.kind and depth else {}
    for each in settings_fields(cls):
        if rng.random() < 0.75 and depth + (each.name == "structures") < 2:
            continue
        hint = hints_of(cls)[each.name]
        inner = nested_in(hint)
        if inner is None:
            table[each.name] = _value(each, hint, rng)
            continue
        kinds = list(inner.kinds.values()) if "kinds" in vars(inner) else [inner]
        chosen = rng.choice(kinds)
        if each.metadata["by_kind"]:
            table[chosen.kind] = [_entry(chosen, rng)]
        elif is_many(hint):
            table[each.name] = [_table(chosen, rng, depth + 1)]
        else:
            table[each.name] = _table(chosen, rng, depth + 1)
    return table


def _entry(chosen, rng):
    """Return a small structure with a few values beside."""
    needs = {
        "filament": {"n_balls": 4},
        "membrane": {"shape": [3, 3]},
        "molecule": {"pdb": "small.pdb"},
    }
    entry = dict(needs.get(chosen.kind, {}))
    each = rng.choice(settings_fields(chosen))
    if nested_in(hints_of(chosen)[each.name]) is None and rng.random() < 0.5:
        entry[each.name] = _value(each, hints_of(chosen)[each.name], rng)
    return entry


def _value(each, hint, rng):
    from typing import Literal, get_args, get_origin

    from openmm_cgpack.core.settings import options_of

    option = rng.choice(options_of(hint))
    if get_origin(option) is Literal:
        return rng.choice(get_args(option))
    if option is bool:
        return rng.random() < 0.5
    if option in (int, float) or get_origin(option) is tuple:
        bounds = [each.metadata[b] for b in ("minimum", "above", "maximum", "below")]
        known = [b for b in bounds if b is not None]
        near = [*known, *(b * 1.001 for b in known), *(b * 0.999 for b in known), 1, 2, 3, 10]
        number = rng.choice(near) if rng.random() < 0.85 else odd_value(rng)
        if option is int and isinstance(number, float) and number == number and abs(number) < 1e18:
            number = int(number)
        return [number] * rng.choice((1, 2, 3)) if get_origin(option) is tuple else number
    return rng.choice(("a", "CPU", "Reference", *TEXTS))


def _nothing(case, folder, rng):
    """Leave all as it is: what is valid shall go well."""
    case.said += "nothing; "


_WAYS = (
    _content, _content, _content, _content, _content, _content, _place, _place, _unreadable,
    _output_is_there, _a_word, _a_word, _more_words, _whole_recipe, _whole_recipe, _nothing,
)  # fmt: skip


def make(number: int, seed: int, valid: Path, folder: Path) -> Case:
    """Make a case in a folder from copies of the valid files: the same for the same numbers."""
    rng = random.Random(f"{seed} {number}")
    case = command(rng, valid)
    _populate(folder, valid, case)
    for _ in range(rng.choice((1, 1, 1, 2))):
        spoil(case, folder, rng)
    return case
