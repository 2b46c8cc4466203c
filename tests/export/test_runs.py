"""A run's folder in the formats of other programs, and what shows it."""

import dataclasses
import json
import sys
import types

import numpy as np
import pytest
import world

from openmm_cgpack.cli import main
from openmm_cgpack.export import Export, Format, export_run, export_truth, load_truth, write_viewers
from openmm_cgpack.io import read_mrc, write_mrc
from openmm_cgpack.io.star import read_star
from openmm_cgpack.io.tilts import save_tilts
from openmm_cgpack.io.volumes import write_mask
from openmm_cgpack.io.zarr_images import read_ome_zarr

VOXEL = 10 * world.GRID.voxel_size


def without_tilts(truth):
    """Return the names of all formats but viewers that can hold a truth without a tilt series."""
    kinds = Format.kinds.items()
    return {name for name, kind in kinds if not (kind.opens or kind().refuses(truth))}


def test_a_folder_says_all_that_was_known(run):
    _, truth = world.everything()
    again = load_truth(run)
    assert again.name == "run-1"
    assert again.species == truth.species
    assert again.particles.centre == pytest.approx(truth.particles.centre, abs=1e-5)
    assert again.visible == pytest.approx(truth.visible, abs=1e-4)
    assert (again.instances.data == truth.instances.data).all()
    assert set(again.maps) == {"density", "tomogram"}
    assert set(again.lines) == {2, 7}
    assert set(again.surfaces) == {4}


def test_every_format_without_a_tilt_series(run):
    written = export_run(run)
    assert set(written) == without_tilts(load_truth(run))
    assert all(path.parent == run and any(path.iterdir()) for path in written.values())
    assert not [path for path in run.rglob("*") if ".partial" in path.name]
    # Again, over what is there.
    export_run(run, ["dynamo", "copick", "omezarr"])
    config = json.loads((run / "copick" / "copick_config.json").read_text())
    assert config["overlay_root"] == f"local://{run.resolve() / 'copick'}"
    assert (
        read_ome_zarr(run / "omezarr" / "instances.zarr").data
        == read_mrc(run / "instances.mrc").data
    ).all()


def test_a_tilt_series_that_is_there_is_taken(run):
    save_tilts(run / "tilt_series.mrcs", world.tilt_series())
    written = export_run(run, ["imod", "relion5"], Export(name="TS 7"))
    assert (written["imod"] / "TS-7.rawtlt").read_text().startswith("-60.0000\n")
    row = read_star(written["relion5"] / "tomograms.star")["global"]
    assert (written["relion5"] / row["rlnTomoTiltSeriesStarFile"][0]).is_file()
    assert (written["relion5"] / row["rlnTomoReconstructedTomogram"][0]).is_file()
    assert row["rlnTomoName"] == ["TS-7"]


def test_renders_are_tomograms_too(run):
    """Another tomogram of the same scene: in copick beside the first, in RELION in its place."""
    again = run / "renders" / "clean_1"
    again.mkdir(parents=True)
    density = read_mrc(run / "density.mrc")
    double = dataclasses.replace(density, data=2 * density.data)
    write_mrc(again / "tomogram.mrc", double)
    save_tilts(again / "tilt_series.mrcs", world.tilt_series())
    written = export_run(run, ["copick", "relion5", "shrec"], Export(render="clean_1"))
    place = written["copick"] / "ExperimentRuns" / "run-1" / f"VoxelSpacing{VOXEL:.3f}"
    names = ["density.zarr", "renders-clean-1-tomogram.zarr", "tomogram.zarr"]
    assert sorted(path.name for path in place.iterdir()) == names
    assert (read_ome_zarr(place / names[1]).data == double.data).all()
    own = read_mrc(run / "tomogram.mrc")
    assert (read_ome_zarr(place / names[2]).data == own.data).all()
    assert (read_mrc(written["relion5"] / "tomograms" / "run-1.mrc").data == double.data).all()
    assert (read_mrc(written["shrec"] / "reconstruction.mrc").data == double.data).all()
    assert (written["relion5"] / "tilt_series" / "run-1.mrcs").is_file()
    write_viewers(run, ["chimerax", "napari"])
    assert "open renders/clean_1/tomogram.mrc id 3" in (run / "view.cxc").read_text()
    with pytest.raises(FileNotFoundError, match=r"renders/other/tomogram.mrc: no such file"):
        export_run(run, ["relion5"], Export(render="other"))


def test_what_is_hardly_visible_can_be_left_out(run, tmp_path):
    every = export_run(run, ["dynamo"], folder=tmp_path / "a")["dynamo"]
    most = export_run(run, ["dynamo"], Export(min_visible=0.7), folder=tmp_path / "b")["dynamo"]
    tags = [np.loadtxt(path / "run-1.tbl")[:, 0].tolist() for path in (every, most)]
    assert tags == [[1, 3, 5], [1, 3]]


def test_viewers_bring_what_is_not_beside_them(tmp_path):
    """In a folder of its own, a script finds the maps, masks and particles that it opens."""
    _, truth = world.everything()
    written = export_truth(truth, tmp_path, ["chimerax", "napari"])
    lines = (written["chimerax"] / "view.cxc").read_text().splitlines()
    opened = [line.split()[1] for line in lines if line.startswith("open ")]
    assert len(opened) == 5
    assert all((written["chimerax"] / name).is_file() for name in opened)
    assert (written["napari"] / "particles.csv").is_file()


def test_unknown_formats_and_folders(run, tmp_path):
    with pytest.raises(ValueError, match=r"format: wanted one of .*copick, denoising, dynamo"):
        export_run(run, ["relion3"])
    with pytest.raises(FileNotFoundError, match="wanted a run's folder"):
        export_run(tmp_path)


def test_more_instances_than_mrc_holds(run):
    """The mask is OME-Zarr then, and everything that reads a run takes it from there."""
    _, truth = world.everything()
    many = truth.instances.data.astype(np.uint32)
    many[many == 7] = 70_000
    (run / "instances.mrc").unlink()
    volume = dataclasses.replace(truth.instances, data=many)
    assert write_mask(run, "instances", volume).name == "instances.zarr"
    assert (load_truth(run).instances.data == many).all()
    written = export_run(run, ["omezarr"])["omezarr"]
    assert (read_ome_zarr(written / "instances.zarr").data == many).all()
    assert set(export_run(run)) == without_tilts(load_truth(run))
    assert "shrec" in without_tilts(world.everything()[1]) - without_tilts(load_truth(run))
    with pytest.raises(ValueError, match="wanted labels up to 65535"):
        export_run(run, ["shrec"])
    with pytest.raises(ValueError, match="wanted labels up to 65535"):
        write_mrc(run / "instances.mrc", volume)
    assert not (run / "instances.mrc").exists()


def test_command(run, capsys):
    assert main(["export", str(run), "--format", "portal", "--format", "dynamo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["portal", "dynamo"]
    assert (run / "dynamo" / "run-1.tbl").is_file()
    assert main(["export", str(run), "--format", "imod"]) == 2
    assert "imod: wanted a tilt series" in capsys.readouterr().err
    assert main(["view", str(run), "--format", "chimerax"]) == 0
    assert (run / "view.cxc").is_file()


def test_chimerax_script_opens_what_is_there(run):
    write_viewers(run, ["chimerax", "napari"])
    lines = (run / "view.cxc").read_text().splitlines()
    opened = [line.split() for line in lines if line.startswith("open ")]
    assert [words[1] for words in opened] == [
        "tomogram.mrc",
        "density.mrc",
        "balls.bild",
        "semantic.mrc",
        "surfaces/membrane.obj",
    ]
    assert all((run / words[1]).is_file() for words in opened)
    models = [words[3] for words in opened]
    assert models == ["1", "2", "3", "4", "9"]
    names = [line.split(" ", 2) for line in lines if line.startswith("rename")]
    assert [name[2] for name in names] == [
        '"one_A"',
        '"filament"',
        '"two of them"',
        '"membrane"',
        '"membrane, middle surface"',
    ]
    assert [name[1] for name in names] == ["#5", "#6", "#7", "#8", "#9"]
    # An open sheet has nothing inside.
    assert "hide #9 models" in lines
    assert not [line for line in lines if line.startswith("clip")]
    # Balls stand in the frame of the maps: the first is a ball of the first instance.
    packed, truth = world.everything()
    spheres = [line.split() for line in (run / "balls.bild").read_text().splitlines()]
    places = np.array([row[1:4] for row in spheres if row[0] == ".sphere"], float)
    first = 10 * (packed.positions[0] - world.GRID.origin)
    assert places[0] == pytest.approx(first, abs=1e-3)
    assert np.linalg.norm(places[0] - 10 * truth.particles.centre[0]) < 100


class Viewer:
    """Stands for napari's: keeps what it is given."""

    def __init__(self, **_):
        self.layers = {}
        Viewer.last = self

    def add(self, data, *, name, **options):
        self.layers[name] = (data, options)

    add_image = add_labels = add_points = add_vectors = add_surface = add


def test_napari_script_puts_everything_in_its_place(run, monkeypatch):
    write_viewers(run, ["chimerax", "napari"])
    napari = types.SimpleNamespace(Viewer=Viewer, run=lambda: None)
    monkeypatch.setitem(sys.modules, "napari", napari)
    code = compile((run / "view_napari.py").read_text(), "view_napari.py", "exec")
    exec(code, {"__name__": "script", "__file__": str(run / "view_napari.py")})
    layers = Viewer.last.layers
    _, truth = world.everything()
    assert layers["semantic"][1]["scale"] == pytest.approx([VOXEL] * 3)
    assert (layers["tomogram"][0] == truth.maps["tomogram"].data).all()
    centres, options = layers["two of them"]
    assert centres == pytest.approx(10 * truth.particles.centre[[2, 5]][:, ::-1], abs=1e-3)
    # Points are where the labels are: what napari draws at data * scale.
    assert options["properties"]["instance"].tolist() == [3, 6]
    mask = np.argwhere(layers["instances"][0] == 3).mean(axis=0) * VOXEL
    assert np.abs(mask - centres[0]).max() < 2 * VOXEL
    vectors = layers["two of them, z axes"][0]
    axis = vectors[0, 1] / np.linalg.norm(vectors[0, 1])
    assert axis == pytest.approx(truth.particles.rotation[2][:, 2][::-1], abs=1e-6)
    (vertices, faces, _), options = layers["membrane, middle surface"]
    surface = truth.surfaces[4]
    assert vertices == pytest.approx(10 * surface.vertices[:, ::-1], abs=1e-3)
    assert (faces == surface.faces).all()
    assert not options["visible"]


def test_viewers_cut_closed_membranes_open(tmp_path):
    """The sheet bent to a closed surface: what viewers do with it depends on nothing else."""
    truth = world.vesicle()
    written = export_truth(truth, tmp_path, ["chimerax"])["chimerax"]
    lines = (written / "view.cxc").read_text().splitlines()
    middle = 10 * truth.particles.centre[0]
    (clip,) = [line.split() for line in lines if line.startswith("clip")]
    assert [float(x) for x in clip[4].split(",")] == pytest.approx(middle, rel=1e-5)
    # The surface and the mask of what is no membrane are shown, balls and maps are not.
    assert "show #6 models" in lines
    assert "show #5 models" not in lines
    assert "hide #1-3 models" in lines


def test_without_k3d_the_extra_is_named(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "k3d", None)
    assert main(["view", str(run)]) == 0
    assert "left out: html: wanted k3d" in capsys.readouterr().err
    assert (run / "view.cxc").is_file()
    assert main(["view", str(run), "--format", "html"]) == 2
    assert "pip install 'openmm_cgpack[viz]'" in capsys.readouterr().err
