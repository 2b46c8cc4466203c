"""Tilt series by recipe, and several tomograms of one packed scene."""

import dataclasses
import json

import mrcfile
import numpy as np
import pytest

from openmm_cgpack import (
    MapSettings,
    Open,
    Periodic,
    Pull,
    Run,
    Slab,
    SwitchedLennardJones,
    as_packed,
    place,
    preset,
    render_density,
)
from openmm_cgpack.cli import main
from openmm_cgpack.core.tables import from_table
from openmm_cgpack.imaging import Imaging
from openmm_cgpack.io import read_mrc, save_packed, write_mrc
from openmm_cgpack.io.tilts import load_tilts
from openmm_cgpack.models import Filament, Molecule
from openmm_cgpack.recipe import Files, Recipe, load_recipe
from openmm_cgpack.runs import RunFolder, render_again, run
from openmm_cgpack.runs.rendering import load_imaging

TILTS = from_table(
    Imaging,
    {
        "halves": "tilts",
        "gold": {"count": 2, "diameter": 4.0},
        "microscope": {"scheme": {"tilt_step_deg": 20.0}},
    },
    base=preset("titan_krios_k3"),
)


CLEAN = 'seed = 9\n[imaging]\npreset = "clean"\n[imaging.microscope.scheme]\ntilt_step_deg = {}\n'


def small(**changes):
    recipe = Recipe(
        seed=3,
        structures=(Molecule(species="3hhb", count=3), Filament(n_balls=6)),
        pack=Pull(
            max_steps=200,
            block=100,
            relax_steps=100,
            lennard_jones=SwitchedLennardJones(form="standard"),
        ),
        files=Files(overview=False),
        run=Run(platform="CPU", threads=1),
    )
    return dataclasses.replace(recipe, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    return out, run(small(imaging=TILTS), out)


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
    """A file that says nothing changes nothing."""
    out = finished[0]
    record = render_again(out, toml(tmp_path / "same.toml", ""))
    for name in ("tomogram.mrc", "tilt_series.mrcs", "even.mrc"):
        assert (out / "renders" / "same" / name).read_bytes() == (out / name).read_bytes()
    assert record["seed"] == 3


def test_a_render_changes_only_what_its_file_names(finished, tmp_path):
    out = finished[0]
    file = toml(tmp_path / "closer.toml", "[imaging.microscope.transfer]\ndefocus_um = 2\n")
    render_again(out, file)
    again, seed, _ = load_imaging(out / "renders" / "closer" / "imaging.toml", small())
    assert seed == 3
    assert again.microscope.transfer.defocus_um == 2
    changed = dataclasses.replace(again.microscope.transfer, defocus_um=4.0)
    microscope = dataclasses.replace(again.microscope, transfer=changed)
    assert dataclasses.replace(again, microscope=microscope) == TILTS


def test_a_key_of_a_deeper_table_alone_changes_that_and_nothing_else(finished):
    """Gold, halves and all else stay the run's; so do they without a heading, and by a mapping."""
    recipe = small(imaging=dataclasses.replace(TILTS, snr=0.5))
    wanted, seed, dropped = load_imaging({"defocus_um": 3}, recipe)
    assert (seed, dropped) == (3, [])
    assert wanted.microscope.transfer.defocus_um == 3
    back = {"microscope": {"transfer": {"defocus_um": 4.0}}}
    assert load_imaging({"imaging": back}, small(imaging=wanted)).imaging == recipe.imaging
    paper = small()
    assert load_imaging({"imaging": {"defocus_um": 3}}, paper).imaging.transfer.defocus_um == 3
    both = {"defocus_um": 3, "microscope": {"transfer": {"defocus_um": 3}}}
    with pytest.raises(ValueError, match="defocus_um: stands here and in "):
        load_imaging(both, recipe)


def test_what_is_no_longer_the_runs_is_said(finished, tmp_path, caplog):
    """A preset, or another kind, is begun from: not a word is lost of what the run had."""
    recipe = small(imaging=dataclasses.replace(TILTS, snr=0.5, snr_definition="projection"))
    asked = {"preset": "titan_krios_k3", "tilt_step_deg": 20.0, "gold": {"count": 3}}
    wanted, _, dropped = load_imaging(asked, recipe)
    assert (wanted.snr, wanted.gold.count) == (None, 3)
    assert dropped == [
        "gold.diameter = 4",
        "snr = 0.5",
        'snr_definition = "projection"',
        'halves = "tilts"',
    ]
    assert load_imaging({"kind": "tilt_series", "snr": 0.1}, recipe).dropped == []
    out = finished[0]
    render_again(out, {"kind": "one_step"}, name="other-kind")
    (note,) = (record.getMessage() for record in caplog.records if "note" in record.getMessage())
    assert note.startswith("cgpack: note: [imaging]: no longer the run's gold.count = 2")
    assert 'halves = "tilts"' in note


def test_one_manifest_names_all_renders(finished, tmp_path):
    out = finished[0]
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    one = toml(tmp_path / "paper.toml", '[imaging]\npreset = "paper"\nsnr = 0.5\n')
    two = toml(tmp_path / "clean.toml", CLEAN.format(30))
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
    again, seed, _ = load_imaging(out / "renders" / "noiseless" / "imaging.toml", small())
    assert seed == 9
    assert again.microscope.scheme.tilt_step_deg == 30


def test_a_render_is_not_overwritten_unasked(finished, tmp_path):
    out = finished[0]
    file = toml(tmp_path / "twice.toml", "[imaging]\nsnr = 1\n")
    render_again(out, file)
    with pytest.raises(FileExistsError, match=r"twice: exists; give another name, or force=True"):
        render_again(out, file)
    render_again(out, toml(file, "[imaging]\nsnr = 3\n"), force=True)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["renders"]["twice"]["tomogram"]["snr_asked"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[imaging]\nprest = 1\n", '[imaging]: unknown key "prest"; the nearest known one'),
        ("[pack]\n", 'unknown key "pack"'),
        ("[imaging]\ngold = 3\n", "[imaging.gold]: wanted a table, got 3"),
        ('[imaging]\npreset = "clean"\nsnr = 3\n', "[imaging]: "),
        ('[imaging]\npreset = "krios"\n', "preset: wanted one of paper, titan_krios_k3, clean"),
        (
            "[imaging.microscope.scheme]\ntilt_min_deg = 70\n",
            "[imaging.microscope.scheme]: tilt_min",
        ),
        ("[imaging]\nsnr = 1\n[pack]\nkind = 1\n", 'unknown key "pack"'),
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
    file = toml(tmp_path / "quick.toml", CLEAN.format(60))
    assert main(["render", str(finished[0]), "--imaging", str(file)]) == 0
    assert "tomogram   tilt_series, no noise" in capsys.readouterr().out
    assert main(["render", str(tmp_path), "--imaging", str(file)]) == 2
    assert "manifest.json: no such file; wanted a run's folder" in capsys.readouterr().err


def test_the_command_takes_keys_in_place_of_a_file(capsys, finished):
    out = finished[0]
    set_one = ["render", str(out), "--set", "defocus_um=2", "--set", "snr=0.7"]
    assert main([*set_one, "--name", "keys"]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["renders"]["keys"]["tomogram"]["snr_measured"] == pytest.approx(0.7, rel=1e-3)
    assert {"even.mrc", "odd.mrc"} <= set(manifest["renders"]["keys"]["files"])
    capsys.readouterr()
    assert main(set_one) == 2
    assert capsys.readouterr().err.startswith("cgpack: --name: is missing")
    assert main(["render", str(out / "nomine"), *set_one[2:]]) == 2
    error = capsys.readouterr().err
    assert "nomine" in error
    assert "--name" not in error
    assert main(["render", str(out)]) == 2
    assert "render: wanted --imaging TOML, or --set KEY=VALUE" in capsys.readouterr().err


def test_the_folder_reads_what_the_run_wrote(finished, tmp_path):
    out, manifest = finished
    render_again(out, toml(tmp_path / "other.toml", "[imaging]\nsnr = 1\n"))
    folder = RunFolder(out)
    assert folder.recipe() == load_recipe(out / "recipe.toml")
    assert folder.species == ["3hhb", "filament"]
    assert folder.asked == {"3hhb": 3, "filament": 1}
    assert len(folder.particles().instance) == folder.packed().scene.n_instances == 4
    assert folder.scene().n_balls == folder.packed().scene.n_balls
    assert folder.voxel_size == 1.0
    assert len(folder.tilts()) == 7
    density, labels = folder.density(), folder.labels("instances")
    assert density.data.shape == labels.data.shape
    np.testing.assert_array_equal(density.origin, manifest["density"]["origin_in_scene_nm"])
    assert "other" in list(folder.renders())
    assert folder.tomogram().data.shape == folder.tomogram("other").data.shape
    maps = set(folder.maps())
    assert {"density", "tomogram", "even", "odd", "renders/other/tomogram"} <= maps
    assert not maps & {"instances", "semantic"}
    with pytest.raises(ValueError, match=r"density\.mrc: wanted"):
        folder.labels("density")


@pytest.mark.parametrize(
    ("boundary", "periodic"),
    [
        (Periodic(box=20.0), (True, True, True)),
        (Slab(box=20.0), (True, True, False)),
        (Open(), (False, False, False)),
    ],
)
def test_the_density_read_back_goes_on_as_the_scene_does(tmp_path, boundary, periodic):
    packed = as_packed(place([(Filament(n_balls=4).build(), 1)], boundary=boundary, seed=1))
    drawn = render_density(packed, MapSettings(voxel_size=2.0, resolution=6.0))
    assert drawn.periodic == periodic
    write_mrc(tmp_path / "density.mrc", drawn)
    save_packed(tmp_path / "packed.npz", packed)
    place_of = {"origin_in_scene_nm": drawn.origin.tolist(), "voxel_size_nm": drawn.voxel_size}
    (tmp_path / "manifest.json").write_text(json.dumps({"density": place_of}))
    assert RunFolder(tmp_path).density().periodic == periodic


def test_a_folder_of_no_run_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"manifest\.json: no such file; wanted a run's"):
        RunFolder(tmp_path)
    (tmp_path / "manifest.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"manifest\.json: wanted the manifest of a run"):
        RunFolder(tmp_path).origin  # noqa: B018
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"packed\.npz: no such file"):
        RunFolder(tmp_path).species  # noqa: B018
