"""What every command that writes does with what it finds in its place: a user's is not touched."""

import json
import os
import shutil

import pytest

from openmm_cgpack.cli import main
from openmm_cgpack.runs import run
from openmm_cgpack.runs.work import work_folder

RECIPE = """
seed = 1
[[filament]]
n_balls = 5
count = 3
[pack]
max_steps = 100
relax_steps = 0
[files]
overview = false
[density]
voxel_size = 4.0
resolution = 12.0
[run]
platform = "Reference"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    (folder / "recipe.toml").write_text(RECIPE)
    run(folder / "recipe.toml", folder / "out")
    return folder / "out"


@pytest.fixture
def place(tmp_path, finished):
    """Return a folder with a run, its recipe, an imaging, picks, and a file of the user's."""
    shutil.copytree(finished, tmp_path / "out")
    shutil.copy(finished / "particles.csv", tmp_path / "picks.csv")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "again.toml").write_text("[imaging]\nsnr = 1\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    return tmp_path


COMMANDS = {
    "simulate": ("simulate recipe.toml -o new --quiet", "new", True),
    "render": ("render out --imaging again.toml --quiet", "out/renders/again", True),
    "copick": ("export out --format copick --to P", "P/copick", True),
    "view": ("view out --format chimerax", "out/view.cxc", False),
    "audit": ("audit out/packed.npz --to A --voxel-size 2", "A/audit.json", False),
    "audit of a run": ("audit out --voxel-size 2", "out/audit.txt", False),
    "score": ("score picks picks.csv out --json s.json", "s.json", False),
    "balls": ("coarse-grain 3hhb -o b.bild --atoms-per-ball 2000", "b.bild", False),
}
"""The words, what they write, and whether that is a folder."""


def held(folder):
    """Return what is in a folder, links by where they lead."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def put(target, state, mine):
    """Bring a place into a state; return whether a command may go on."""
    target.parent.mkdir(parents=True, exist_ok=True)
    match state:
        case "a user's file":
            target.write_text("mine")
        case "a user's folder":
            shutil.copytree(mine, target)
        case "a link to a file":
            target.symlink_to(mine / "thesis.txt")
        case "a link to a folder":
            target.symlink_to(mine)
        case "a broken link":
            target.symlink_to(mine / "nothing")
        case "a hard link":
            os.link(mine / "thesis.txt", target)


STATES = [
    "a user's file",
    "a user's folder",
    "a link to a file",
    "a link to a folder",
    "a broken link",
    "a hard link",
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_in_the_place_stays(place, monkeypatch, capsys, command, state):
    monkeypatch.chdir(place)
    words, target, is_folder = COMMANDS[command]
    put(place / target, state, place / "mine")
    before = held(place)
    code = main(words.split())
    after = held(place)
    if command == "copick" and state == "a user's folder":
        # A project that exists is added to.
        assert code == 0
        assert after.items() >= before.items()
        return
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert {k: v for k, v in after.items() if ".cgpack" not in k} == before
    if state not in ("a user's folder", "a link to a file"):
        return
    # Asked for by name, a file or a link is replaced, and what it led to is not written to.
    mine = held(place / "mine")
    code = main([*words.split(), "--force"])
    assert held(place / "mine") == mine
    if is_folder or state == "a user's folder":
        assert code == 2
        assert held(place).items() >= before.items()
    else:
        assert code == 0
        assert not (place / target).is_symlink()
        assert (place / target).is_file()


@pytest.mark.parametrize("command", ["render", "copick", "view", "audit of a run", "score"])
def test_its_own_is_replaced_until_somebody_changes_it(place, monkeypatch, capsys, command):
    monkeypatch.chdir(place)
    words, target, is_folder = COMMANDS[command]
    force = ["--force"] if command == "render" else []
    assert main(words.split()) == 0
    assert main([*words.split(), *force]) == 0
    target = place / target
    changed = sorted(p for p in target.rglob("*.*") if p.is_file())[0] if is_folder else target
    if command == "copick":
        changed = next(target.rglob("Picks/*.json"))
    changed.write_bytes(changed.read_bytes() + b"x")
    before = held(place)
    assert main([*words.split(), *force]) == 2
    assert changed.name in capsys.readouterr().err
    assert held(place) == before


def test_what_was_added_to_a_run_forbids_force(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    again = ["simulate", "recipe.toml", "-o", "out", "--quiet", "--force"]
    assert main(["export", "out", "--format", "copick"]) == 0
    picks = place / "out" / "copick" / "ExperimentRuns" / "out" / "Picks" / "me_1_filament.json"
    picks.write_text("mine")
    assert main(again) == 2
    assert f"{picks.name}: is not the run's" in capsys.readouterr().err
    picks.unlink()
    # Views, audits, renders and exports of the run itself are the run's.
    assert main(["view", "out", "--format", "napari"]) == 0
    assert main(["render", "out", "--imaging", "again.toml", "--quiet"]) == 0
    assert main(again) == 0
    assert not (place / "out" / "view_napari.py").exists()


def test_an_unfinished_folder_of_the_users_own_is_not_touched(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    work = work_folder(place / "new")
    shutil.copytree(place / "mine", work)
    shutil.copy(place / "recipe.toml", work)
    before = held(place)
    for words in (["recipe.toml", "-o", "new"], ["recipe.toml", "-o", "new", "--force"]):
        assert main(["simulate", *words]) == 2
        assert "was not written by an unfinished run" in capsys.readouterr().err
    assert main(["simulate", "--resume", "new"]) == 2
    assert held(place) == before


def test_an_input_is_not_written_over(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    os.link(place / "picks.csv", place / "hard.csv")
    (place / "soft.csv").symlink_to("picks.csv")
    before = held(place)
    for name in ("picks.csv", "hard.csv", "soft.csv", "./out/../picks.csv", "out/particles.csv"):
        words = ["score", "picks", "picks.csv", "out", "--json", name, "--force"]
        assert main(words) == 2
        assert "is the input" in capsys.readouterr().err
    assert held(place) == before
    # A project is not the run that is exported to it.
    (place / "out").rename(place / "copick")
    assert main(["export", "copick", "--format", "copick", "--to", "."]) == 2
    assert "is the folder of the run that is exported" in capsys.readouterr().err
    assert json.loads((place / "copick" / "manifest.json").read_text())["name"] == "scene"
