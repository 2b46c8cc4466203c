import mdtraj
import numpy as np
import pytest

from openmm_cgpack.io.dcd import set_dcd_title


def write(path, frames):
    with mdtraj.formats.DCDTrajectoryFile(str(path), "w") as file:
        file.write(frames)


def test_only_the_title_changes(tmp_path):
    frames = np.random.default_rng(1).normal(size=(3, 7, 3)).astype(np.float32)
    for name in ("a.dcd", "b.dcd"):
        write(tmp_path / name, frames)
        set_dcd_title(tmp_path / name)
    assert (tmp_path / "a.dcd").read_bytes() == (tmp_path / "b.dcd").read_bytes()
    assert b"Created" not in (tmp_path / "a.dcd").read_bytes()
    with mdtraj.formats.DCDTrajectoryFile(str(tmp_path / "a.dcd")) as file:
        np.testing.assert_array_equal(file.read()[0], frames)


def test_other_files_are_left_alone(tmp_path):
    path = tmp_path / "a.dcd"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="DCD"):
        set_dcd_title(path)
    assert path.read_bytes() == b"something else"


def test_long_titles_are_refused(tmp_path):
    with pytest.raises(ValueError, match="80"):
        set_dcd_title(tmp_path / "a.dcd", b"x" * 81)
