"""Lists of particles as CSV."""

import csv
import warnings

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgpack.core import ParticleTable
from openmm_cgpack.core.transforms import to_zyz
from openmm_cgpack.io import read_particles, write_particles
from openmm_cgpack.io.particle_lists import COLUMNS, read_column


def make_table(n=30):
    rng = np.random.default_rng(0)
    turns = Rotation.random(n, rng=rng).as_matrix()
    # No turn, half turns about each axis, and turns about z alone: no unique ZYZ angles.
    special = [[0, 0, 0], [180, 0, 0], [0, 180, 0], [0, 0, 180], [0, 0, -70]]
    turns[: len(special)] = Rotation.from_euler("xyz", special, degrees=True).as_matrix()
    return ParticleTable(
        instance=np.arange(1, n + 1),
        species=[f"species, {i % 3}" for i in range(n)],
        centre=rng.uniform(-50, 50, (n, 3)),
        radius=rng.uniform(1, 10, n),
        rotation=turns,
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_round_trip(tmp_path):
    table = make_table()
    write_particles(tmp_path / "a.csv", table)
    again = read_particles(tmp_path / "a.csv")
    assert (again.instance == table.instance).all()
    assert (again.species == table.species).all()
    assert again.centre == pytest.approx(table.centre, abs=1e-5)
    assert again.radius == pytest.approx(table.radius, abs=1e-5)
    assert again.rotation == pytest.approx(table.rotation, abs=1e-8)


def test_units_and_columns(tmp_path):
    table = make_table()
    write_particles(tmp_path / "a.csv", table)
    first = rows(tmp_path / "a.csv")[7]
    assert tuple(first) == COLUMNS
    assert float(first["y_angst"]) == pytest.approx(10 * table.centre[7, 1], abs=1e-3)
    assert float(first["radius_angst"]) == pytest.approx(10 * table.radius[7], abs=1e-3)


def test_quaternions_and_angles_are_the_same_rotation(tmp_path):
    table = make_table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_particles(tmp_path / "a.csv", table)
    for row, matrix in zip(rows(tmp_path / "a.csv"), table.rotation, strict=True):
        alpha, beta, gamma = (float(row[f"{name}_deg"]) for name in ("alpha", "beta", "gamma"))
        about_z = [
            Rotation.from_rotvec([0, 0, a], degrees=True).as_matrix() for a in (alpha, gamma)
        ]
        about_y = Rotation.from_rotvec([0, beta, 0], degrees=True).as_matrix()
        assert about_z[0] @ about_y @ about_z[1] == pytest.approx(matrix, abs=1e-7)
        x, y, z, w = (float(row[name]) for name in ("qx", "qy", "qz", "qw"))
        assert w >= 0
        # The quaternion's matrix written out: its first column is where x goes.
        column = [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)]
        assert column == pytest.approx(matrix[:, 0], abs=1e-8)


def test_angles_are_those_of_poses(tmp_path):
    table = make_table()
    write_particles(tmp_path / "a.csv", table)
    written = [
        [float(row[f"{name}_deg"]) for name in ("alpha", "beta", "gamma")]
        for row in rows(tmp_path / "a.csv")
    ]
    difference = np.array(written) - np.degrees(to_zyz(table.rotation))
    assert (difference + 180) % 360 - 180 == pytest.approx(np.zeros((30, 3)), abs=1e-5)


def test_further_columns_come_last_and_are_no_matter_to_readers(tmp_path):
    table = make_table(6)
    write_particles(tmp_path / "a.csv", table, columns={"visible": np.linspace(0, 1, 6)})
    assert list(rows(tmp_path / "a.csv")[1]) == [*COLUMNS, "visible"]
    assert rows(tmp_path / "a.csv")[1]["visible"] == "0.2000"
    assert read_column(tmp_path / "a.csv", "visible").tolist() == [0, 0.2, 0.4, 0.6, 0.8, 1]
    with pytest.raises(ValueError, match="wanted a column 'border_angst'"):
        read_column(tmp_path / "a.csv", "border_angst")
    assert read_particles(tmp_path / "a.csv").centre == pytest.approx(table.centre, abs=1e-5)
    for wrong in ({"visible": [1.0]}, {"qx": np.zeros(6)}):
        with pytest.raises(ValueError, match="columns: wanted 6 numbers under a new name"):
            write_particles(tmp_path / "b.csv", table, columns=wrong)


def test_no_particles(tmp_path):
    empty = ParticleTable(
        instance=np.empty(0, int),
        species=np.empty(0, str),
        centre=np.empty((0, 3)),
        radius=np.empty(0),
        rotation=np.empty((0, 3, 3)),
    )
    write_particles(tmp_path / "a.csv", empty)
    assert len(read_particles(tmp_path / "a.csv")) == 0


def test_bad_files_are_named_with_their_line(tmp_path):
    write_particles(tmp_path / "a.csv", make_table(6))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([lines[0].replace("qw", "q0"), *lines[1:]]))
    with pytest.raises(ValueError, match=r"b.csv: wanted a column 'qw'"):
        read_particles(tmp_path / "b.csv")
    lines[3] = "x" + lines[3]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"c.csv: line 4: wanted numbers"):
        read_particles(tmp_path / "c.csv")
    lines[3] = lines[2].rsplit(",", 6)[0]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"d.csv: line 4: wanted 13 values, got 7"):
        read_particles(tmp_path / "d.csv")
