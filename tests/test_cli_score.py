"""The command ``cgpack score`` on files."""

import json
import shutil

import numpy as np
import pytest
import world

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.core import LabelVolume, ParticleTable, Picks, Volume
from openmm_cgpack.io import write_mrc, write_particles, write_picks

PICKED = ("copick", "relion5", "kaggle")
"""Formats whose exports are lists of picks."""

CENTRES = np.array([(3.0, 4.0, 5.0), (12.0, 4.0, 5.0), (12.0, 12.0, 5.0)])


@pytest.fixture
def run(tmp_path):
    """Return a folder as `cgpack simulate` makes it, of three cubes of two species."""
    folder = tmp_path / "run"
    folder.mkdir()
    instances = np.zeros((10, 16, 18), np.uint16)
    for number, (x, y, z) in enumerate(CENTRES.astype(int), 1):
        instances[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = number
    semantic = np.array([0, 1, 1, 2], np.uint16)[instances]
    for name, data in (("instances", instances), ("semantic", semantic)):
        volume = LabelVolume(data=data, voxel_size=1.0, origin=(0, 0, 0))
        write_mrc(folder / f"{name}.mrc", volume)
    table = ParticleTable(
        instance=[1, 2, 3], species=["a", "a", "b"], centre=CENTRES, radius=[2.0] * 3,
        rotation=np.stack([np.eye(3)] * 3),
    )  # fmt: skip
    write_particles(folder / "particles.csv", table)
    (folder / "manifest.json").write_text(json.dumps({"species": [{"name": "a"}, {"name": "b"}]}))
    return folder


@pytest.fixture
def picks(tmp_path):
    """Return a file of three picks: a hit, a hit of another species, and a miss."""
    path = tmp_path / "picks.csv"
    write_picks(
        path,
        Picks(
            positions=[CENTRES[0] + (0, 1.5, 0), CENTRES[2], (9, 9, 0)],
            scores=[3, 2, 1],
            species=["a", "a", "b"],
        ),
    )
    return path


def scored(capsys, tmp_path, *arguments):
    out = tmp_path / "scores.json"
    assert main(["score", *map(str, arguments), "--json", str(out)]) == 0
    return json.loads(out.read_text()), capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ([], (2, 1, 1)),
        (["--rule", "shrec"], (2, 1, 1)),
        (["--rule", "shrec", "--dilation", "0"], (1, 2, 2)),
        (["--rule", "czii"], (0, 3, 3)),
        (["--reach", "0.5"], (1, 2, 2)),
        (["--best", "2"], (2, 0, 1)),
        (["--without", "b"], (1, 1, 1)),
    ],
)
def test_picks(capsys, tmp_path, run, picks, options, counts):
    record, printed = scored(capsys, tmp_path, "picks", picks, run, *options)
    assert (record["tp"], record["fp"], record["fn"]) == counts
    assert printed.splitlines()[0].startswith("species")
    assert f"{counts[0] + counts[1]} picks of {counts[0] + counts[2]} particles" in printed
    assert ("mean over species of F(4)" in printed) == (record["rule"]["kind"] == "czii")
    assert main(["score", "picks", str(picks), str(run / "particles.csv"), *options]) == 0


def test_labels(capsys, tmp_path, run):
    record, printed = scored(capsys, tmp_path, "labels", run / "semantic.mrc", run)
    assert record["pixel_accuracy"] == record["mean_dice"] == 1.0
    assert record["names"] == ["background", "a", "b"]
    assert "calling everything background" in printed
    # Floats that are whole numbers are labels too: other programs write them so.
    found = Volume(data=np.zeros((10, 16, 18)), voxel_size=1.0, origin=(0, 0, 0))
    write_mrc(tmp_path / "found.mrc", found)
    record, _ = scored(
        capsys, tmp_path, "labels", tmp_path / "found.mrc", run / "semantic.mrc", "--names", "x,y"
    )
    assert record["names"] == ["background", "x", "y"]
    assert record["pixel_accuracy"] == record["background_share"] == 1 - 81 / (10 * 16 * 18)
    assert record["mean_dice"] == 0.0


def test_nan_becomes_null(capsys, tmp_path, run, picks):
    record, printed = scored(capsys, tmp_path, "picks", picks, run)
    assert record["species"][0]["f"] is None
    assert " nan" not in printed.splitlines()[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["picks", "PICKS", "nowhere.csv"], "nowhere.csv: no such file"),
        (["picks", "PICKS", "RUN", "--without", "c"], "--without: the truth holds no 'c'"),
        (["picks", "PICKS", "RUN", "--labels", "a.mrc"], "--labels: means nothing for the rule"),
        (["picks", "PICKS", "RUN", "--best", "-1"], "--best: wanted a number >= 0, got -1"),
        (["picks", "PICKS", "RUN", "--dilation", "2"], "--dilation: means nothing for paper"),
        (["picks", "PICKS", "RUN", "--reach", "0"], "--reach: wanted a number > 0, got 0"),
        (["labels", "BROKEN", "RUN"], "wanted labels, whole numbers >= 0"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, run, picks, options, message):
    broken = tmp_path / "broken.mrc"
    write_mrc(broken, Volume(data=np.full((10, 16, 18), 0.5), voxel_size=1, origin=(0, 0, 0)))
    names = {"PICKS": str(picks), "RUN": str(run), "BROKEN": str(broken)}
    assert main(["score", *(names.get(word, word) for word in options)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_scores_that_cannot_be_written_are_not_worked_out(capsys, tmp_path, run, picks):
    missing = tmp_path / "nowhere" / "scores.json"
    assert main(["score", "picks", str(picks), str(run), "--json", str(missing)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert f"there is no folder {missing.parent}" in said.err


def test_picks_of_one_tomogram_of_several(capsys, tmp_path, run):
    both = tmp_path / "both.csv"
    places = 10 * CENTRES
    lines = [f"{name},{x},{y},{z}" for name in ("run", "TS_2") for x, y, z in places]
    both.write_text("\n".join(["experiment,x,y,z", *lines]), encoding="utf-8-sig")
    record, _ = scored(capsys, tmp_path, "picks", both, run)
    assert (record["tp"], record["fp"]) == (3, 0)
    truth = str(run / "particles.csv")
    assert main(["score", "picks", str(both), truth, "--tomogram-name", "TS_3"]) == 2
    assert "picks of 2 tomograms, run, TS_2: none of them is 'TS_3'" in capsys.readouterr().err


def test_labels_without_a_voxel_size_have_the_runs(capsys, tmp_path, run, picks):
    manifest = json.loads((run / "manifest.json").read_text())
    grid = {"shape_zyx": [10, 16, 18], "voxel_size_nm": 1.0, "origin_in_scene_nm": [0, 0, 0]}
    (run / "manifest.json").write_text(json.dumps(manifest | {"density": grid}))
    raw = bytearray((run / "instances.mrc").read_bytes())
    raw[40:52] = bytes(12)
    (tmp_path / "bare.mrc").write_bytes(raw)
    words = ["score", "picks", str(picks), str(run), "--rule", "shrec", "--json"]
    tables = []
    for number, more in enumerate(([], ["--labels", str(tmp_path / "bare.mrc")])):
        out = tmp_path / f"{number}.json"
        assert main([*words, str(out), *more]) == 0
        tables.append(json.loads(out.read_text()))
    assert tables[0] == tables[1]
    assert "the run's 1 nm are taken" in capsys.readouterr().err


def test_several_runs_are_scored_as_one(capsys, tmp_path, run, picks):
    """Their counts add up; a list names its tomograms, or there is a list for each."""
    again = tmp_path / "again"
    shutil.copytree(run, again)
    lists = tmp_path / "lists"
    lists.mkdir()
    shutil.copy(picks, lists / "run.csv")
    write_picks(lists / "again.csv", Picks(positions=CENTRES, species=["a", "a", "b"]))
    record, printed = scored(capsys, tmp_path, "picks", lists, run, again)
    assert (record["tp"], record["fp"], record["fn"]) == (5, 1, 1)
    assert "6 picks of 6 particles" in printed
    assert record["confusion_names"] == ["a", "b"]
    assert np.sum(record["confusion"]) == 7
    both = cgp.score_picks(lists, [run, again], without=["b"])
    assert (both.tp, both.fp, both.fn) == (3, 1, 1)
    # A pick and a particle keep their place among all that count.
    assert both.pairs.max(axis=0).tolist() == [3, 3]
    (lists / "again.csv").unlink()
    shutil.copy(lists / "run.csv", lists / "other.csv")
    with pytest.warns(match=r"lists: no picks of again: their particles count as not found"):
        missed = cgp.score_picks(lists, [run, again])
    assert (missed.tp, missed.fp, missed.fn) == (2, 1, 4)
    assert main(["score", "picks", str(picks), str(run), str(again)]) == 2
    error = capsys.readouterr().err
    assert "picks.csv: names no tomograms, of which the truth has 2; wanted a column" in error
    assert main(["score", "picks", str(picks), str(run), "--split", "test"]) == 2
    assert "--split: means nothing without a data set" in capsys.readouterr().err


def test_an_argument_that_is_lacking_is_named(capsys, tmp_path, run):
    """By its option, and in Python by its own name."""
    several, centred = tmp_path / "several.csv", tmp_path / "centred.star"
    several.write_text("tomogram,x,y,z\nTS_1,1,2,3\nTS_2,1,2,3\n")
    names = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    centred.write_text("\n".join(["data_particles", "loop_", *(f"_{n}" for n in names), "0 0 0"]))
    for path, option, name in (
        (several, "--tomogram-name: ", "tomogram: "),
        (centred, "--tomogram: ", "grid: "),
    ):
        assert main(["score", "picks", str(path), str(run)]) == 2
        assert capsys.readouterr().err.startswith(f"cgpack: {option}")
        with pytest.raises(ValueError, match=f"^{name}"):
            cgp.score_picks(path, run)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return a run with a species of two words, and its exports with picks."""
    folder = tmp_path_factory.mktemp("names")
    run = folder / "run"
    run.mkdir()
    _, truth = world.molecules()
    write_particles(run / "particles.csv", truth.particles)
    write_mrc(run / "instances.mrc", truth.instances)
    species = [{"name": name} for name in truth.species]
    shape = {"shape_zyx": list(world.GRID.shape), "voxel_size_nm": world.GRID.voxel_size}
    (run / "manifest.json").write_text(json.dumps({"species": species, "density": shape}))
    return run, cgp.export.export_truth(truth, run, PICKED)


@pytest.mark.parametrize("name", PICKED)
def test_an_export_of_the_truth_finds_all_of_it(exported, name, tmp_path, capsys):
    """By every rule, and of a species of two words too."""
    run, places = exported
    for rule in cgp.evaluation.MatchingRule.kinds:
        # A chiral molecule's centre need not be in its mask.
        grown = ["--dilation", "3"] if rule == "shrec" else []
        words = ["picks", places[name], run, "--rule", rule, *grown]
        record, _ = scored(capsys, tmp_path, *words)
        assert record["f"] == 1.0
        assert record["confusion"] == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]
        if rule == "czii":
            assert [s["f"] for s in record["species"]] == [1.0, 1.0]


def test_lists_taken_out_of_an_export(exported, tmp_path, caplog):
    """By the names of files, or the numbers of the truth's classes, of which a note tells."""
    run, places = exported
    czii = cgp.evaluation.CziiRule()
    project = places["relion5"]
    alone = cgp.score_picks(project / "particles" / "two-of-them.star", run, czii)
    assert [s.f for s in alone.species] == [0.0, 1.0]
    assert cgp.score_picks(project / "particles", run, czii).f == 1.0
    shutil.copy(project / "particles" / "two-of-them.star", tmp_path)
    moved = cgp.score_picks(tmp_path / "two-of-them.star", run, czii, without=["one-A"])
    assert moved.f == 1.0
    assert not caplog.messages
    shutil.copy(project / "particles.star", tmp_path / "mine.star")
    assert cgp.score_picks(tmp_path / "mine.star", run, czii).f == 1.0
    assert "classes are taken as the truth's: 1 one_A, 2 two of them" in caplog.text


@pytest.mark.parametrize(
    ("scale", "species", "note"),
    [
        (1, ["A", "A", "B"], "picks name A (a?), B (b?), the truth a, b"),
        (0.1, ["a", "a", "b"], "within a tenth of the box: in nm rather than Å?"),
        (50, ["a", "a", "b"], "most picks lie far outside the box"),
        (1, [], "picks.csv: no picks"),
        (1, ["a", "a", "b"], None),
    ],
)
def test_odd_picks_are_noted(capsys, tmp_path, run, scale, species, note):
    path = tmp_path / "picks.csv"
    places = scale * CENTRES[: len(species)]
    write_picks(path, Picks(positions=places, species=species))
    assert main(["score", "picks", str(path), str(run), "--rule", "czii"]) == 0
    said = capsys.readouterr()
    assert "nan" not in said.out
    assert said.err == "" if note is None else said.err.count("\n") == 1 and note in said.err


def test_odd_picks_are_noted_in_python(caplog):
    truth = ParticleTable(
        instance=[1, 2], species=["a b", "c"], centre=CENTRES[:2], radius=[2, 2],
        rotation=np.stack([np.eye(3)] * 2),
    )  # fmt: skip
    czii = cgp.evaluation.CziiRule()
    picks = Picks(positions=CENTRES[:2], species=["a-b", "c"])
    assert cgp.match_picks(picks, truth, czii).f == 1.0
    assert not caplog.messages
    assert "nan" not in str(cgp.match_picks(picks, truth).facts())
    cgp.match_picks(Picks(positions=CENTRES[:2], species=["C", "a-b"]), truth, czii)
    assert caplog.messages == ["cgpack: note: picks name what the truth has not: C (c?)"]
