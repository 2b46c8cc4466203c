"""Tilt series by recipe, and several tomograms of one packed scene."""

import dataclasses
import json

import mrcfile
import numpy as np
import pytest

from openmm_cgpack.cli import main
from openmm_cgpack.imaging import preset
from openmm_cgpack.io import read_mrc
from openmm_cgpack.io.tilts import load_tilts
from openmm_cgpack.models import Filament, Molecule
from openmm_cgpack.recipe import (
    Forces,
    Imaging,
    Pack,
    Recipe,
    Run,
    Tomogram,
    load_imaging,
    load_recipe,
    render_again,
    run,
)
from openmm_cgpack.recipe.imaging import build_imaging
from openmm_cgpack.recipe.toml import dump_imaging

TILTS = Imaging(preset="titan_krios_k3", tilt_step=20.0, halves="tilts", gold=2, gold_diameter=4.0)


def small(**changes):
    recipe = Recipe(
        seed=3,
        structures=(Molecule(species="3hhb", count=3), Filament(n_balls=6)),
        forces=Forces(lennard_jones="standard"),
        pack=Pack(max_steps=200, block=100, relax_steps=100, frame_interval=100),
        tomogram=Tomogram(snr=2.0),
        run=Run(platform="CPU", threads=1),
    )
    return dataclasses.replace(recipe, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    return out, run(small(imaging=TILTS), None, out)


def toml(path, text):
    path.write_text(text)
    return path


def test_a_run_with_a_tilt_series(finished):
    out, manifest = finished
    wanted = {
        "tomogram.mrc",
        "even.mrc",
        "odd.mrc",
        "gold.mrc",
        "tilt_series.mrcs",
        "tilt_series.json",
        "tilt_series.rawtlt",
        "tilt_series.xf",
        "tilt_series.mrcs.mdoc",
    }
    assert wanted <= set(manifest["files"])
    assert manifest["tomogram"]["tilts"] == 7
    assert 0 < manifest["tomogram"]["snr_measured"] < 10
    assert read_mrc(out / "gold.mrc").data.max() == 2
    shape = tuple(manifest["density"]["shape_zyx"])
    assert read_mrc(out / "tomogram.mrc").data.shape == shape
    with mrcfile.open(out / "tilt_series.mrcs") as file:
        assert file.is_image_stack()
        assert file.data.shape == (7, *shape[1:])
    assert mrcfile.validate(out / "tilt_series.mrcs")


def test_the_tilt_series_comes_back(finished):
    series = load_tilts(finished[0] / "tilt_series.mrcs")
    np.testing.assert_allclose(np.rad2deg(series.angles), np.arange(-60, 61, 20))
    np.testing.assert_allclose(series.dose_e_per_a2, 120 / 7)
    assert series.order.tolist() == [6, 4, 2, 0, 1, 3, 5]
    assert series.optics.defocus_um.tolist() == [[4.0, 4.0]] * 7
    np.testing.assert_allclose(series.grid.origin, finished[1]["density"]["origin_in_scene_nm"])


def test_the_recipe_of_the_run_says_it_all(finished):
    assert load_recipe(finished[0] / "recipe.toml").imaging == TILTS


def test_rendering_the_same_again_gives_the_same_bytes(finished, tmp_path):
    out = finished[0]
    record = render_again(out, toml(tmp_path / "same.toml", dump_imaging(small(imaging=TILTS))))
    for name in ("tomogram.mrc", "tilt_series.mrcs", "even.mrc"):
        assert (out / "renders" / "same" / name).read_bytes() == (out / name).read_bytes()
    assert record["seed"] == 3


def test_one_manifest_names_all_renders(finished, tmp_path):
    out = finished[0]
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    one = toml(tmp_path / "paper.toml", "[tomogram]\nsnr = 0.5\n")
    two = toml(tmp_path / "clean.toml", 'seed = 9\n[imaging]\npreset = "clean"\ntilt_step = 30\n')
    render_again(out, one)
    render_again(out, two, name="noiseless")
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"paper", "noiseless"} <= set(manifest["renders"])
    assert manifest["renders"]["paper"]["tomogram"]["snr_measured"] == pytest.approx(0.5, rel=1e-3)
    assert manifest["renders"]["noiseless"]["tomogram"]["snr_measured"] is None
    for name, render in manifest["renders"].items():
        for file, facts in render["files"].items():
            assert (out / "renders" / name / file).stat().st_size == facts["bytes"]
    for name, content in before.items():
        if name != "manifest.json":
            assert (out / name).read_bytes() == content
    # What made a render makes it again.
    again = load_imaging(out / "renders" / "noiseless" / "imaging.toml", small())
    assert again.seed == 9
    assert again.imaging.tilt_step == 30


def test_a_render_is_not_overwritten_unasked(finished, tmp_path):
    out = finished[0]
    file = toml(tmp_path / "twice.toml", "[tomogram]\nsnr = 1\n")
    render_again(out, file)
    with pytest.raises(FileExistsError, match=r"twice: exists; give another name, or --force"):
        render_again(out, file)
    render_again(out, toml(file, "[tomogram]\nsnr = 3\n"), force=True)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["renders"]["twice"]["tomogram"]["snr_asked"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[imaging]\nprest = 1\n", '[imaging]: unknown key "prest"; the nearest known one'),
        ("[pack]\n", 'imaging: unknown key "pack"'),
        ("[imaging]\ngold = 3\n", '[imaging]: gold: means nothing with preset = "paper"'),
        (
            '[imaging]\npreset = "clean"\nsnr = 3\n',
            '[imaging]: snr: means nothing with preset = "clean"',
        ),
        ('[imaging]\npreset = "krios"\n', "preset: wanted"),
        (
            '[imaging]\npreset = "titan_krios_k3"\ntilt_min = 70\n',
            "tilt_min_deg, tilt_max_deg: wanted tilt_min_deg <= tilt_max_deg",
        ),
        ("[imaging\n", "not a TOML file"),
    ],
)
def test_a_bad_file_says_what_is_wrong(capsys, finished, tmp_path, text, words):
    file = toml(tmp_path / "bad.toml", text)
    assert main(["render", str(finished[0]), "--imaging", str(file)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (finished[0] / "renders" / "bad").exists()


def test_the_command(capsys, finished, tmp_path):
    file = toml(tmp_path / "quick.toml", '[imaging]\npreset = "clean"\ntilt_step = 60\n')
    assert main(["render", str(finished[0]), "--imaging", str(file)]) == 0
    assert "tomogram   clean, no noise" in capsys.readouterr().out
    assert main(["render", str(tmp_path), "--imaging", str(file)]) == 2
    assert "manifest.json: no such file; wanted the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["paper", "titan_krios_k3", "clean"])
def test_defaults_of_the_table_are_those_of_the_preset(name):
    recipe = Recipe(structures=(Filament(n_balls=4),), imaging=Imaging(preset=name))
    assert build_imaging(recipe) == preset(name)
