import json

import numpy as np
import pytest

from openmm_cgpack.core import Grid, TiltOptics, TiltSeries
from openmm_cgpack.io.tilt_files import load_tilts, save_tilts


def series():
    rng = np.random.default_rng(1)
    return TiltSeries(
        images=rng.random((3, 8, 10), dtype=np.float32),
        angles=np.deg2rad([-50.5, 1.0, 60.0]),
        pixel_size=0.7,
        dose_e_per_a2=[1.0, 2.0, 3.0],
        order=[2, 0, 1],
        shifts=rng.random((3, 2)),
        rotations=rng.random(3),
        optics=TiltOptics(defocus_um=rng.random((3, 2)), phase_shift=rng.random(3), hand=1),
        grid=Grid(shape=(5, 8, 10), voxel_size=0.7, origin=[1.0, -2.0, 3.0]),
    )


def test_every_number_comes_back(tmp_path):
    before = series()
    save_tilts(tmp_path, before)
    after = load_tilts(tmp_path)
    for name in ("images", "angles", "dose_e_per_a2", "order", "shifts", "rotations"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    for name in ("defocus_um", "astigmatism_angle", "phase_shift", "voltage_kv", "hand"):
        np.testing.assert_array_equal(getattr(after.optics, name), getattr(before.optics, name))
    assert after.grid.shape == before.grid.shape
    np.testing.assert_array_equal(after.grid.origin, before.grid.origin)
    assert after.pixel_size == 0.7


def test_a_bare_series(tmp_path):
    bare = TiltSeries(images=np.ones((1, 2, 2)), angles=[0.0], pixel_size=1.0, dose_e_per_a2=[1.0])
    save_tilts(tmp_path, bare)
    assert load_tilts(tmp_path).optics is None
    assert load_tilts(tmp_path).grid is None


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tilt_series\.json: no such file"):
        load_tilts(tmp_path)
    save_tilts(tmp_path, series())
    path = tmp_path / "tilt_series.json"
    document = json.loads(path.read_text())
    for change in ({"format_version": 9}, {"angles": [1.0]}, {"optics": {}}):
        path.write_text(json.dumps(document | change))
        with pytest.raises(ValueError, match=r"tilt_series\.json: not a tilt series"):
            load_tilts(tmp_path)
