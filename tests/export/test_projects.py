"""Several runs, and what their user adds, in one folder of another program."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import world

from openmm_cgpack.export import Copick, Format, GroundTruth, Relion5, export_truth
from openmm_cgpack.io.shared_folders import things
from openmm_cgpack.io.star import read_star
from openmm_cgpack.io.zarr_images import read_ome_zarr

ELSEWHERE = ("html", "census", "nnunet", "denoising")
"""Formats with tests of their own; the last two want a membrane, and halves, in each run."""
KINDS = sorted(name for name in Format.kinds if name not in ELSEWHERE)


def truths() -> tuple[GroundTruth, GroundTruth]:
    return (
        replace(world.molecules()[1], name="A"),
        replace(world.everything()[1], name="B"),
    )


def held(folder, but=()):
    """Return the bytes of everything in a folder but records and files of some names."""
    return {
        part.relative_to(folder).as_posix(): part.read_bytes()
        for path in things(folder)
        for part in (path.rglob("*") if path.is_dir() else [path])
        if part.is_file() and path.relative_to(folder).as_posix() not in but
    }


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Return folders of all formats with A's files, as they were, and with those of A and B."""
    folder, one, two = tmp_path_factory.mktemp("projects"), *truths()
    export_truth(one, folder, KINDS, tilts=world.tilt_series())
    (folder / "copick" / "ExperimentRuns" / "A" / "Picks" / "me_1_one-A.json").write_text("mine")
    (folder / "relion5" / "Refine3D").mkdir()
    (folder / "relion5" / "Refine3D" / "run_data.star").write_text("mine")
    before = held(folder)
    saved = export_truth(two, folder, KINDS, tilts=world.tilt_series())
    return folder, before, saved


def test_every_format_keeps_what_was_there(projects):
    folder, before, saved = projects
    after = held(folder)
    changed = {name for name, content in before.items() if after.get(name) != content}
    lists = ["particles.star", "particles/one-A.star", "particles/two-of-them.star"]
    extended = {f"relion5/{name}" for name in [*lists, "tomograms.star"]}
    assert changed == extended | {"copick/copick_config.json", "kaggle/particles.csv"}
    for name in extended:
        assert set(before[name].splitlines()) <= set(after[name].splitlines())
    for kind, place in saved.items():
        assert place == folder / kind / ("" if Format.kinds[kind].names_runs else "B")
        new = (after.keys() - before.keys()) | changed
        assert any(name.startswith(f"{kind}/") for name in new)


def test_written_again_it_is_the_same(projects):
    folder, _, _ = projects
    before = held(folder)
    for truth in truths():
        export_truth(truth, folder, KINDS, tilts=world.tilt_series())
        assert held(folder).keys() == before.keys()
    rows = [
        read_star(folder / "relion5" / "particles.star")["particles"][key]
        for key in ("rlnTomoName",)
    ]
    assert sorted(rows[0]) == ["A"] * 3 + ["B"] * 3


def test_a_species_has_one_label_in_copick(tmp_path):
    """The second run's species are in another order, and one is new."""
    copick = pytest.importorskip("copick")
    one, two = truths()
    Copick().save(tmp_path, two)
    Copick().save(tmp_path, one)
    root = copick.from_file(str(tmp_path / "copick_config.json"))
    assert [run.name for run in root.runs] == ["A", "B"] or {r.name for r in root.runs} == {
        "A",
        "B",
    }
    label = {entry.metadata["species"]: entry.label for entry in root.pickable_objects}
    assert label == {"one_A": 1, "filament": 2, "two of them": 3, "membrane": 4}
    for truth in (one, two):
        (everything,) = root.get_run(truth.name).get_segmentations(is_multilabel=True)
        wanted = np.array([0, *(label[species] for species in truth.species)])
        assert (everything.numpy() == wanted[truth.semantic.data]).all()


def test_an_edited_copick_configuration_is_merged_by_name(tmp_path, caplog):
    one, _ = truths()
    mine = {"name": "one-A", "is_particle": True, "label": 7, "radius": 1.0, "color": [1, 2, 3, 4]}
    other = {"name": "two-of-them", "is_particle": True, "label": 9, "metadata": {"species": "x"}}
    config = {
        "name": "mine",
        "pickable_objects": [mine, other],
        "runs": ["old"],
        "overlay_root": "x",
    }
    (tmp_path / "copick_config.json").write_text(json.dumps(config))
    Copick().save(tmp_path, one)
    now = json.loads((tmp_path / "copick_config.json").read_text())
    assert now["pickable_objects"][:2] == [mine, other]
    new = now["pickable_objects"][2]
    assert (new["name"], new["label"]) == ("two-of-them-2", 10)
    assert (now["name"], now["runs"]) == ("mine", ["old", "A"])
    assert "'one-A' keeps its radius, 1.0; this run's is" in caplog.text
    assert "its roots are elsewhere" in caplog.text
    folder = tmp_path / "ExperimentRuns" / "A" / "Segmentations"
    labels = read_ome_zarr(folder / "10.500_cgpack_0_all-multilabel.zarr").data
    assert set(np.unique(labels)) == {0, 7, 10}
    (tmp_path / "copick_config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"copick_config\.json: wanted the configuration"):
        Copick().save(tmp_path, one)


def test_relion_lists_are_read_by_others(projects):
    starfile = pytest.importorskip("starfile")
    folder = projects[0] / "relion5"
    table = starfile.read(folder / "particles.star")["particles"]
    # The same species have the same numbers: one_A and two of them.
    numbers = table.groupby("rlnTomoName")["rlnClassNumber"].apply(list).to_dict()
    assert numbers == {"A": [1, 2, 1], "B": [1, 2, 1]}
    assert sorted(starfile.read(folder / "tomograms.star")["rlnTomoName"]) == ["A", "B"]


def test_relion_keeps_comments_and_gives_other_pixels_a_group(tmp_path):
    one, two = truths()
    tilts = world.tilt_series()
    Relion5().save(tmp_path, one, tilts)
    path = tmp_path / "particles.star"
    path.write_text(path.read_text().replace("data_particles", "# mine\ndata_particles"))
    Relion5().save(tmp_path, two, replace(tilts, pixel_size=2.1))
    assert "# mine\n" in path.read_text()
    held = read_star(path)
    assert held["optics"]["rlnOpticsGroup"] == ["1", "2"]
    assert held["particles"]["rlnOpticsGroup"] == ["1"] * 3 + ["2"] * 3
    names = read_star(tmp_path / "tomograms.star")["global"]["rlnOpticsGroupName"]
    assert names == ["opticsGroup1", "opticsGroup2"]
    # Rows that somebody has changed are not thrown away.
    path.write_text(path.read_text().replace("A/2 2 2 1", "A/2 2 9 1"))
    with pytest.raises(FileExistsError, match=r"particles\.star: its rows of A are not those"):
        Relion5().save(tmp_path, one, tilts)
    with pytest.raises(ValueError, match="only one of it and of what is to be added has rlnAmpl"):
        Relion5().save(tmp_path, replace(two, name="C"))


def test_two_runs_of_one_name_are_told_apart(tmp_path):
    one, two = truths()
    export_truth(one, tmp_path, ["portal", "copick"])
    before = held(tmp_path)
    with pytest.raises(FileExistsError, match=r"holds another run of the name 'A'.*another name"):
        export_truth(replace(two, name="A"), tmp_path, ["copick", "dynamo"])
    assert held(tmp_path) == before
    export_truth(replace(two, name="A"), tmp_path, ["copick"], force=True)
    assert not (tmp_path / "dynamo").exists()


def test_a_changed_file_is_named_and_kept(tmp_path):
    one, _ = truths()
    saved = export_truth(one, tmp_path, ["portal", "omezarr"])
    path = saved["portal"] / "one-A_orientedpoint.ndjson"
    path.write_text("edited")
    chunk = saved["omezarr"] / "instances.zarr" / "0" / "9" / "9"
    chunk.mkdir(parents=True)
    (chunk / "9").write_text("a chunk of mine")
    before = held(tmp_path)
    for kind, name in (("portal", path.name), ("omezarr", r"instances\.zarr")):
        with pytest.raises(FileExistsError, match=f"{name}: exists, and is not what A wrote"):
            export_truth(one, tmp_path, ["dynamo", kind])
    assert held(tmp_path) == before
    # Not written any more, it is not removed either.
    less = replace(one, visible=[0.0, 1.0, 0.0])
    Format.kinds["portal"]().save(saved["portal"], less)
    assert path.read_text() == "edited"
    export_truth(one, tmp_path, ["portal", "omezarr"], force=True)
    assert path.read_text() != "edited"
    assert not chunk.exists()


def test_exports_at_the_same_time_wait_for_each_other(tmp_path):
    truths_ = [replace(truths()[0], name=f"r{i}") for i in range(4)]
    threads = [
        threading.Thread(target=export_truth, args=(truth, tmp_path, ["relion5", "dynamo"]))
        for truth in truths_
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = read_star(tmp_path / "relion5" / "tomograms.star")["global"]["rlnTomoName"]
    assert sorted(rows) == ["r0", "r1", "r2", "r3"]
    assert len(list((tmp_path / "dynamo").glob("*.tbl"))) == 4
