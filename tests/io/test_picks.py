"""Picks from CSV, STAR and copick."""

import json
import warnings

import numpy as np
import pytest
import world

from openmm_cgpack.core import Grid, ParticleTable, Picks
from openmm_cgpack.export import Copick, Relion5
from openmm_cgpack.export.truth import plain_name
from openmm_cgpack.io import read_picks, read_truth, write_particles, write_picks

PLACES = np.array([(1.5, 20.25, 3.0), (14.0, 5.5, 60.125)])  # nm


def star(
    columns, rows, *, optics="_rlnOpticsGroup #1\n_rlnTomoTiltSeriesPixelSize #2\n1 2.5\n2 5.0\n"
):
    head = "".join(f"_{name} #{i}\n" for i, name in enumerate(columns, 1))
    body = "".join(" ".join(str(v) for v in row) + "\n" for row in rows)
    first = f"data_optics\n\nloop_\n{optics}\n\n" if optics else ""
    return f"# version 50001\n\n{first}data_particles\n\nloop_\n{head}{body}\n"


def copick(name, places, *, shift=(0, 0, 0), score=0.5):
    matrix = np.array(
        [[0, -1, 0, shift[0]], [1, 0, 0, shift[1]], [0, 0, 1, shift[2]], [0, 0, 0, 1]]
    )
    return json.dumps(
        {
            "pickable_object_name": name,
            "unit": "angstrom",
            "points": [
                {
                    "location": dict(zip("xyz", place, strict=True)),
                    "transformation_": matrix.tolist(),
                    "instance_id": 0,
                    "score": score,
                }
                for place in places
            ],
        }
    )


@pytest.mark.parametrize("species", [None, np.array(["a", "b, c"])])
def test_csv_goes_round(tmp_path, species):
    picks = Picks(positions=PLACES, scores=[0.25, -3e-7], species=species)
    write_picks(tmp_path / "picks.csv", picks)
    again = read_picks(tmp_path / "picks.csv")
    np.testing.assert_allclose(again.positions, PLACES, atol=1e-5)
    np.testing.assert_allclose(again.scores, [0.25, -3e-7])
    if species is None:
        assert again.species is None
    else:
        assert again.species.tolist() == species.tolist()


def test_csv_of_the_czii_challenge(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("id,experiment,particle_type,x,y,z\n0,TS_1,ribosome,15,202.5,30\n")
    picks = read_picks(path)
    np.testing.assert_allclose(picks.positions, PLACES[:1])
    assert picks.species.tolist() == ["ribosome"]
    assert picks.scores.tolist() == [0.0]


def test_the_true_list_is_a_list_of_picks_too(tmp_path):
    table = ParticleTable(
        instance=[1, 2], species=["a", "b"], centre=PLACES, radius=[3, 4],
        rotation=np.stack([np.eye(3)] * 2),
    )  # fmt: skip
    write_particles(tmp_path / "particles.csv", table)
    picks = read_picks(tmp_path / "particles.csv")
    np.testing.assert_allclose(picks.positions, PLACES)
    assert picks.species.tolist() == ["a", "b"]
    assert read_truth(tmp_path / "particles.csv").radius.tolist() == [3, 4]


def test_star_in_pixels_of_the_optics_group(tmp_path):
    axes = [f"rlnCoordinate{a}" for a in "XYZ"]
    path = tmp_path / "particles.star"
    rows = [
        [*(PLACES[0] * 10 / 2.5), 1, 3, 0.75],
        [*(PLACES[1] * 10 / 5.0), 2, 7, 0.5],
    ]
    columns = [*axes, "rlnOpticsGroup", "rlnClassNumber", "rlnLCCmax"]
    path.write_text(star(columns, rows))
    picks = read_picks(path)
    np.testing.assert_allclose(picks.positions, PLACES)
    assert picks.species.tolist() == ["3", "7"]
    assert picks.scores.tolist() == [0.75, 0.5]


def test_star_from_the_middle_and_shifted(tmp_path):
    grid = Grid(shape=(80, 60, 40), voxel_size=1.5, origin=(9, 9, 9))
    middle = np.array([40, 60, 80]) / 2 * 1.5
    path = tmp_path / "particles.star"
    columns = [
        *(f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"),
        *(f"rlnOrigin{a}Angst" for a in "XYZ"),
    ]
    rows = [[*((place - middle) * 10 + (1, 2, 3)), 1, 2, 3] for place in PLACES]
    path.write_text(star(columns, rows))
    np.testing.assert_allclose(read_picks(path, grid=grid).positions, PLACES)
    with pytest.raises(ValueError, match=r"^grid: .*particles\.star has places from the middle"):
        read_picks(path)


def test_copick_one_file_and_a_folder(tmp_path):
    folder = tmp_path / "ExperimentRuns" / "run" / "Picks"
    folder.mkdir(parents=True)
    (folder / "me_1_b.json").write_text(copick("b", PLACES[1:] * 10 - (10, 0, 0), shift=(10, 0, 0)))
    (folder / "me_1_a.json").write_text(copick("a", PLACES[:1] * 10, score=None))
    picks = read_picks(folder)
    np.testing.assert_allclose(picks.positions, PLACES)
    assert picks.species.tolist() == ["a", "b"]
    assert picks.scores.tolist() == [0.0, 0.5]
    assert len(read_picks(folder / "me_1_a.json")) == 1
    with pytest.raises(ValueError, match=r"wanted a copick_config\.json with radii"):
        read_truth(folder)
    config = {"pickable_objects": [{"name": "a", "radius": 60.0}]}
    (tmp_path / "copick_config.json").write_text(json.dumps(config))
    truth = read_truth(folder / "me_1_a.json")
    assert truth.radius.tolist() == [6.0]
    assert truth.rotation[0].tolist() == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="no radius of 'b'"):
        read_truth(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "u,v\n1,2\n", "wanted columns x_angst"),
        ("a.csv", "x,y,z\n1,2,q\n", "line 2: wanted numbers"),
        ("a.csv", "x,y,z\n1,2,nan\n", "line 2: wanted finite numbers"),
        ("a.star", star(["rlnAngleRot"], [[1.0]]), "wanted a table with rlnCoordinateX"),
        (
            "a.star",
            star(["rlnCoordinateX", "rlnCoordinateY"], [[1, 2]]),
            "wanted a column rlnCoordinateZ",
        ),
        ("a.star", star(["rlnCoordinateX"], [[1]], optics=""), "wanted a pixel size"),
        ("a.star", star(["rlnCoordinateX", "rlnOpticsGroup"], [[1, 9]]), "no optics group 9"),
        ("a.json", "{}", 'wanted picks of copick in Å: there is no "pickable_object_name"'),
        ("a.json", "[", "wanted picks of copick"),
        ("a.txt", "1 2 3", "wanted picks as"),
    ],
)
def test_bad_files(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_picks(path)
    assert name in str(caught.value)


def test_missing_file(tmp_path):
    for read in (read_picks, read_truth):
        with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file"):
            read(tmp_path / "none.csv")


def test_what_the_package_writes_for_others_comes_back(tmp_path):
    _, truth = world.molecules()
    table = truth.particles
    project = Copick().save(tmp_path / "project", truth)
    back = read_truth(project / "ExperimentRuns" / "world" / "Picks")
    order = np.argsort(table.species, kind="stable")
    np.testing.assert_allclose(back.centre, table.centre[order], atol=1e-5)
    np.testing.assert_allclose(back.rotation, table.rotation[order], atol=1e-9)
    np.testing.assert_allclose(back.radius, table.radius[order], atol=1e-4)
    assert back.species.tolist() == [plain_name(name) for name in table.species[order]]
    Relion5().write(tmp_path, truth)
    pixels = read_picks(tmp_path / "particles.star")
    np.testing.assert_allclose(pixels.positions, table.centre, atol=1e-5)
    # Without the pixels, the places from the middle are read.
    star_file = tmp_path / "centred.star"
    text = (tmp_path / "particles.star").read_text()
    star_file.write_text(text.replace("_rlnCoordinate", "_other"))
    centred = read_picks(star_file, grid=truth.grid)
    np.testing.assert_allclose(centred.positions, table.centre, atol=1e-5)


TWO = "experiment,particle_type,x,y,z\nTS_1,a,10,20,30\nTS_2,a,1,2,3\nTS_2,b,4,5,6\n"


def test_the_picks_of_one_tomogram_are_taken(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(TWO)
    with pytest.raises(ValueError, match=r"two.csv: picks of 2 tomograms, TS_1, TS_2: wanted the"):
        read_picks(path)
    with pytest.raises(ValueError, match=r"TS_1, TS_2: none of them is 'TS_3'"):
        read_picks(path, tomogram="TS_3")
    assert len(read_picks(path, tomogram="TS_2")) == 2
    with pytest.warns(match="picks of 2 tomograms: those of TS_1 are taken"):
        assert len(read_picks(path, own_names=("run", "TS_1"))) == 1
    with pytest.raises(ValueError, match="wanted the name of one"):
        read_picks(path, own_names=("run",))
    # One tomogram is the one that is asked about, whatever either is called.
    path.write_text(TWO.replace("TS_2", "TS_1"))
    assert len(read_picks(path, own_names=("run",))) == 3
    path.write_text(TWO.splitlines()[0])
    assert len(read_picks(path, own_names=("run",))) == 0
    path.write_text("x,y,z\n1,2,3\n")
    with pytest.raises(ValueError, match=r"two.csv: names no tomograms, wanted 'TS_1'"):
        read_picks(path, tomogram="TS_1")


@pytest.mark.parametrize("column", ["rlnTomoName", "rlnMicrographName"])
@pytest.mark.parametrize(
    "name", ["{}", "{}.mrc", "tomograms/{}.mrc.gz", "{}.tomostar", "a\\{}.rec"]
)
def test_star_names_tomograms_or_their_files(tmp_path, column, name):
    columns = [*(f"rlnCoordinate{a}" for a in "XYZ"), column]
    rows = [[*(PLACES[0] * 4), name.format("TS_1")], [1, 1, 1, name.format("TS_10")]]
    path = tmp_path / "particles.STAR"
    path.write_text(star(columns, rows, optics="_rlnTomoTiltSeriesPixelSize #1\n2.5\n"))
    np.testing.assert_allclose(read_picks(path, tomogram="TS_1").positions, PLACES[:1])
    with pytest.raises(ValueError, match="picks of 2 tomograms"):
        read_picks(path)


def test_copick_files_of_two_runs(tmp_path):
    for run in ("one", "two"):
        held = json.loads(copick("a", PLACES * 10)) | {"run_name": run}
        (tmp_path / f"{run}.json").write_text(json.dumps(held))
    with pytest.raises(ValueError, match="picks of 2 tomograms, one, two"):
        read_picks(tmp_path)
    assert len(read_picks(tmp_path, tomogram="two")) == 2
    (tmp_path / "one.json").write_text(json.dumps(held | {"points": None}))
    assert len(read_picks(tmp_path / "one.json")) == 0


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        (["rlnDetectorPixelSize"], [20.0]),
        (["rlnDetectorPixelSize", "rlnMagnification"], [5.0, 2500.0]),
        (["rlnDetectorPixelSize", "rlnMagnification"], [20.0, 1.0]),
        (["rlnPixelSize"], [20.0]),
        (["rlnImagePixelSize"], [20.0]),
    ],
)
def test_pixel_sizes_as_programs_write_them(tmp_path, columns, values):
    """PyTom's in Å; RELION 3.0's and Warp's by the magnification; of each particle."""
    axes = [f"rlnCoordinate{a}" for a in "XYZ"]
    origin = [f"rlnOrigin{a}" for a in "XYZ"]
    rows = [[*(place / 2 + 1), *values, 1, 1, 1] for place in PLACES]
    path = tmp_path / "a.star"
    path.write_text(star([*axes, *columns, *origin], rows, optics=""))
    np.testing.assert_allclose(read_picks(path).positions, PLACES)


def test_offsets_turn_with_the_subtomogram_as_in_relion(tmp_path):
    columns = [
        *(f"rlnCoordinate{a}" for a in "XYZ"),
        *(f"rlnOrigin{a}Angst" for a in "XYZ"),
        *(f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")),
        "rlnPixelSize",
    ]
    path = tmp_path / "a.star"
    path.write_text(star(columns, [[10, 10, 10, 5, 0, 0, 0, 0, 90, 1.0]], optics=""))
    # RELION's matrix of psi = 90° takes x to -y, and the offset is subtracted.
    np.testing.assert_allclose(read_picks(path).positions, [[1.0, 1.5, 1.0]], atol=1e-9)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "latin-1"])
def test_lists_in_any_encoding(tmp_path, mark):
    table = ParticleTable(
        instance=[1], species=["Säule"], centre=PLACES[:1], radius=[3], rotation=[np.eye(3)]
    )
    write_particles(tmp_path / "truth.csv", table)
    text = (tmp_path / "truth.csv").read_text(encoding="utf-8")
    columns = [*(f"rlnCoordinate{a}" for a in "XYZ"), "rlnClassNumber", "rlnPixelSize"]
    files = {
        "truth.csv": text,
        "a.star": star(columns, [[*(PLACES[0] * 10), "Säule", 1.0]], optics=""),
        "a.json": copick("Säule", PLACES[:1] * 10).replace("\\u00e4", "ä"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if mark == "latin-1" else "error")
        for name, content in files.items():
            (tmp_path / name).write_text(content.replace("\n", "\r\n"), encoding=mark)
            picks = read_picks(tmp_path / name)
            np.testing.assert_allclose(picks.positions, PLACES[:1])
            assert picks.species.tolist() == ["Säule"]
        assert read_truth(tmp_path / "truth.csv").species.tolist() == ["Säule"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "wanted columns x_angst, y_angst, z_angst, got none"),
        ("a.csv", "x,y,z\n1,5,2,3\n", "line 2: wanted 3 values, got 4"),
        ("a.csv", "x,y,z,x\n", "column 'x' comes twice"),
        ("a.csv", "x,y,z\n1,2," + "3" * 200_000, "line 2: field larger"),
        ("a.csv", "x,y,z\n1,2,1e999\n", "line 2: wanted finite"),
        ("a.star", "", "got none"),
        ("a.star", star(["rlnCoordinateX"], [[1]], optics="_rlnPixelSize #1\n0\n"), "positive pix"),
        ("a.star", star(["wrpCoordinateX1"], [[1]], optics=""), "got wrpCoordinateX1"),
        ("a.json", '{"pickable_object_name": "a", "points": [1]}', "wanted picks of copick"),
        ("a.json", '{"pickable_object_name": "a", "points": [{"location": 1}]}', "wanted picks of"),
    ],
)
def test_more_bad_files(tmp_path, name, text, message):
    test_bad_files(tmp_path, name, text, message)
