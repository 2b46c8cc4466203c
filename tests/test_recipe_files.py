"""The files that a recipe may ask for."""

import gemmi
import numpy as np
import pytest
from pdb_text import record

from openmm_cgpack.cli import main
from openmm_cgpack.io import load_packed, read_mrc
from openmm_cgpack.poses import extract_transforms
from openmm_cgpack.recipe import load_recipe
from openmm_cgpack.runs import resume, run

RECIPE = """
seed = 3
[[molecule]]
pdb = "blob.pdb"
count = 3
[pack]
max_steps = 100
relax_steps = 0
[files]
overview = false
atoms = true
bild = true
cmm = true
[run]
platform = "CPU"
threads = 1
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    places = rng.normal(size=(300, 3)) * [20, 10, 6]
    lines = [record(i + 1, " CA ", "ALA", "A", i + 1, xyz) for i, xyz in enumerate(places)]
    (tmp_path / "blob.pdb").write_text("\n".join([*lines, "END"]))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def test_all_atoms_stand_where_their_molecules_do(folder):
    run(load_recipe(folder / "recipe.toml"), folder / "out")
    assert {"atoms.cif", "balls.bild", "balls.cmm"} <= {p.name for p in (folder / "out").iterdir()}
    packed = load_packed(folder / "out" / "packed.npz")
    atoms = gemmi.read_structure(str(folder / "out" / "atoms.cif"))[0]
    found = np.array([cra.atom.pos.tolist() for cra in atoms.all()])
    transforms = extract_transforms(packed).transforms
    body = packed.scene.species[0].structure.positions
    # The files' frame has 0 at the first voxel; the grid is the bounding box of the balls.
    shift = found / 10 - transforms.apply(body).reshape(-1, 3)
    assert len(found) == 900
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=2e-4)
    density = read_mrc(folder / "out" / "density.mrc")
    weights = density.data / density.data.sum(dtype=float)
    centre = [
        float((weights.sum(axis=tuple({0, 1, 2} - {axis})) * np.arange(n)).sum())
        for axis, n in enumerate(density.data.shape)
    ]
    np.testing.assert_allclose(found.mean(axis=0) / 10, centre[::-1], atol=0.02)


def test_the_library_has_no_atoms(folder):
    text = RECIPE.replace('pdb = "blob.pdb"', 'species = "3hhb"')
    (folder / "recipe.toml").write_text(text)
    with pytest.raises(ValueError, match=r"files: atoms: .* no atoms of 3hhb"):
        load_recipe(folder / "recipe.toml")


def test_frames_that_were_not_kept_cannot_be_asked_for_later(tmp_path):
    plain = (tmp_path / "recipe.toml", tmp_path / "out")
    plain[0].write_text("[[filament]]\nn_balls = 4\n[pack]\nmax_steps = 60\nrelax_steps = 0\n")

    def fail(stage, made):
        if stage == "packing":
            raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        run(plain[0], plain[1], hook=fail)
    plain[0].write_text(plain[0].read_text() + "[files]\ntrajectory = true\n")
    with pytest.raises(
        ValueError, match="trajectory: the frames of what is packed so far were not"
    ):
        resume(plain[1], plain[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulate", "RECIPE", "-o", "OUT", "--index", "-1"], "--index: wanted a whole number"),
        (["simulate", "RECIPE", "-o", "OUT", "--seed", "-1"], "--seed: wanted a whole number"),
        (["simulate", "RECIPE", "-o", "OUT", "--threads", "0"], "--threads: wanted a whole number"),
        (["simulate", "RECIPE", "-o", "RECIPE"], "(--force replaces only a run's)"),
    ],
)
def test_errors_name_the_options_of_a_command(folder, capsys, words, said):
    names = {"RECIPE": str(folder / "recipe.toml"), "OUT": str(folder / "out")}
    assert main([names.get(word, word) for word in words]) == 2
    assert said in capsys.readouterr().err
